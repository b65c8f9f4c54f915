# /// script
# requires-python = ">=3.11"
# dependencies = ["pandas==3.1.1", "scipy==1.17.1"]
# ///
"""A first look at the data, to be continued: the figures of `uv run study report`, with pandas.

    uv run study data
    uv run analysis.py              reads the files in data/
    uv run analysis.py FOLDER       or in another folder

uv fetches pandas and scipy for this script alone; add what you need to the list above. analysis.R
does the same in R.
"""

import sys

import pandas
from scipy.stats import t

folder = sys.argv[1] if len(sys.argv) > 1 else "data"
# Pseudonyms are texts, also one such as 12e3, which looks like a number.
people = pandas.read_csv(f"{folder}/participants.csv", dtype={"participant": str})
trials = pandas.read_csv(f"{folder}/trialdata.csv", dtype={"participant": str})

# ---- Who and what counts. Each line leaves something out: change it, or put a # before it. ----

arrived = len(people)
people = people[people["status"].isin([3, 4, 5, 7])]  # finished; codebook.md says what 3 to 7 mean
trials = trials[trials["phase"] != "PRACTICE"]
# trials = trials[trials["rt"].between(200, 3000)]  # ms
# flagged = pandas.read_csv(f"{folder}/quality.csv", dtype=str)["participant"]
# people = people[~people["participant"].isin(flagged)]

# -------------------------------------------------------------------------------------------------

if people.empty:
    sys.exit("Nobody has finished yet.")
# Only trials of these people, each with the condition (cond) of its participant.
trials = trials.merge(people[["participant", "cond"]], on="participant")
answered = trials.dropna(subset="correct").astype({"correct": bool})
# How long a wrong answer took says little about how long it takes to find the right one.
right = answered[answered["correct"]].dropna(subset="rt")


def describe(values: pandas.Series) -> str:
    """The mean with the 95 % interval of Student's t."""
    values = values.dropna()
    margin = t.ppf(0.975, len(values) - 1) * values.sem()
    mean = values.mean()
    return f"{mean:.1f} [{mean - margin:.1f}, {mean + margin:.1f}], n = {len(values)}"


def print_by_condition(what: str, values: pandas.Series) -> None:
    """One line about everybody, and one for each condition."""
    print(f"{what}, all: {describe(values)}")
    for condition, group in values.groupby("cond"):
        print(f"{what}, condition {condition}: {describe(group)}")


begin = pandas.to_datetime(people["beginhit"], format="ISO8601")
end = pandas.to_datetime(people["endhit"], format="ISO8601")
minutes = (end - begin).dt.total_seconds() / 60
print(f"Finished: {len(people)} of {arrived}")
print(f"Minutes: median {minutes.median():.1f}, quartiles {minutes.quantile(0.25):.1f} to "
      f"{minutes.quantile(0.75):.1f}")  # fmt: skip

# First a mean for each person, then the mean of these: so everybody weighs alike, however many
# trials they have, and n is a number of people.
by_person = right.groupby(["cond", "participant"])["rt"].mean()
accuracy = 100 * answered.groupby(["cond", "participant"])["correct"].mean()
print_by_condition("Response time, ms", by_person)
print_by_condition("Right answers, %", accuracy)

# The Stroop effect: a column for each kind of trial (congruent is True or False), a line for each
# person. Who has no right answer of one kind has no difference.
means = right.pivot_table(index=["cond", "participant"], columns="congruent", values="rt")
effect = means[False] - means[True]
print_by_condition("Incongruent - congruent, ms", effect)

"""When somebody is worth a look: each rule at its limit, data of any shape, the words for it."""

import csv
import json
import random
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import person

from docs.draw_modules import STUDY

sys.path.append(str(STUDY.parent))
from study import quality  # noqa: E402  (which needs the standard library alone)
from study.quality.methods import write_methods  # noqa: E402
from study.signals import CONSENT, METHODS  # noqa: E402

# What the client records of somebody who clicked twelve times and typed 60 keys.
ORDINARY = {
    "paste": {},
    "typing": [60, 0, 45, 210, 120, 0],
    "hidden": [2, 30],
    "untrusted": [0, 90],
    "webdriver": 0,
    "hidden_field": 0,
    "pointer": [12, 0, 1],
}
# A signal just below and at its limit, and what it is called then.
LIMITS = [
    ("paste", {"pasted": {"a": 9}}, {"pasted": {"a": 5, "b": 5}}, "pasted"),
    ("paste", {"copied": 19}, {"copied": 20}, "copied"),
    ("typing", [60, 0, 45, 210, 120, 19], [60, 0, 45, 210, 120, 20], "text_without_keys"),
    ("typing", [60, 47, 45, 210, 120, 0], [60, 48, 45, 210, 120, 0], "brief_keys"),
    ("typing", [19, 19, 0, 0, 0, 0], [20, 20, 0, 0, 0, 0], "brief_keys"),
    ("typing", [60, 0, 45, 210, 32, 0], [60, 0, 45, 210, 31, 0], "even_typing"),
    ("typing", [60, 0, 45, 40, 20, 0], [60, 0, 45, 39, 20, 0], "fast_typing"),
    ("hidden", [19, 899], [20, 100], "away"),
    ("hidden", [19, 899], [1, 900], "away"),
    ("untrusted", [4, 4], [5, 10], "untrusted"),
    ("untrusted", [5, 11], [5, 5], "untrusted"),
    ("webdriver", 0, 1, "webdriver"),
    ("hidden_field", 0, 1, "hidden_field"),
    ("pointer", [11, 7, 1], [11, 8, 1], "pointer_jumps"),
    ("pointer", [4, 3, 4], [5, 0, 4], "pointer_centred"),
]


def record(times=(), ai_use=None, **signals):
    """What somebody's record holds: response times, events and the answer about AI."""
    return list(times), [("signals", ORDINARY | signals)], ai_use


def flags(*records):
    """The names of the flags of records, which become one: of several windows."""
    times, events, answers = zip(*records, strict=True)
    return [each.flag for each in find_flags(sum(times, []), sum(events, []), answers[-1])]


def find_flags(*recorded):
    return quality.find_flags(quality.collect(*recorded))


def test_nobody_ordinary_is_flagged():
    chance = random.Random(7)
    times = [chance.gauss(570, 70) + chance.expovariate(1 / 170) for _ in range(48)]
    assert flags(record(times, "no")) == []


@pytest.mark.parametrize("signal, below, at, flag", LIMITS)
def test_a_signal_is_a_flag_from_its_limit_on(signal, below, at, flag):
    assert flags(record(**{signal: below})) == []
    assert flags(record(**{signal: at})) == [flag]


def test_response_times_are_flagged_if_a_fifth_is_too_fast_or_half_of_them_alike():
    chance = random.Random(7)
    some = [round(chance.uniform(400, 900), 2) for _ in range(40)]
    fast = [chance.uniform(20, 140) for _ in range(10)]
    assert flags(record([*some, *fast[:9]])) == []
    assert flags(record([*some, *fast])) == ["fast_times"]
    even = [500 + chance.uniform(-20, 20) for _ in range(30)]
    assert flags(record([*even, *some[:10]])) == ["even_times"]
    assert flags(record(even[:29])) == [], "too few to say"
    assert flags(record([time / 1000 for time in even])) == [], "these are seconds"


def test_signals_of_several_windows_are_added():
    half = record(paste={"pasted": {"comments": 6}}, typing=[10, 8, 10, 100, 5, 11])
    assert flags(half) == []
    both = ["pasted", "text_without_keys", "brief_keys", "even_typing"]
    assert flags(half, half) == both
    other = record(typing=[10, 8, 10, 300, 5, 0])
    assert "even_typing" not in flags(half, other), "each is even, but they differ"


def test_who_says_that_ai_answered_is_flagged_and_who_let_it_translate_is_not():
    for answer in ("no", "to understand", "no answer", None):
        assert flags(record(ai_use=answer)) == []
    assert flags(record(ai_use="to answer")) == ["ai_use"]


def test_each_reason_has_its_number_and_no_verdict():
    everything = {signal: at for signal, _, at, _ in LIMITS}
    found = find_flags(*record([90] * 30, "to answer", **everything))
    reasons = " ".join(each.reason for each in found)
    for number in ("5 of 5 clicks and keys", "30 of 30 answers", "4 of 5 clicks"):
        assert number in reasons
    for verdict in ("reject", "cheat", "fraud", "bot"):
        assert verdict not in reasons.lower()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
SIGNAL = st.dictionaries(st.sampled_from([*CONSENT]), ANYTHING, max_size=3)
EVENT = st.tuples(st.just("signals") | ANYTHING, SIGNAL | ANYTHING)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANYTHING), st.lists(EVENT, max_size=3), ANYTHING)
def test_data_of_any_shape_give_flags_or_nothing(times, events, ai_use):
    assert all(each.reason for each in find_flags(times, events, ai_use))


def test_the_methods_name_what_was_recorded_and_nothing_else():
    text = write_methods(200, [("a", "pasted"), ("b", "pasted"), ("b", "away")], {"paste"}, "1.2")
    assert METHODS["paste"] in text
    assert METHODS["pointer"] not in text and "AI" not in text and "response times" not in text
    assert "Of 200 participants, 2 were flagged: pasted (2) and away (1)." in text
    assert "browsers" not in write_methods(3, [], {"rt"}, "1.2")
    assert "none was flagged" in write_methods(3, [], {"rt"}, "1.2")


def visitor(number, **signals):
    even, when = [400 + n % 3 for n in range(40)], 1764000000000
    times, events, ai_use = record(even if number == 2 else [], "no", **signals)
    content = {
        "data": [
            {"current_trial": place, "dateTime": when, "trialdata": {"rt": time}}
            for place, time in enumerate(times)
        ],
        "eventdata": [
            {"eventtype": kind, "interval": 1, "value": value, "timestamp": when}
            for kind, value in events
        ],
        "questiondata": {"ai_use": ai_use},
    }
    return person(number, datastring=json.dumps(content))


@pytest.mark.parametrize("option", [(), ("--json-trials",)])
def test_a_download_has_the_flags_and_the_command_lists_them_with_a_text_for_the_methods(
    lab, option
):
    lab.fill(visitor(1), visitor(2), visitor(3, paste={"pasted": {"comments": 240}}))
    assert lab("data", *option).returncode == 0
    with (lab.folder / "data" / "quality.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [(row["flag"], row["value"]) for row in rows]
    assert found == [("even_times", "0.005"), ("pasted", "240")]
    assert "quality.csv" in (lab.folder / "data" / "codebook.md").read_text(encoding="utf-8")
    said = lab.say("quality")
    assert "2 of 3 participants have flags." in said
    assert f"{rows[1]['participant']}\n  pasted             Pasted or dropped 240 char" in said
    methods = " ".join(said.split())
    assert "Of 3 participants, 2 were flagged: even times (1) and pasted (1)." in methods


def test_without_a_download_the_command_says_what_to_do(lab):
    done = lab.say("quality")
    assert "data/participants.csv cannot be read: No such file or directory." in done
    assert "Run: uv run study data" in done

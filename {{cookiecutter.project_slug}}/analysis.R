# A first look at the data, to be continued: the figures of `uv run study report`, in R.
#
#   uv run study data
#   Rscript analysis.R              reads the files in data/
#   Rscript analysis.R FOLDER       or in another folder
#
# In RStudio, open it in the study's folder (Session, Set Working Directory) and press Source. It
# needs no package. analysis.py does the same in Python.

arguments <- commandArgs(trailingOnly = TRUE)
folder <- if (length(arguments) > 0) arguments[1] else "data"
# Pseudonyms are texts, also one such as 12e3, which looks like a number.
people <- read.csv(file.path(folder, "participants.csv"), colClasses = c(participant = "character"))
trials <- read.csv(file.path(folder, "trialdata.csv"), colClasses = c(participant = "character"))

# ---- Who and what counts. Each line leaves something out: change it, or put a # before it. ----

arrived <- nrow(people)
people <- people[people$status %in% c(3, 4, 5, 7), ]  # finished; codebook.md says what 3 to 7 mean
trials <- trials[trials$phase != "PRACTICE", ]
# trials <- trials[!is.na(trials$rt) & trials$rt >= 200 & trials$rt <= 3000, ]  # ms
# flagged <- read.csv(file.path(folder, "quality.csv"), colClasses = "character")$participant
# people <- people[!people$participant %in% flagged, ]

# -------------------------------------------------------------------------------------------------

if (nrow(people) == 0) stop("Nobody has finished yet.")
# Only trials of these people, each with the condition (cond) of its participant.
trials <- merge(trials, people[c("participant", "cond")], by = "participant")
# R reads true and false as texts.
trials$correct <- as.logical(toupper(trials$correct))
trials$congruent <- as.logical(toupper(trials$congruent))
answered <- trials[!is.na(trials$correct), ]
# How long a wrong answer took says little about how long it takes to find the right one.
right <- answered[answered$correct & !is.na(answered$rt), ]

# The mean with the 95 % interval of Student's t.
describe <- function(values) {
  values <- values[!is.na(values)]
  margin <- qt(0.975, length(values) - 1) * sd(values) / sqrt(length(values))
  sprintf("%.1f [%.1f, %.1f], n = %d",
          mean(values), mean(values) - margin, mean(values) + margin, length(values))
}

# One line about everybody, and one for each condition.
print_by_condition <- function(what, values, condition) {
  cat(what, ", all: ", describe(values), "\n", sep = "")
  for (each in sort(unique(condition))) {
    cat(what, ", condition ", each, ": ", describe(values[condition == each]), "\n", sep = "")
  }
}

seconds <- function(time) as.numeric(as.POSIXct(time, tz = "UTC", format = "%Y-%m-%d %H:%M:%OS"))
minutes <- (seconds(people$endhit) - seconds(people$beginhit)) / 60
quartiles <- quantile(minutes, c(0.25, 0.75), na.rm = TRUE)
cat(sprintf("Finished: %d of %d\n", nrow(people), arrived))
cat(sprintf("Minutes: median %.1f, quartiles %.1f to %.1f\n",
            median(minutes, na.rm = TRUE), quartiles[1], quartiles[2]))

# First a mean for each person, then the mean of these: so everybody weighs alike, however many
# trials they have, and n is a number of people.
by_person <- aggregate(rt ~ participant + cond, data = right, FUN = mean)
accuracy <- aggregate(correct ~ participant + cond, data = answered, FUN = mean)
print_by_condition("Response time, ms", by_person$rt, by_person$cond)
print_by_condition("Right answers, %", 100 * accuracy$correct, accuracy$cond)

# The Stroop effect: a mean for each kind of trial (congruent is TRUE or FALSE), a line for each
# person. Who has no right answer of one kind has no difference.
congruent <- aggregate(rt ~ participant + cond, data = right[right$congruent, ], FUN = mean)
incongruent <- aggregate(rt ~ participant + cond, data = right[!right$congruent, ], FUN = mean)
means <- merge(incongruent, congruent, by = c("participant", "cond"))
print_by_condition("Incongruent - congruent, ms", means$rt.x - means$rt.y, means$cond)

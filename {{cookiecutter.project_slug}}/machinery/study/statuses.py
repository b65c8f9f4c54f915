"""psiTurk's statuses and modes of a participation (psiturk/experiment.py)."""

NOT_ACCEPTED, ALLOCATED, STARTED, COMPLETED, SUBMITTED, CREDITED, QUIT, BONUSED = range(8)
STATUS_NAMES = {
    NOT_ACCEPTED: "not accepted",
    ALLOCATED: "allocated",
    STARTED: "started",
    COMPLETED: "completed",
    SUBMITTED: "submitted",
    CREDITED: "credited",
    QUIT: "quit early",
    BONUSED: "bonused",
}
FINISHED = (COMPLETED, SUBMITTED, CREDITED, BONUSED)

TEST_MODES = ("debug", "preview")  # test runs, by the researcher or the recruiter's staff
UNPAID_MODES = (*TEST_MODES, "sandbox")  # MTurk's sandbox has no money

"""psiTurk's statuses and modes of a participation (psiturk/experiment.py)."""

NOT_ACCEPTED, ALLOCATED, STARTED, COMPLETED, SUBMITTED, CREDITED, QUIT, BONUSED = range(8)
_NAMES = "not accepted, allocated, started, completed, submitted, credited, quit early, bonused"
STATUS_NAMES = dict(enumerate(_NAMES.split(", ")))
FINISHED = (COMPLETED, SUBMITTED, CREDITED, BONUSED)

SIMULATED = "simulated"  # by robots (study/robots)
# Test runs, by the researcher, the recruiter's staff or robots.
TEST_MODES = ("debug", "preview", SIMULATED)
UNPAID_MODES = (*TEST_MODES, "sandbox")  # MTurk's sandbox has no money

"""psiTurk's statuses and modes of a participation (psiturk/experiment.py)."""

NOT_ACCEPTED, ALLOCATED, STARTED, COMPLETED, SUBMITTED, CREDITED, QUIT, BONUSED = range(8)
_NAMES = "not accepted, allocated, started, completed, submitted, credited, quit early, bonused"
STATUS_NAMES = dict(enumerate(_NAMES.split(", ")))
FINISHED = (COMPLETED, SUBMITTED, CREDITED, BONUSED)

DEBUG = "debug"  # a test run by the researcher
SIMULATED = "simulated"  # by robots (study/robots)
TEST_MODES = (DEBUG, "preview", SIMULATED)  # preview: by the recruiter's staff
UNPAID_MODES = (*TEST_MODES, "sandbox")  # MTurk's sandbox has no money

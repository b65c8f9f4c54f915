"""psiTurk's words for its numbers (experiment.py), and which mean a whole participation."""

STATUSES = {
    0: "not accepted", 1: "allocated", 2: "started", 3: "completed", 4: "submitted",
    5: "credited", 6: "quit early", 7: "bonused",
}  # fmt: skip
FINISHED = (3, 4, 5, 7)

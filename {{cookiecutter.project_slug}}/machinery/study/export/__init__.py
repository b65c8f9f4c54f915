"""Downloads of the participants' data: `study data`."""

IDENTIFIERS = ("uniqueid", "workerid", "assignmentid", "hitid", "ipaddress")
# Beside the tables, and not always there: records that could not be read whole, unchanged, and
# those from a window that a newer one had replaced.
UNREADABLE, SUPERSEDED = "unreadable.jsonl", "superseded.jsonl"

"""Keeps the number of finished participants in each condition, inside the database.

Counting them anew for every arrival takes the longer the more have taken part. A trigger
counts each change where it happens, whoever makes it: the server, psiTurk's shell or
dashboard, or somebody at a database prompt.
"""

from string import Template

from sqlalchemy import Connection, Table, func, select

from study.statuses import FINISHED

_ADD = """INSERT INTO $counts (codeversion, mode, cond, counterbalance, finished)
  VALUES (NEW.codeversion, NEW.mode, NEW.cond, NEW.counterbalance, 1)
  ON CONFLICT (codeversion, mode, cond, counterbalance)
  DO UPDATE SET finished = $counts.finished + 1"""
_SUBTRACT = """UPDATE $counts SET finished = finished - 1
  WHERE codeversion = OLD.codeversion AND mode = OLD.mode
  AND cond = OLD.cond AND counterbalance = OLD.counterbalance"""
# psiTurk compares each with =, so a row that lacks one is counted nowhere.
_COUNTS = """$row.status IN $finished AND $row.codeversion IS NOT NULL AND $row.mode IS NOT NULL
  AND $row.cond IS NOT NULL AND $row.counterbalance IS NOT NULL"""
_COLUMNS = "status, codeversion, mode, cond, counterbalance"

_POSTGRESQL = (
    f"""CREATE OR REPLACE FUNCTION study_count() RETURNS trigger LANGUAGE plpgsql AS $$$$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    IF {_COUNTS.replace("$row", "OLD")} THEN {_SUBTRACT}; END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    IF {_COUNTS.replace("$row", "NEW")} THEN {_ADD}; END IF;
  END IF;
  RETURN NULL;
END $$$$""",
    *(
        # The function runs only where it has something to count: an arrival has nothing.
        f"""CREATE OR REPLACE TRIGGER study_{name} AFTER {event} ON $table
FOR EACH ROW WHEN ({" OR ".join(f"{row}.status IN $finished" for row in rows)})
EXECUTE FUNCTION study_count()"""
        for name, event, rows in (
            ("inserted", "INSERT", ["NEW"]),
            ("deleted", "DELETE", ["OLD"]),
            ("changed", f"UPDATE OF {_COLUMNS}", ["OLD", "NEW"]),
        )
    ),
)
_SQLITE = tuple(
    f"""CREATE TRIGGER IF NOT EXISTS study_{name} AFTER {event} ON $table
WHEN {_COUNTS.replace("$row", row)} BEGIN {change}; END"""
    for name, event, row, change in (
        ("inserted", "INSERT", "NEW", _ADD),
        ("deleted", "DELETE", "OLD", _SUBTRACT),
        ("left", f"UPDATE OF {_COLUMNS}", "OLD", _SUBTRACT),
        ("came", f"UPDATE OF {_COLUMNS}", "NEW", _ADD),
    )
)


def count_from_now_on(connection: Connection, table: Table, counts: Table) -> None:
    """Count those who have finished, and keep counting; in the connection's transaction."""
    dialect = connection.dialect
    quoted = dialect.identifier_preparer.format_table
    names = {"table": quoted(table), "counts": quoted(counts), "finished": FINISHED}
    if dialect.name == "postgresql":
        # Nobody may finish between the counting and the first trigger.
        connection.exec_driver_sql(f"LOCK TABLE {names['table']} IN SHARE ROW EXCLUSIVE MODE")
    cell = [table.c[name] for name in ("codeversion", "mode", "cond", "counterbalance")]
    finished = select(*cell, func.count()).where(table.c.status.in_(FINISHED)).group_by(*cell)
    finished = finished.where(*(column.is_not(None) for column in cell))
    connection.execute(counts.insert().from_select([*counts.c], finished))
    for statement in _POSTGRESQL if dialect.name == "postgresql" else _SQLITE:
        connection.exec_driver_sql(Template(statement).substitute(names))

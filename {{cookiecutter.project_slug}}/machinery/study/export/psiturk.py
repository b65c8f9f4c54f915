"""psiTurk's own three files, as `psiturk download_datafiles` writes them, byte for byte.

They have no headers, hold real ids, and everybody is in them, in the table's own order.
psiTurk stops where a record lacks something, or leaves it out; here, that record's lines of
that one file are left out and it is reported.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from study.export.batches import Part
from study.export.csv_format import count_rows
from study.export.files import UNREADABLE
from study.export.records import COLUMNS, PARTS
from study.export.source import Reader

WHO = ("datastring is not null and datastring <> ''", [])


def make_part(reader: Reader, ids: tuple[str, ...]) -> Part:
    """psiTurk's lines for these participants."""
    part = Part(rows=dict.fromkeys(PARTS, 0))
    lines: dict[str, list[bytes]] = {name: [] for name in (*PARTS, UNREADABLE)}
    for uniqueid, datastring in reader.of(ids, ("uniqueid", "datastring")):
        who, problems = uniqueid.decode(), []
        try:
            record = json.loads(datastring)
        except (ValueError, RecursionError) as error:
            record = error
        for name in PARTS:
            try:
                rows = list(_rows(name, record))
                lines[name].append(_as_csv((who, *row) for row in rows))
                part.rows[name] += len(rows)
            except Exception as error:  # what a browser sent can be anything
                reason = f"no {error}" if isinstance(error, KeyError) else f"{error}"
                problems.append(f"{name}: {reason}")
        if problems:
            part.problems += (f"{who}, {problem}" for problem in problems)
            kept = {"participant": who, "problem": "; ".join(problems)}
            kept["raw"] = datastring.decode(errors="backslashreplace")
            lines[UNREADABLE].append(json.dumps(kept).encode() + b"\n")
    part.texts = {name: b"".join(some) for name, some in lines.items()}
    part.counted = {name: count_rows(part.texts[name]) for name in PARTS}
    return part


def _rows(name: str, record: dict | Exception) -> Iterator[tuple]:
    if isinstance(record, Exception):
        raise record
    found = record[PARTS[name]]
    if name == "questiondata":
        yield from found.items()
    elif name == "trialdata":
        for trial in found:
            fixed = (trial[column] for column in COLUMNS[name])
            yield (*fixed, json.dumps(trial["trialdata"]))
    else:
        yield from (tuple(event[column] for column in COLUMNS[name]) for event in found)


def _as_csv(rows: Iterable[tuple]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()

"""Rows as lines of CSV, in which a value keeps its type.

A text stands in quotes, always; a number, true and false stand without; a list or an object
stands as its JSON, in quotes; nothing stands for what is missing or null. So ``"12"`` is a
text and ``12`` a number, ``""`` is a text without characters and an empty cell no value.
Nothing is shortened, rounded or masked.
"""

import json
import re
import sys
from collections.abc import Sequence
from types import NoneType

import msgspec

CELL = re.compile(rb'("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r\n)')
NOT_IN_STRUCTURE = bytes(set(range(256)) - set(b'"\n'))

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode = msgspec.json.Encoder().encode_lines


def as_csv(rows: Sequence[tuple], missing: int) -> bytes:
    """Lines of CSV for rows that begin with a text. A cell holds what JSON can hold.

    ``missing``: how many of the cells are None.

    JSON and CSV agree about numbers, true, false and texts without a backslash, and neither
    breaks a line inside an array. So the rows as JSON, an array on each line, are CSV but for
    the brackets. Brackets and null could also stand inside a text, so they are counted: as many
    as there are rows, and missing cells, and no others. If there are more, each line is looked
    at.
    """
    if not rows:
        return b""
    try:
        text = _encode(rows)
    except (ValueError, RecursionError):  # it takes no integers beyond 64 bits
        return b"\r\n".join([*map(_line, rows), b""])
    shorter = text.replace(b",null", b",")
    if is_each_missing := len(text) - len(shorter) == missing * len(b"null"):
        text = shorter
    is_csv = is_each_missing and b"\\" not in text and b"{" not in text
    is_csv = is_csv and text.count(b"[") == len(rows)
    lines = text[1:-2].split(b"]\n[")
    if not is_csv:
        for number, line in enumerate(lines):
            if (
                b"\\" in line or b"{" in line or b"[" in line
                or (b"null" in line and not is_each_missing)
            ):  # fmt: skip
                lines[number] = _line(rows[number])
    return b"\r\n".join([*lines, b""])


def _line(row: tuple) -> bytes:
    return b",".join([_CELL[type(value)](value) for value in row])


def _as_json(value: object) -> str:
    try:
        return _to_json(value)
    except RecursionError:
        # Python 3.11 counts the calls above it, and it was read from fewer: see that it fits again.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(2 * limit)
        try:
            return _to_json(value)
        finally:
            sys.setrecursionlimit(limit)


def _quoted(text: str) -> bytes:
    return b'"%b"' % text.encode().replace(b'"', b'""')


_CELL = {
    NoneType: lambda value: b"",
    str: _quoted,
    bool: lambda value: b"true" if value else b"false",
    int: lambda value: b"%d" % value,
    float: lambda value: _as_json(value).encode(),
    list: lambda value: _quoted(_as_json(value)),
    dict: lambda value: _quoted(_as_json(value)),
}


def count_rows(text: bytes) -> int:
    """Ends of lines that do not stand inside a quoted cell, counted anew in what was written."""
    structure = text.translate(None, NOT_IN_STRUCTURE).replace(b'""', b"")
    # Of each line, an odd number of quotes before it means that it is inside a cell.
    return sum(part.count(b"\n") for part in structure.split(b'"')[::2])


def arranged(text: bytes, places: list[int | None]) -> bytes:
    """The same lines with other columns: each from that place, or empty."""
    lines, row = [], []
    for cell, end in CELL.findall(text):
        row.append(cell)
        if end != b",":
            cells = [b"" if place is None else row[place] for place in places]
            lines.append(b",".join(cells) + b"\r\n")
            row = []
    return b"".join(lines)

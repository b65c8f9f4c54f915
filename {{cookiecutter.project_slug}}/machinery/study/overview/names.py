"""What the researcher calls the conditions: the names in static/js/conditions.js.

They are read without running the script, on the server too, where no parser of JavaScript is
installed. A list that is made otherwise than as in the example leaves the numbers.
"""

import re
from pathlib import Path

from study.config import StudySettings
from study.database.conditions import Cell, Design

FILE = "static/js/conditions.js"
# Comments and texts in the order in which they stand, so that neither is looked for in the other.
TOKEN = r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
NAME = re.compile(rf"\bname\s*:\s*(?P<name>{TOKEN})|{TOKEN}", re.DOTALL)


def name_cells(folder: Path, options: StudySettings) -> dict[Cell, str]:
    """Return the names of all cells: of the condition and, if there are several, the order."""
    names = read_names(folder, options.num_conds)
    orders = options.num_counters > 1
    return {
        (condition, order): names[condition] + (f", order {order}" if orders else "")
        for condition, order in Design.of(options).cells
    }


def name_unknown(cell: tuple) -> str:
    """Return a name for what somebody was given that is no cell of the study any more."""
    condition, order = cell
    if condition is None:
        return "no condition"
    return f"condition {condition}" + ("" if order is None else f", order {order}")


def read_names(folder: Path, number: int) -> list[str]:
    """Return the names of so many conditions; ``condition 0`` and so on if they are not known."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    _, _, listed = text.partition("CONDITIONS = [")
    found = [match["name"] for match in NAME.finditer(listed) if match["name"]]
    names = [re.sub(r"\\(.)", r"\1", name[1:-1]).strip() for name in found]
    if len(names) == number and all(names) and len(set(names)) == number:
        return names
    return [f"condition {index}" for index in range(number)]

"""The conditions that the task describes against those that the server assigns."""

from collections.abc import Iterator

from study.checks.experiment import Code, Experiment
from study.checks.finding import Finding
from study.checks.javascript import Script, line_of
from study.messages import pluralize

FILE, LIST = "static/js/conditions.js", "CONDITIONS"


def find_wrong_number(experiment: Experiment) -> Iterator[Finding]:
    """Yield a list in conditions.js that is longer or shorter than num_conds."""
    for code in experiment.codes:
        if code.file == FILE and (described := count(code.script)):
            yield from compare(experiment, code, *described)


def count(script: Script) -> tuple[int, int] | None:
    """The number of conditions and the line of the list; None if they are not written out."""
    for node in script.of_type("VariableDeclarator"):
        is_list = node.init is not None and node.init.type == "ArrayExpression"
        if getattr(node.id, "name", "") == LIST and is_list:
            kinds = [each.type for each in node.init.elements if each is not None]
            return None if "SpreadElement" in kinds else (len(kinds), line_of(node))
    return None


def compare(experiment: Experiment, code: Code, number: int, line: int) -> Iterator[Finding]:
    assigned = experiment.config.study.num_conds
    if number == assigned:
        return
    counted = pluralize(number, "condition")
    source = experiment.config.source("Task Parameters", "num_conds")
    then = "participants in the others cannot take part"
    if number > assigned:
        then = "nobody is assigned to the others"
    what = f"{LIST} lists {counted}, but num_conds is {assigned} ({source}): {then}"
    remedy = f"Set num_conds = {number}, or correct the list."
    yield Finding(*experiment.place(code, line), what, remedy)

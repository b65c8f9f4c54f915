"""Scripts that do not parse, and modules that import what is not there."""

import posixpath
from collections.abc import Iterator

from study.checks.experiment import Code, Experiment
from study.checks.finding import Finding, suggest
from study.checks.javascript import Import


def find_syntax_errors(experiment: Experiment) -> Iterator[Finding]:
    """Yield each script that a browser would refuse to run, with what the parser says."""
    for code in experiment.codes:
        if error := code.script.error:
            hint = "A mistake on a line above it may be the reason."
            place = experiment.place(code, error.line)
            yield Finding(*place, f"the script does not run: {error.text}", f"Correct it. {hint}")


def find_missing_imports(experiment: Experiment) -> Iterator[Finding]:
    """Yield each import of a module that does not exist, or of a name that it does not export."""
    has_map = any(t.get("type") == "importmap" for p in experiment.pages.values() for t in p.tags)
    for code in experiment.codes:
        for each in code.script.imports:
            if each.module.startswith(("/", "./", "../")):
                yield from check_module(experiment, code, each)
            elif "://" not in each.module and not has_map and code.script.is_module:
                what = f"browsers do not find {each.module!r}: a file's name begins with ./"
                remedy = f'Write "./{each.module}.js" for a file of yours beside this one.'
                yield Finding(*experiment.place(code, each.line), what, remedy)


def check_module(experiment: Experiment, code: Code, each: Import) -> Iterator[Finding]:
    """Check the import of one of the study's own modules."""
    static = experiment.find_static(each.module, code.address)
    if static is None:
        return  # perhaps a route of custom.py
    if static not in experiment.static:
        beside = [name for name in experiment.static if name.endswith((".js", ".mjs"))]
        names = {posixpath.basename(name): name for name in beside}
        similar = suggest(posixpath.basename(static), names, f"Make static/{static}.")
        what = f"it imports {each.module}, and there is no file static/{static}"
        yield Finding(*experiment.place(code, each.line), what, similar)
        return
    exports = list_exports(experiment, static, set())
    for name in each.names if exports is not None else ():
        if name.text not in exports:
            what = f"it imports {name.text}, which {each.module} does not export"
            remedy = suggest(name.text, exports, f"Write `export` before it in static/{static}.")
            yield Finding(*experiment.place(code, name.line), what, remedy)


def list_exports(experiment: Experiment, static: str, seen: set[str]) -> set[str] | None:
    """Return the names that a module exports; None if that is not known."""
    script = experiment.read_script(static, is_module=True)
    if script is None or script.error or static in seen:
        return None
    names, modules = script.exports
    names = set(names)
    for module in modules:
        other = experiment.find_static(module, f"http://study.example/static/{static}")
        more = list_exports(experiment, other, seen | {static}) if other else None
        if more is None:
            return None
        names |= more - {"default"}
    return names

"""The plan of an adoption: every file of the old study, and what this one needs for them."""

import re
import secrets
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import study
from study.adopt import code, pages, settings
from study.adopt.old_study import find_old_study
from study.adopt.plan import (
    Plan,
    list_edited,
    list_original,
    refuse_edited,
    require_clean,
)
from study.config import value_in
from study.heroku.git import Repository
from study.heroku.preflight import CODE_ADDRESSES

# Never part of an experiment, by the names of files, with the reason.
JUNK = {
    **dict.fromkeys(("*.pyc", "*.pyo"), "compiled Python"),
    **dict.fromkeys((".DS_Store", "Thumbs.db", "*.sw[op]", "*~", ".~lock*"), "left by a program"),
    **dict.fromkeys(("*.db", "*.sqlite*"), "data: `uv run study data --database-url` reads them"),
    "*.log": "a log",
    ".*": "not part of what participants see",
}
HEROKU = ("Procfile", "herokuapp.py", "requirements.txt", "runtime.txt", "set-heroku-settings.py",
          "app.json", "gunicorn.conf.py", "Pipfile", "Pipfile.lock", "environment.yml")  # fmt: skip
DATA = ("trialdata*.csv", "eventdata*.csv", "questiondata*.csv", "bonus*.csv")
# What of the study's example stays if the old study has nothing in its place.
KEPT = ("templates/ad.html", "templates/consent.html", "static/favicon.ico")
EXAMPLE = ("templates/", "static/js/", "tests/test_example.py")
OUR_PAGES = {page.name for page in (Path(study.__file__).parent / "pages").iterdir()}
ASIDE = "adopted"  # the folder for pages of the lab's that this study shows itself
TEXTS = (".html", ".htm", ".js", ".css", ".mjs")
TOO_LARGE = 50_000_000  # bytes of one file; GitHub refuses 100 MB
SOMEBODYS_PATH = r"file:///|[\"'][A-Z]:\\\\|[\"']/(Users|home)/\w"


def make_plan(path: Path, folder: Path) -> Plan:
    """Plan what `study adopt` does with the study in ``folder``. Raises StudyError if it cannot."""
    repository = Repository(folder)
    require_clean(repository)
    plan = Plan(find_old_study(path, folder))
    plan_junk(plan)
    adopted = plan_code(plan)
    needs = plan_pages(plan)
    edited = list_edited(repository)
    plan_settings(plan, repository, adopted, needs, edited)
    for name in plan.old.files:
        if name == "conditions.json":
            plan.copy(name)
        plan.leave_out(name, "not part of what participants see")
    plan.removed = [
        name
        for name in sorted(list_original(repository))
        if name.startswith(EXAMPLE) and name not in plan.files and name not in KEPT
    ]
    refuse_edited(plan, edited, folder)
    return plan


def plan_junk(plan: Plan) -> None:
    """Leave out what belongs to no experiment, and what this study has itself."""
    for name in plan.old.files:
        file = PurePosixPath(name).name
        for pattern, why in JUNK.items():
            if fnmatch(file, pattern):
                plan.leave_out(name, why)
        if name in HEROKU:
            plan.leave_out(name, "not needed: this study has its own")
        if "/" not in name and any(fnmatch(file, pattern) for pattern in DATA):
            plan.leave_out(name, "participants' data do not belong in git")
        if (plan.old.folder / name).stat().st_size > TOO_LARGE:
            plan.leave_out(name, "too large for git")
            plan.to_do.append(
                f"{name} is too large for git: put it on a server named in media_sources"
            )


def plan_code(plan: Plan) -> code.Code:
    """Plan custom.py and the modules that it imports."""
    if plan.old.custom is None:
        return code.Code()
    adopted = code.convert_code(plan.old)
    for name, text in adopted.texts.items():
        source = plan.old.custom if name == "custom.py" else name
        notes = adopted.notes[name]
        plan.copy(source, name, text.encode() if notes else None, *notes)
    listed = plan.old.read_text("requirements.txt") if "requirements.txt" in plan.old.files else ""
    plan.to_do += adopted.problems
    for name, where in sorted(adopted.packages.items()):
        if name.startswith("_"):
            plan.to_do.append(
                f"{where}: {name} is part of another package and cannot be installed by itself"
            )
        else:
            plan.requirements[code.find_distribution(name, listed)] = where
    if adopted.needs_login:
        plan.environment = {
            "PSITURK_LOGIN_USERNAME": "researcher",
            "PSITURK_LOGIN_PW": secrets.token_urlsafe(12),
            "PSITURK_SECRET_KEY": secrets.token_hex(32),
        }
        plan.settings.append(
            "custom.py has pages with a name and a password (PsiTurkAuthorization). On this "
            "computer they are in .env. On the app, `uv run study up` makes them; to see the "
            "password: heroku config:get PSITURK_LOGIN_PW"
        )
    return adopted


def plan_pages(plan: Plan) -> pages.Needs:
    """Plan templates/ and static/; return what they need of the Content-Security-Policy."""
    needs, old = pages.Needs(), plan.old
    names = [
        n for n in old.files if n.startswith(("templates/", "static/")) and n not in plan.fates
    ]
    texts = {name: old.read_text(name) for name in names if name.endswith(TEXTS)}
    loaded = pages.find_loaded(texts)
    shown = {page for text in texts.values() for page in pages.find_pages(text)} & OUR_PAGES
    for name in names:
        own = name.removeprefix("templates/")
        if name not in texts:
            plan.copy(name)
        elif re.fullmatch(r"static/(js/)?psiturk(\.min)?\.js", name):
            plan.replace(name, "the study's own client, drop-in.js, is in its place")
        elif own in OUR_PAGES - shown and own != name:
            put_aside(plan, name)
        else:
            text, changes = pages.convert(texts[name], name, shown)
            target = f"templates/lab-{own}" if own in shown and own != name else name
            plan.copy(name, target, text.encode() if changes else None, *changes)
            if name in loaded:
                needs.read(text, name)
            report_page(plan, name, text)
    if not any(pages.PSITURK_JS.search(texts[n]) for n in texts if n.startswith("templates/")):
        plan.to_do.append(
            "No page loads psiturk.js in a way that could be found. Whatever loads it still gets "
            "psiTurk's own client, which loses what is not saved when a window closes. For this "
            "study's, load static/js/drop-in.js in its place"
        )
    supply_libraries(plan, texts)
    return needs


def put_aside(plan: Plan, name: str) -> None:
    """Let this study show a page of psiTurk's itself, and keep the lab's version to compare."""
    own = name.removeprefix("templates/")
    example = psiturks_example() / name
    if example.is_file() and example.read_bytes().split() == plan.old.read(name).split():
        plan.replace(name, "psiTurk's own example; this study shows a page of its own")
        return
    plan.files[f"{ASIDE}/{own}"] = plan.old.read(name)
    plan.replace(name, f"this study shows a page of its own; the lab's is kept in {ASIDE}/{own}")
    if own == "complete.html":
        plan.to_do.append(
            f"{name}: the study's own last page thanks participants and has their code. What yours "
            f"says besides is in {ASIDE}/{own}"
        )


def report_page(plan: Plan, name: str, text: str) -> None:
    """Tell a person what no conversion can decide."""
    for line in pages.find_lines(text, "|".join(CODE_ADDRESSES)):
        plan.to_do.append(
            f"{name}, line {line}: a recruiter's code that every participant can read before the "
            "end. Take it out: who finishes gets it from the study (`uv run study up` asks for it)"
        )
    for line in pages.find_lines(text, SOMEBODYS_PATH):
        plan.to_do.append(f"{name}, line {line}: a path on somebody's own computer")


def supply_libraries(plan: Plan, texts: dict[str, str]) -> None:
    """Bring the libraries that psiTurk served itself, and name files that are nowhere."""
    for name, text in texts.items():
        if plan.fates[name].outcome == "replaced":
            continue
        for line, path in pages.find_static_files(text):
            if path in plan.files or path in plan.old.files:
                continue
            source = psiturks_example() / path
            if source.is_file():
                plan.files[path] = source.read_bytes()
                plan.settings.append(f"{path} comes from psiTurk, which once served it: {name}")
            else:
                plan.to_do.append(f"{name}, line {line}: {path} is not in the old study either")


def plan_settings(
    plan: Plan, repository: Repository, adopted: code.Code, needs: pages.Needs, edited: set[str]
) -> None:
    """Plan config.txt."""
    text = (repository.folder / "config.txt").read_text(encoding="utf-8")
    changed_here = find_changed_settings(repository, text) if "config.txt" in edited else set()
    old = settings.read_old_settings(plan.old)
    text, notes = settings.merge_settings(text, old, adopted.settings, changed_here)
    plan.settings += notes
    for name, sources in (("script_sources", needs.scripts), ("media_sources", needs.media)):
        text, notes = settings.add_sources(text, name, sources)
        plan.settings += notes
    for name, (section, value, why) in settings.OF_THE_EXAMPLE.items():
        if name not in changed_here and not any(old.has_option(s, name) for s in old.sections()):
            text = settings.set_value(text, section, name, value)
            plan.settings.append(f"{name} = {value}: {why}")
    plan.files["config.txt"] = text.encode()
    if plan.old.config:
        plan.replace(plan.old.config, "its values are in this study's config.txt, see Settings")


def find_changed_settings(repository: Repository, text: str) -> set[str]:
    """Return the names of the settings that differ from those the study was made with."""
    before = repository.read("show", f"{repository.first}:config.txt")
    places = settings.PLACES | {name: of[0] for name, of in settings.OF_THE_EXAMPLE.items()}
    return {
        name
        for name, section in places.items()
        if value_in(text, section, name) != value_in(before, section, name)
    }


def psiturks_example() -> Path:
    """Return the folder of the example that psiTurk installs (psiturk/example)."""
    return Path(find_spec("psiturk").origin).parent / "example"

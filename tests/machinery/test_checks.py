"""What `study.checks` finds in a study with mistakes, by file and line, and in studies without."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import forks
import pytest
from old_lab import make_adopter, write_old_study

RUN = """
import json
from dataclasses import asdict
from pathlib import Path
from study import checks
print(json.dumps([asdict(found) for found in checks.run(Path.cwd())]))
"""
PARSE = """
import json, sys
from study.checks.javascript import Script
found = [Script(text, is_module).error for text, is_module in json.load(sys.stdin)]
print(json.dumps([error and error.line for error in found]))
"""
ALLOW = """
import json, sys
from study.checks.sources import allows
print(json.dumps([allows(sources.split(), address) for sources, address in json.load(sys.stdin)]))
"""
TASK, STIMULI, CONDITIONS = "static/js/task.js", "static/js/stimuli.js", "static/js/conditions.js"
AD, CONSENT, EXP, DEBRIEFING = (
    f"templates/{name}.html" for name in ("ad", "consent", "exp", "debriefing")
)
MATES, LAST = "templates/practice.html", "main().catch((error) => psiTurk.reportProblem(error));"


@dataclass(frozen=True)
class Fault:
    """A mistake that a researcher makes, and what is found where ``new`` then stands."""

    study: str  # faults of one name are in one study
    file: str
    old: str
    new: str
    what: str
    remedy: str
    colour: str = "red"
    place: str = ""  # where it is found, if that is another file
    line: str = ""  # what stands in the line that is named, if that is not the new text

    def __str__(self) -> str:
        return f"{self.study}: {self.what}"


FAULTS = (
    # Scripts: modules and the names that they import
    Fault("one", TASK, '"./stimuli.js"', '"./stimulus.js"', "no file static/js/stimulus.js",
          "Did you mean stimuli.js?"),
    Fault("one", TASK, "{ conditionFor }", "{ conditionOf }", "imports conditionOf, which "
          "./conditions.js does not export", "Did you mean conditionFor?"),
    Fault("one", TASK, "const psiTurk", 'import "lodash";\nconst psiTurk', "do not find 'lodash'",
          '"./lodash.js"', line='import "lodash"'),
    Fault("two", TASK, "{ PsiTurk }", "{ Psiturk }", "imports Psiturk", "Did you mean PsiTurk?"),
    Fault("two", STIMULI, 'name: "red",', 'name: "red,', "the script does not run:",
          "Correct it."),
    Fault("three", TASK, LAST, f"{LAST}\nif (psiTurk) {{", "it ends before all brackets are closed:"
          " the { of line ", "Correct it.", line="THE END"),
    # Conditions
    Fault("one", "config.txt", "num_conds = 2", "num_conds = 3", "lists 2 conditions, but num_conds"
          " is 3 (config.txt, line ", "Set num_conds = 2", place=CONDITIONS, line="CONDITIONS = ["),
    Fault("two", CONDITIONS, "CONDITIONS = [", "CONDITIONS = [{},", "lists 3 conditions, but",
          "Set num_conds = 3"),
    # Pages that a task names: in a list, through a function, through a variable, in capitals
    Fault("one", TASK, '  "comprehension.html", ', '  "comprehensions.html", ',
          "no page templates/comprehensions.html", "Did you mean comprehension.html?"),
    Fault("one", TASK, 'Block("practice.html"', 'Block("practise.html"',
          "no page templates/practise.html", "Did you mean practice.html?"),
    Fault("one", TASK, '"test.html" :', '"tests.html" :', "no page templates/tests.html",
          "Did you mean test.html?"),
    Fault("one", TASK, 'showPage("stage.html")', 'showPage("Stage.html")',
          "no page templates/Stage.html", "Did you mean stage.html?"),
    # Static files
    Fault("one", MATES, "<h1>", '<img src="/static/face.png"><h1>', "no file static/face.png",
          "Put it there"),
    Fault("one", "templates/test.html", "<h1>", '<img src="css/study.css"><h1>',
          "nothing is served at css/study.css", "Write /static/css/study.css"),
    Fault("one", TASK, "const TEST_BLOCKS", 'psiTurk.preloadImages(["/static/a.png"]);\nconst '
          "TEST_BLOCKS", "no file static/a.png", "Put it there", line="/static/a.png"),
    Fault("one", "static/css/study.css", "body {", "body { background: url(../paper.png);",
          "no file static/paper.png", "Put it there", "yellow"),
    Fault("four", EXP, "static('js/task.js')", "static('js/tasks.js')",
          "no file static/js/tasks.js", "Did you mean js/task.js?"),
    # Templates
    Fault("one", AD, "{{ study.description }}", "{{ study.description }", "unexpected '}'",
          "Correct it"),
    Fault("one", CONSENT, "{{ study.institution }}<", "{{ study.institutio }}<",
          "study.institutio does not", "Did you mean institution?"),
    Fault("one", DEBRIEFING, "<h1>", "<h1>{{ institution }}",
          "nothing gives institution a value", "Take it out", "yellow"),
    Fault("two", CONSENT, "{{ study.description }}", "{{ study.description | uper }}",
          "No filter named 'uper'", "Correct it"),
    Fault("two", AD, "workerId={{ workerid }}", "workerId={{workerid}}", "the page lacks workerId=",
          "Put it back", line="{#- The invitation"),
    Fault("three", EXP, 'include "libraries.html"', 'include "library.html"',
          "no page library.html", "Did you mean libraries.html?"),
    Fault("three", CONSENT, "{{ study.description }}", "{{ studi.description }}",
          "'studi' is undefined", "Correct it"),
    Fault("four", CONSENT, '{% include "signals.html" %}', "", "does not name the signals",
          'Put {% include "signals.html" %}', line="{#- Consent"),
    # The Content-Security-Policy
    Fault("one", "templates/libraries.html", "{%- for", '<script src="https://cdn.example/d3.js">'
          "</script>{%- for", "refuse to load https://cdn.example/d3.js", "write https://cdn.example"),
    Fault("one", "templates/break.html", "<h1>", '<h1 onclick="next()">', "JavaScript in onclick",
          'addEventListener("click", …)'),
    Fault("one", "templates/questionnaire.html", "<form>", "<script>\nnext();\n</script><form>",
          "since it stands in the page", "static/js/", line="next();"),
    # custom.py
    Fault("one", "custom.py", "__all__", "rate = 1 / 0\n__all__", "ZeroDivisionError: division by",
          "Correct it", line="rate = 1 / 0"),
    Fault("two", "custom.py", "__all__", "import reqeusts\n__all__", "No module named 'reqeusts'",
          "uv add reqeusts", line="import reqeusts"),
    Fault("three", "custom.py", "__all__ =", "__all__ = =", "SyntaxError: invalid", "Correct"),
    Fault("four", "custom.py", "from study.server import init_app\n", "", "init_app is missing",
          "from study.server import init_app", line="-"),
    Fault("five", "custom.py", "# A route", "def init_app(app):\n    pass\n\n# A route",
          "takes the place of the machinery's", "init_app as start", line="def init_app"),
    Fault("six", "custom.py", "from flask", "from psiturk.experiment import app\nfrom flask",
          "cannot be imported here", "flask.current_app", line="psiturk.experiment"),
    # Settings, without which nothing else is looked at
    Fault("seven", "config.txt", "num_conds = 2", "num_conds = two", "'two' is not a whole number",
          "Correct it: config.txt, line "),
    Fault("eight", "config.txt", "signals = paste,", "signals = past,", "'past' is none of paste,",
          "Correct it: config.txt, line "),
)  # fmt: skip


def copy(study, folder: Path) -> Path:
    ignored = shutil.ignore_patterns(".venv", "__pycache__", ".git")
    return shutil.copytree(study.path, folder, ignore=ignored)


def ask(study, code: str, cwd: Path, **options):
    environment = os.environ | {"PYTHONPATH": ""}
    done = forks.run(study.python, "-c", code, cwd=cwd, env=environment, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def fresh(studies):
    return studies(heroku_app="later", experiment="stroop")


@pytest.fixture(scope="module")
def faulty(fresh, tmp_path_factory):
    """Studies with the faults of each name, and what is found in them."""
    found = {}
    for name in dict.fromkeys(fault.study for fault in FAULTS):
        folder = copy(fresh, tmp_path_factory.mktemp("faulty") / name)
        for fault in (fault for fault in FAULTS if fault.study == name):
            file = folder / fault.file
            text = file.read_text(encoding="utf-8")
            assert fault.old in text, fault
            file.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")
        found[name] = folder, ask(fresh, RUN, folder)
    return found


def find_place(folder: Path, fault: Fault) -> tuple[str, int]:
    file = fault.place or fault.file
    text = (folder / file).read_text(encoding="utf-8")
    if fault.line in ("-", "THE END"):
        return file, 0 if fault.line == "-" else text.count("\n") + 1
    wanted = fault.line or fault.new
    return file, text.count("\n", 0, text.index(wanted)) + 1


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_mistake_is_found_with_its_line_and_what_to_do(faulty, fault):
    folder, found = faulty[fault.study]
    place = find_place(folder, fault)
    there = [each for each in found if (each["file"], each["line"]) == place]
    matches = [each for each in there if fault.what in each["what"]]
    assert matches, found
    match = matches[0]
    assert fault.remedy in match["remedy"] and match["colour"] == fault.colour


def test_nothing_else_is_found(faulty):
    for name, (folder, found) in faulty.items():
        planted = {find_place(folder, fault) for fault in FAULTS if fault.study == name}
        assert {(each["file"], each["line"]) for each in found} == planted


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_nothing_is_found_in_a_fresh_study(studies, experiment):
    study = studies(heroku_app="later", experiment=experiment)
    assert ask(study, RUN, study.path) == []


@pytest.mark.parametrize("old", ["a lab's", "psiTurk's example"])
def test_an_adopted_study_that_works_is_never_refused(studies, tmp_path, old):
    adopter = make_adopter(studies(project_slug="adopter", recruitment="mturk"), tmp_path / "study")
    if old == "a lab's":
        write_old_study(tmp_path / "old")
    else:
        packages = next(adopter.python.parent.parent.glob("lib/python3*/site-packages"))
        shutil.copytree(packages / "psiturk" / "example", tmp_path / "old")
    adopter.adopt(tmp_path / "old")
    found = ask(adopter, RUN, adopter.path)
    assert [each for each in found if each["colour"] == "red"] == []
    named = [each["what"] for each in found if "there is no file" in each["what"]]
    assert named == ["there is no file static/js/missing.js"] * (old == "a lab's")


def test_the_studys_own_tests_fail_with_file_and_line(fresh, faulty):
    folder, [found] = faulty["five"]
    command = [fresh.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_checks.py"]
    environment = os.environ | {"PYTHONPATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"custom.py, line {found['line']}: this init_app takes the place" in done.stdout


def test_javascript_that_browsers_run_is_never_refused(fresh):
    modules = (
        "const a = b?.c?.[d]?.(e) ?? f; g ||= 1; h &&= 2; i ??= 3;",
        "class A { #x = 1; static #y; get #z() { return this.#x } static { this.#y = 2 } }",
        "class B { static async *[Symbol.iterator]() {} has(o) { return #p in o } #p; 'q' = 1 }",
        "await fetch('x'); for await (const a of b) {}",
        r"x = /(?<year>\d{4})[\p{L}--[a-z]]/v.test(`a${`b${c}`}d`); y = 1_000n ** 2n; z = a/b/c",
        r"String.raw`\u{`; if (a) /[/]\/(?<=b)/.test(c)",
        "import data from './x.json' with { type: 'json' }; export * as n from './y.js'",
        "try {} catch {} export default async function* () {}",
        "const { a = 1, ...b } = { ...c, get d() { return 1 }, async *e() {}, [`f`]: 1 }",
    )
    scripts = (
        "x = 010; with (z) { delete y } function f(a, a) {}",
        "var let = 1, yield = 2, await = 3, async = 4, of = 5; <!-- a comment",
        "if (x) function g() {} for (var i = 0 in {}) {}",
        "label: for (;;) { break label }\n--> the end",
    )
    asked = [(text, True) for text in modules] + [(text, False) for text in scripts]
    assert ask(fresh, PARSE, fresh.path, input=json.dumps(asked)) == [None] * len(asked)


def test_javascript_that_browsers_refuse_is_found_at_its_line(fresh):
    modules = {
        "\nconst a;": 2,
        "let a;\n\nlet a;": 3,
        "f(\n": 2,
        "x = {a: 1\n b: 2}": 2,
        "a =\n'b\n": 2,
        "\n/(/": 2,
        "\n\nexport { nope }": 3,
        "class A { x = 1;\n y = this.#z }": 2,
        "function f() {\n await x }": 2,
        "if (a) {\n": 2,
        "return 5": 1,
        "with (a) {}": 1,
    }
    asked = [(text, True) for text in modules]
    assert ask(fresh, PARSE, fresh.path, input=json.dumps(asked)) == list(modules.values())


def test_sources_allow_what_browsers_allow(fresh):
    allowed = (
        ("'self'", "/static/js/task.js"),
        ("'self'", "task.js"),
        ("'self' https://unpkg.com/jspsych@8/", "https://unpkg.com/jspsych@8/a.js"),
        ("https://*.example.org", "https://cdn.example.org/a.js"),
        ("cdn.example.org", "//cdn.example.org/a.js"),
        ("http://cdn.example.org", "https://cdn.example.org/a.js"),
        ("https:", "https://anywhere.example/a.js"),
        ("data:", "data:image/png;base64,AAAA"),
        ("https://cdn.example.org:8443", "https://cdn.example.org:8443/a.js"),
    )
    refused = (
        ("'self'", "https://unpkg.com/a.js"),
        ("https://unpkg.com/jspsych@8/", "https://unpkg.com/other/a.js"),
        ("https://*.example.org", "https://example.org/a.js"),
        ("https://cdn.example.org", "https://cdn.example.org:8443/a.js"),
        ("'unsafe-inline'", "https://cdn.example.org/a.js"),
    )
    answers = ask(fresh, ALLOW, fresh.path, input=json.dumps([*allowed, *refused]))
    assert answers == [True] * len(allowed) + [False] * len(refused)

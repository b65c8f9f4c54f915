"""The study's own reader of settings gives what psiTurk's own parser gives."""

import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Reads a case from each line: files and environment. Answers with what psiTurk's own parser
# makes of it, as the study runs it, and with what the study's own reader says.
COMPARE = """
import configparser, json, os, sys, tempfile
from pathlib import Path
from psiturk.psiturk_config import PsiturkConfig
from psiturk.psiturk_exceptions import EphemeralContainerDBError
from study import config
from study.messages import StudyError

ENVIRONMENT, REFUSED = dict(os.environ), (configparser.Error, ValueError, StudyError)

def of_psiturk():
    parser = PsiturkConfig()
    try:
        parser.load_config()
    except EphemeralContainerDBError:
        pass  # the last thing it does: the settings are all there
    found = {section: dict(parser.items(section)) for section in parser.sections()}
    return {section: values for section, values in found.items() if values}

def of_the_study(folder):
    found, read = {}, config.read(folder)
    for (section, name), setting in read.settings.items():
        found.setdefault(section, {})[name] = setting.value
    os.environ.update(read.environment)  # as before psiTurk is imported
    return found

def attempt(ask, *arguments):
    try:
        return ask(*arguments)
    except REFUSED:
        return "refused"

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    os.chdir(folder)
    for line in sys.stdin:
        case = json.loads(line)
        for file, text in case["files"].items():
            (folder / file).write_text(text)
        os.environ.clear()
        os.environ.update(ENVIRONMENT | case["environment"] | {"HOME": name})
        ours = attempt(of_the_study, folder)
        theirs = attempt(of_psiturk)
        print(json.dumps([ours, theirs]), flush=True)
"""
SECTIONS = {
    "Server Parameters": ("errorlog", "logfile", "port", "host", "threads"),
    "HIT Configuration": ("title", "require_quals", "require_quals_live", "ad_url"),
    "Database Parameters": ("database_url", "table_name", "assignments_table_name"),
    "AWS Access": ("aws_access_key_id",),
    "Of my own": ("port", "title"),
}
VALUES = st.sampled_from(
    ["", "1", "a b", "50%%", "50%", "%(title)s", "-", "postgres://u:p%40@h/d", "postgresql://h/d",
     "sqlite:///x.db", "mine ; note"]
)  # fmt: skip
NAMES = sorted({name for names in SECTIONS.values() for name in names})
VARIABLES = ["ON_CLOUD", "ON_HEROKU", "PORT", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "TITLE"]
VARIABLES += [f"PSITURK_{name.upper()}" for name in NAMES]


@st.composite
def files(draw):
    """A configuration file with some of these settings, in any order of sections."""
    lines = []
    for section in draw(st.lists(st.sampled_from([*SECTIONS, "DEFAULT"]), unique=True)):
        names = st.sampled_from(SECTIONS.get(section, ("title", "port")))
        lines.append(f"[{section}]")
        for name, value in draw(st.dictionaries(names, VALUES)).items():
            lines.append(f"{draw(st.sampled_from([name, name.upper()]))} = {value}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def comparer(live):
    """A process in the study's environment that answers case after case."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = live.machine.environment | {"PYTHONPATH": str(live.folder)}
    process = subprocess.Popen([live.python, "-c", COMPARE], env=environment, **pipes)
    yield process
    process.communicate(timeout=30)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), files(), st.dictionaries(st.sampled_from(VARIABLES), VALUES))
def test_the_settings_are_those_of_psiturks_own_parser(comparer, config, home, environment):
    case = {"files": {"config.txt": config, ".psiturkconfig": home}, "environment": environment}
    comparer.stdin.write(json.dumps(case) + "\n")
    comparer.stdin.flush()
    ours, theirs = json.loads(comparer.stdout.readline())
    assert ours == theirs

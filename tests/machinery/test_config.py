"""config.txt says the truth: every setting is there, and has the value that it shows."""

import json
import os
import re

import pytest

DUMP = """
import json
from psiturk.psiturk_config import PsiturkConfig
config = PsiturkConfig()
config.load_config()
print(json.dumps({section: dict(config.items(section)) for section in config.sections()}))
"""
# In the cloud these differ (cloud_config_defaults.txt), as the notes in config.txt say.
CLOUD = {"host": "0.0.0.0", "errorlog": "-", "logfile": "-", "accesslog": "-", "threads": "1"}
DATABASE = "postgres://user:secret@db.example.edu/study"


@pytest.fixture(scope="module")
def study(studies):
    return studies(num_conditions="7", recruitment="sona", contact_email="lab@example.edu")


@pytest.fixture(scope="module")
def shown(study) -> dict[str, dict[str, str]]:
    """What a reader of config.txt believes: section, setting, value."""
    believed: dict[str, dict[str, str]] = {}
    for line in (study.path / "config.txt").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\[(.+)\]", line):
            section = believed.setdefault(found[1], {})
        elif found := re.fullmatch(r";?([a-z_]+) =(?: (.*))?", line):
            assert found[1] not in section, f"{found[1]} is there twice"
            section[found[1]] = (found[2] or "").replace("%%", "%")
    return believed


def effective(study, **environment: str) -> dict[str, dict[str, str]]:
    """What psiTurk's own parser says."""
    dumped = study.run("python", "-c", DUMP, env=os.environ | environment)
    assert dumped.returncode == 0, dumped.stderr
    return json.loads(dumped.stdout)


def test_every_setting_of_psiturk_is_explained_and_no_other(study, shown):
    settings = {section: set(values) for section, values in effective(study).items()}
    explained = {section: set(values) for section, values in shown.items()}
    explained["HIT Configuration"].remove("ad_url")  # the one setting without a default
    assert explained == settings


def test_on_this_machine_every_value_is_the_one_shown(study, shown):
    for section, values in effective(study).items():
        assert values == {name: shown[section][name] for name in values}, section


def test_in_the_cloud_only_the_documented_values_differ(study, shown):
    values = effective(study, ON_CLOUD="1", DATABASE_URL=DATABASE, PORT="4321")
    expected = {section: dict(shown[section]) for section in values}
    expected["HIT Configuration"].pop("ad_url")
    expected["Server Parameters"] |= CLOUD | {"port": "4321"}
    expected["Database Parameters"]["database_url"] = DATABASE
    assert values == expected


def test_the_answers_are_set_and_what_the_host_decides_is_not(study, shown):
    text = (study.path / "config.txt").read_text(encoding="utf-8")
    for line in ("num_conds = 7", "recruitment = sona", "contact_email_on_error = lab@example.edu"):
        assert line in text.splitlines()
    for name in (*CLOUD, "port", "database_url"):
        assert not re.search(rf"^{name} =", text, re.MULTILINE), name


def test_every_setting_has_a_note(study):
    text = (study.path / "config.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n\s*\n", text):
        settings = re.findall(r"^;?[a-z_]+ =", block, re.MULTILINE)
        notes = re.findall(r"^# \S", block, re.MULTILINE)
        assert not settings or notes, block

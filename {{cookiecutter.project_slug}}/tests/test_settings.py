"""The settings are sane: nothing in config.txt would break the study in the cloud."""

import configparser
import re
from pathlib import Path

import pytest

CONFIG = Path("config.txt").read_text(encoding="utf-8")
CLOUD_DEFAULTS = ("host", "port", "threads", "errorlog", "accesslog", "database_url")


@pytest.fixture(scope="module")
def written() -> configparser.ConfigParser:
    """What config.txt itself sets."""
    parser = configparser.ConfigParser()
    parser.read_string(CONFIG)
    return parser


@pytest.mark.parametrize("name", CLOUD_DEFAULTS)
def test_the_host_decides_what_it_must_decide(written, name):
    section = "Database Parameters" if name == "database_url" else "Server Parameters"
    assert not written.has_option(section, name), f"switch `{name}` off in config.txt with a ;"


def test_no_secret_is_written_down(written):
    for section, name in (
        ("AWS Access", "aws_secret_access_key"),
        ("Server Parameters", "login_pw"),
        ("Server Parameters", "secret_key"),
    ):
        assert not written.get(section, name, fallback=""), f"take `{name}` out of config.txt"


def test_every_condition_is_described(written):
    script = Path("static/js/conditions.js").read_text(encoding="utf-8")
    described = len(re.findall(r"\bname:", script))
    assert described == written.getint("Task Parameters", "num_conds"), (
        "static/js/conditions.js and num_conds in config.txt differ"
    )

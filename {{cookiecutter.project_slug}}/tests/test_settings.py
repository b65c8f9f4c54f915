"""The settings are sane: nothing in config.txt would break the study in the cloud."""

from pathlib import Path

import pytest
from study.config import value_in

CONFIG = Path("config.txt").read_text(encoding="utf-8")
CLOUD_DEFAULTS = ("host", "port", "threads", "errorlog", "accesslog", "database_url")


@pytest.mark.parametrize("name", CLOUD_DEFAULTS)
def test_the_host_decides_what_it_must_decide(name):
    section = "Database Parameters" if name == "database_url" else "Server Parameters"
    assert value_in(CONFIG, section, name) is None, f"switch `{name}` off in config.txt with a ;"


def test_no_secret_is_written_down():
    for section, name in (
        ("AWS Access", "aws_secret_access_key"),
        ("Server Parameters", "login_pw"),
        ("Server Parameters", "secret_key"),
    ):
        assert not value_in(CONFIG, section, name), f"take `{name}` out of config.txt"

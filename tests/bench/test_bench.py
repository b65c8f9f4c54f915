"""The load benchmark itself: its figures depend on the machine, its counts do not."""

import re
import subprocess
import sys

import pytest
from generated import REPOSITORY


@pytest.mark.slow
def test_every_participant_of_the_load_benchmark_arrives_and_is_stored(studies):
    study = studies(heroku_app="later")
    command = [sys.executable, "-m", "tests.bench.load", "--smoke", "--study", study.path]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    counts = re.findall(r"^\| (\w[^|]*?) +\| +(\d+) \| +(\d+) \|$", done.stdout, re.MULTILINE)
    assert [name for name, *_ in counts] == [
        "errors",
        "participants",
        "submitted with a whole record",
    ], done.stdout + done.stderr
    assert all(found == expected for _, found, expected in counts), done.stdout
    assert done.returncode == 0, done.stderr

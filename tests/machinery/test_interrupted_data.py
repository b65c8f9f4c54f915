"""`study data` that comes to no end: the earlier files stay, and the next one brings everything."""

import json
import signal
import subprocess
import time

import pytest
from live_study import participant, record
from stored import ROWS, read


@pytest.fixture(scope="module")
def many(live, cluster):
    """A database that takes a while to read; gives the setting for it."""
    url = cluster.create_database()
    live.fill(
        [participant(n, 900 - n, datastring=json.dumps(record(n, 40))) for n in range(800)], url
    )
    yield {"PSITURK_DATABASE_URL": url}
    cluster.drop_database(url)


def interrupt(live, out, setting, how):
    """Send a signal to a download that is at work; gives what it said on stderr."""
    command = [live.python, "-m", "study", "data", "--local", "--out", str(out)]
    with subprocess.Popen(
        command, cwd=live.folder, env=live.machine.environment | setting, stdout=-3, stderr=-1,
        text=True,
    ) as process:  # fmt: skip
        while process.poll() is None and not list(out.glob(".unfinished-*")):
            time.sleep(0.001)
        assert process.poll() is None
        process.send_signal(how)
        return process.stderr.read()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_download_leaves_the_earlier_files_and_the_next_brings_everything(
    live, many, tmp_path, how
):
    out = tmp_path / "out"
    live("data", "--local", "--version", "none", "--out", str(out), **many)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert read(out, "participants") == []
    told = interrupt(live, out, many, how)
    if how == signal.SIGINT:
        assert "Interrupted.\nRun the same command again.\n" in told and "Traceback" not in told
    left = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert left == before
    done = live("data", "--local", "--out", str(out), **many)
    assert done.returncode == 0, done.stderr
    assert len(read(out, "participants")) == 800 and len(read(out, "trialdata")) == 800 * 40
    assert {path.name for path in out.iterdir()} == set(before)


def test_a_download_on_a_full_disk_leaves_the_earlier_files(live, many, tmp_path):
    live("data", "--local", "--out", str(tmp_path), **many)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limited = f"ulimit -f 2000; {live.python} -m study data --local --out {tmp_path}"
    environment = live.machine.environment | many
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"], cwd=live.folder, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "The files could not be written" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_postgresql_and_sqlite_give_the_same_trials(live, many, local, tmp_path):
    done = live("data", "--local", "--out", str(tmp_path / "postgresql"), **many)
    assert done.returncode == 0, done.stderr
    live("data", "--local", "--out", str(tmp_path / "sqlite"), **local(
        [participant(n, 900 - n, datastring=json.dumps(record(n, 40))) for n in range(2, 800)]
    ))  # fmt: skip
    of_postgresql, of_sqlite = (
        read(tmp_path / name, "trialdata") for name in ("postgresql", "sqlite")
    )
    assert of_postgresql[80:] == of_sqlite


def test_a_database_that_does_not_answer_leaves_the_earlier_files(live, local, tmp_path):
    live("data", "--local", "--out", str(tmp_path), **local(ROWS))
    before = (tmp_path / "participants.csv").read_bytes()
    nobody = {"PSITURK_DATABASE_URL": "postgres://u:hush@127.0.0.1:9/d"}
    done = live("data", "--local", "--out", str(tmp_path), **nobody)
    assert done.returncode == 1
    assert "The database could not be read" in done.stderr
    assert "Traceback" not in done.stderr and "hush" not in done.stdout + done.stderr
    assert (tmp_path / "participants.csv").read_bytes() == before

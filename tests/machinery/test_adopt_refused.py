"""`study adopt` takes what it can, and touches nothing where somebody has to decide."""

import os

import pytest
from old_lab import write_old_study


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda old: (old / "templates" / "exp.html").unlink(), "holds no psiTurk experiment"),
        (lambda old: _divide(old), "holds 2 experiments"),
        (lambda old: (old / "custom.py").write_text("def f(:\n  pass"), "custom.py"),
        (lambda old: (old / "config.txt").write_text("[Half\nx"), "config.txt of the old study"),
        (
            lambda old: os.truncate(_touch(old / "static" / "film.mp4"), 280_000_000),
            "The static files have 280 MB",
        ),
        (lambda old: (old / "static" / "out.js").symlink_to("../../../x.js"), "is a link to"),
        (
            lambda old: (old / "static" / "abs.js").symlink_to("/etc/hosts"),
            "is a link to /etc/hosts",
        ),
    ],
    ids=["no-experiment", "two", "custom.py", "config.txt", "280-MB", "link-out", "absolute-link"],
)
def test_what_cannot_be_adopted_is_told_in_a_sentence(adopter, tmp_path, break_it, words):
    old = write_old_study(tmp_path / "old")
    break_it(old)
    before = adopter.files()
    refused = adopter.adopt(old)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert adopter.files() == before


def _divide(old):
    (old / "templates" / "exp.html").unlink()
    for name in ("one", "two"):
        write_old_study(old / name)


def _touch(path):
    path.touch()
    return path


def test_an_adoption_that_cannot_be_committed_leaves_everything_as_it_was(adopter, old):
    before = adopter.files()
    lock = adopter.path / ".git" / "index.lock"
    lock.touch()
    refused = adopter.adopt(old)
    lock.unlink()
    assert refused.returncode == 2 and "The study is as it was." in refused.stderr
    assert adopter.files() == before and adopter.git("status", "--porcelain") == ""


def test_what_a_person_has_edited_here_is_never_overwritten(adopter, old):
    (adopter.path / "templates" / "ad.html").write_text("mine")
    refused = adopter.adopt(old)
    assert refused.returncode == 2 and "not committed" in refused.stderr
    adopter.git("-c", "user.name=x", "-c", "user.email=x@example.edu", "commit", "-qam", "Mine")
    refused = adopter.adopt(old)
    assert refused.returncode == 2
    assert "You have edited templates/ad.html" in refused.stderr
    assert adopter.text("templates/ad.html") == "mine"


def test_a_setting_that_was_changed_here_stays(adopter, old):
    path = adopter.path / "config.txt"
    path.write_text(path.read_text().replace(";cutoff_time = 30", "cutoff_time = 90"))
    adopter.git("-c", "user.name=x", "-c", "user.email=x@example.edu", "commit", "-qam", "Mine")
    told = adopter.adopt(old)
    assert "cutoff_time stays as you have set it here" in told.stdout
    assert "\ncutoff_time = 90\n" in adopter.text("config.txt")

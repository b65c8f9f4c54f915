"""`study up` refuses before anything is made: it says why, what to type, and that nothing is left.

So the next run is a first one. If the advice is to change something here, a dry second run finds
it in order and goes on to buy.
"""

import pytest
from new_study import APP, IN_PYPROJECT, NOTHING, REMOTE, UNTOUCHED, fails, goes_on

from heroku import refusals
from heroku.app import Slug

# --- on this computer ---


def test_not_logged_in(study):
    study.machine.log_out()
    fails(study, "You are not logged in to Heroku.\nLog in: heroku login", UNTOUCHED)


def test_a_key_that_was_revoked(study, platform):
    platform.sign_out()
    fails(
        study,
        "Heroku does not accept the key in the variable HEROKU_API_KEY.\n"
        "Remove that variable and log in: heroku login",
        UNTOUCHED,
    )


def test_no_heroku_command(study):
    study.machine.remove_cli()
    fails(
        study,
        "The heroku command is not installed.\n"
        "Get it from https://devcenter.heroku.com/articles/heroku-cli\nand log in: heroku login",
        UNTOUCHED,
    )


def test_an_old_heroku_command(study):
    study.machine.age_cli("7.68.2")
    fails(
        study,
        "The heroku command is too old (heroku/7.68.2 node-v20).\nUpdate it: heroku update\n"
        "If that does not help, install it anew: "
        "https://devcenter.heroku.com/articles/heroku-cli",
        UNTOUCHED,
    )


def test_a_remote_of_another_app(study):
    other = "https://git.heroku.com/other.git"
    study.git("remote", "add", "heroku", other)
    fails(
        study,
        f"The git remote `heroku` leads to {other}, not to this study's app. It was left alone.\n"
        "Rename it, and this study gets its own: git remote rename heroku other\n"
        f"Or, if it is a leftover: git remote set-url heroku {REMOTE}",
        UNTOUCHED,
    )
    assert study.git("config", "--get", "remote.heroku.url") == other
    study.git("remote", "rename", "heroku", "other")
    goes_on(study)


def test_changes_that_are_not_committed(study):
    with (study.path / "config.txt").open("a") as config:
        config.write("# a note\n")
    fails(
        study,
        "config.txt has changes that are not committed, and the study's address needs a commit "
        'of its own there.\nCommit them: git commit -m "Change settings" config.txt',
        UNTOUCHED,
    )
    study.git("commit", "-m", "Change settings", "config.txt")
    goes_on(study)


def test_no_branch(study):
    study.git("switch", "--detach")
    fails(
        study,
        "No branch is checked out (git calls it a detached HEAD), so the study's address could "
        "not be committed.\nCheck out your branch: git switch main",
        UNTOUCHED,
    )
    study.git("switch", "main")
    goes_on(study)


def test_no_repository(study, tmp_path):
    (study.path / ".git").rename(tmp_path / "git")
    study.machine.git("init", "-q", cwd=tmp_path)  # an outer one is not meant
    fails(
        study,
        "This folder is not a git repository of its own with config.txt committed.\n"
        "Run: git init -b main\n     git add --all\n     git commit -m Start",
        UNTOUCHED,
    )
    for command in (["init", "-b", "main"], ["add", "--all"], ["commit", "-m", "Start"]):
        study.git(*command)
    goes_on(study)


def test_a_name_that_no_app_can_have(study):
    study.change("app", "My_Study")
    done = study.up()
    assert done.returncode == 1
    assert done.stderr == (
        "\n'My_Study' cannot be the name of an app. Heroku takes 3 to 30 lower-case letters, "
        "digits and dashes; the first must be a letter, the last no dash.\n"
        f"Correct `app` {IN_PYPROJECT}\n"
    )
    study.change("app", APP)
    goes_on(study)


def test_a_folder_without_a_study(study):
    (study.path / "pyproject.toml").unlink()
    done = study.up()
    assert done.returncode == 1
    assert "This folder holds no study that can be read (" in done.stderr
    assert "Go to the study's own folder" in done.stderr
    assert study.machine.calls == []


# --- on Heroku, before anything is made ---


def test_a_name_that_somebody_else_has(study, platform):
    platform.create_app(APP, by=platform.stranger)
    fails(
        study,
        f"Somebody else on Heroku already has an app named {APP}.\n"
        f"Choose another `app` {IN_PYPROJECT}",
        UNTOUCHED,
    )
    study.change("app", "another-name")
    goes_on(study)


def test_a_taken_name_if_heroku_hides_whose_it_is(study, platform):
    platform.create_app(APP, by=platform.stranger)
    for route in ("GET /apps/*", "GET /apps/*/*"):
        platform.fail(route, refusals.not_found())
    fails(
        study,
        f"Heroku refused making the app {APP}: Name {APP} is already taken\n"
        f"Correct `app`, `region` or `team` {IN_PYPROJECT}",
        NOTHING,
    )


def test_an_app_of_a_team_when_ones_own_is_meant(study, platform):
    platform.add_team("lab")
    platform.create_app(APP, team="lab")
    fails(
        study,
        f"The app {APP} exists and belongs to lab; you are logged in as researcher@example.edu.\n"
        f"Log in as its owner (heroku login), or correct `app` and `team` {IN_PYPROJECT}",
        UNTOUCHED,
    )
    study.change("team", "lab")
    goes_on(study)


def test_an_app_that_runs_something_else(study, platform):
    app = platform.create_app(APP)
    app.release("Deploy 01234567", slug=Slug(study.path, "0" * 40, {}), run_command=False)
    fails(
        study,
        f"Your app {APP} already runs something, and this folder is not tied to it.\n"
        f"If it is this study's: git remote add heroku {REMOTE}\n"
        f"If not, choose another `app` {IN_PYPROJECT}",
        UNTOUCHED,
    )
    study.git("remote", "add", "heroku", REMOTE)
    goes_on(study)


def test_an_account_without_a_card(study, platform):
    platform.account.verified = False
    fails(
        study,
        "Heroku wants a payment card before it makes an app or a database.\n"
        "Enter one: https://heroku.com/verify",
        NOTHING,
    )


def test_eco_dynos_without_a_subscription(study, platform):
    platform.fail("POST /apps", refusals.eco_not_subscribed(), times=1)
    fails(
        study,
        "Heroku wants to be paid first: Subscribe to the Eco dynos plan to use Eco dynos.\n"
        "See https://dashboard.heroku.com/account/billing",
        NOTHING,
    )


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("viewer", "You do not have permission to create apps in lab."),
        (None, "Couldn't find that team."),
    ],
)
def test_a_team_without_permission(study, platform, role, words):
    platform.add_team("lab", role=role)
    study.change("team", "lab")
    fails(
        study,
        f"Heroku refused making the app {APP}: {words}\n"
        f"Correct `app`, `region` or `team` {IN_PYPROJECT}",
        NOTHING,
    )


def test_no_network(study, platform):
    platform.offline = True
    fails(
        study,
        "Heroku could not be reached while asking who is logged in.\n"
        "Check the internet connection.",
        UNTOUCHED,
    )


def test_a_heroku_that_is_broken(study, platform):
    platform.create_app(APP)
    platform.fail("GET /apps/*")
    fails(
        study,
        "Heroku is busy or has a fault; looking for the app failed 4 times.\n"
        "See https://status.heroku.com and wait some minutes.",
        UNTOUCHED,
    )

"""`study up` on bad days: it says why, what to type, and what exists and costs money.

Where a failure leaves nothing behind, the second run is a dry one: it finds everything in
order and goes on to buy. Otherwise it buys the rest.
"""

import time
from threading import Thread

import pytest
from heroku import refusals
from heroku.app import Slug
from test_study_up import APP, PLAN, REMOTE, WHOLE, made, study  # noqa: F401

NOTHING = "Nothing on Heroku was made, and nothing costs money."
UNTOUCHED = "Nothing on Heroku was changed."
APP_EXISTS = f"""\
The app {APP} exists; it costs about 7 USD a month once pushed to.
To remove all of it: heroku apps:destroy --app {APP}"""
IN_PYPROJECT = "in pyproject.toml, under [tool.psiturk-heroku]"


def fails(study, cause_and_remedy: str, left: str) -> None:
    """It says why, the next command and what is left, and no word more."""
    done = study.up()
    assert done.stderr == f"\n{cause_and_remedy}\nThen run again: uv run study up\n{left}\n"
    assert done.returncode == 1


def goes_on(study) -> None:
    done = study.up("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "would run: heroku config:set" in done.stdout


def succeeds(study) -> None:
    assert study.up().returncode == 0
    assert study.state() == WHOLE


# --- on this computer ---


def test_not_logged_in(study):
    key = study.machine.environment["HEROKU_API_KEY"]
    study.machine.log_out()
    fails(study, "You are not logged in to Heroku.\nLog in: heroku login", UNTOUCHED)
    study.machine.environment["HEROKU_API_KEY"] = key
    goes_on(study)


def test_a_key_that_was_revoked(study, platform):
    platform.sign_out()
    fails(
        study,
        "Heroku does not accept the key in the variable HEROKU_API_KEY.\n"
        "Remove that variable and log in: heroku login",
        UNTOUCHED,
    )
    study.machine.environment["HEROKU_API_KEY"] = platform.account.api_key
    goes_on(study)


def test_no_heroku_command(study):
    path = study.machine.environment["PATH"]
    program = study.machine.home.parent / "bin" / "heroku"
    wrapper = program.read_text()
    study.machine.remove_cli()
    fails(
        study,
        "The heroku command is not installed.\n"
        "Get it from https://devcenter.heroku.com/articles/heroku-cli\nand log in: heroku login",
        UNTOUCHED,
    )
    program.write_text(wrapper)
    program.chmod(0o755)
    study.machine.environment["PATH"] = path
    goes_on(study)


def test_an_old_heroku_command(study):
    program = study.machine.home.parent / "bin" / "heroku"
    wrapper = program.read_text()
    study.machine.age_cli("7.68.2")
    fails(
        study,
        "The heroku command is too old (heroku/7.68.2 node-v20).\nUpdate it: heroku update\n"
        "If that does not help, install it anew: "
        "https://devcenter.heroku.com/articles/heroku-cli",
        UNTOUCHED,
    )
    program.write_text(wrapper)
    goes_on(study)


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
    study.git("restore", "pyproject.toml")
    goes_on(study)


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
    platform.recover()
    study.change("app", "another-name")
    goes_on(study)


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
    platform.account.verified = True
    goes_on(study)


def test_eco_dynos_without_a_subscription(study, platform):
    platform.fail("POST /apps", refusals.eco_not_subscribed(), times=1)
    fails(
        study,
        "Heroku wants to be paid first: Subscribe to the Eco dynos plan to use Eco dynos.\n"
        "See https://dashboard.heroku.com/account/billing",
        NOTHING,
    )
    goes_on(study)


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
    platform.teams["lab"].roles[platform.account.email] = "member"
    goes_on(study)


def test_no_network(study, platform):
    platform.offline = True
    fails(
        study,
        "Heroku could not be reached while asking who is logged in.\n"
        "Check the internet connection.",
        UNTOUCHED,
    )
    platform.recover()
    goes_on(study)


def test_a_heroku_that_is_broken(study, platform):
    platform.create_app(APP)
    platform.fail("GET /apps/*")
    fails(
        study,
        "Heroku is busy or has a fault; looking for the app failed 4 times.\n"
        "See https://status.heroku.com and wait some minutes.",
        UNTOUCHED,
    )
    platform.recover()
    goes_on(study)


# --- half-way ---


def test_a_heroku_that_is_busy_for_a_moment(study, platform):
    platform.fail("POST /apps", refusals.rate_limited(), times=1)
    platform.fail_with_html("PATCH /apps/*/config-vars", times=1)
    succeeds(study)


def test_the_network_breaks_while_the_database_is_bought(study, platform):
    def break_network():
        while not platform.calls("POST /apps/*/addons"):
            time.sleep(0.05)
        platform.offline = True

    platform.delay("POST /apps/*/addons", 1)
    Thread(target=break_network, daemon=True).start()
    exists, remove = APP_EXISTS.splitlines()
    fails(
        study,
        "Heroku could not be reached while looking for the app.\nCheck the internet connection.",
        f"{exists}\nWhether Heroku made the database {PLAN} could not be seen; the next run looks "
        f"first.\n{remove}",
    )
    platform.recover()
    succeeds(study)


def test_an_unknown_plan(study, platform):
    study.change("database", "heroku-postgresql:hobby-dev")
    fails(
        study,
        "Heroku refused making the database heroku-postgresql:hobby-dev: Couldn't find either "
        'the add-on service or the add-on plan of "heroku-postgresql:hobby-dev".\n'
        "See the plans: heroku addons:plans heroku-postgresql\n"
        f"Then correct `database` {IN_PYPROJECT}",
        APP_EXISTS,
    )
    study.change("database", PLAN)
    assert study.up().returncode == 0
    assert study.state()["databases"] == WHOLE["databases"]


def test_a_database_that_is_not_made_in_time(study, platform):
    platform.slow_addons(polls=3)
    hurry = "from study.heroku import steps, up; steps.SECONDS_FOR_DATABASE = 3"
    done = study.up(python=("-c", f"{hurry}; up.main()"))
    assert_database_is_reported(
        done,
        platform.apps[APP].addons,
        f"provisioning.\nWait for it: heroku addons:wait --app {APP}",
    )
    succeeds(study)


def test_a_database_that_cannot_be_made(study, platform):
    platform.failing_addons(polls=1)
    done = study.up()
    [addon] = platform.apps[APP].addons
    remove = ("addons:destroy", addon.name, "--app", APP)
    assert_database_is_reported(
        done, [addon], f"deprovisioned.\nRemove it: heroku {' '.join(remove)}"
    )
    platform.slow_addons()
    study.machine.heroku(*remove, "--confirm", APP)
    succeeds(study)


def assert_database_is_reported(done, addons, state_and_remedy: str) -> None:
    [addon] = addons
    exists, remove = APP_EXISTS.splitlines()
    assert done.returncode == 1
    assert done.stderr == (
        f"\nThe database {addon.name} cannot be used yet; Heroku calls it {state_and_remedy}\n"
        f"Then run again: uv run study up\n{exists}\n"
        f"The database {addon.name} exists and costs about 5 USD a month.\n{remove}\n"
    )


def test_a_database_url_that_was_set_by_hand(study, platform):
    app = platform.create_app(APP)
    app.own_config["DATABASE_URL"] = "postgres://u:planted@db.example.edu/d"
    fails(
        study,
        "The app's config var DATABASE_URL was set by hand, so a new database would not be used.\n"
        f'To keep yours, write database = "existing" {IN_PYPROJECT}\n'
        f"To buy one: heroku config:unset DATABASE_URL --app {APP}",
        APP_EXISTS,
    )
    study.machine.heroku("config:unset", "DATABASE_URL", "--app", APP)
    goes_on(study)

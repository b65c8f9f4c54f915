"""`study up` fails half-way: it says what exists and costs money; the next run buys the rest."""

import time
from threading import Thread

from new_study import APP, IN_PYPROJECT, PLAN, WHOLE, fails, goes_on, succeeds

from heroku import refusals

APP_EXISTS = f"""\
The app {APP} exists; it costs nothing until the first deploy.
To remove all of it: heroku apps:destroy --app {APP}"""


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
    platform.slow_addons(polls=100)
    imports = "from study.commands import up; from study.heroku import resources"
    hurry = f"{imports}; resources.DatabaseStep.seconds = 12; up.main()"
    done = study.up(python=("-c", hurry))
    [addon] = platform.apps[APP].addons
    assert_database_is_reported(
        done, addon, f"provisioning.\nWait for it: heroku addons:wait --app {APP}"
    )
    addon.polls = 2
    succeeds(study)


def test_a_database_that_cannot_be_made(study, platform):
    platform.failing_addons(polls=1)
    done = study.up()
    [addon] = platform.apps[APP].addons
    remove = ("addons:destroy", addon.name, "--app", APP)
    assert_database_is_reported(
        done, addon, f"deprovisioned.\nRemove it: heroku {' '.join(remove)}"
    )
    platform.slow_addons()
    study.machine.heroku(*remove, "--confirm", APP)
    succeeds(study)


def assert_database_is_reported(done, addon, state_and_remedy: str) -> None:
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

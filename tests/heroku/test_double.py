"""The double's API behaves as Heroku's does, seen through the real CLI."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from . import refusals
from .addons import buy
from .app import App
from .machine import Machine
from .platform import Platform
from .postgres import Cluster

PLAN = "heroku-postgresql:essential-0"


class TestTheMachine:
    def test_the_cli_knows_who_is_logged_in(self, platform: Platform, machine: Machine) -> None:
        said = machine.heroku("auth:whoami")
        assert (said.returncode, said.stdout.strip()) == (0, platform.account.email)

    def test_the_version_is_the_clis_own(self, machine: Machine) -> None:
        told = machine.heroku("--version").stdout
        assert told == machine.heroku("version").stdout and told.startswith("heroku/11.10.0 ")

    def test_the_cli_is_set_up_in_a_home_of_its_own(
        self, platform: Platform, machine: Machine
    ) -> None:
        platform.create_app("my-study")
        machine.heroku("git:remote", "-a", "my-study")
        assert "!heroku git:credentials" in (machine.home / ".gitconfig").read_text()
        assert machine.calls == [["git:remote", "-a", "my-study"]]

    def test_a_caller_is_killed_after_a_call(self, machine: Machine) -> None:
        machine.kill_caller_after("version")
        caller = (
            "import subprocess\nfor command in ('--version', 'version', '-v'):\n"
            "    subprocess.run(['heroku', command])"
        )
        ended = machine.run(sys.executable, "-c", caller)
        assert ended.returncode == -9
        assert len(machine.calls) == 2


class TestApps:
    def test_create_gives_an_address_with_a_random_suffix(
        self, platform: Platform, machine: Machine
    ) -> None:
        made = machine.heroku("create", "my-study", "--region", "eu", "--json")
        address = json.loads(made.stdout)["web_url"]
        assert address == platform.apps["my-study"].web_url
        name, _, suffix = urlsplit(address).hostname.removesuffix(".herokuapp.com").rpartition("-")
        assert name == "my-study" and len(suffix) == 12
        assert platform.apps["my-study"].region == "eu"

    @pytest.mark.parametrize("name", ["a", "1st", "Study", "study-", "study_1", "s" * 31])
    def test_a_bad_name_is_refused(self, platform: Platform, name: str) -> None:
        with pytest.raises(refusals.Refusal, match="Name must start with a letter"):
            platform.create_app(name)

    @pytest.mark.parametrize(("role", "status"), [("viewer", 403), (None, 404)])
    def test_a_team_can_refuse(self, platform: Platform, role: str | None, status: int) -> None:
        platform.add_team("lab", role=role)
        with pytest.raises(refusals.Refusal) as refused:
            platform.create_app("my-study", team="lab")
        assert refused.value.status == status

    def test_info_and_destroy(self, platform: Platform, machine: Machine) -> None:
        app = platform.create_app("my-study")
        info = json.loads(machine.heroku("apps:info", "-a", "my-study", "--json").stdout)
        assert info["app"]["owner"]["email"] == platform.account.email
        assert info["app"]["web_url"] == app.web_url
        assert (
            machine.heroku("apps:destroy", "-a", "my-study", "--confirm", "my-study").returncode
            == 0
        )
        assert platform.apps == {}


class TestConfig:
    def test_all_variables_are_set_in_one_release(
        self, platform: Platform, machine: Machine
    ) -> None:
        app = platform.create_app("my-study")
        before = len(app.releases)
        done = machine.heroku("config:set", "A=1", "B=two words", "-a", "my-study")
        assert app.config == {"A": "1", "B": "two words"}
        assert len(app.releases) == before + 1
        assert f"done, v{app.releases[-1].version}" in done.stderr

    def test_an_add_ons_address_cannot_be_overwritten(
        self, platform: Platform, machine: Machine
    ) -> None:
        _buy(platform, platform.create_app("my-study"))
        done = machine.heroku("config:set", "DATABASE_URL=postgres://x", "-a", "my-study")
        assert done.returncode == 2
        assert "Cannot overwrite attachment values DATABASE_URL." in done.stderr

    @pytest.mark.parametrize("name", ["1A", "A-B", "A B", ""])
    def test_a_bad_variable_name_is_refused(self, platform: Platform, name: str) -> None:
        with pytest.raises(refusals.Refusal, match="not a valid config var name"):
            platform.create_app("my-study").set_config({name: "1"}, platform.account)


def _buy(platform: Platform, app: App, plan: str = PLAN) -> str:
    """An add-on, without the CLI; the address of its database."""
    return buy(app, plan, by=platform.account).url


class TestAddOns:
    def test_an_add_on_is_a_real_postgres(self, platform: Platform, machine: Machine) -> None:
        app = platform.create_app("my-study")
        made = machine.heroku("addons:create", PLAN, "-a", "my-study", "--wait")
        assert "Created " in made.stdout and "as DATABASE_URL" in made.stdout
        assert "max $5/month" in made.stderr
        url, query = app.config["DATABASE_URL"], "SELECT 6 * 7 AS answer"
        assert url.startswith("postgres://")
        if platform.databases.tls:  # which the CLI demands
            asked = machine.heroku("pg:psql", "-a", "my-study", "-c", query)
        else:
            asked = _psql(platform.databases, url, query)
        assert "42" in asked.stdout, asked.stderr

    def test_without_waiting_there_is_no_address_yet(
        self, platform: Platform, machine: Machine
    ) -> None:
        app = platform.create_app("my-study")
        platform.slow_addons(seconds=60)
        made = machine.heroku("addons:create", PLAN, "-a", "my-study")
        assert made.returncode == 0
        assert app.config == {} and app.addons[0].state == "provisioning"

    @pytest.mark.parametrize(
        "plan",
        ["heroku-postgresql:mini", "heroku-postgresql:hobby-dev", "heroku-postgres:essential-0"],
    )
    def test_a_plan_that_is_not_sold_is_refused(self, platform: Platform, plan: str) -> None:
        with pytest.raises(refusals.Refusal, match="Couldn't find either the add-on"):
            _buy(platform, platform.create_app("my-study"), plan)

    def test_a_backup_can_be_downloaded(self, platform: Platform, machine: Machine) -> None:
        _buy(platform, platform.create_app("my-study"))
        machine.heroku("pg:backups:capture", "-a", "my-study")
        got = machine.heroku("pg:backups:download", "-a", "my-study", "-o", "b.dump")
        assert got.returncode == 0, got.stderr
        assert (machine.home / "b.dump").read_bytes().startswith(b"PGDMP")


class TestFailures:
    def test_the_network_can_be_down(self, platform: Platform, machine: Machine) -> None:
        platform.offline = True
        assert "RemoteDisconnected" in machine.open(platform.url).stderr
        platform.recover()
        assert "RemoteDisconnected" not in machine.open(platform.url).stderr

    def test_eco_must_be_subscribed_to(self, platform: Platform) -> None:
        app = platform.create_app("my-study")
        app.set_processes({"web": "true"})
        with pytest.raises(refusals.Refusal, match="Eco"):
            app.scale([{"type": "web", "size": "eco"}])


class TestCluster:
    def test_databases_are_kept_apart(self, cluster: Cluster) -> None:
        mine, other = cluster.create_database(), cluster.create_database()
        intruder = mine.rpartition("/")[0] + urlsplit(other).path
        assert _psql(cluster, mine, "CREATE TABLE t (); SELECT 1").returncode == 0
        assert "permission denied" in _psql(cluster, intruder, "SELECT 1").stderr

    def test_a_plan_limits_the_connections(self, cluster: Cluster) -> None:
        url = cluster.create_database(connections=0)
        assert "too many connections" in _psql(cluster, url, "SELECT 1").stderr


def _psql(cluster: Cluster, url: str, sql: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [cluster.binary("psql"), url, "-XAtc", sql], capture_output=True, text=True
    )

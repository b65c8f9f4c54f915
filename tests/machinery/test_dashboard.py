"""`study dashboard`: psiTurk's dashboard in a process of its own, on both databases."""

import os
import subprocess

import pytest
from dashboard import AMAZON, KEYS, Dashboard, running
from participant import Browser, Participant
from server import free_port, wait_for

CAMPAIGN = {
    "goal": 10,
    "minutes_between_rounds": 60,
    "assignments_per_round": 9,
    "hit_reward": 0.5,
    "hit_duration_hours": 1,
}


@pytest.fixture(scope="module")
def study(studies):
    return studies(recruitment="mturk", heroku_app="later")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request, tmp_path_factory) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database')}/participants.db"
    return request.getfixturevalue("cluster").create_database()


@pytest.fixture(scope="module")
def dashboard(study, database, tmp_path_factory):
    with running(study, tmp_path_factory.mktemp("dashboard"), database) as dashboard:
        yield dashboard


@pytest.fixture
def researcher(dashboard):
    """The dashboard after the login with the password it printed."""
    answer = dashboard.log_in(dashboard.password)
    assert "Logged in successfully." in answer.text
    return dashboard


def test_without_keys_of_amazon_it_says_what_it_needs(study):
    done = study.run("study", "dashboard")
    assert done.returncode == 1
    assert "needs the keys of an Amazon account with MTurk" in done.stderr
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_with_keys_that_amazon_refuses_it_does_not_start(study, tmp_path):
    settings = KEYS | {"PYTHONPATH": str(AMAZON), "AMAZON_CALLS": str(tmp_path / "amazon.jsonl")}
    settings |= {"AMAZON_REFUSES": "1", "DATABASE_URL": f"sqlite:///{tmp_path}/participants.db"}
    port = str(free_port())
    done = study.run("study", "dashboard", "--port", port, env=os.environ | settings)
    assert done.returncode == 1
    assert "no valid mturk credentials found" in done.stdout + done.stderr
    assert "The server did not start" in done.stderr


def test_strangers_are_sent_to_the_login(dashboard):
    stranger = Browser(dashboard.server.address)
    assert 'name="password"' in stranger.get("/dashboard/campaigns").text
    assert 'name="password"' in stranger.get("/api/campaigns").text


def test_a_wrong_password_is_refused(dashboard):
    stranger = Dashboard(dashboard.server, dashboard.calls_file)
    assert "Incorrect username or password" in stranger.log_in("guess").text
    assert 'name="password"' in stranger.browser.get("/dashboard/index").text


def test_after_the_login_nobody_is_led_to_another_site(dashboard):
    form = {"username": "researcher", "password": dashboard.password}
    for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example/"):
        browser = Browser(dashboard.server.address)
        answer = browser.request("POST", "/dashboard/login?next=" + elsewhere, form=form)
        assert "Logged in successfully." in answer.text
    (cookie,) = browser.cookies
    assert cookie.get_nonstandard_attr("SameSite") == "Strict", "no other site can use the login"


@pytest.mark.parametrize("page", ["index", "hits", "assignments", "campaigns", "tasks"])
def test_a_page_is_shown(researcher, page):
    answer = researcher.browser.get(f"/dashboard/{page}")
    assert answer.status == 200
    assert 'name="password"' not in answer.text


def test_its_interface_lists_assignments_of_the_shared_database(researcher):
    participant = Participant(researcher.server.address, mode="sandbox")
    participant.take_part()
    (assignment,) = researcher.api("assignments")
    assert assignment["uniqueid"] == participant.uniqueid
    assert assignment["status"] == 4


def test_its_interface_tells_the_account(researcher):
    account = researcher.api("services_manager")
    assert account["amt_balance"] == "10000.00"
    assert account["mode"] == "sandbox"


def test_a_campaign_is_created_changed_and_ended(researcher):
    campaign = researcher.api("campaigns", "POST", CAMPAIGN)
    assert campaign["goal"] == 10
    (task,) = researcher.api("tasks")
    assert task["id"] == f"campaign-{campaign['id']}"

    changed = researcher.api(f"campaigns/{campaign['id']}", "PATCH", {"goal": 20})
    assert changed["goal"] == 20
    assert researcher.api(f"campaigns/{campaign['id']}")["goal"] == 20

    ended = researcher.api(f"campaigns/{campaign['id']}", "PATCH", {"is_active": False})
    assert ended["is_active"] is False
    assert researcher.api("tasks") == []
    assert researcher.asked_amazon_to("CreateHITWithHITType") == [], "no scheduler, no round"


def test_a_task_that_approves_everybody_is_created_and_deleted(researcher):
    researcher.api("tasks", "POST", {"name": "approve_all", "interval": "1"})
    assert [task["id"] for task in researcher.api("tasks")] == ["approve_all"]
    assert researcher.browser.request("DELETE", "/api/tasks/approve_all").status == 204
    assert researcher.api("tasks") == []


def test_with_the_scheduler_a_campaign_publishes_hits(study, database, tmp_path):
    with running(study, tmp_path, database, "--scheduler") as dashboard:
        dashboard.log_in(dashboard.password)
        campaign = dashboard.api("campaigns", "POST", CAMPAIGN)
        wait_for(lambda: dashboard.asked_amazon_to("CreateHITWithHITType"))
        (hit,) = dashboard.asked_amazon_to("CreateHITWithHITType")
        assert hit["MaxAssignments"] == 9
        assert "https://study.example.edu:443/pub?mode=sandbox" in hit["Question"]
        wait_for(lambda: len(dashboard.api("hits/")) == 1)
        dashboard.api(f"campaigns/{campaign['id']}", "PATCH", {"is_active": False})


@pytest.mark.parametrize("password", ["short", "Password1"])
def test_the_dashboard_does_not_start_with_a_password_that_is_easy_to_guess(study, password):
    done = study.run("study", "dashboard", env=os.environ | KEYS | {"PSITURK_LOGIN_PW": password})
    assert done.returncode == 1
    assert "password is easy to guess" in done.stderr
    assert "PSITURK_LOGIN_PW" in done.stderr
    assert "Traceback" not in done.stderr


def test_nor_does_its_server_started_by_hand(study):
    settings = {"PSITURK_ENABLE_DASHBOARD": "true", "STUDY_DASHBOARD": "1"}
    settings |= {"PSITURK_LOGIN_USERNAME": "admin", "PSITURK_SECRET_KEY": "k" * 30}
    done = subprocess.run(
        [study.python, "-m", "study.server"],
        cwd=study.path, env=os.environ | settings, text=True, timeout=60, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "password is easy to guess" in done.stderr

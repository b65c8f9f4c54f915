"""The pages around the experiment, and what a participant reads when something is wrong."""

from urllib.parse import urlencode

import html5lib
import pytest
from arrival import find_ids, find_link
from inspection import inspect
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def preview(previews):
    return previews(experiment="stroop", num_conditions="2")


def test_the_front_page_leads_the_researcher_into_the_study(preview, page):
    page.goto(preview.address)
    inspect(page, "front")
    page.get_by_role("link", name="Try the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stroop Task")
    assert "mode=debug" in page.url


@pytest.mark.parametrize("experiment", ["stroop", "jspsych"])
def test_the_pages_are_valid_html(previews, page, experiment):
    preview = previews(experiment=experiment, num_conditions="2")
    who = urlencode(find_ids(page, preview.address, "x"))
    for path in ("/", f"/pub?{who}", f"/consent?{who}", f"/exp?{who}", "/complete?uniqueId=x:A",
                 "/complete?uniqueId=y:A", "/pub?"):  # fmt: skip
        text = page.request.get(preview.address + path).text()
        # psiTurk puts "&mode=" into our links. That is valid, but html5lib knows older rules.
        html5lib.HTMLParser(strict=True).parse(text.replace("&mode=", "&amp;mode="))


def test_someone_who_does_not_agree_is_let_go_and_nothing_is_stored(preview, page):
    page.goto(find_link(page, preview.address, "/consent", "declines"))
    page.get_by_role("link", name="I do not agree").click()
    expect(page.get_by_role("heading", name="That is all right")).to_be_visible()
    inspect(page, "declined")
    answer = page.request.get(
        f"{preview.address}/check_worker_status?workerId=declines&assignmentId=A"
    )
    assert answer.json() == {"status": 0}


def test_before_a_hit_is_accepted_there_is_no_way_in(previews, page):
    preview = previews(recruitment="mturk", heroku_app="later")
    page.goto(
        f"{preview.address}/pub?hitId=H&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&mode=sandbox"
    )
    expect(page.get_by_role("note")).to_contain_text("Accept the HIT")
    assert page.locator("#begin").count() == 0
    inspect(page, "hit-preview")


def test_a_hit_ends_with_the_form_that_mturk_wants(previews, page):
    preview = previews(recruitment="mturk", heroku_app="later")
    ids = f"{preview.address}/exp?hitId=H&assignmentId=S1&workerId=turk&mode=sandbox"
    page.request.get(ids)
    page.request.put(f"{preview.address}/sync/turk:S1", data={"data": [1] * 50})
    for path in ("/inexp", "/complete"):
        assert page.request.post(preview.address + path, form={"uniqueId": "turk:S1"}).ok
    page.goto(f"{preview.address}/pub?hitId=H&assignmentId=S1&workerId=turk&mode=sandbox")
    inspect(page, "submit-hit")
    form = page.locator("form")
    assert form.get_attribute("action") == "https://workersandbox.mturk.com/mturk/externalSubmit"
    assert form.locator("[name=assignmentId]").input_value() == "S1"


@pytest.mark.parametrize(
    "name,path,heading",
    [
        ("wrong-link", "/pub", "This link does not work"),
        ("hostile-link", "/pub?errornum=1&study=x&contact_address=y", "This link does not work"),
        ("changed-link", "/exp?{changed}", "Please open the study by its own link"),
        ("elsewhere", "/exp?{started}", "This page belongs to another browser"),
        ("took-part", "/exp?{again}", "You have already taken part"),
    ],
)
def test_an_error_page_says_what_to_do_and_whom_to_ask(preview, page, name, path, heading):
    ids = find_ids(page, preview.address, "started")
    links = {
        "started": urlencode(ids),
        "changed": urlencode(ids | {"mode": "prolific"}),
        "again": urlencode(find_ids(page, preview.address, "started", assignment="B")),
    }
    page.request.get(f"{preview.address}/exp?{links['started']}")
    page.request.post(f"{preview.address}/inexp", form={"uniqueId": "started:A"})
    page.goto(preview.address + path.format_map(links))
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    # Prolific's messages do not tie an anonymous id to an e-mail address.
    assert page.locator("#contact").get_attribute("href") == "https://app.prolific.com"
    assert "with Prolific's messages" in page.locator("footer").inner_text()
    assert "researcher" not in page.inner_text("body")
    inspect(page, f"error-{name}")


def test_without_messages_an_error_page_leads_to_an_e_mail(previews, page):
    page.goto(f"{previews(recruitment='mturk', heroku_app='later').address}/pub?")
    contact = page.get_by_role("link", name="Write to us")
    assert contact.get_attribute("href").startswith("mailto:you@example.edu?subject=")


def test_a_phone_is_told_to_come_back_on_a_computer_if_the_study_says_so(
    studies, previews, new_page
):
    answers = {"experiment": "stroop", "project_slug": "keyboard"}
    config = studies(**answers).path / "config.txt"
    text = config.read_text("utf-8")
    assert "\nbrowser_exclude_rule = MSIE\n" in text
    config.write_text(text.replace("rule = MSIE\n", "rule = MSIE, mobile, tablet\n"), "utf-8")
    preview = previews(**answers)
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile Safari"
    page = new_page(user_agent=phone)
    page.goto(find_link(page, preview.address, "/pub", "phone"))
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "This study needs another device or browser"
    )


def test_awkward_answers_show_as_they_were_typed(previews, page):
    answers = {
        "study_title": 'It\'s 100% "fun" }} & <b>',
        "study_description": "%} \\ # ; = 🎨 <script>alert(1)</script>",
        "institution": "جامعة [Server Parameters] %(port)s",
        "contact_email": "o'neil+100%@lab.example.edu",
        "project_slug": "awkward",
    }
    preview = previews(**answers)
    for path in ("/pub", "/consent"):
        page.goto(find_link(page, preview.address, path, "awkward"))
        assert answers["study_title"] in page.inner_text("body")
        assert answers["institution"] in page.inner_text("body")
        assert page.locator("a[href^='mailto:']").first.inner_text() == answers["contact_email"]
    page.goto(find_link(page, preview.address, "/pub", "awkward"))
    assert answers["study_description"] in page.inner_text("body")
    inspect(page, "awkward")
    page.goto(f"{preview.address}/pub?")
    assert answers["contact_email"] in page.inner_text("body")
    assert page.problems == []


def test_edits_show_on_reload(studies, previews, page):
    answers = {"experiment": "stroop", "project_slug": "edited"}
    folder = studies(**answers).path
    layout, style = folder / "templates/layout.html", folder / "static/css/study.css"
    page.goto(previews(**answers).link)
    layout.write_bytes((folder / "machinery/study/pages/layout.html").read_bytes())
    edits = {
        layout: ("<footer", "<p id='edited'>New</p><footer"),
        style: ("", "#edited { letter-spacing: 7px; }\n"),
    }
    for file, (old, new) in edits.items():
        file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")
    page.reload()
    style = page.evaluate("getComputedStyle(document.querySelector('#edited')).letterSpacing")
    assert style == "7px"


@pytest.mark.parametrize("mode", ["prolific", "debug"])
def test_who_comes_to_the_end_too_early_keeps_everything(preview, page, mode):
    ids = find_ids(page, preview.address, f"early-{mode}", mode)
    unique_id = f"{ids['workerId']}:{ids['assignmentId']}"
    page.request.get(f"{preview.address}/exp?{urlencode(ids)}")
    page.request.put(f"{preview.address}/sync/{unique_id}", data={"data": [{"trialdata": 1}]})
    page.goto(f"{preview.address}/complete?{urlencode({'uniqueId': unique_id})}")
    inspect(page, f"finish-{mode}")
    page.get_by_role("button", name="Finish the study").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("The study is not finished yet")
    assert page.get_by_text("psiTurk.finishInstructions()").is_visible() == (mode == "debug")
    inspect(page, f"too-little-{mode}")
    page.request.post(f"{preview.address}/inexp", form={"uniqueId": unique_id})
    page.reload()  # which sends the form again
    expect(heading).to_have_text("Thank you for taking part")

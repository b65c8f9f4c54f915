"""Who is flagged: programs that take part in the example, and none of the people."""

import csv
import json
import sys

import pytest
from arrival import find_link
from people import make_person
from visitors import (
    COMMENT,
    HIDE_THE_DRIVER,
    ByKeys,
    ByMouse,
    ByTouch,
    Driven,
    DrivenAsItIs,
    Script,
    Visitor,
    WhoPastes,
    wait_for_signals,
)

from docs.draw_modules import STUDY

sys.path.append(str(STUDY.parent))
from study import quality  # noqa: E402  (which needs the standard library alone)
from study.signals import CONSENT, SIGNALS  # noqa: E402

PEOPLE = {"ByKeys": ByKeys, "ByMouse": ByMouse, "ByTouch": ByTouch}
PROGRAMS = {
    "Script": (Script, {"untrusted", "hidden_field"}),
    "Driven": (Driven, {"text_without_keys", "pointer_jumps", "pointer_centred"}),
    "DrivenAsItIs": (DrivenAsItIs, {"webdriver", "pointer_jumps", "pointer_centred"}),
    "WhoPastes": (WhoPastes, {"pasted"}),
}
CROWD = 200
# Lets the client see the events of made-up people, in a page without any of its own.
WATCH = """async ({ people, names }) => {
    const { Signals } = await import('/static/js/signals.js');
    const field = { name: 'comments', matches: () => true };
    const button = (box) => ({
        closest() { return this; },
        getBoundingClientRect: () => ({ left: box[0], top: box[1], width: box[2], height: box[3] }),
    });
    return people.map(({ by_touch: byTouch, events }) => {
        let kept;
        const signals = new Signals(names, (sums) => { kept = sums; }, { byTouch });
        for (const { times = 1, text, box, x, y, hidden, field: name, ...event } of events) {
            const data = { getData: () => text };
            if (text) window.getSelection = () => text;
            const target = box ? button(box) : name ? field : { hidden, matches: () => false };
            const about = { clientX: x, clientY: y, clipboardData: data, dataTransfer: data };
            const whole = { ...about, ...event, target };
            performance.now = () => event.timeStamp;
            for (let time = 0; time < times; time++) signals.see(whole);
        }
        signals.record();
        return kept;
    });
}"""


@pytest.fixture(scope="module")
def preview(previews):
    return previews(experiment="stroop", num_conditions="2", project_slug="visitors")


@pytest.fixture(scope="module")
def flags(preview, new_page):
    """The flags of each visitor, as `study data` writes them, once all have taken part."""
    address = preview.address.rstrip("/")
    visitors = PEOPLE | {name: kind for name, (kind, _) in PROGRAMS.items()}
    for name, kind in visitors.items():
        page = new_page(**({"has_touch": True, "is_mobile": True} if kind is ByTouch else {}))
        kind(page).take_part(find_link(page, address, "/exp", name))
        assert page.problems == []
    data = preview.study.run("study", "data", "--local", env=preview.environment)
    assert data.returncode == 0, data.stdout + data.stderr
    workers = {row["participant"]: row["workerid"] for row in read(preview, "identifiers")}
    found = {name: {} for name in visitors}
    for row in read(preview, "quality"):
        found[workers[row["participant"]]][row["flag"]] = row
    return found


def read(preview, name):
    with (preview.study.path / "data" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_or_pasted_answer_is_flagged_with_its_reasons(flags, name):
    assert PROGRAMS[name][1] <= flags[name].keys()


@pytest.mark.parametrize("name", PEOPLE)
def test_people_by_keys_mouse_or_touch_are_not(flags, name):
    assert flags[name] == {}


def test_hardly_any_of_200_made_up_people_is_flagged(preview, page):
    people = [make_person(seed) for seed in range(CROWD)]
    page.add_init_script(HIDE_THE_DRIVER)
    page.goto(preview.address)
    heard = [{"by_touch": each.by_touch, "events": each.events} for each in people]
    kept = page.evaluate(WATCH, {"people": heard, "names": list(SIGNALS)})
    recorded = (each.recorded(signals) for each, signals in zip(people, kept, strict=True))
    flagged = [each for each in recorded if quality.find_flags(quality.collect(*each))]
    assert len(flagged) <= 0.02 * CROWD


def test_what_is_recorded_is_what_the_consent_page_names(preview, flags, page):
    page.goto(find_link(page, preview.address.rstrip("/"), "/consent", "reader"))
    text = page.locator("#consent").inner_text()
    for words in CONSENT.values():
        assert words in text
    values = [
        json.loads(row["value"])
        for row in read(preview, "eventdata")
        if row["eventtype"] == "signals"
    ]
    assert len(values) == len(flags)
    assert all(list(value) == list(CONSENT) for value in values)


def test_nothing_that_was_written_or_pressed_is_in_the_signals(preview, flags):
    kept = [row["value"] for row in read(preview, "eventdata") if row["eventtype"] == "signals"]
    words = {*COMMENT.lower().replace(",", "").replace(".", "").split()} - {"in"}
    assert kept
    for value in kept:
        assert not words & {*value.lower().replace('"', " ").split()}
        assert "Key" not in value


def test_the_field_that_nobody_sees_is_hidden_from_screen_readers_and_keys(preview, page):
    Visitor(page)
    page.goto(find_link(page, preview.address.rstrip("/"), "/exp", "looker"))
    wait_for_signals(page)
    for _ in range(2):
        page.get_by_role("button", name="Continue").click()
    decoy = page.locator("[name=website]")
    decoy.wait_for(state="attached")
    assert page.get_by_role("textbox").count() == 0
    assert page.evaluate("(field) => { field.focus(); return document.activeElement === field; }",
                         decoy.element_handle()) is False  # fmt: skip
    assert not decoy.evaluate("(field) => [...document.forms[0].elements].includes(field)")

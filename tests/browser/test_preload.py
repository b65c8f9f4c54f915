"""psiTurk.preload(): everything arrives through a bad line, is used as it is, and plays."""

import json
import time

import chromium
import pytest
from arrival import open_experiment
from faulty_line import faulty_line
from inspection import inspect
from playwright.sync_api import Error, expect
from server import wait_for

from tests.samples import lengthen, make_film, make_image, make_sound

TASK = """
import { PsiTurk } from "./participant.js";
window.psiTurk = new PsiTurk();
document.querySelector("#task").innerHTML = "<h1>Ready</h1><p id='stage'></p>";
window.load = (...names) => { window.loading = psiTurk.preload(names); };
window.outcome = () => loading.then(() => "loaded", ({ message, failed }) => ({ message, failed }));
"""
# Notes when the sound card's clock reaches the first sample that is not silent.
RECORDER = """
registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([[samples]]) {
    const first = samples?.findIndex((sample) => sample !== 0) ?? -1;
    if (first >= 0 && !this.isHeard) this.port.postMessage(currentTime + first / sampleRate);
    this.isHeard ||= first >= 0;
    return true;
  }
});
"""
LISTEN = """
window.heard = new Promise((resolve) => {
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (target, ...rest) {
    const { destination, recorder } = this.context;
    if (target === destination) recorder.then((node) => connect.call(this, node));
    return connect.call(this, target, ...rest);
  };
  window.AudioContext = class extends AudioContext {
    recorder = this.audioWorklet.addModule("/static/js/recorder.js").then(() => {
      const node = new AudioWorkletNode(this, "recorder");
      node.port.onmessage = ({ data }) => {
        const { contextTime, performanceTime } = this.getOutputTimestamp();
        resolve({ at: data, onset: performanceTime + (data - contextTime) * 1000 });
      };
      return node;
    });
  };
});
"""
PLAY_FILM = """
async () => {
  const called = performance.now();
  const ran = new Promise((resolve) => requestAnimationFrame(function look() {
    const film = document.querySelector("#stage video");
    if (film?.currentTime > 0) resolve(performance.now() - called);
    else requestAnimationFrame(look);
  }));
  const { onset, ended } = await psiTurk.stimuli.play("stimuli/red.webm", "#stage");
  const answered = performance.now() - called;
  await ended;
  return { delay: onset - called, answered, ran: await ran, lasted: performance.now() - onset };
}
"""
IMAGES = [f"stimuli/{number}.png" for number in range(12)]
EVERYTHING = [*IMAGES, "stimuli/beep.wav", "stimuli/red.webm", "stimuli/trials.json", "break.html"]


@pytest.fixture(scope="module")
def preview(studies, previews, browser):
    """A study with stimuli of all kinds."""
    answers = {"experiment": "stroop", "project_slug": "stimuli"}
    static = studies(**answers).path / "static"
    (static / "stimuli").mkdir()
    maker = browser.new_page()
    files = {name: make_image(30_000, number) for number, name in enumerate(IMAGES)}
    files |= {"stimuli/beep.wav": make_sound(0.5)}
    files |= {"stimuli/red.webm": lengthen(make_film(maker), 400_000)}
    files |= {"stimuli/trials.json": json.dumps(["word"] * 400).encode()}
    files |= {"stimuli/broken.png": b"GIF, or not", "js/task.js": TASK.encode()}
    files |= {"js/recorder.js": RECORDER.encode()}
    maker.close()
    for name, content in files.items():
        (static / name).write_bytes(content)
    return previews(**answers)


@pytest.fixture
def line(preview):
    with faulty_line(int(preview.address.rpartition(":")[2].strip("/"))) as line:
        yield line


@pytest.fixture
def task(line, page):
    """A participant's window in which the task waits to be told what to load."""
    return open_task(page, line)


def open_task(page, line):
    page.add_init_script(LISTEN)
    open_experiment(page, line.address, f"w{line.server_address[1]}")
    page.get_by_role("heading", name="Ready").wait_for()
    return page


def let_time_pass(page, seconds: float, is_enough) -> None:
    """Go past pauses and silences, as often as it takes."""
    deadline = time.monotonic() + 60
    while not is_enough():
        assert time.monotonic() < deadline
        page.clock.fast_forward(seconds * 1000)
        page.wait_for_timeout(50)


def test_all_kinds_arrive_through_a_faulty_line_a_few_at_a_time(task, line):
    task.clock.install()
    line.faults = {
        "/0.png": ["cut", "cut", "cut"],
        "/1.png": ["503", "login", "503"],
        "/2.png": ["short"],
        "/3.png": ["stall"],
        "/beep.wav": ["cut", "503"],
        "/red.webm": ["cut", "stall", "cut", "cut"],
        "/trials.json": ["503"],
        "/break.html": ["503", "cut"],
    }
    task.evaluate("(names) => load(...names)", EVERYTHING)
    bar = task.get_by_role("progressbar", name="The study is being loaded")
    expect(bar).to_be_visible()
    let_time_pass(task, 5, lambda: bar.count() == 0)
    assert task.evaluate("outcome()") == "loaded"
    assert not any(line.faults.values())
    assert 1 < line.most_at_once <= 5
    assert line.asked["/static/stimuli/5.png"] == 1
    expect(task.get_by_role("heading", name="Ready")).to_be_visible()  # what was there before
    sizes = "(names) => Promise.all(names.map((name) => psiTurk.stimuli.file(name).size))"
    assert task.evaluate(sizes, ["stimuli/red.webm", "stimuli/3.png"])[0] == 400_000
    assert (
        task.evaluate("psiTurk.stimuli.file('stimuli/trials.json').text().then(JSON.parse)")[0]
        == "word"
    )
    (event,) = [
        each for each in task.evaluate("psiTurk.getEventData()") if each["eventtype"] == "preload"
    ]
    assert event["value"]["files"] == len(EVERYTHING)
    assert event["value"]["attempts"] > len(EVERYTHING)


def test_what_is_loaded_is_used_without_a_request_and_named_in_the_data(task, line):
    task.evaluate("(names) => { load(...names); return loading; }", EVERYTHING)
    requests = []
    task.on("request", lambda request: requests.append(request.url))
    task.evaluate("(names) => psiTurk.preload(names)", EVERYTHING)
    task.evaluate("psiTurk.showPage('break.html')")
    assert task.evaluate(
        """async () => {
            const picture = await psiTurk.stimuli.image("stimuli/1.png");
            document.querySelector("#task").replaceChildren(picture);
            const url = psiTurk.stimuli.url("stimuli/2.png");
            const other = Object.assign(new Image(), { src: url });
            await other.decode();
            psiTurk.recordTrialData({ stimulus: [url], html: `<img src="${url}">`, rt: 1 });
            return picture.complete && picture.naturalWidth === other.naturalWidth;
        }"""
    )
    row = task.evaluate("psiTurk.getTrialData().at(-1).trialdata")
    assert row == {"stimulus": ["stimuli/2.png"], "html": '<img src="stimuli/2.png">', "rt": 1}
    assert [url for url in requests if not url.startswith("blob:") and "/sync/" not in url] == []
    assert task.problems == []
    images = "psiTurk.preloadImages(['/static/stimuli/1.png']).then((images) => images.length)"
    assert task.evaluate(images) == 1


def test_what_could_not_be_loaded_is_named_and_the_rest_is_there(task, line):
    task.clock.install()
    line.faults = {"/4.png": ["503"] * 99}
    names = [
        "stimuli/none.png",
        "stimuli/broken.png",
        "stimuli/4.png",
        "stimuli/1.png",
        "none.html",
    ]
    task.evaluate("(names) => load(...names)", names)
    task.evaluate("void outcome().then((outcome) => { window.came = outcome; })")
    let_time_pass(task, 10, lambda: task.evaluate("window.came"))
    outcome = task.evaluate("came")
    reasons = {each["name"]: each["reason"] for each in outcome["failed"]}
    assert list(reasons) == ["stimuli/none.png", "stimuli/broken.png", "stimuli/4.png", "none.html"]
    assert "answered 404" in reasons["stimuli/none.png"]
    assert "cannot show" in reasons["stimuli/broken.png"]
    assert "answered 503" in reasons["stimuli/4.png"]
    assert all(name in outcome["message"] for name in reasons)
    assert task.evaluate("psiTurk.stimuli.file('stimuli/1.png').size") > 0
    line.faults.clear()
    task.evaluate("load('stimuli/4.png')")  # asks again
    assert task.evaluate("outcome()") == "loaded"
    refused = task.evaluate("psiTurk.preload([{}.picture]).catch(({ message }) => message)")
    assert "not undefined" in refused
    unknown = task.evaluate(
        "() => { try { psiTurk.stimuli.url('cat.png') } catch (e) { return e.message } }"
    )
    assert "add it to psiTurk.preload" in unknown


def test_the_participant_sees_how_far_it_is_and_what_to_do(task, line):
    task.clock.install()
    task.evaluate("(names) => { load(...names); return loading; }", EVERYTHING[:-4])
    line.gate.clear()
    task.evaluate("(names) => load(...names)", EVERYTHING)
    bar = task.get_by_role("progressbar")
    expect(bar).to_be_visible()
    assert 0 < bar.evaluate("(bar) => bar.value") < 1
    inspect(task, "loading")
    task.context.set_offline(True)
    expect(task.get_by_text("You seem to be offline")).to_be_visible()
    task.context.set_offline(False)
    expect(task.get_by_text("You seem to be offline")).to_be_hidden()
    task.clock.fast_forward(70_000)
    expect(task.get_by_text("Nothing is coming through")).to_be_visible()
    expect(task.get_by_text("If it does not go on, write to")).to_be_visible()
    inspect(task, "loading-trouble")
    asked = line.asked.total()
    task.get_by_role("button", name="Try again now").click()
    wait_for(lambda: line.asked.total() > asked)
    line.gate.set()
    assert task.evaluate("outcome()") == "loaded"


def test_sound_and_film_say_when_they_began(task):
    task.evaluate("(names) => { load(...names); return loading; }", EVERYTHING)
    task.locator("h1").click()  # browsers are silent until then
    sound = task.evaluate(
        """async () => {
            const called = performance.now();
            const { onset, ended } = await psiTurk.stimuli.play("stimuli/beep.wav");
            const heard = await window.heard;
            await ended;
            return { delay: onset - called, off: onset - heard.onset };
        }"""
    )
    film = task.evaluate(PLAY_FILM)
    print(f"\nsound: {sound}\nfilm: {film}")
    assert sound["delay"] > 0
    assert abs(sound["off"]) < 20  # ms; two readings of the clocks of sound card and page
    assert 0 < film["delay"] < film["answered"] + 50  # the frame is shown next, if not already
    assert film["lasted"] > 500
    with pytest.raises(Error, match="needs an element"):
        task.evaluate("psiTurk.stimuli.play('stimuli/red.webm', '#nowhere')")


def test_without_a_press_the_participant_is_asked_for_one(browser, line):
    options = [*chromium.OPTIONS, "--autoplay-policy=document-user-activation-required"]
    strict = browser.browser_type.launch(executable_path=chromium.program(), args=options)
    try:
        page = strict.new_page()
        wire = page.context.new_cdp_session(page)

        def tell(expression: str):  # Playwright's evaluate() counts as a press
            asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
            return wire.send("Runtime.evaluate", asked)["result"].get("value")

        open_experiment(page, line.address, "silent")
        wait_for(lambda: tell("typeof load") == "function")
        tell("load('stimuli/beep.wav'); loading")
        play = "psiTurk.stimuli.play('stimuli/beep.wav')"
        tell(f"void {play}.then(({{ onset }}) => {{ window.onset = onset; }})")
        wait_for(lambda: tell("document.querySelector('dialog button')?.textContent") == "Go on")
        assert tell("window.onset") is None
        middle = "(({ x, y, width, height }) => [x + width / 2, y + height / 2])"
        page.mouse.click(
            *tell(f"{middle}(document.querySelector('dialog button').getBoundingClientRect())")
        )
        wait_for(lambda: tell("window.onset > 0"))
        assert tell("document.querySelector('dialog')") is None
    finally:
        strict.close()

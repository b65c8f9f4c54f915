"""300 files of 200 MB over 1.5 Mbit/s with 5 % loss: psiTurk.preload() beside jsPsych's plugin.

    uv run python -m tests.bench.preload                # 20 to 40 minutes
    uv run python -m tests.bench.preload --scale 10     # 10 times the rate

Needs root on Linux, Chromium and a PostgreSQL server's programs. Each client has a Chromium and a
line of its own (tests/bench/line.py: real packets, the kernel's TCP), and all load from one server
at the same time: two over lines that lose packets, two over lines that also break. --scale makes
the line faster and its breaks shorter, but not its round trip: quote figures without it.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.browser.packages import package

from tests import chromium
from tests.bench.installation import generated_study
from tests.bench.line import CLONE_NEWNET, ip
from tests.bench.load import database_server
from tests.bench.processes import pss, tree
from tests.bench.report import load, table
from tests.bench.servers import serving
from tests.bench.watch import Watch
from tests.samples import lengthen, make_film, make_image, make_sound

IMAGES, SOUNDS, FILMS = 188, 100, 12
PLUGIN = "@jspsych/plugin-preload@2.1.0"
OUTAGE_EVERY = 240  # s
OURS = """
import { PsiTurk } from "./participant.js";
const psiTurk = new PsiTurk();
const names = await (await fetch("/static/names.json")).json();
const outcome = await psiTurk.preload(names).then(() => ({}), ({ failed }) => ({ failed }));
const { value } = psiTurk.getEventData().find(({ eventtype }) => eventtype === "preload");
window.outcome = { ...value, ...outcome, arrived: names.length - value.failed.length };
"""
THEIRS = """
const names = await (await fetch("/static/names.json")).json();
const addresses = names.map((name) => `/static/${name}`);
const of = (ending) => addresses.filter((address) => address.endsWith(ending));
window.arrived = [];
window.failed = [];
const check = () => {
  if (arrived.length + failed.length >= names.length) {
    window.outcome = { arrived: arrived.length, failed, files: names.length };
  }
};
initJsPsych().run([{
  type: jsPsychPreload, images: of("png"), audio: of("wav"), video: of("webm"),
  on_success: (file) => { arrived.push(file); check(); },
  on_error: (file) => { failed.push(file); check(); },
}]);
"""
PAGE = """<!doctype html><meta charset="utf-8"><title>jsPsych</title><body>
<script src="lib/jspsych.js"></script><script src="lib/preload.js"></script>
<script type="module" src="js/theirs.js"></script>
"""
ADDRESSES = {
    "psiTurk.preload()": "/exp?hitId=H&assignmentId=A&workerId=W{line}&mode=sandbox",
    "jsPsych's preload": "/static/jspsych.html",
}
# What had come when time was up.
SO_FAR = """() => window.outcome ?? {
  arrived: window.arrived?.length ?? 0, failed: window.failed ?? [], isCut: true,
  shown: document.querySelector("progress")?.value }"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preload")
    parser.add_argument("--scale", type=float, default=1, help="times the rate")
    parser.add_argument("--size", type=float, default=200, help="megabytes in all")
    parser.add_argument(
        "--limit", type=float, default=2400, help="s after which a client is stopped"
    )
    parser.add_argument("--visit", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.visit:
        address, port, limit = options.visit
        return print(json.dumps(visit(address, int(port), float(limit))))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        study, _ = generated_study(Path(folder))
        bytes_in_all = fill(study.folder / "static", options.size * 1e6)
        if ctypes.CDLL(None).unshare(CLONE_NEWNET):
            sys.exit("This needs root on Linux.")
        ip("link", "set", "lo", "up")
        with database_server() as cluster, serving(study, cluster.create_database(), 2) as server:
            server.wait(300)
            rows = measure(server.port, options, bytes_in_all)
    head = (
        "line",
        "files that arrived",
        "failed",
        "seconds",
        "MB over the line",
        "browser at its peak, MB",
    )
    print(table(head, *rows))
    print(f"\n{IMAGES + SOUNDS + FILMS} files of {bytes_in_all / 1e6:.0f} MB; {load()}.")


def fill(static: Path, size: float) -> int:
    """Make the files and the two tasks that load them; return the bytes of all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program(), args=chromium.OPTIONS
        )
        film = make_film(browser.new_page())
        browser.close()
    share = {"png": 0.25 * size / IMAGES, "wav": 0.15 * size / SOUNDS, "webm": 0.6 * size / FILMS}
    files = {f"stimuli/{n}.png": make_image(int(share["png"]), n) for n in range(IMAGES)}
    files |= {f"stimuli/{n}.wav": make_sound(share["wav"] / 16000, n) for n in range(SOUNDS)}
    files |= {f"stimuli/{n}.webm": lengthen(film, int(share["webm"]), n) for n in range(FILMS)}
    for name, content in files.items():
        (static / name).parent.mkdir(exist_ok=True)
        (static / name).write_bytes(content)
    texts = {"names.json": json.dumps(list(files)), "js/task.js": OURS, "js/theirs.js": THEIRS}
    texts |= {"jspsych.html": PAGE}
    for name, file in (("jspsych", "jspsych@8.3.0"), ("preload", PLUGIN)):
        script = package(file) / "dist" / "index.browser.min.js"
        texts[f"lib/{name}.js"] = script.read_text(encoding="utf-8")
    for name, text in texts.items():
        (static / name).parent.mkdir(exist_ok=True)
        (static / name).write_text(text, encoding="utf-8")
    return sum(map(len, files.values()))


def measure(port: int, options: argparse.Namespace, size: int) -> list[tuple[str, ...]]:
    """Let all of them load at the same time, each at the end of a line of its own."""
    running = []
    for outage in (0, OUTAGE_EVERY / options.scale):
        for name, address in ADDRESSES.items():
            number = len(running) + 1
            line = ["--number", number, "--rate", 1500 * options.scale, "--outage", outage]
            browser = [sys.executable, "-m", "tests.bench.preload", "--visit"]
            browser += [address.format(line=number), port, options.limit]
            command = [sys.executable, "-m", "tests.bench.line", *line, "--", *browser]
            label = f"{name}, {'5 % loss and a break every 4 minutes' if outage else '5 % loss'}"
            process = subprocess.Popen(
                [str(part) for part in command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running.append((label, process))
    return [row(label, *process.communicate()) for label, process in running]


def row(label: str, printed: str, carried: str) -> tuple[str, ...]:
    print(label, printed, carried, sep="\n", file=sys.stderr)
    found = json.loads(printed.splitlines()[-1])
    seconds = f"{found['took']:.0f}" + (" (stopped)" if found.get("isCut") else "")
    megabytes = int(carried.split(" bytes came")[0].split()[-1]) / 1e6
    failed = str(len(found["failed"]))
    return (
        label,
        str(found["arrived"]),
        failed,
        seconds,
        f"{megabytes:.0f}",
        f"{found['peak']:.0f}",
    )


def visit(address: str, port: int, limit: float) -> dict:
    """Load the page at the far end of the line; what came, and how long it took."""
    number = subprocess.run(
        ["ip", "-o", "-4", "address"], capture_output=True, text=True, check=True
    )
    near = number.stdout.split("peer ")[1].split("/")[0]
    arguments = [*chromium.OPTIONS, f"--host-resolver-rules=MAP localhost {near}"]
    arguments += ["--autoplay-policy=no-user-gesture-required"]
    # With a profile, as participants have: without one, Chromium keeps its cache in memory.
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium.program(), args=arguments
        )
        page = browser.new_page()
        page.on("console", lambda line: print(line.text[:200], file=sys.stderr))
        began = time.monotonic()
        with Watch(lambda: sum(map(_pss, tree(os.getpid()))), every=5) as memory:
            page.goto(f"http://localhost:{port}{address}", timeout=120_000)
            while not page.evaluate("() => window.outcome") and time.monotonic() - began < limit:
                page.wait_for_timeout(500)
            outcome = page.evaluate(SO_FAR) | {"took": time.monotonic() - began}
        browser.close()
    return outcome | {"peak": memory.peak}


def _pss(pid: int) -> float:
    try:
        return pss(pid)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0  # it has just ended


if __name__ == "__main__":
    main()

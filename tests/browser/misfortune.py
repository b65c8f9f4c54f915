"""Things go wrong one after the other and at once, as chance has it: each number is a story."""

import contextlib
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from faults import LATENCY, Participation, own_chromium
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as BrowserError

Fault = Callable[[Participation], contextlib.AbstractContextManager]


@contextlib.contextmanager
def server_killed(participant: Participation) -> Iterator[None]:
    participant.site.kill()
    yield
    participant.site.start()


@contextlib.contextmanager
def server_restarted(participant: Participation) -> Iterator[None]:
    participant.site.stop()
    yield
    participant.site.start()


@contextlib.contextmanager
def database_away(participant: Participation) -> Iterator[None]:
    with participant.site.cluster.away():
        yield


@contextlib.contextmanager
def connections_cut(participant: Participation) -> Iterator[None]:
    participant.site.cluster.disconnect(participant.site.url)
    yield


@contextlib.contextmanager
def browser_offline(participant: Participation) -> Iterator[None]:
    context = participant.page.context
    context.set_offline(True)
    yield
    with contextlib.suppress(BrowserError):  # it may be gone
        context.set_offline(False)


@contextlib.contextmanager
def network_slow(participant: Participation) -> Iterator[None]:
    wire = participant.page.context.new_cdp_session(participant.page)
    wire.send("Network.enable")
    unlimited = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    wire.send("Network.emulateNetworkConditions", unlimited | {"latency": LATENCY})
    yield
    with contextlib.suppress(BrowserError):
        wire.send("Network.emulateNetworkConditions", unlimited | {"latency": 0})


# In an order in which several can begin; they end the other way round.
SERVER: list[Fault] = [server_killed, server_restarted]
DATABASE: list[Fault] = [database_away, connections_cut]
NETWORK: list[Fault] = [browser_offline, network_slow]


class Story:
    """Somebody takes part in the browser of this profile, whatever happens."""

    def __init__(
        self, participant: Participation, browser: Browser, profile: Path, chance: random.Random
    ) -> None:
        self.participant, self.chance = participant, chance
        self._browser, self._profile = browser, profile
        self._chromium = contextlib.ExitStack()

    def happen(self, chapters: int) -> None:
        """From the invitation to the end of the study."""
        with self._chromium:
            process = self._open()
            self.participant.begin(self.page)
            # Chromium writes a new cookie to the disk after 30 s, or when it is closed.
            self.page.context.browser.new_browser_cdp_session().send("Browser.close")
            process.wait(60)
            self.browser_killed()()
            for _ in range(chapters):
                self._chapter()
            self.participant.finish(unseen=100 * chapters)  # stored, but nobody could tell us

    def _chapter(self) -> None:
        """Something is away, perhaps the window goes, and all is well again."""
        away = [
            self.chance.choice(faults)
            for faults in (SERVER, DATABASE, NETWORK)
            if self.chance.random() < 0.6
        ]
        goes = self.chance.choice([None, None, self.window_closed, self.browser_killed])
        comes = self.chance.choice([None, None, self.page_reloaded, self.second_window])
        names = [what.__name__ for what in (*away, goes, comes) if what]
        print(", ".join(names) or "nothing")
        with contextlib.ExitStack() as until_then:
            for fault in away:
                until_then.enter_context(fault(self.participant))
                self._go_on()
            reopen = goes() if goes else None
        if reopen:
            reopen()
        elif comes:
            comes()
        self._go_on()

    def _go_on(self) -> None:
        """Some more trials, now and then several at once, or a save that the task asks for."""
        if self.chance.random() < 0.5:
            self.page.evaluate("void Array.from({ length: 20 }, nextTrial)")
        if self.chance.random() < 0.3:
            self.page.evaluate("void psiTurk.saveData().catch(() => {})")
        self.participant.see_more(self.chance.randint(1, 8))

    @property
    def page(self) -> Page:
        """The window in which the study goes on."""
        return self.participant.page

    def _open(self) -> subprocess.Popen:
        page, process = self._chromium.enter_context(own_chromium(self._browser, self._profile))
        self.participant.page = page
        return process

    def browser_killed(self) -> Callable[[], None]:
        """Gives what opens it again."""
        self._chromium.close()

        def reopen() -> None:
            self._open()
            self.participant.enter_again(self.page)

        return reopen

    def window_closed(self) -> Callable[[], None]:
        """Gives what opens another one."""
        context = self.page.context
        with self.page.expect_event("close"):
            self.page.close(run_before_unload=True)
        return lambda: self.participant.enter_again(context.new_page())

    def page_reloaded(self) -> None:
        self.page.reload()
        self.page.get_by_role("heading", name="Counting").wait_for()
        self.participant.run_trials()

    def second_window(self) -> None:
        self.participant.enter_again(self.page.context.new_page())

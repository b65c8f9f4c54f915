"""The highest value that something reaches while something else happens."""

import threading
from collections.abc import Callable


class Watch:
    """Reads a figure again and again until its end.

    with Watch(site.memory, every=2) as memory:
        ...
    memory.peak
    """

    def __init__(self, read: Callable[[], float], every: float) -> None:
        self._read, self._every = read, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0.0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        self.peak = self._read()
        while not self._over.wait(self._every):
            self.peak = max(self.peak, self._read())

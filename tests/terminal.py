"""A program on a terminal, 80 columns wide, and somebody who types."""

from pathlib import Path

import pexpect


class Terminal(pexpect.spawn):
    """A running program; ``said`` is all that it has printed so far."""

    def __init__(self, command: list[str | Path], folder: Path, environment: dict[str, str]):
        program, *arguments = map(str, command)
        plain = environment | {"TERM": "dumb", "COLUMNS": "80"}
        options = {"cwd": str(folder), "env": plain, "dimensions": (40, 80)}
        super().__init__(program, arguments, encoding="utf-8", timeout=60, **options)
        self.said = ""

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Read until a pattern matches; returns what was printed since the last time."""
        self.expect(pattern, timeout=seconds)
        return self._keep(self.before + self.after)

    def wait_for_end(self, seconds: float = 60) -> int:
        """Read to the end; returns the exit status."""
        self.expect(pexpect.EOF, timeout=seconds)
        self._keep(self.before)
        self.close()
        return self.exitstatus

    def answer(self, *answers: str) -> list[str]:
        """Type answers to cookiecutter; returns its questions."""
        questions = []
        for text in answers:
            questions.append(self.wait_for(r"\): "))
            self.sendline(text)
        return questions

    def _keep(self, text: str) -> str:
        text = text.replace("\r\n", "\n")
        self.said += text
        return text

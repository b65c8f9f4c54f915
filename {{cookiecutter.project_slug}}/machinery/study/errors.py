"""Errors that people read: what went wrong, what to do next, what was left behind."""


class StudyError(Exception):
    """A problem that the reader can solve; it is printed, never shown as a traceback.

    ``cause`` says what went wrong, ``remedy`` what to do next, and ``left`` what
    exists now (files, apps, costs), if anything does.
    """

    def __init__(self, cause: str, remedy: str, left: str = "") -> None:
        super().__init__(cause)
        self.cause, self.remedy, self.left = cause, remedy, left

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.cause, self.remedy, self.left)))

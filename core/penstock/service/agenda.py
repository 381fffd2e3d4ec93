"""What a source is asked to do next: one sync at a time, and at most one more in line."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct


class Cause(StrEnum):
    """Why a sync begins."""

    START = "start"
    SCHEDULE = "schedule"
    REQUEST = "request"
    CHANGE = "configuration changed"
    RESUME = "quota of the source renewed"


class Task(NamedTuple):
    """A sync to be done."""

    cause: Cause
    only: frozenset[str] = frozenset()
    """Kinds; all when empty."""


class Answer(StrEnum):
    """What becomes of a wish."""

    BEGINS = "begins"
    QUEUED = "queued"
    JOINED = "joined"
    """A sync that has yet to begin does it as well."""
    SKIPPED = "skipped"


_IMPATIENT: Final = frozenset({Cause.SCHEDULE, Cause.RESUME})
"""A sync that is under way does what these want."""


class Agenda(Struct):
    """The sync that is under way and the one after it."""

    current: Task | None = None
    waiting: Task | None = None
    breaks_off: bool = False
    """Whether what is under way was told to stop, so that it does not do what others want."""

    def ask(self, task: Task) -> Answer:
        """Take a wish: beside a sync that is under way there is room for one more, which covers all further ones."""
        if self.waiting is not None:
            self.waiting = Task(self.waiting.cause, _both(self.waiting.only, task.only))
            return Answer.JOINED
        if self.current is not None and task.cause in _IMPATIENT and not self.breaks_off:
            return Answer.SKIPPED
        self.waiting = task
        return Answer.BEGINS if self.current is None else Answer.QUEUED

    def begin(self) -> Task | None:
        """Return what is to be done now; it is under way until ``end``."""
        self.current, self.waiting = self.waiting, None
        return self.current

    def end(self) -> None:
        """Note that nothing is under way any more."""
        self.current, self.breaks_off = None, False


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    return one | other if one and other else frozenset()

"""How far a run is: a bar per kind on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from penstock.cli.console import interactive, printable, say
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PAUSE: Final = 5.0
"""Seconds between two plain lines of a kind that is being read."""
SHOWN_BARS: Final = 8
"""Bars on the screen at once."""
DONE: Final = {name: name for name in ("created", "updated", "unchanged", "deleted", "held")}
"""What to call each outcome."""
PLANNED: Final = {**DONE, "created": "to create", "updated": "to update", "deleted": "to delete"}
"""The same while nothing is done yet."""


@contextmanager
def progress(*, quiet: bool, words: Mapping[str, str] = DONE) -> Generator[Observer]:
    """Give the observer that fits stderr."""
    if quiet:
        yield Observer()
    elif interactive():
        with _bars() as bars:
            yield BarProgress(bars, words)
    else:
        yield PlainProgress(words)


class PlainProgress(Observer):
    """A line when the reading of a kind begins, one when it has ended, and one now and then."""

    def __init__(self, words: Mapping[str, str] = DONE) -> None:
        self._words = words
        self._said = monotonic()
        self._reading: KindReport | None = None

    def kind_started(self, kind: KindReport) -> None:
        """Say that a kind begins."""
        self._conclude()
        self._reading = kind
        self._line(f"{kind.kind}: reading")

    def page_read(self, kind: KindReport) -> None:
        """Say how far it is, if nothing was said lately."""
        self._now_and_then(kind)

    def batch_written(self, kind: KindReport) -> None:
        """Say how far it is, if nothing was said lately."""
        self._now_and_then(kind)

    def kind_finished(self, kind: KindReport) -> None:
        """Say what came of the last kind; kinds end together, after the last was read."""
        del kind
        self._conclude()

    def _conclude(self) -> None:
        if self._reading is not None:
            self._line(f"{self._reading.kind}: {counts(self._reading, self._words)}")
            self._reading = None

    def _now_and_then(self, kind: KindReport) -> None:
        if monotonic() - self._said >= PAUSE:
            self._line(f"{kind.kind}: {counts(kind, self._words)} so far")

    def _line(self, text: str) -> None:
        self._said = monotonic()
        say(text)


class BarProgress(Observer):
    """A bar for each kind, of which the latest are shown; the summary tells how they ended."""

    def __init__(self, bars: Progress, words: Mapping[str, str] = DONE) -> None:
        self._bars = bars
        self._words = words
        self._tasks: dict[int, tuple[TaskID, KindReport]] = {}  # the report is kept so that its id stays its own

    def kind_started(self, kind: KindReport) -> None:
        """Show a bar, which pulses: nobody knows how many pages there are. The kinds before it have been read."""
        for _, earlier in list(self._tasks.values()):
            self.kind_finished(earlier)
        task = self._bars.add_task(printable(kind.kind), total=None, counts=counts(kind, self._words))
        self._tasks[id(kind)] = task, kind
        for older, _ in list(self._tasks.values())[:-SHOWN_BARS]:
            self._bars.update(older, visible=False)

    def page_read(self, kind: KindReport) -> None:
        """Move the counts on."""
        self._count(kind)

    def batch_written(self, kind: KindReport) -> None:
        """Move the counts on."""
        self._count(kind)

    def kind_finished(self, kind: KindReport) -> None:
        """Fill the bar, if the kind was ever begun."""
        if id(kind) in self._tasks:
            self._bars.update(self._tasks[id(kind)][0], total=1, completed=1, counts=counts(kind, self._words))

    def _count(self, kind: KindReport) -> None:
        self._bars.update(self._tasks[id(kind)][0], counts=counts(kind, self._words))


def counts(kind: KindReport, words: Mapping[str, str] = DONE) -> str:
    """Return what is known of a kind: pages, records, outcomes that occurred and errors."""
    outcomes = {word: getattr(kind, name) for name, word in words.items()}
    parts = [_many(kind.pages, "page"), _many(kind.fetched, "record")]
    parts += [f"{count:,} {name}" for name, count in outcomes.items() if count]
    if kind.errors:
        parts.append(_many(len(kind.errors), "error"))
    return ", ".join(parts)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        refresh_per_second=5,
        transient=True,
    )

"""One source of a service: its schedule, what is asked of it, and the syncs that come of that, one at a time."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from penstock.config.service import Calendar
from penstock.service.agenda import Agenda, Answer, Cause, Task
from penstock.service.configuration import Snapshot
from penstock.service.hearing import Hearing
from penstock.service.logs import Log
from penstock.service.metrics import Metrics
from penstock.service.order import Order
from penstock.service.runner import Ran, Report, Runner
from penstock.service.schedule import Schedule

_SHOWN: Final = ("fetched", "created", "updated", "unchanged", "deleted", "held", "failed")
_STATUSES: Final = {0: "complete", 1: "incomplete", 2: "misconfigured", 3: "held", 75: "busy"}


class Ended(NamedTuple):
    """The last sync of a source."""

    status: str
    code: int
    at: datetime
    report: Report | None


class Shared(NamedTuple):
    """What the sources of a service share."""

    runner: Runner
    turns: asyncio.Semaphore
    """Of the syncs that may be under way at once."""
    metrics: Metrics
    longest_run: float
    """Seconds."""


class Source:
    """A source that is kept in step while ``live`` runs."""

    def __init__(self, calendar: Calendar, snapshot: Snapshot, shared: Shared, log: Log) -> None:
        self.calendar = calendar
        self.snapshot = snapshot
        """What the next sync is told."""
        self.last: Ended | None = None
        self.hearing: Hearing | None = None
        """Who hears that somebody asks for a sync at the catalog, where that can be."""
        self._changed = asyncio.Event()
        """There is another configuration."""
        self._shared = shared
        self._log = log
        self._agenda = Agenda()
        self._wanted = asyncio.Event()
        self._schedule = _schedule_of(calendar)
        self._moved = asyncio.Event()
        """There is another schedule."""
        self._sync: asyncio.Task[Ran] | None = None
        self._since = 0.0
        self._resume: asyncio.TimerHandle | None = None
        """Set while the source wants no requests."""

    @property
    def current(self) -> Task | None:
        """The sync that is under way, or waits for its turn."""
        return self._agenda.current

    def ask(self, cause: Cause, only: frozenset[str] = frozenset()) -> Answer:
        """Ask for a sync; it takes place in ``live``.

        The schedule waits while the source wants no requests; a person may know better.
        """
        if cause is Cause.SCHEDULE and self._resume is not None:
            self._shared.metrics.skipped(self.calendar.source)
            self._log.tell("a sync is due (schedule) and left out, for the source wants no requests yet")
            return Answer.SKIPPED
        answer = self._agenda.ask(Task(cause, only))
        if answer is Answer.SKIPPED:
            self._shared.metrics.skipped(self.calendar.source)
            self._log.caution(f"a sync is due ({cause}) and left out, for one is under way")
        elif self._agenda.current is not None:
            self._log.tell(f"another sync is asked for ({cause}) and follows the one under way")
        self._wanted.set()
        return answer

    async def live(self) -> None:
        """Do what is asked, until cancelled; a sync that is under way is then told to stop, and waited for."""
        ticking = asyncio.create_task(self._tick())
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while (task := self._agenda.begin()) is not None:
                    async with self._shared.turns:
                        await self._do(task)
                    self._agenda.end()
        finally:
            ticking.cancel()
            listening.cancel()
            await asyncio.gather(ticking, listening, return_exceptions=True)
            if self._resume is not None:
                self._resume.cancel()

    def rescheduled(self, calendar: Calendar, snapshot: Snapshot) -> None:
        """Go on with another configuration: a sync that is under way keeps the one it began with."""
        if calendar.interval != self.calendar.interval:
            self._schedule = _schedule_of(calendar)
            self._moved.set()
        self.calendar, self.snapshot = calendar, snapshot
        self._changed.set()

    def listens(self, *, at_all: bool) -> None:
        """Hear from now on who asks for a sync at the catalog, or nobody any more."""
        if not at_all:
            self.hearing = None
        elif self.hearing is None:
            self.hearing = Hearing(self._shared.runner, self._log, self._reached, self._asked)
        self._changed.set()

    def _reached(self) -> None:
        if self.calendar.begins_with_sync:
            self.ask(Cause.START)

    def _asked(self) -> None:
        self.ask(Cause.REQUEST)

    async def _listen(self) -> None:
        """Listen as the configuration says, anew with each."""
        while True:
            self._changed.clear()
            hearing = None if self.hearing is None else asyncio.create_task(self.hearing.live(self.snapshot))
            try:
                await self._changed.wait()
            finally:
                if hearing is not None:
                    hearing.cancel()
                    await asyncio.gather(hearing, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            self._moved.clear()
            await self._keep_to(self._schedule)

    async def _keep_to(self, schedule: Schedule | None) -> None:
        """Ask for a sync at every tick, until there is another schedule."""
        if schedule is None:
            await self._moved.wait()
            return
        while not self._moved.is_set():
            now = time.monotonic()
            try:
                await asyncio.wait_for(self._moved.wait(), schedule.next_after(now) - now)
            except TimeoutError:
                self._end_if_endless()
                self.ask(Cause.SCHEDULE)

    def _end_if_endless(self) -> None:
        """Stop a sync that has been under way for so long that it must be stuck; the next one follows it."""
        if self._sync is not None and time.monotonic() - self._since > self._shared.longest_run:
            self._log.alarm("the sync takes too long and is stopped")
            self._sync.cancel()
            self._agenda.breaks_off = True

    async def _do(self, task: Task) -> Ran:
        source, sync = self.calendar.source, uuid.uuid4().hex[:12]
        log = self._log.bound(sync=sync)
        kinds = f", only {', '.join(sorted(task.only))}" if task.only else ""
        log.tell(f"sync begins ({task.cause}{kinds})")
        self._shared.metrics.began(source)
        self._since = time.monotonic()
        timetable = None if self._schedule is None else self._schedule.timetable(self._since)
        order = Order(tuple(sorted(task.only)), timetable)
        self._sync = asyncio.create_task(self._shared.runner.sync(self.snapshot, order, log.relay))
        try:
            ran = await asyncio.shield(self._sync)
        except asyncio.CancelledError:
            if not self._sync.cancelled():  # it is this task that was cancelled
                self._sync.cancel()
                with suppress(asyncio.CancelledError):
                    await self._sync
                self._over(task, Ran(143, None), log)
                raise
            ran = Ran(143, None)
        finally:
            self._sync = None
        self._over(task, ran, log)
        return ran

    def _over(self, task: Task, ran: Ran, log: Log) -> None:
        report = ran.report
        status = report["status"] if report else _STATUSES.get(ran.code, "failed")
        status = "interrupted" if ran.code in {130, 143} else status
        self.last = Ended(status, ran.code, datetime.now(UTC), report)
        self._shared.metrics.ended(self.calendar.source, status, report, time.time())
        say = log.tell if status in {"complete", "held"} else log.caution
        say(f"sync ends: {status}{_figures(report)} (exit code {ran.code})", run=report["run"] if report else None)
        resume_at = report.get("resume_at") if report else None
        is_newer = resume_at is not None or (report is not None and not task.only)
        if is_newer and self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if resume_at is not None:
            self._resume_at(datetime.fromisoformat(resume_at), task.only)

    def _resume_at(self, moment: datetime, only: frozenset[str]) -> None:
        delay = max((moment - datetime.now(UTC)).total_seconds(), 1)
        self._log.tell(f"the source wants no requests for {delay:.0f} s; the sync goes on then")
        self._resume = asyncio.get_running_loop().call_later(delay, self._go_on, only)

    def _go_on(self, only: frozenset[str]) -> None:
        """Take up what the quota has ended: only a sync of the same kinds goes on where that was."""
        self._resume = None
        self.ask(Cause.RESUME, only)


def _schedule_of(calendar: Calendar) -> Schedule | None:
    return None if calendar.interval is None else Schedule(calendar.interval, time.monotonic())


def _figures(report: Report | None) -> str:
    if report is None:
        return ""
    totals = {name: sum(kind[name] for kind in report["kinds"]) for name in _SHOWN}
    return "; " + ", ".join(f"{name} {count}" for name, count in totals.items() if count or name == "fetched")

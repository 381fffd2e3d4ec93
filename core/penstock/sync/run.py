"""One run: read every kind, deliver its entities, then delete what is proven to be gone."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from penstock.config.models import Settings
from penstock.errors import PenstockError, SinkError
from penstock.http.lending import Lent
from penstock.journal import Journal
from penstock.redaction import Secrets
from penstock.strategies import Sink
from penstock.sync.coverage import Coverages
from penstock.sync.news import News
from penstock.sync.observer import NO_INSTRUMENTS, Instruments, Observer
from penstock.sync.proof import prove
from penstock.sync.reading import Reading
from penstock.sync.reconcile import reconcile
from penstock.sync.report import KindReport, RunReport
from penstock.sync.resources import identity_of, resource_names
from penstock.sync.sinks import StoppedError, open_sink
from penstock.sync.source import Source, open_source
from penstock.sync.spool import Kept
from penstock.sync.task import digest_of
from penstock.values import WriteFlags

if TYPE_CHECKING:
    from penstock.config.models import HttpSettings
    from penstock.http.wire import Wire

_SUSPENDED: Final = "suspended"
_BROKEN_OFF: Final = (None, "interrupted", _SUSPENDED)
"""How a run has ended that can be taken up: killed, stopped, or with the source's quota used up."""


async def run_sync(
    settings: Settings,
    secrets: Secrets,
    *,
    only: Collection[str] = (),
    observer: Observer,
    stop: asyncio.Event,
    instruments: Instruments = NO_INSTRUMENTS,
) -> RunReport:
    """Sync a source into its sink once; a run of the same task that was broken off shortly before is taken up.

    Args:
        settings: What to do.
        secrets: What no message may show; learns what is obtained on the way.
        only: Kinds to read; all when empty.
        observer: Hears what happens.
        stop: When set, the run ends soon and cleanly: what was read is delivered, as far as the sink takes it at once,
            and nothing more is deleted.
        instruments: What measures the run from within; nothing by default.

    Raises:
        SinkError: The sink cannot be opened or cannot go on.
        JournalError: The same of the run journal.
    """

    def catalog(run: str) -> Sink:
        return open_catalog(settings, secrets, run, instruments, stop)

    with Journal(settings.state_dir, settings.source) as journal:
        ends = Ends(catalog, journal, settings.resume_within, instruments.wire)
        return await run_between(settings, secrets, ends, only=only, observer=observer, stop=stop)


def open_catalog(
    settings: Settings, secrets: Secrets, run: str, instruments: Instruments, stop: asyncio.Event | None = None
) -> Sink:
    """Return the sink of one run, not entered yet, behind what measures it; raises SinkError."""
    context = lend(settings, secrets, run, instruments.wire, stop)
    sink = open_sink(settings.sink, context, settings.plugins)
    return sink if instruments.sink is None else instruments.sink(sink)


def lend(
    settings: Settings,
    secrets: Secrets,
    run: str,
    wire: Callable[[HttpSettings], Wire] | None = None,
    stop: asyncio.Event | None = None,
) -> Lent:
    """Return what core lends to the sink of one run; ``wire`` is as of ``Instruments``, ``stop`` as of ``run_sync``."""
    flags = settings.flags
    return Lent(
        settings.source,
        secrets,
        run=run,
        listening=settings.listening,
        stop=stop,
        wire=wire,
        flags=WriteFlags(
            flags.create_missing_related_entities, flags.delete_dependent_entities, flags.enable_merge_entity
        ),
    )


class Ends(Struct, frozen=True):
    """Where a run leads: a sync into the catalog, a rehearsal into something that goes with it."""

    open_sink: Callable[[str], Sink]
    """Gives the sink, not entered yet, for the id of the run."""
    journal: Journal
    resume_within: float | None
    """Seconds after its start in which a run that was broken off is taken up; None for never."""
    wire: Callable[[HttpSettings], Wire] | None = None
    """As of ``Instruments``."""


async def run_between(
    settings: Settings,
    secrets: Secrets,
    ends: Ends,
    *,
    only: Collection[str],
    observer: Observer,
    stop: asyncio.Event,
) -> RunReport:
    """Run once from the source of ``settings`` to these ends; the rest is as for ``run_sync``."""
    journal = ends.journal
    report = RunReport(uuid.uuid4().hex, settings.source, datetime.now(UTC))
    started = time.monotonic()
    number = _begin(journal, report, digest_of(settings, only), ends.resume_within)
    with Kept(journal.path.with_suffix(".answers"), report.run, secrets) as kept:
        async with ends.open_sink(report.run) as sink, open_source(settings, secrets, kept, ends.wire) as source:
            async with journal.lease.renewed():
                await sink.claim()
                journal.lease.check()  # whoever takes over claims after us
                news = News(sink, report, source.client.redactor, settings.timetable)
                await news.begun(settings.resources, only)
                try:
                    reading = Reading(source, sink, journal, kept, number, report.started_at, observer, news)
                    run = _Run(source, sink, journal, number, observer, news, reading)
                    try:
                        await run.execute(report, only, stop)
                    except SinkError as error:
                        if not stop.is_set():
                            raise
                        run.broken_off(report, error)
                except PenstockError:
                    await news.failed()
                    raise
                report.redact(source.client.redactor())  # some secrets were learnt after a message was kept
                await news.ended()
            report.redact(source.client.redactor())
            report.seconds = time.monotonic() - started
        status = report.status if report.resume_at is None else _SUSPENDED
        journal.runs.finish(number, datetime.now(UTC), status, report.to_json())
        if status not in _BROKEN_OFF:
            kept.discard()
    return report


def _begin(journal: Journal, report: RunReport, task: str, resume_within: float | None) -> int:
    """Return the number of the run: that of the last one where it was broken off and can be taken up."""
    last = journal.runs.last()
    if last is not None and resume_within is not None and last.task == task and last.status in _BROKEN_OFF:
        age = (report.started_at - last.started_at).total_seconds()
        wait = 0 if last.resume_at is None else (last.resume_at - last.started_at).total_seconds()
        if 0 <= age <= wait + resume_within:
            journal.runs.reopen(last.number)
            report.run, report.resumed = last.run, True
            return last.number
    number = journal.runs.start(report.run, report.started_at, task)
    journal.accounts.begin(number)
    return number


class _Run:
    def __init__(
        self,
        source: Source,
        sink: Sink,
        journal: Journal,
        number: int,
        observer: Observer,
        news: News,
        reading: Reading,
    ) -> None:
        self._source = source
        self._sink = sink
        self._journal = journal
        self._number = number
        self._observer = observer
        self._news = news
        self._reading = reading
        resources = source.settings.resources
        self._resources = dict(zip(resource_names(resources), resources, strict=True))
        self._covered = Coverages(self._resources, reading.coverages)
        self._chosen: Sequence[str] = ()
        """Names of the resources that are read."""

    async def execute(self, report: RunReport, only: Collection[str], stop: asyncio.Event) -> None:
        reports = self._reports(only)
        chosen = {name: kind for name, kind in reports.items() if not only or kind.kind in only}
        report.kinds, self._chosen = list(chosen.values()), list(chosen)
        identities = {name: identity_of(resource) for name, resource in self._resources.items()}
        named_since = self._journal.identities.adopt(self._number, identities)
        if not self._source.settings.connection.http.conditional_requests and self._journal.knows_pages():
            with self._journal.transaction():
                self._journal.validators.clear()
        whole = await self._settle_extents(report, chosen)
        asked = {name: (self._resources[name], kind) for name, kind in chosen.items()}
        reading = asyncio.create_task(self._reading.read(asked, whole))
        report.interrupted = await _ended_by(stop, reading)
        if report.status == "incomplete":  # a quota that was used up by the very last request is no matter
            report.resume_at = _moment(self._source.client.suspended_until)
        if not report.interrupted and report.resume_at is None:
            await self._reading.settle()
            flags = self._source.settings.flags
            proof = prove(
                self._covered,
                self._journal.partitions(),
                run=self._number,
                at=report.started_at,
                reports=reports,
                named_since=named_since,
                absent_runs=flags.delete_after_absent_runs,
                resumed=report.resumed,
                unresolved=self._reading.unresolved,
            )
            report.unmapped = await reconcile(self._sink, self._journal, proof, flags)
            await self._keep_extents(report)
        self._end(report)

    def broken_off(self, report: RunReport, error: SinkError) -> None:
        """Tell of a run that was told to stop and in which the sink could not do more."""
        report.interrupted = True
        if not isinstance(error, StoppedError):
            kinds = dict(zip(self._chosen, report.kinds, strict=True))
            unread = [kind for name, kind in kinds.items() if name not in self._covered.reads]
            kind = next(iter(unread), report.kinds[-1])
            kind.error(kind.kind, str(error))
        self._end(report)

    def _end(self, report: RunReport) -> None:
        for name, kind in zip(self._chosen, report.kinds, strict=True):
            if name not in self._covered.reads:
                kind.status = "interrupted"
            self._observer.kind_finished(kind)

    def _reports(self, only: Collection[str]) -> dict[str, KindReport]:
        """Return a report for each resource; the catalog hears of what is said of those that are read."""
        reports: dict[str, KindReport] = {}
        for place, (name, resource) in enumerate(self._resources.items()):
            heard = None if only and resource.kind not in only else self._news.listener(resource.kind, place)
            reports[name] = KindReport(resource.kind, redact=self._source.secrets, heard=heard)
        return reports

    async def _settle_extents(self, report: RunReport, chosen: Mapping[str, KindReport]) -> Mapping[str, str]:
        """Return why resources are read whole although they could be asked for changes only."""
        if not self._may_spare_work():
            return {}
        from penstock.sync.extent import settle_extents  # noqa: PLC0415 - many runs have no use for it

        settings = self._source.settings
        whole = await settle_extents(
            self._sink, self._journal, settings, self._resources, chosen.keys(), report.started_at
        )
        for name, kind in chosen.items():
            kind.full_because = whole.get(name)
        return whole

    async def _keep_extents(self, report: RunReport) -> None:
        if self._may_spare_work():
            from penstock.sync.extent import keep_extents  # noqa: PLC0415 - as above

            settings = self._source.settings
            await keep_extents(self._sink, self._journal, settings, self._covered, self._number, report.started_at)

    def _may_spare_work(self) -> bool:
        if any(resource.incremental for resource in self._resources.values()):
            return True
        return self._journal.knows_pages()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(math.ceil(seconds), UTC)


async def _ended_by(stop: asyncio.Event, work: asyncio.Task[None]) -> bool:
    """Wait for the work, or cancel it when told to stop; return whether it was told to; errors of the work go on."""
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        interrupted = not work.done()
        if interrupted:
            work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            if not interrupted:
                raise
    finally:
        waiting.cancel()
    return interrupted

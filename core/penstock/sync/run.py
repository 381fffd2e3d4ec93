"""One run: read every kind, deliver its entities, then delete what is proven to be gone."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from penstock.config.models import Settings
from penstock.errors import PenstockError, SinkError
from penstock.http.lending import Lent
from penstock.journal import Journal
from penstock.redaction import Secrets
from penstock.strategies import Sink
from penstock.sync.answers import name_of
from penstock.sync.deliver import Delivery
from penstock.sync.kind import Coverage, KindRead
from penstock.sync.news import News
from penstock.sync.observer import NO_INSTRUMENTS, Instruments, Observer
from penstock.sync.proof import Patience, Proof
from penstock.sync.reconcile import reconcile
from penstock.sync.report import KindReport, RunReport
from penstock.sync.resources import blueprints_of, identity_of, resource_names
from penstock.sync.sinks import open_sink
from penstock.sync.source import Source, open_source
from penstock.sync.spool import Kept
from penstock.sync.task import digest_of
from penstock.values import Settled, WriteFlags

if TYPE_CHECKING:
    from penstock.config.models import HttpSettings
    from penstock.http.wire import Wire
    from penstock.sync.changes import Changes
    from penstock.sync.examples import Examples
    from penstock.sync.unchanged import UnchangedPages

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
        stop: When set, the run ends soon and cleanly: what was read is delivered and nothing is deleted.
        instruments: What measures the run from within; nothing by default.

    Raises:
        SinkError: The sink cannot be opened or cannot go on.
        JournalError: The same of the run journal.
    """

    def catalog(run: str) -> Sink:
        return open_catalog(settings, secrets, run, instruments)

    with Journal(settings.state_dir, settings.source) as journal:
        ends = Ends(catalog, journal, settings.resume_within, instruments.wire)
        return await run_between(settings, secrets, ends, only=only, observer=observer, stop=stop)


def open_catalog(settings: Settings, secrets: Secrets, run: str, instruments: Instruments) -> Sink:
    """Return the sink of one run, not entered yet, behind what measures it; raises SinkError."""
    sink = open_sink(settings.sink, lend(settings, secrets, run, instruments.wire), settings.plugins)
    return sink if instruments.sink is None else instruments.sink(sink)


def lend(settings: Settings, secrets: Secrets, run: str, wire: Callable[[HttpSettings], Wire] | None = None) -> Lent:
    """Return what core lends to the sink of one run; ``wire`` is as of ``Instruments``."""
    flags = settings.flags
    return Lent(
        settings.source,
        secrets,
        run=run,
        listening=settings.listening,
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
                    run = _Run(source, sink, journal, kept, number, report.started_at, observer, news)
                    await run.execute(report, only, stop)
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
        kept: Kept,
        number: int,
        started_at: datetime,
        observer: Observer,
        news: News,
    ) -> None:
        self._source = source
        self._sink = sink
        self._journal = journal
        self._kept = kept
        self._number = number
        self._observer = observer
        self._news = news
        resources = source.settings.resources
        self._resources = dict(zip(resource_names(resources), resources, strict=True))
        self._coverage: dict[str, Coverage] = {}
        self._conditional = source.settings.connection.http.conditional_requests
        self._started_at = started_at
        self._whole: Mapping[str, str] = {}
        """Why resources are read whole although they could be asked for changes only."""
        self._deliveries: list[Delivery] = []

    async def execute(self, report: RunReport, only: Collection[str], stop: asyncio.Event) -> None:
        reports = self._reports(only)
        chosen = {name: kind for name, kind in reports.items() if not only or kind.kind in only}
        report.kinds = list(chosen.values())
        identities = {name: identity_of(resource) for name, resource in self._resources.items()}
        named_since = self._journal.identities.adopt(self._number, identities)
        if not self._conditional and self._journal.knows_pages():
            with self._journal.transaction():
                self._journal.validators.clear()
        if self._may_spare_work():
            await self._settle_extents(report, chosen)
        reading = asyncio.create_task(self._read_kinds(chosen))
        report.interrupted = await _ended_by(stop, reading)
        if report.status == "incomplete":  # a quota that was used up by the very last request is no matter
            report.resume_at = _moment(self._source.client.suspended_until)
        if not report.interrupted and report.resume_at is None:
            await self._settle()
            proof = self._proof(reports, report, named_since)
            report.unmapped = await reconcile(self._sink, self._journal, proof, self._source.settings.flags)
            if self._may_spare_work():
                await self._keep_extents(report)
        for name, kind in chosen.items():
            if name not in self._coverage:
                kind.status = "interrupted"
            self._observer.kind_finished(kind)

    def _reports(self, only: Collection[str]) -> dict[str, KindReport]:
        """Return a report for each resource; the catalog hears of what is said of those that are read."""
        reports: dict[str, KindReport] = {}
        places = count()
        for name, resource in self._resources.items():
            heard = None if only and resource.kind not in only else self._news.listener(resource.kind, next(places))
            reports[name] = KindReport(resource.kind, redact=self._source.secrets, heard=heard)
        return reports

    async def _read_kinds(self, chosen: Mapping[str, KindReport]) -> None:
        for name, report in chosen.items():
            started, sent, doubts = time.monotonic(), self._source.client.requests, len(self._source.client.doubts)
            self._observer.kind_started(report)
            await self._news.kind_begun()
            delivery = Delivery(
                self._sink, self._journal, self._kept, self._reveals, self._number, name, report, self._observer
            )
            self._deliveries.append(delivery)
            changes = self._changes(name, report)
            pages = self._pages if self._conditional and self._may_know_pages(name) else None
            examples = self._examples()
            kind = KindRead(
                self._source, self._resources[name], delivery, report, self._observer, changes, pages, examples
            )
            try:
                await kind.run()
            except asyncio.CancelledError:
                await delivery.flush()
                raise
            finally:
                report.extent = "changes" if kind.coverage.partly else "full"
                report.requests = self._source.client.requests - sent
                report.seconds = time.monotonic() - started
            self._coverage[name] = kind.coverage
            if examples is not None:
                await examples.hand_over(report, self._source.client.redactor())
            for doubt in list(self._source.client.doubts)[doubts:]:
                report.warn(report.kind, f"the source answered {doubt}")
            await self._news.kind_ended()

    async def _settle(self) -> None:
        """Have the sink write what it deferred, and count what became of it."""
        async for chunk in self._sink.settle():
            for one in chunk:
                self._brought(one).settle(one)
        for delivery in self._deliveries:
            delivery.settled()

    def _brought(self, one: Settled) -> Delivery:
        """Return who brought it: the first of those of its kind that wait for something."""
        for delivery in self._deliveries:
            if delivery.kind == one.kind and delivery.deferred:
                return delivery
        message = f'settle() tells of an entity of the kind "{one.kind}", of which none was deferred'
        raise SinkError(message)

    def _proof(self, reports: Mapping[str, KindReport], report: RunReport, named_since: Mapping[str, int]) -> Proof:
        known = self._journal.partitions()
        unsure = self._unsure()
        sure = {name: coverage for name, coverage in self._coverage.items() if name not in unsure}
        proven = {partition for coverage in sure.values() for partition in coverage.proven}
        proof = Proof(
            run=self._number,
            at=report.started_at,
            proven=proven,
            resources=known,
            reports=reports,
            complete={name for name, coverage in sure.items() if coverage.complete},
            named_since=named_since,
            patience=self._patience(resumed=report.resumed),
            partly=blueprints_of([self._resources[name] for name in self._partly()]),
            unresolved={blueprint for delivery in self._deliveries for blueprint in delivery.unresolved},
        )
        for partition, name in known.items():
            if name not in self._resources:
                if proof.knows(name):
                    proven.add(partition)
            elif name in sure:
                coverage = sure[name]
                if coverage.all_found and partition not in coverage.met:
                    proven.add(partition)  # discovery no longer finds it
        return proof

    def _may_spare_work(self) -> bool:
        if any(resource.incremental for resource in self._resources.values()):
            return True
        return self._journal.knows_pages()

    async def _settle_extents(self, report: RunReport, chosen: Mapping[str, KindReport]) -> None:
        from penstock.sync.extent import settle_extents  # noqa: PLC0415 - many runs have no use for it

        settings, resources = self._source.settings, self._resources
        self._whole = await settle_extents(
            self._sink, self._journal, settings, resources, chosen.keys(), report.started_at
        )
        for name, kind in chosen.items():
            kind.full_because = self._whole.get(name)

    def _examples(self) -> Examples | None:
        if not self._sink.wanted_examples:
            return None
        from penstock.sync.examples import Examples  # noqa: PLC0415 - most sinks want none

        return Examples(self._sink)

    def _changes(self, name: str, report: KindReport) -> Changes | None:
        """Return what asks a resource for changes, if it can be."""
        resource = self._resources[name]
        if resource.incremental is None:
            return None
        from penstock.sync.changes import Changes  # noqa: PLC0415 - as above

        return Changes(
            resource,
            resource.incremental,
            self._source.evaluator,
            self._journal,
            self._number,
            whole=name in self._whole,
            warn=lambda message: report.warn(report.kind, message),
        )

    def _may_know_pages(self, name: str) -> bool:
        """Whether pages of a resource may be asked for by their validators.

        A full read of what is asked for changes is to be one, and what several resources need is kept in another way.
        """
        resource = self._resources[name]
        return resource.incremental is None and name_of(resource.request) not in self._source.shared

    def _pages(self) -> UnchangedPages:
        from penstock.sync.unchanged import UnchangedPages  # noqa: PLC0415 - as above

        return UnchangedPages(self._journal, self._reveals, self._started_at)

    async def _keep_extents(self, report: RunReport) -> None:
        """Record what was read whole, and what the catalog has now."""
        from penstock.sync.extent import digests_of  # noqa: PLC0415 - as above

        extents, digests = self._journal.extents, digests_of(self._source.settings, self._resources)
        known, owned, unsure = self._journal.partitions(), await self._sink.count(), self._unsure()
        with self._journal.transaction():
            extents.note(digests)
            extents.keep_catalog(owned)
            self._journal.validators.drop_unread(
                self._number, [one for coverage in self._coverage.values() for one in coverage.proven]
            )
            for name, coverage in self._coverage.items():
                if coverage.partly:
                    extents.read_partly(name)
                elif coverage.complete and name not in unsure:
                    extents.read_whole(name, report.started_at)
                if coverage.all_found:
                    extents.leave([one for one, of in known.items() if of == name and one not in coverage.met])

    def _partly(self) -> list[str]:
        """Return the names of the resources of which only changes were asked for."""
        return [name for name, coverage in self._coverage.items() if coverage.partly]

    def _unsure(self) -> Collection[str]:
        """Return the resources whose entities may be where nobody looked: in what was asked for changes only."""
        partly = self._partly()
        if not partly:
            return ()
        from penstock.sync.extent import overlapping  # noqa: PLC0415 - as above

        return overlapping(self._resources, partly)

    def _reveals(self, text: str) -> bool:
        return self._source.secrets.are_in(text.encode())

    def _patience(self, *, resumed: bool) -> Patience:
        coverages = {name: self._coverage.get(name, Coverage()) for name in self._resources}
        unsteady = [self._resources[name] for name, coverage in coverages.items() if coverage.drifted]
        unread = [self._resources[name] for name, coverage in coverages.items() if not coverage.complete]
        return Patience(
            configured=self._source.settings.flags.delete_after_absent_runs,
            unsteady=blueprints_of(unsteady),
            unread=blueprints_of(unread),
            resumed=resumed,
        )


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

"""One run: read every kind, deliver its entities, then delete what is proven to be gone."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from penstock.config.models import Resource, Settings
from penstock.journal import Journal
from penstock.redaction import Secrets
from penstock.strategies import Sink
from penstock.sync.answers import name_of
from penstock.sync.deliver import Delivery
from penstock.sync.kind import Coverage, KindRead
from penstock.sync.observer import Observer
from penstock.sync.reconcile import Proof, reconcile
from penstock.sync.report import KindReport, RunReport
from penstock.sync.requests import canonical
from penstock.sync.sinks import open_sink
from penstock.sync.source import Source, open_source
from penstock.sync.spool import Kept
from penstock.sync.task import digest_of

_SUSPENDED: Final = "suspended"
_BROKEN_OFF: Final = (None, "interrupted", _SUSPENDED)
"""How a run has ended that can be taken up: killed, stopped, or with the source's quota used up."""


async def run_sync(
    settings: Settings, secrets: Secrets, *, only: Collection[str] = (), observer: Observer, stop: asyncio.Event
) -> RunReport:
    """Sync a source into its sink once; a run of the same task that was broken off shortly before is taken up.

    Args:
        settings: What to do.
        secrets: What no message may show; learns what is obtained on the way.
        only: Kinds to read; all when empty.
        observer: Hears what happens.
        stop: When set, the run ends soon and cleanly: what was read is delivered and nothing is deleted.

    Raises:
        SinkError: The sink cannot be opened or cannot go on.
        JournalError: The same of the run journal.
    """
    report = RunReport(uuid.uuid4().hex, settings.source, datetime.now(UTC))
    started = time.monotonic()
    with Journal(settings.state_dir, settings.source) as journal:
        number = _begin(journal, report, digest_of(settings, only), settings.resume_within)
        with Kept(settings.state_dir / f"{journal.path.stem}.answers", report.run) as kept:
            async with (
                open_sink(settings.sink, settings.source) as sink,
                open_source(settings, secrets, kept) as source,
            ):
                async with journal.lease.renewed():
                    await sink.claim()
                    journal.lease.check()  # whoever takes over claims after us
                    await _Run(source, sink, journal, kept, number, observer).execute(report, only, stop)
                report.redact(source.client.redactor())
                report.seconds = time.monotonic() - started
            status = report.status if report.resume_at is None else _SUSPENDED
            journal.runs.finish(number, datetime.now(UTC), status, report.to_json())
            if status not in _BROKEN_OFF:
                kept.discard()
    return report


def _begin(journal: Journal, report: RunReport, task: str, resume_within: float) -> int:
    """Return the number of the run: that of the last one where it was broken off and can be taken up."""
    last = journal.runs.last()
    if last is not None and last.task == task and last.status in _BROKEN_OFF:
        age = (report.started_at - last.started_at).total_seconds()
        wait = 0 if last.resume_at is None else (last.resume_at - last.started_at).total_seconds()
        if 0 <= age <= wait + resume_within:
            journal.runs.reopen(last.number)
            report.run, report.resumed = last.run, True
            return last.number
    return journal.runs.start(report.run, report.started_at, task)


def resource_names(resources: Sequence[Resource]) -> list[str]:
    """Return a name for each resource: its kind, with a digest of what it reads where a kind is mapped more than once.

    The journal remembers partitions by these names, so they do not depend on the order of the resources, but for those
    that read the very same.
    """
    kinds = Counter(resource.kind for resource in resources)
    met: Counter[str] = Counter()
    names: list[str] = []
    for resource in resources:
        name = resource.kind
        if kinds[name] > 1:
            name = f"{name}#{_digest(resource)}"
        met[name] += 1
        names.append(name if met[name] == 1 else f"{name}#{met[name]}")
    return names


def _digest(resource: Resource) -> str:
    parameters = [
        (one.name, name_of(one.request), one.data_path, one.field, one.filter) for one in resource.path_parameters
    ]
    read = canonical((name_of(resource.request), resource.data_path, resource.query, parameters))
    return sha256(read).hexdigest()[:16]


class _Run:
    def __init__(
        self, source: Source, sink: Sink, journal: Journal, kept: Kept, number: int, observer: Observer
    ) -> None:
        self._source = source
        self._sink = sink
        self._journal = journal
        self._kept = kept
        self._number = number
        self._observer = observer
        resources = source.settings.resources
        self._resources = dict(zip(resource_names(resources), resources, strict=True))
        self._coverage: dict[str, Coverage] = {}

    async def execute(self, report: RunReport, only: Collection[str], stop: asyncio.Event) -> None:
        reports = {name: KindReport(resource.kind) for name, resource in self._resources.items()}
        chosen = {name: kind for name, kind in reports.items() if not only or kind.kind in only}
        report.kinds = list(chosen.values())
        reading = asyncio.create_task(self._read_kinds(chosen))
        report.interrupted = await _ended_by(stop, reading)
        if report.status == "incomplete":  # a quota that was used up by the very last request is no matter
            report.resume_at = _moment(self._source.client.suspended_until)
        if not report.interrupted and report.resume_at is None:
            await reconcile(self._sink, self._journal, self._proof(reports, report), self._source.settings.flags)
        for name, kind in chosen.items():
            if name not in self._coverage:
                kind.status = "interrupted"
            self._observer.kind_finished(kind)

    async def _read_kinds(self, chosen: Mapping[str, KindReport]) -> None:
        for name, report in chosen.items():
            started, sent, doubts = time.monotonic(), self._source.client.requests, len(self._source.client.doubts)
            self._observer.kind_started(report)
            delivery = Delivery(
                self._sink, self._journal, self._kept, self._reveals, self._number, name, report, self._observer
            )
            kind = KindRead(self._source, self._resources[name], delivery, report, self._observer)
            try:
                await kind.run()
            except asyncio.CancelledError:
                await delivery.flush()
                raise
            finally:
                report.requests = self._source.client.requests - sent
                report.seconds = time.monotonic() - started
            self._coverage[name] = kind.coverage
            for doubt in list(self._source.client.doubts)[doubts:]:
                report.warn(report.kind, f"the source answered {doubt}")

    def _proof(self, reports: Mapping[str, KindReport], report: RunReport) -> Proof:
        known = self._journal.partitions()
        proven = {partition for coverage in self._coverage.values() for partition in coverage.proven}
        unsteady = {partition for coverage in self._coverage.values() for partition in coverage.unsteady}
        for partition, name in known.items():
            if name in self._resources:
                coverage = self._coverage.get(name)
                if coverage is not None and coverage.all_found and partition not in coverage.met:
                    proven.add(partition)  # discovery no longer finds it
                    if coverage.found_unsteadily:
                        unsteady.add(partition)
            elif heirs := self._heirs(name):
                known[partition] = heirs[0]
                if self._complete(heirs):
                    proven.add(partition)
        return Proof(
            run=self._number,
            proven=proven,
            unsteady=unsteady,
            resources=known,
            reports=reports,
            everything=self._complete(self._resources),
            resumed=report.resumed,
        )

    def _reveals(self, text: str) -> bool:
        return self._source.client.redactor().finds(text)

    def _heirs(self, former: str) -> list[str]:
        """Return the resources whose kind is that of a resource which has been edited or removed."""
        return [
            name
            for name, resource in self._resources.items()
            if former == resource.kind or former.startswith(f"{resource.kind}#")
        ]

    def _complete(self, names: Iterable[str]) -> bool:
        return all(name in self._coverage and self._coverage[name].complete for name in names)


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

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


async def run_sync(
    settings: Settings, secrets: Secrets, *, only: Collection[str] = (), observer: Observer, stop: asyncio.Event
) -> RunReport:
    """Sync a source into its sink once.

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
        async with open_sink(settings.sink, settings.source) as sink, open_source(settings, secrets) as source:
            number = journal.start_run(report.run, report.started_at)
            await _Run(source, sink, journal, number, observer).execute(report, only, stop)
            report.redact(source.client.redactor())
            report.seconds = time.monotonic() - started
            journal.finish_run(number, datetime.now(UTC), report.status)
    return report


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
    def __init__(self, source: Source, sink: Sink, journal: Journal, number: int, observer: Observer) -> None:
        self._source = source
        self._sink = sink
        self._journal = journal
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
            threshold = self._source.settings.flags.entity_deletion_threshold
            await reconcile(self._sink, self._journal, self._proof(reports), threshold)
        for name, kind in chosen.items():
            if name not in self._coverage:
                kind.status = "interrupted"
            self._observer.kind_finished(kind)

    async def _read_kinds(self, chosen: Mapping[str, KindReport]) -> None:
        for name, report in chosen.items():
            started, sent, doubts = time.monotonic(), self._source.client.requests, len(self._source.client.doubts)
            self._observer.kind_started(report)
            delivery = Delivery(self._sink, self._journal, self._number, name, report, self._observer)
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

    def _proof(self, reports: Mapping[str, KindReport]) -> Proof:
        known = self._journal.partitions()
        proven = {partition for coverage in self._coverage.values() for partition in coverage.proven}
        for partition, name in known.items():
            if name in self._resources:
                coverage = self._coverage.get(name)
                if coverage is not None and coverage.all_found and partition not in coverage.met:
                    proven.add(partition)  # discovery no longer finds it
            elif heirs := self._heirs(name):
                known[partition] = heirs[0]
                if self._complete(heirs):
                    proven.add(partition)
        return Proof(
            run=self._number,
            proven=proven,
            resources=known,
            reports=reports,
            everything=self._complete(self._resources),
        )

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

"""Read the kinds of a mapping, one after another."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.config.models import Resource
from penstock.errors import SinkError
from penstock.journal import Journal
from penstock.strategies import Sink
from penstock.sync.answers import name_of
from penstock.sync.coverage import Coverage
from penstock.sync.deliver import Delivery
from penstock.sync.gathered import completed, replaced
from penstock.sync.kind import KindRead
from penstock.sync.news import News
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport
from penstock.sync.source import Source
from penstock.sync.spool import Kept
from penstock.values import Settled

if TYPE_CHECKING:
    from penstock.sync.changes import Changes
    from penstock.sync.examples import Examples
    from penstock.sync.unchanged import UnchangedPages


class Reading:
    """Reads resources into a sink; ``coverages`` says how much of them, by their names."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        journal: Journal,
        kept: Kept,
        run: int,
        started_at: datetime,
        observer: Observer,
        news: News,
    ) -> None:
        self._source = source
        self._sink = sink
        self._journal = journal
        self._kept = kept
        self._run = run
        self._started_at = started_at
        self._observer = observer
        self._news = news
        self._deliveries: list[Delivery] = []
        self.coverages: dict[str, Coverage] = {}

    @property
    def unresolved(self) -> set[str]:
        """Blueprints of entities of which it is not known what the catalog calls them."""
        return {blueprint for delivery in self._deliveries for blueprint in delivery.unresolved}

    async def read(self, chosen: Mapping[str, tuple[Resource, KindReport]], whole: Mapping[str, str]) -> None:
        """Read resources and deliver their entities; what was read before a cancellation is delivered.

        Args:
            chosen: Which, by their names, and where their numbers and errors go.
            whole: Why some are read whole although they could be asked for changes only.

        Raises:
            SinkError: The sink cannot go on.
            JournalError: The same of the journal.
        """
        client = self._source.client
        for name, (resource, report) in chosen.items():
            started, sent, doubts = time.monotonic(), client.requests, len(client.doubts)
            self._observer.kind_started(report)
            await self._news.kind_begun()
            delivery = self._delivery(name, report)
            self._deliveries.append(delivery)
            changes = self._changes(name, resource, report, whole)
            pages = self._pages if self._may_know_pages(resource) else None
            examples = self._examples()
            kind = KindRead(self._source, resource, delivery, report, self._observer, changes, pages, examples)
            try:
                await kind.run()
            except CancelledError:
                await delivery.flush()
                raise
            finally:
                report.extent = "changes" if kind.coverage.partly else "full"
                report.requests = client.requests - sent
                report.seconds = time.monotonic() - started
            self.coverages[name] = kind.coverage
            if examples is not None:
                await examples.hand_over(report, client.redactor())
            for doubt in list(client.doubts)[doubts:]:
                report.warn(report.kind, f"the source answered {doubt}")
            await self._news.kind_ended()

    async def settle(self) -> None:
        """Have the sink write what it deferred, and count what became of it; raises as ``read`` does."""
        async for chunk in self._sink.settle():
            for one in chunk:
                self._brought(one).settle(one)
        for delivery in self._deliveries:
            delivery.settled()

    def _delivery(self, name: str, report: KindReport) -> Delivery:
        again = completed if self._source.settings.flags.enable_merge_entity else replaced
        return Delivery(
            self._sink, self._journal, self._kept, self._reveals, self._run, name, report, self._observer, again
        )

    def _brought(self, one: Settled) -> Delivery:
        """Return who brought it: the first of those of its kind that wait for something."""
        for delivery in self._deliveries:
            if delivery.kind == one.kind and delivery.deferred:
                return delivery
        message = f'settle() tells of an entity of the kind "{one.kind}", of which none was deferred'
        raise SinkError(message)

    def _examples(self) -> Examples | None:
        if not self._sink.wanted_examples:
            return None
        from penstock.sync.examples import Examples  # noqa: PLC0415 - most sinks want none

        return Examples(self._sink)

    def _changes(self, name: str, resource: Resource, report: KindReport, whole: Mapping[str, str]) -> Changes | None:
        """Return what asks a resource for changes, if it can be."""
        if resource.incremental is None:
            return None
        from penstock.sync.changes import Changes  # noqa: PLC0415 - many runs have no use for it

        return Changes(
            resource,
            resource.incremental,
            self._source.evaluator,
            self._journal,
            self._run,
            whole=name in whole,
            warn=lambda message: report.warn(report.kind, message),
        )

    def _may_know_pages(self, resource: Resource) -> bool:
        """Whether pages of a resource may be asked for by their validators.

        A full read of what is asked for changes is to be one, and what several resources need is kept in another way.
        """
        return (
            self._source.settings.connection.http.conditional_requests
            and resource.incremental is None
            and name_of(resource.request) not in self._source.shared
        )

    def _pages(self) -> UnchangedPages:
        from penstock.sync.unchanged import UnchangedPages  # noqa: PLC0415 - as above

        return UnchangedPages(self._journal, self._reveals, self._started_at)

    def _reveals(self, text: str) -> bool:
        return self._source.secrets.are_in(text.encode())

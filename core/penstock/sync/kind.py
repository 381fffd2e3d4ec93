"""One resource of the mapping: read its partitions, turn their pages into entities, hand those to the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from penstock.config.models import Resource
from penstock.errors import PenstockError, ReadError
from penstock.journal import Asked, Checkpoint, Finished
from penstock.sync.coverage import Coverage
from penstock.sync.deliver import Delivery
from penstock.sync.discover import Discovery, Partition
from penstock.sync.observer import Observer
from penstock.sync.read import Read, ReadPage
from penstock.sync.refusals import AnswerCheck, proves_nothing, refuse_unmapped_record
from penstock.sync.report import KindReport
from penstock.sync.source import Source
from penstock.sync.transform import Extracted, MappedItems, Mapper, extract_items
from penstock.values import JSON, Entity, PageRequest, Stop, StopReason

if TYPE_CHECKING:
    from penstock.journal.extents import Stretch
    from penstock.journal.validators import KnownPage
    from penstock.sync.changes import Changes
    from penstock.sync.examples import Examples
    from penstock.sync.unchanged import UnchangedPages


_VALIDATORS: Final = frozenset({"etag", "last-modified"})


class KindRead:
    """Reads one kind; its numbers and errors go to ``report``, its entities to ``delivery``.

    Where ``changes`` is given, it says what to ask for; where ``pages`` is, that knows the pages of earlier runs; where
    ``examples`` is, that keeps the first items.
    """

    def __init__(
        self,
        source: Source,
        resource: Resource,
        delivery: Delivery,
        report: KindReport,
        observer: Observer,
        changes: Changes | None = None,
        pages: Callable[[], UnchangedPages] | None = None,
        examples: Examples | None = None,
    ) -> None:
        self._examples = examples
        self._conditional = pages
        self._known_pages: UnchangedPages | None = None
        self._source = source
        self._changes = changes
        self._resource = resource
        self._delivery = delivery
        self._report = report
        self._observer = observer
        self._mapper = Mapper(resource, source.evaluator)
        self._data_path = None if resource.data_path is None else source.evaluator.compile(resource.data_path)
        self._check = AnswerCheck(resource.request, resource.data_path, source)
        self.coverage = Coverage()

    async def run(self) -> None:
        """Read every partition; what fails is in the report, and the rest goes on.

        Raises:
            SinkError: The sink cannot go on.
            JournalError: The journal cannot go on.
        """
        if self._resource.path_parameters:
            await self._read_discovered()
        else:
            await self._read_partition(Partition({}))
            self.coverage.all_found = True
        await self._delivery.flush()
        duplicates = self._delivery.duplicates(self.coverage.met)
        if duplicates:
            self._report.duplicates = duplicates
            self._delivery.forget_pages(self.coverage.met)
            self._report.warn(
                self._resource.kind,
                f"{duplicates} entities came more than once; where they differ, the last one counts",
            )

    async def _read_discovered(self) -> None:
        discovery = Discovery(self._resource, self._source)
        workers = self._source.settings.connection.http.max_concurrent_requests
        queue: asyncio.Queue[Partition | None] = asyncio.Queue(workers)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(queue))
                async with aclosing(discovery.partitions()) as partitions:
                    async for partition in partitions:
                        await queue.put(partition)
                for _ in range(workers):
                    await queue.put(None)
        except* PenstockError as failed:
            raise failed.exceptions[0] from None
        self._report.pages += discovery.pages
        for failure in discovery.failures:
            self._report.stop_reasons[StopReason.PARENT_FAILED] += 1
            self._report.error(self._resource.kind, str(failure))
        if not discovery.failures and not self.coverage.met:
            self._report.stop_reasons[StopReason.NO_PARENTS] += 1
        for doubt in discovery.doubts:
            self._report.warn(self._resource.kind, doubt)
        self._delivery.listed([*map(str, discovery.failures), *discovery.doubts])
        self.coverage.all_found = not discovery.failures and not discovery.doubts
        self.coverage.found_unsteadily = discovery.unsteady

    async def _work(self, queue: asyncio.Queue[Partition | None]) -> None:
        while (partition := await queue.get()) is not None:
            await self._read_partition(partition)

    async def _read_partition(self, partition: Partition) -> None:
        number = self._delivery.partition(partition.values)
        self.coverage.met.add(number)
        where = " ".join([self._resource.kind, *(f"{name}={value}" for name, value in partition.values.items())])
        try:
            stop, sound = await self._read_pages(partition, number, where)
        except asyncio.CancelledError:
            self._report.stop_reasons[StopReason.INTERRUPTED] += 1
            self._delivery.end(number, Stop(StopReason.INTERRUPTED), sound=False, whole=False)
            raise
        self._delivery.end(number, stop, sound=sound, whole=number not in self.coverage.partly)
        self._report.stop_reasons[stop.reason] += 1
        if not stop.reason.complete:
            self._report.error(where, stop.detail or stop.reason.value)
        elif sound:
            self.coverage.proven.add(number)
        if stop.reason.complete and stop.warning:
            self._report.warn(where, stop.detail)

    async def _read_pages(self, partition: Partition, number: int, where: str) -> tuple[Stop, bool]:
        """Return why the read ended, and whether every item could be judged."""
        start = self._delivery.resume(number)
        stretch = self._begin(number)
        if isinstance(start, Finished):
            if start.drifts:
                self.coverage.unsteady.add(number)
            return Stop(start.reason), start.sound
        sound = start is None or start.sound
        asked = start
        try:
            read = await self._open(partition, number, stretch)
            async with aclosing(read.pages(start)) as pages:
                async for page in pages:
                    if read.drifts:
                        self.coverage.unsteady.add(number)
                    if page.known is not None:
                        how, asked = _asked(page, asked, stretch), _after(page, sound=sound)
                        await self._confirm(page, page.known, number, how, asked)
                        continue
                    mapped, good = await self._judged(page, partition, where)
                    sound = sound and good
                    if good:
                        self._remember(page, page.following or read.stop, number, mapped.entities)
                    stretch = await self._stretched(stretch, page, number, drifts=read.drifts)
                    how, asked = _asked(page, asked, stretch), _after(page, sound=sound)
                    await self._delivery.add(mapped.entities, number, page.page.index, how, asked)
                    self._observer.page_read(self._report)
        except ReadError as error:
            return Stop(error.reason, str(error)), sound
        stop = read.stop or Stop(StopReason.PLUGIN_FAILED, "the read ended without a reason")
        if stop.reason.complete:
            self._delivery.finish(number, Finished(stop.reason, sound, read.drifts))
            if sound and self._changes and stretch:
                self._delivery.advance(number, *self._changes.reach(number, stretch))
        return stop, sound

    def _begin(self, number: int) -> Stretch | None:
        """Return what is asked of a partition where changes can be asked for."""
        if self._changes is None:
            return None
        stretch = self._changes.begin(number)
        if stretch.since is not None:
            self.coverage.partly.add(number)
        return stretch

    async def _open(self, partition: Partition, number: int, stretch: Stretch | None) -> Read:
        spec = self._resource.request
        if self._changes and stretch:
            spec = await self._changes.spec(stretch)
        recall = None
        if self._conditional is not None and self._delivery.knows_pages():
            recall = self._pages(self._conditional).of(number)
        return self._source.open_read(spec, partition.values, self._extract, recall)

    def _remember(
        self, page: ReadPage, decision: PageRequest | Stop | None, number: int, entities: Sequence[Entity]
    ) -> None:
        """Have a page remembered, if the source tells when it is the same another time."""
        if self._conditional is None or decision is None or _VALIDATORS.isdisjoint(page.response.headers):
            return
        known = self._pages(self._conditional).worth_keeping(page, decision, entities)
        self._delivery.known(number, page.page.index, known)

    def _pages(self, make: Callable[[], UnchangedPages]) -> UnchangedPages:
        """Return what knows pages: made when it is needed, for most APIs give nothing to know them by."""
        if self._known_pages is None:
            self._known_pages = make()
        return self._known_pages

    async def _stretched(self, stretch: Stretch | None, page: ReadPage, number: int, *, drifts: bool) -> Stretch | None:
        if self._changes and stretch:
            stretch = await self._changes.look(stretch, page, drifts=drifts)
            self._delivery.stretch(number, stretch)
        return stretch

    async def _confirm(
        self, page: ReadPage, known: KnownPage, number: int, asked: Asked, after: Checkpoint | None
    ) -> None:
        """Take a page that is the same as it was when an earlier run delivered it."""
        self._report.pages += 1
        self._report.not_modified += 1
        await self._delivery.confirm(known.keys, number, page.page.index, asked, after)
        self._observer.page_read(self._report)

    def _extract(self, document: JSON) -> Extracted:
        return extract_items(self._data_path, document)

    async def _judged(self, page: ReadPage, partition: Partition, where: str) -> tuple[MappedItems, bool]:
        """Return what becomes of a page, and whether all of it could be judged and proves what it shows."""
        mapped = await self._mapped(page, partition, where)
        doubt = proves_nothing(page)
        if doubt:
            self._report.warn(where, doubt)
        return mapped, not (mapped.errors or doubt)

    async def _mapped(self, page: ReadPage, partition: Partition, where: str) -> MappedItems:
        extracted = page.extracted
        await self._check.check(page)
        if self._examples is not None:
            self._examples.add(extracted.items, partition.values)
        mapped = await self._mapper.map(extracted.items, partition.values)
        self._report.pages += 1
        self._report.fetched += mapped.fetched
        self._report.selected += mapped.selected
        self._report.filtered += mapped.filtered
        self._report.skipped += mapped.skipped
        self._report.failed += mapped.failed
        for message in mapped.errors:
            self._report.error(f"{where} page {page.page.index + 1} {message.where}".rstrip(), message.message)
        for message in mapped.warnings:
            self._report.warn(f"{self._resource.kind} {message.where}".rstrip(), message.message)
        refuse_unmapped_record(extracted, mapped, self._resource)
        if extracted.warning:
            self._report.warn(self._resource.kind, extracted.warning)
        return mapped


def _asked(page: ReadPage, checkpoint: Checkpoint | None, stretch: Stretch | None) -> Asked:
    """Return how a page was asked for; what asks for changes since a moment gives others another time."""
    if stretch is not None and stretch.since is not None:
        return Asked(page.response.url, None, known=False)
    return Asked(page.response.url, checkpoint)


def _after(page: ReadPage, *, sound: bool) -> Checkpoint | None:
    """Return where a run goes on that was broken off after this page."""
    if page.following is None:
        return None
    return Checkpoint(page.page.index + 1, page.following, page.response.url, sound)

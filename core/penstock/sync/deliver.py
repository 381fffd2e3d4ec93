"""Gather a kind's entities into batches, give each to the sink once, then tell the journal where they were seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from penstock.http.documents import shorten
from penstock.journal import Asked, Checkpoint, End, Finished, Journal, Progress
from penstock.redaction import mask_url
from penstock.strategies import Sink
from penstock.sync.gathered import Again, Gathered, Key
from penstock.sync.observer import Observer
from penstock.sync.outcomes import count_outcome, count_outcomes
from penstock.sync.record import Record
from penstock.sync.report import KindReport
from penstock.sync.spool import Kept
from penstock.sync.writes import Before, Writes
from penstock.values import Entity, EntityBatch, EntityKey, Settled, Stop

if TYPE_CHECKING:
    from penstock.journal.extents import Stretch
    from penstock.journal.validators import KnownPage

_LONGEST_MESSAGE: Final = 500
BATCH_SIZE = 1000
"""Entities per write; measured: larger batches gain nothing and hold more memory."""


class Delivery:
    """The way of one kind's entities into the sink, while reading goes on.

    Batches are written one after another, or so many at once as the sink takes: recorded in order they are in any case.
    """

    def __init__(
        self,
        sink: Sink,
        journal: Journal,
        kept: Kept,
        reveals: Callable[[str], bool],
        run: int,
        resource: str,
        report: KindReport,
        observer: Observer,
        again: Again,
    ) -> None:
        self._sink = sink
        self._journal = journal
        self._run = run
        self._resource = resource
        self._report = report
        self._observer = observer
        self._kept = kept
        self._reveals = reveals
        self._again = again
        self._gathered = Gathered()
        self._record = Record(journal, run, report.redact)
        self._writes = Writes(sink.writes_at_once)
        self._lock = asyncio.Lock()
        self._taken = 0

    def partition(self, values: Mapping[str, str]) -> int:
        """Return the number of the partition with these path values; raises JournalError."""
        return self._journal.partition(self._resource, values)

    def resume(self, partition: int) -> Progress | None:
        """Return how far this run had come in a partition before it was broken off; raises JournalError."""
        progress = self._journal.progress(self._run, partition)
        if progress is not None:
            self._taken += self._journal.count_seen(self._run, [partition])
        return progress

    def finish(self, partition: int, end: Finished) -> None:
        """Hear that a partition was read to its end; recorded with what is still on its way."""
        self._gathered.progress[partition] = end

    def end(self, partition: int, stop: Stop, *, sound: bool, whole: bool) -> None:
        """Hear why the read of a partition has ended, well or not; recorded with what is still on its way.

        Args:
            partition: Which one.
            stop: Why.
            sound: Whether every item could be judged.
            whole: Whether all of it was asked for, and not what has changed only.
        """
        message = "" if stop.reason.complete else stop.detail or stop.reason.value
        shown = shorten(self._report.redact(message), _LONGEST_MESSAGE)
        self._gathered.account.ends[partition] = End(self._run, stop.reason, sound, whole, shown)

    def listed(self, messages: Sequence[str]) -> None:
        """Hear how the search for partitions ended, and why some may be missing; raises JournalError."""
        message = shorten(self._report.redact("; ".join(messages)), _LONGEST_MESSAGE)
        with self._journal.transaction():
            self._journal.accounts.listed(self._run, self._resource, message)

    def stretch(self, partition: int, stretch: Stretch) -> None:
        """Hear up to which change a partition will have been read with the page that is added next."""
        self._gathered.stretches[partition] = stretch

    def advance(self, partition: int, mark: int | None, reached: int | None) -> None:
        """Hear up to which change a partition was read, once all of it is in the sink and nothing was refused."""
        self._gathered.marks[partition] = (mark, reached)

    def known(self, partition: int, page: int, known: KnownPage | None) -> None:
        """Hear how the source tells whether the page that is added next is the same another time, if it does."""
        if known is not None:
            self._gathered.known[partition, page] = known

    async def confirm(
        self, keys: Sequence[Key], partition: int, page: int, asked: Asked, reached: Checkpoint | None
    ) -> None:
        """Take a page that has not changed since an earlier run delivered it: its entities are seen, not written.

        Args:
            keys: Blueprints and identifiers of what it gave.
            partition: Where it belongs.
            page: Which one it is, from 0.
            asked: How it was asked for.
            reached: Where to go on after it, if that is known.

        Raises:
            SinkError: An earlier batch could not be written.
            JournalError: It could not be recorded.
        """
        self._gathered.confirmed.add((partition, page))
        await self._take(keys, partition, page, asked, reached)

    def knows_pages(self) -> bool:
        """Whether anything is known of pages of earlier runs."""
        return self._journal.knows_pages()

    def forget_pages(self, partitions: Collection[int]) -> None:
        """Have partitions read whole the next time: they give some entities more than once, and the last counts."""
        if self._journal.knows_pages():
            with self._journal.transaction():
                self._journal.validators.drop(partitions)

    async def add(
        self, entities: Sequence[Entity], partition: int, page: int, asked: Asked, reached: Checkpoint | None
    ) -> None:
        """Take the entities of one page; waits while a full batch waits for the sink.

        Args:
            entities: What became of its items.
            partition: Where it belongs.
            page: Which one it is, from 0.
            asked: How it was asked for.
            reached: Where to go on after it, if that is known.

        Raises:
            SinkError: An earlier batch could not be written.
            JournalError: It was written and could not be recorded.
        """
        keys = [(entity.blueprint, entity.identifier) for entity in entities]
        self._gathered.put(keys, entities, self._again)
        await self._take(keys, partition, page, asked, reached)

    async def _take(
        self, keys: Sequence[Key], partition: int, page: int, asked: Asked, reached: Checkpoint | None
    ) -> None:
        self._taken += len(keys)
        self._gathered.see(keys, (partition, page))
        checkpoint = asked.checkpoint
        if checkpoint is not None and self._reveals(checkpoint.to_json()):
            asked = Asked(asked.url, None, known=False)
        self._gathered.account.pages[partition, page] = asked._replace(url=self._report.redact(mask_url(asked.url)))
        if reached is not None and not self._reveals(reached.to_json()):
            # some APIs repeat the key of a request in their next link: asked now, for what was sent may be forgotten
            self._gathered.progress[partition] = reached
        if self._gathered.count >= BATCH_SIZE:
            async with self._lock:
                if self._gathered.count >= BATCH_SIZE:  # nobody else has seen to it meanwhile
                    await self._start_writing()

    async def flush(self) -> None:
        """Write what is left, and wait until everything is in the sink and the journal; raises as ``add`` does."""
        async with self._lock:
            await self._start_writing()
            await self._writes.finish()

    @property
    def kind(self) -> str:
        """Whose entities these are."""
        return self._report.kind

    @property
    def deferred(self) -> int:
        """How many entities have not been settled."""
        return self._record.deferred

    @property
    def unresolved(self) -> Collection[str]:
        """Blueprints of entities of which it is not known what the catalog calls them."""
        return self._record.unresolved

    def settle(self, one: Settled) -> None:
        """Hear what became of an entity that was deferred."""
        key = EntityKey(one.blueprint, one.identifier)
        count_outcome(self._report, key, one.outcome)
        self._record.settle(self._gathered.account, key, one.outcome)

    def settled(self) -> None:
        """Hear that nothing is deferred any more: now the journal may know how far the partitions were read."""
        gathered, self._gathered = self._gathered, Gathered()
        self._record.settled(gathered)

    def duplicates(self, partitions: Collection[int]) -> int:
        """Return how many entities came more than once in the same one of these partitions, once all is flushed."""
        return self._taken - self._record.unnamed - self._journal.count_seen(self._run, partitions)

    async def _start_writing(self) -> None:
        if not self._gathered.is_empty:
            await self._writes.begin(self._gathered, self._write)
            self._gathered = Gathered()  # what came while there was no room goes with the rest

    async def _write(self, gathered: Gathered, before: Before) -> None:
        batch = EntityBatch(self._report.kind, list(gathered.entities.values()))
        if any(entity.identifier == "null" for entity in batch.entities):
            self._report.warn(
                self._report.kind,
                'an identifier is the text "null", as `.id | tostring` gives for an item without id; '
                "`.id | values | tostring` skips such items",
            )
        self._record.outdate(gathered)
        outcomes = await self._sink.write(batch) if batch.entities else ()
        if before is not None:
            await asyncio.wait([before])
            before.result()  # the journal may not know how far was read beyond what was not written
        self._record.written(gathered, batch, outcomes)
        self._kept.delivered(self._sink.writes_at_once)
        count_outcomes(self._report, batch, outcomes)
        self._observer.batch_written(self._report)

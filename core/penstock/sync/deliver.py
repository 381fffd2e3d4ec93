"""Gather a kind's entities into batches, give each to the sink once, then tell the journal where they were seen."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from penstock.journal import Checkpoint, Finished, Journal, Progress
from penstock.strategies import Sink
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport
from penstock.sync.spool import Kept
from penstock.values import Entity, EntityBatch, Outcome, Settled

BATCH_SIZE = 1000
"""Entities per write; measured: larger batches gain nothing and hold more memory."""


_Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""
_Sightings: TypeAlias = dict[tuple[int, int], dict[_Key, None]]
"""By partition and page; ordered sets, for neighbours are to stay neighbours in the journal."""


class Delivery:
    """The way of one kind's entities into the sink; batches are written one after another, while reading goes on."""

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
    ) -> None:
        self._sink = sink
        self._journal = journal
        self._run = run
        self._resource = resource
        self._report = report
        self._observer = observer
        self._entities: dict[_Key, Entity] = {}
        self._sightings: _Sightings = {}
        self._progress: dict[int, Progress] = {}
        """By partition: how far it will have been read once the entities at hand are written."""
        self._writing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._taken = 0
        self._deferred = 0
        self.unresolved: set[str] = set()
        """Blueprints of entities of which it is not known what the catalog calls them."""
        self._kept = kept
        self._reveals = reveals
        self._unsettled: set[int] = set()
        """Partitions that showed an entity whose outcome is deferred."""
        self._withheld: dict[int, Progress] = {}
        """How far these will have been read once it is settled."""

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
        self._progress[partition] = end

    async def add(self, entities: Sequence[Entity], partition: int, page: int, reached: Checkpoint | None) -> None:
        """Take the entities of one page; waits while a full batch waits for the sink.

        Args:
            entities: What became of its items.
            partition: Where it belongs.
            page: Which one it is, from 0.
            reached: Where to go on after it, if that is known.

        Raises:
            SinkError: An earlier batch could not be written.
            JournalError: It was written and could not be recorded.
        """
        self._taken += len(entities)
        keys = [(entity.blueprint, entity.identifier) for entity in entities]
        self._entities.update(zip(keys, entities, strict=True))  # a later duplicate wins
        self._sightings.setdefault((partition, page), {}).update(dict.fromkeys(keys))
        if reached is not None and not self._reveals(reached.to_json()):
            # some APIs repeat the key of a request in their next link: asked now, for what was sent may be forgotten
            self._progress[partition] = reached
        if len(self._entities) >= BATCH_SIZE:
            async with self._lock:
                if len(self._entities) >= BATCH_SIZE:  # nobody else has seen to it meanwhile
                    await self._start_writing()

    async def flush(self) -> None:
        """Write what is left, and wait until everything is in the sink and the journal; raises as ``add`` does."""
        async with self._lock:
            await self._start_writing()
            await self._finish_writing()

    @property
    def kind(self) -> str:
        """Whose entities these are."""
        return self._report.kind

    @property
    def deferred(self) -> int:
        """How many entities have not been settled."""
        return self._deferred

    def settle(self, one: Settled) -> None:
        """Hear what became of an entity that was deferred."""
        self._deferred -= 1
        self._tally(one.blueprint, one.identifier, one.outcome)

    def settled(self) -> None:
        """Hear that nothing is deferred any more: now the journal may know how far the partitions were read."""
        if self._withheld:
            self._journal.see(self._run, {}, self._withheld)
            self._withheld = {}

    def duplicates(self, partitions: Collection[int]) -> int:
        """Return how many entities came more than once in the same one of these partitions, once all is flushed."""
        return self._taken - self._journal.count_seen(self._run, partitions)

    async def _start_writing(self) -> None:
        await self._finish_writing()
        if self._entities or self._progress:
            batch = EntityBatch(self._report.kind, list(self._entities.values()))
            self._writing = asyncio.create_task(self._write(batch, self._sightings, self._progress))
            self._entities, self._sightings, self._progress = {}, {}, {}

    async def _finish_writing(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)  # whoever waits may be cancelled, the sink's work must not be
            self._writing = None

    async def _write(self, batch: EntityBatch, sightings: _Sightings, progress: Mapping[int, Progress]) -> None:
        if any(entity.identifier == "null" for entity in batch.entities):
            self._report.warn(
                self._report.kind,
                'an identifier is the text "null", as `.id | tostring` gives for an item without id; '
                "`.id | values | tostring` skips such items",
            )
        outcomes = await self._sink.write(batch) if batch.entities else ()
        progress = self._certain(batch, outcomes, sightings, progress)
        self._journal.see(self._run, self._renamed(batch, outcomes, sightings), progress)
        self._kept.delivered()
        self._count(batch, outcomes)
        self._observer.batch_written(self._report)

    def _certain(
        self,
        batch: EntityBatch,
        outcomes: Sequence[Outcome],
        sightings: _Sightings,
        progress: Mapping[int, Progress],
    ) -> Mapping[int, Progress]:
        """Return how far was read of the partitions that are settled, and keep the rest back."""
        deferred = {
            (entity.blueprint, entity.identifier)
            for entity, outcome in zip(batch.entities, outcomes, strict=True)
            if outcome.kind == "deferred"
        }
        self._deferred += len(deferred)
        self._unsettled.update(partition for (partition, _), keys in sightings.items() if not deferred.isdisjoint(keys))
        if not self._unsettled:
            return progress
        self._withheld.update((partition, one) for partition, one in progress.items() if partition in self._unsettled)
        return {partition: one for partition, one in progress.items() if partition not in self._unsettled}

    def _renamed(self, batch: EntityBatch, outcomes: Sequence[Outcome], sightings: _Sightings) -> _Sightings:
        """Return the sightings under the names that the catalog has for what a search query names."""
        names = {
            (entity.blueprint, entity.identifier): outcome.identifier
            for entity, outcome in zip(batch.entities, outcomes, strict=True)
            if entity.search is not None
        }
        if not names:
            return sightings
        self.unresolved.update(blueprint for (blueprint, _), name in names.items() if not name)
        return {
            place: {key if key not in names else (key[0], names[key]): None for key in keys if names.get(key, "known")}
            for place, keys in sightings.items()
        }

    def _count(self, batch: EntityBatch, outcomes: Sequence[Outcome]) -> None:
        report = self._report
        counts = Counter(outcome.kind for outcome in outcomes)
        report.created += counts["created"]
        report.updated += counts["updated"]
        report.unchanged += counts["unchanged"]
        if counts["absent"]:
            report.skipped += counts["absent"]
            report.warn(
                report.kind,
                f"{counts['absent']} search queries as identifier find nothing: nothing is written for these, and "
                "nothing of their blueprint is deleted in this run",
            )
        if counts["refused"]:
            for entity, outcome in zip(batch.entities, outcomes, strict=True):
                if outcome.kind == "refused":
                    self._refuse(entity.blueprint, entity.identifier, outcome)

    def _tally(self, blueprint: str, identifier: str, outcome: Outcome) -> None:
        report = self._report
        if outcome.kind == "refused":
            self._refuse(blueprint, identifier, outcome)
        else:
            report.created += outcome.kind == "created"
            report.updated += outcome.kind == "updated"
            report.unchanged += outcome.kind == "unchanged"

    def _refuse(self, blueprint: str, identifier: str, outcome: Outcome) -> None:
        self._report.failed += 1
        self._report.refused += 1
        self._report.error(f"{self._report.kind} {blueprint}/{identifier}", f"the sink refused it: {outcome.reason}")

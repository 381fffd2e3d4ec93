"""Gather a kind's entities into batches, give each to the sink once, then tell the journal where they were seen."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct, field

from penstock.http.documents import shorten
from penstock.journal import Account, Asked, Checkpoint, End, Finished, Journal, Progress, is_unicode
from penstock.redaction import mask_url
from penstock.strategies import Sink
from penstock.sync.observer import Observer
from penstock.sync.report import KindReport
from penstock.sync.spool import Kept
from penstock.values import Entity, EntityBatch, EntityKey, Outcome, Settled, Stop

if TYPE_CHECKING:
    from penstock.journal.extents import Stretch
    from penstock.journal.validators import KnownPage

_LONGEST_MESSAGE: Final = 500
_DEFERRED: Final = frozenset({"deferred"})
_UNCERTAIN: Final = _DEFERRED | {"refused", "absent"}
"""Outcomes after which a page is asked for again, and no mark passes what it showed: another time it may be written."""
BATCH_SIZE = 1000
"""Entities per write; measured: larger batches gain nothing and hold more memory."""


_Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""
_Page: TypeAlias = tuple[int, int]
"""Partition and page."""
_Sightings: TypeAlias = dict[_Page, dict[_Key, None]]
"""Ordered sets, for neighbours are to stay neighbours in the journal."""


class _Beside(Struct):
    """What is recorded with a batch beside sightings and progress, by partition."""

    stretches: dict[int, Stretch] = field(default_factory=dict[int, "Stretch"])
    marks: dict[int, tuple[int | None, int | None]] = field(default_factory=dict[int, tuple[int | None, int | None]])
    known: dict[_Page, KnownPage] = field(default_factory=dict[_Page, "KnownPage"])
    confirmed: set[_Page] = field(default_factory=set[_Page])
    account: Account = field(default_factory=Account)


class _Writing(Struct, frozen=True):
    """A batch that the sink has, and whose outcomes are not recorded yet."""

    task: asyncio.Task[None]
    keys: set[_Key]
    """What it showed; empty where the sink takes one batch at a time."""
    searches: bool
    """Whether it holds an entity of which only the sink can tell the key."""


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
        self._beside = _Beside()
        self._writing: deque[_Writing] = deque()
        """In the order in which they are recorded; one that failed stays, and nothing comes after it."""
        self._lock = asyncio.Lock()
        self._taken = 0
        self._waiting = 0
        """Sightings that are not on their way yet."""
        self._spoilt: set[int] = set()
        """Partitions of which the sink has refused something, put it off, or not found what it is to be."""
        self._deferred = 0
        self.unresolved: set[str] = set()
        """Blueprints of entities of which it is not known what the catalog calls them."""
        self._kept = kept
        self._reveals = reveals
        self._unsettled: set[int] = set()
        """Partitions that showed an entity whose outcome is deferred."""
        self._withheld: dict[int, Progress] = {}
        """How far these will have been read once it is settled."""
        self._nameless: set[int] = set()
        """Partitions that showed an entity of which it is not known what the catalog calls it: taken up after a kill,
        the run is to hear of it again, for until then ``unresolved`` keeps what may be that entity."""

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
        self._beside.account.ends[partition] = End(self._run, stop.reason, sound, whole, shown)

    def listed(self, messages: Sequence[str]) -> None:
        """Hear how the search for partitions ended, and why some may be missing; raises JournalError."""
        message = shorten(self._report.redact("; ".join(messages)), _LONGEST_MESSAGE)
        with self._journal.transaction():
            self._journal.accounts.listed(self._run, self._resource, message)

    def stretch(self, partition: int, stretch: Stretch) -> None:
        """Hear up to which change a partition will have been read with the page that is added next."""
        self._beside.stretches[partition] = stretch

    def advance(self, partition: int, mark: int | None, reached: int | None) -> None:
        """Hear up to which change a partition was read, once all of it is in the sink and nothing was refused."""
        self._beside.marks[partition] = (mark, reached)

    def known(self, partition: int, page: int, known: KnownPage | None) -> None:
        """Hear how the source tells whether the page that is added next is the same another time, if it does."""
        if known is not None:
            self._beside.known[partition, page] = known

    async def confirm(
        self, keys: Sequence[_Key], partition: int, page: int, asked: Asked, reached: Checkpoint | None
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
        self._beside.confirmed.add((partition, page))
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
        self._entities.update(zip(keys, entities, strict=True))  # a later duplicate wins
        await self._take(keys, partition, page, asked, reached)

    async def _take(
        self, keys: Sequence[_Key], partition: int, page: int, asked: Asked, reached: Checkpoint | None
    ) -> None:
        self._taken += len(keys)
        self._waiting += len(keys)
        self._sightings.setdefault((partition, page), {}).update(dict.fromkeys(keys))
        checkpoint = asked.checkpoint
        if checkpoint is not None and self._reveals(checkpoint.to_json()):
            asked = Asked(asked.url, None, known=False)
        self._beside.account.pages[partition, page] = asked._replace(url=self._report.redact(mask_url(asked.url)))
        if reached is not None and not self._reveals(reached.to_json()):
            # some APIs repeat the key of a request in their next link: asked now, for what was sent may be forgotten
            self._progress[partition] = reached
        if self._waiting >= BATCH_SIZE:
            async with self._lock:
                if self._waiting >= BATCH_SIZE:  # nobody else has seen to it meanwhile
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
        self._tell_refusal(self._beside.account, EntityKey(one.blueprint, one.identifier), one.outcome)

    def settled(self) -> None:
        """Hear that nothing is deferred any more: now the journal may know how far the partitions were read."""
        beside, self._beside = self._beside, _Beside()
        if self._withheld or beside.account.refused or beside.account.accepted:
            self._journal.see(self._run, {}, self._withheld, also=lambda: self._keep(beside))
            self._withheld = {}

    def duplicates(self, partitions: Collection[int]) -> int:
        """Return how many entities came more than once in the same one of these partitions, once all is flushed."""
        return self._taken - self._journal.count_seen(self._run, partitions)

    async def _start_writing(self) -> None:
        while self._writing and not self._may_join():
            await self._finish_first()
        if self._entities or self._progress or self._sightings or self._beside.account.ends:
            batch = EntityBatch(self._report.kind, list(self._entities.values()))
            before = self._writing[-1].task if self._writing else None
            writing = self._write(batch, self._sightings, self._progress, self._beside, before)
            task = asyncio.create_task(writing)
            task.add_done_callback(_has_failed)  # of several that fail, one is heard of
            keys = set[_Key]()
            if self._sink.writes_at_once > 1:
                keys.update(*self._sightings.values())
            self._writing.append(_Writing(task, keys, searches=_searches(batch.entities)))
            self._entities, self._sightings, self._progress, self._beside = {}, {}, {}, _Beside()
            self._waiting = 0

    def _may_join(self) -> bool:
        """Whether the sink may have what is at hand while it has what it was given before.

        Not where both have a key in common: what came later is to count, and to be recorded, later.
        """
        return (
            len(self._writing) < self._sink.writes_at_once
            and not _has_failed(self._writing[0].task)
            and not any(one.searches for one in self._writing)
            and not _searches(self._entities.values())
            and all(one.keys.isdisjoint(keys) for one in self._writing for keys in self._sightings.values())
        )

    async def _finish_writing(self) -> None:
        while self._writing:
            await self._finish_first()

    async def _finish_first(self) -> None:
        first = self._writing[0].task
        await asyncio.wait([first])  # whoever waits may be cancelled, the sink's work must not be
        if _has_failed(first):
            await asyncio.wait([one.task for one in self._writing])  # none may be at work when the sink is closed
        first.result()
        self._writing.popleft()

    async def _write(
        self,
        batch: EntityBatch,
        sightings: _Sightings,
        progress: Mapping[int, Progress],
        beside: _Beside,
        before: asyncio.Task[None] | None,
    ) -> None:
        if any(entity.identifier == "null" for entity in batch.entities):
            self._report.warn(
                self._report.kind,
                'an identifier is the text "null", as `.id | tostring` gives for an item without id; '
                "`.id | values | tostring` skips such items",
            )
        self._outdate(sightings, beside)
        outcomes = await self._sink.write(batch) if batch.entities else ()
        if before is not None:
            await asyncio.wait([before])
            before.result()  # the journal may not know how far was read beyond what was not written
        uncertain = _keys(batch, outcomes, _UNCERTAIN)
        self._spoilt |= {partition for (partition, _), keys in sightings.items() if uncertain & keys.keys()}
        unlike = uncertain | {(one.blueprint, one.identifier) for one in batch.entities if one.search is not None}
        beside.known = {page: known for page, known in beside.known.items() if not unlike & sightings[page].keys()}
        self._tell_refusals(beside.account, batch, outcomes)
        seen = self._renamed(batch, outcomes, sightings)
        if seen is not sightings:
            self._outdate(seen, beside)  # by the names that were not known before
        progress = self._certain(batch, outcomes, sightings, progress)
        self._journal.see(self._run, seen, progress, also=lambda: self._keep(beside))
        self._kept.delivered(self._sink.writes_at_once)
        self._count(batch, outcomes)
        self._observer.batch_written(self._report)

    def _tell_refusals(self, account: Account, batch: EntityBatch, outcomes: Sequence[Outcome]) -> None:
        if not self._journal.accounts.has_refusals(self._run) and all(one.kind != "refused" for one in outcomes):
            return
        for entity, outcome in zip(batch.entities, outcomes, strict=True):
            if outcome.kind != "deferred":
                self._tell_refusal(account, EntityKey(entity.blueprint, entity.identifier), outcome)

    def _tell_refusal(self, account: Account, key: EntityKey, outcome: Outcome) -> None:
        if not is_unicode(key.blueprint + key.identifier):
            return
        if outcome.kind == "refused":
            account.refused.append((key, self._report.redact(outcome.reason)))
        else:
            account.accepted.append(key)

    def _outdate(self, sightings: _Sightings, beside: _Beside) -> None:
        """Forget known pages before anything of theirs is written anew."""
        if self._journal.knows_pages():
            written = {page: keys for page, keys in sightings.items() if page not in beside.confirmed}
            with self._journal.transaction():
                self._journal.validators.outdate(written)

    def _keep(self, beside: _Beside) -> None:
        """Record what goes beside sightings and progress, within their transaction."""
        self._journal.accounts.add(self._run, beside.account)
        if beside.stretches:
            stretches = {
                partition: stretch._replace(spoilt=stretch.spoilt or partition in self._spoilt)
                for partition, stretch in beside.stretches.items()
            }
            self._journal.extents.keep(self._run, stretches)
            spoilt = {partition for partition, one in stretches.items() if one.spoilt}
            self._spoilt |= spoilt
        if beside.known:
            self._journal.validators.remember(self._run, beside.known)
        if beside.confirmed:
            self._journal.validators.confirm(self._run, beside.confirmed)
        for partition, (mark, reached) in beside.marks.items():
            if partition not in self._spoilt:
                self._journal.extents.advance(partition, mark, reached)

    def _certain(
        self,
        batch: EntityBatch,
        outcomes: Sequence[Outcome],
        sightings: _Sightings,
        progress: Mapping[int, Progress],
    ) -> Mapping[int, Progress]:
        """Return how far was read of the partitions that are settled, and keep the rest back."""
        deferred = _keys(batch, outcomes, _DEFERRED)
        self._deferred += len(deferred)
        self._unsettled.update(partition for (partition, _), keys in sightings.items() if not deferred.isdisjoint(keys))
        if not self._unsettled and not self._nameless:
            return progress
        told = {partition: one for partition, one in progress.items() if partition not in self._nameless}
        self._withheld.update((partition, one) for partition, one in told.items() if partition in self._unsettled)
        return {partition: one for partition, one in told.items() if partition not in self._unsettled}

    def _renamed(self, batch: EntityBatch, outcomes: Sequence[Outcome], sightings: _Sightings) -> _Sightings:
        """Return the sightings under the names that the catalog has for what a search query names."""
        names = {
            (entity.blueprint, entity.identifier): outcome.identifier
            for entity, outcome in zip(batch.entities, outcomes, strict=True)
            if entity.search is not None
        }
        if not names:
            return sightings
        nameless = {key for key, name in names.items() if not name}
        self.unresolved.update(blueprint for blueprint, _ in nameless)
        for (partition, _), keys in sightings.items():
            if unseen := len(nameless & keys.keys()):
                self._nameless.add(partition)
                self._taken -= unseen
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


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _searches(entities: Iterable[Entity]) -> bool:
    return any(entity.search is not None for entity in entities)


def _keys(batch: EntityBatch, outcomes: Sequence[Outcome], kinds: Collection[str]) -> set[_Key]:
    """Return the entities of these outcomes, which are mostly none."""
    if not any(outcome.kind in kinds for outcome in outcomes):
        return set()
    return {
        (entity.blueprint, entity.identifier)
        for entity, outcome in zip(batch.entities, outcomes, strict=True)
        if outcome.kind in kinds
    }

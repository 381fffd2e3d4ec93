"""Decide what may be deleted, and have the sink delete it.

An entity is stale when this run saw it nowhere and every partition that ever showed it was read completely in this run.
Anything less keeps it. Where too much of a kind would go, its deletions are held instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from penstock.config.models import MappingFlags
from penstock.journal import Journal, Sighting
from penstock.strategies import Sink
from penstock.sync.report import KindReport
from penstock.values import EntityKey, OwnedEntity

_CHUNK = 500


class Proof(NamedTuple):
    """What this run has read, and so can say about absence."""

    run: int
    proven: Collection[int]
    """The partitions read completely, among them those that discovery has proven to be gone."""
    unsteady: Collection[int]
    """Those of them whose read may have missed something, for rows move across the edges of pages."""
    resources: Mapping[int, str]
    """The resource of every partition the journal knows."""
    reports: Mapping[str, KindReport]
    """The report of every resource of the mapping, by the resource's name."""
    everything: bool
    """Whether every resource was read completely: only then may an entity go of which the journal knows nothing."""
    resumed: bool
    """Whether a part was read before the run was broken off: then the reports do not tell of everything."""


class Stale(NamedTuple):
    """An entity that complete reads did not show."""

    key: EntityKey
    unsteady: bool
    """Whether one of these reads may have missed it."""


@dataclass(slots=True)
class Verdicts:
    """What reconciling found, before anything is deleted."""

    owned: Counter[str] = field(default_factory=Counter[str])
    """Entities in the sink, by resource."""
    stale: dict[str, list[Stale]] = field(default_factory=dict[str, list[Stale]])
    """Entities that are proven to be gone from the source, by resource."""
    left: list[Sighting] = field(default_factory=list[Sighting])
    """Sightings in partitions that no longer show an entity which lives on, or which the sink does not hold."""


async def reconcile(sink: Sink, journal: Journal, proof: Proof, flags: MappingFlags) -> None:
    """Delete what is proven to be gone, or hold it where its share of a kind is above ``entityDeletionThreshold``.

    Numbers, errors and holds go to the reports. A threshold of 0 holds every deletion, one of 1 none.
    """
    journal.find_again(proof.run)
    if await _holds_just_what_was_seen(sink, journal, proof):
        journal.forget_unseen(proof.run, proof.proven)
        return
    verdicts = await judge(sink.owned(), journal.sightings(), proof)
    journal.forget_sightings(verdicts.left)
    missed = journal.missed()
    for resource, stale in verdicts.stale.items():
        report, owned = proof.reports[resource], verdicts.owned[resource]
        if is_held(len(stale), owned, flags.entity_deletion_threshold):
            _hold(report, len(stale), owned, flags.entity_deletion_threshold)
            continue
        needed = flags.delete_after_absent_runs
        gone = [one.key for one in stale if missed.get(one.key, 0) + 1 >= _needed(one, needed, proof)]
        _wait(journal, report, proof, {one.key for one in stale}.difference(gone))
        for start in range(0, len(gone), _CHUNK):
            await _delete(sink, journal, report, gone[start : start + _CHUNK])


def _needed(stale: Stale, configured: int | None, proof: Proof) -> int:
    """Return how many complete reads in a row must miss an entity before it is deleted.

    One that went on where it was broken off has read its parts at different times, so that it proves less.
    """
    needed = configured or (2 if stale.unsteady else 1)
    return max(needed, 2) if proof.resumed else needed


def _wait(journal: Journal, report: KindReport, proof: Proof, missing: Collection[EntityKey]) -> None:
    if missing:
        journal.miss(proof.run, missing)
        report.missing += len(missing)
        report.warn(
            report.kind,
            f"{len(missing)} entities were not found, perhaps because rows moved while pages were read: they are "
            "deleted if the next complete read does not find them either (deleteAfterAbsentRuns)",
        )


async def _holds_just_what_was_seen(sink: Sink, journal: Journal, proof: Proof) -> bool:
    """Whether nothing can be stale: the sink took in all that was seen, and holds no more than that."""
    if proof.resumed or any(report.refused for report in proof.reports.values()):
        return False
    count = await sink.count()
    return count is not None and count == journal.count_entities(proof.run)


def is_held(stale: int, owned: int, threshold: float) -> bool:
    """Return whether deleting ``stale`` of ``owned`` entities needs somebody's approval (sync.md section 6)."""
    return stale > 0 and stale / owned > threshold


async def judge(owned: AsyncIterator[Sequence[OwnedEntity]], sightings: Iterator[Sighting], proof: Proof) -> Verdicts:
    """Compare what the sink holds with what the journal has seen; both are sorted by blueprint and identifier."""
    verdicts = Verdicts()
    sighting = next(sightings, None)
    async for chunk in owned:
        for entity in chunk:
            key = entity[1:]
            while sighting is not None and sighting[:2] < key:
                _judge_missing(sighting, proof, verdicts)
                sighting = next(sightings, None)
            about: list[Sighting] = []
            while sighting is not None and sighting[:2] == key:
                about.append(sighting)
                sighting = next(sightings, None)
            if about:
                _judge_known(about, proof, verdicts)
            else:
                _judge_unknown(entity, proof, verdicts)
    for rest in chain([sighting] if sighting is not None else [], sightings):
        _judge_missing(rest, proof, verdicts)
    return verdicts


def _judge_known(sightings: Sequence[Sighting], proof: Proof, verdicts: Verdicts) -> None:
    newest = sightings[0] if len(sightings) == 1 else max(sightings, key=attrgetter("run"))
    if not _is_mapped(newest, proof):
        return  # its kind is no longer in the mapping: nothing was read that could prove anything
    resource = proof.resources[newest.partition]
    verdicts.owned[resource] += 1
    if newest.run >= proof.run:
        if len(sightings) > 1:
            verdicts.left += [sighting for sighting in sightings if _has_left(sighting, proof)]
    elif all(sighting.partition in proof.proven or _is_overtaken(sighting, newest, proof) for sighting in sightings):
        unsteady = any(sighting.partition in proof.unsteady for sighting in sightings)
        verdicts.stale.setdefault(resource, []).append(
            Stale(EntityKey(newest.blueprint, newest.identifier), unsteady=unsteady)
        )


def _is_mapped(sighting: Sighting, proof: Proof) -> bool:
    return proof.resources.get(sighting.partition) in proof.reports


def _is_overtaken(sighting: Sighting, newest: Sighting, proof: Proof) -> bool:
    """Whether a kind that left the mapping showed the entity, and one of the mapping did so later: it is that one's."""
    return sighting.run < newest.run and not _is_mapped(sighting, proof)


def _judge_unknown(entity: OwnedEntity, proof: Proof, verdicts: Verdicts) -> None:
    """Judge an entity of which the journal, being new or lost, knows nothing."""
    resource = next((name for name, report in proof.reports.items() if report.kind == entity.kind), None)
    if resource is None:
        return
    verdicts.owned[resource] += 1
    if proof.everything:
        verdicts.stale.setdefault(resource, []).append(
            Stale(EntityKey(entity.blueprint, entity.identifier), unsteady=bool(proof.unsteady))
        )


def _judge_missing(sighting: Sighting, proof: Proof, verdicts: Verdicts) -> None:
    """Judge an entity that the journal knows and the sink does not hold: refused, or deleted by somebody else."""
    if _has_left(sighting, proof):
        verdicts.left.append(sighting)


def _has_left(sighting: Sighting, proof: Proof) -> bool:
    return sighting.run < proof.run and sighting.partition in proof.proven


def _hold(report: KindReport, stale: int, owned: int, threshold: float) -> None:
    report.held += stale
    if report.status == "complete":
        report.status = "held"
    report.warn(
        report.kind,
        f"{stale} of {owned} entities are gone from the source, a larger share than entityDeletionThreshold "
        f"({threshold:g}): none was deleted",
    )


async def _delete(sink: Sink, journal: Journal, report: KindReport, keys: Sequence[EntityKey]) -> None:
    outcomes = await sink.delete(keys)
    gone: list[EntityKey] = []
    for key, outcome in zip(keys, outcomes, strict=True):
        if outcome.kind == "refused":
            report.error(f"{key.blueprint}/{key.identifier}", f"the sink refused to delete it: {outcome.reason}")
        else:
            gone.append(key)
            report.deleted += outcome.kind == "deleted"
    journal.forget(gone)

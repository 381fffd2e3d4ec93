"""Decide what may be deleted, and have the sink delete it.

An entity is stale when this run saw it nowhere and every partition that ever showed it was read completely in this run.
Anything less keeps it. Where too much of a kind would go, its deletions are held instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from penstock.journal import Journal, Sighting
from penstock.strategies import Sink
from penstock.sync.report import KindReport
from penstock.values import EntityKey, OwnedEntity

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Proof:
    """What this run has read, and so can say about absence."""

    run: int
    proven: Collection[int]
    """The partitions read completely, among them those that discovery has proven to be gone."""
    resources: Mapping[int, str]
    """The resource of every partition the journal knows."""
    reports: Mapping[str, KindReport]
    """The report of every resource of the mapping, by the resource's name."""
    everything: bool
    """Whether every resource was read completely: only then may an entity go of which the journal knows nothing."""


@dataclass(slots=True)
class Verdicts:
    """What reconciling found, before anything is deleted."""

    owned: Counter[str] = field(default_factory=Counter[str])
    """Entities in the sink, by resource."""
    stale: dict[str, list[EntityKey]] = field(default_factory=dict[str, list[EntityKey]])
    """Entities that are proven to be gone from the source, by resource."""
    left: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    """Partitions that no longer show an entity which lives on."""


async def reconcile(sink: Sink, journal: Journal, proof: Proof, threshold: float) -> None:
    """Delete what is proven to be gone, or hold it where its share of a kind is above ``threshold``.

    Numbers, errors and holds go to the reports. A threshold of 0 holds every deletion, one of 1 none.
    """
    verdicts = await judge(sink.owned(), journal.sightings(), proof)
    journal.forget_partitions(verdicts.left)
    for resource, stale in verdicts.stale.items():
        report = proof.reports[resource]
        if is_held(len(stale), verdicts.owned[resource], threshold):
            _hold(report, len(stale), verdicts.owned[resource], threshold)
        else:
            for start in range(0, len(stale), _CHUNK):
                await _delete(sink, journal, report, stale[start : start + _CHUNK])


def is_held(stale: int, owned: int, threshold: float) -> bool:
    """Return whether deleting ``stale`` of ``owned`` entities needs somebody's approval (sync.md section 6)."""
    return stale > 0 and stale / owned > threshold


async def judge(owned: AsyncIterator[Sequence[OwnedEntity]], sightings: Iterator[Sighting], proof: Proof) -> Verdicts:
    """Compare what the sink holds with what the journal has seen; both are sorted by blueprint and identifier."""
    verdicts = Verdicts()
    sighting = next(sightings, None)
    async for chunk in owned:
        for entity in chunk:
            key = (entity.blueprint, entity.identifier)
            while sighting is not None and (sighting.blueprint, sighting.identifier) < key:
                _judge_missing(sighting, proof, verdicts)
                sighting = next(sightings, None)
            if sighting is not None and (sighting.blueprint, sighting.identifier) == key:
                _judge_known(sighting, proof, verdicts)
                sighting = next(sightings, None)
            else:
                _judge_unknown(entity, proof, verdicts)
    for rest in chain([sighting] if sighting is not None else [], sightings):
        _judge_missing(rest, proof, verdicts)
    return verdicts


def _judge_known(sighting: Sighting, proof: Proof, verdicts: Verdicts) -> None:
    resource = _resource(sighting, proof)
    if resource is None:
        return  # its kind is no longer in the mapping: nothing was read that could prove anything
    verdicts.owned[resource] += 1
    if proof.run in sighting.partitions.values():
        verdicts.left += _left(sighting, proof)
    elif all(partition in proof.proven for partition in sighting.partitions):
        verdicts.stale.setdefault(resource, []).append(EntityKey(sighting.blueprint, sighting.identifier))


def _judge_unknown(entity: OwnedEntity, proof: Proof, verdicts: Verdicts) -> None:
    """Judge an entity of which the journal, being new or lost, knows nothing."""
    resource = next((name for name, report in proof.reports.items() if report.kind == entity.kind), None)
    if resource is None:
        return
    verdicts.owned[resource] += 1
    if proof.everything:
        verdicts.stale.setdefault(resource, []).append(EntityKey(entity.blueprint, entity.identifier))


def _judge_missing(sighting: Sighting, proof: Proof, verdicts: Verdicts) -> None:
    """Judge an entity that the journal knows and the sink does not hold: refused, or deleted by somebody else."""
    verdicts.left += _left(sighting, proof)


def _left(sighting: Sighting, proof: Proof) -> Iterator[tuple[str, str, int]]:
    for partition, run in sighting.partitions.items():
        if run != proof.run and partition in proof.proven:
            yield sighting.blueprint, sighting.identifier, partition


def _resource(sighting: Sighting, proof: Proof) -> str | None:
    """Return which resource of the mapping an entity belongs to: one that saw it now, else one that saw it before."""
    partitions = sorted(sighting.partitions, key=lambda partition: -sighting.partitions[partition])
    names = (proof.resources.get(partition) for partition in partitions)
    return next((name for name in names if name in proof.reports), None)


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

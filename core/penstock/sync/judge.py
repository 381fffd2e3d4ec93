"""Compare what the sink holds with what was seen: which entities may be deleted, as far as reading can tell.

An entity is missing when this run saw it nowhere and every partition that ever showed it was read completely in this
run. Anything less keeps it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain

from penstock.journal import Cause, Missing, Sighting
from penstock.sync.proof import Proof
from penstock.sync.renames import Renames
from penstock.values import OwnedEntity


async def judge(
    owned: AsyncIterator[Sequence[OwnedEntity]],
    sightings: Iterator[Sighting],
    proof: Proof,
    missing: Missing,
    renames: Renames,
) -> Counter[str]:
    """Fill ``missing``, and return how many entities the sink holds of each resource.

    Args:
        owned: What the sink holds, sorted by blueprint and identifier.
        sightings: What the journal knows, sorted likewise.
        proof: What this run has read.
        missing: Takes what is missing, and sightings in partitions that no longer show their entity.
        renames: Takes what was seen and is not in the sink.
    """
    judging = _Judge(proof, missing)

    def not_held(sighting: Sighting) -> None:
        if sighting.run >= proof.run:
            missing.lose(sighting[:2])
        renames.unheld(sighting)
        judging.not_shown(sighting)

    sighting = next(sightings, None)
    async for entities in owned:
        for entity in entities:
            key = entity[1:]
            while sighting is not None and sighting[:2] < key:
                not_held(sighting)
                sighting = next(sightings, None)
            about: list[Sighting] = []
            while sighting is not None and sighting[:2] == key:
                about.append(sighting)
                sighting = next(sightings, None)
            if about:
                judging.known(about)
            else:
                judging.unknown(entity)
        await asyncio.sleep(0)  # let the lease be renewed: a sink on the local disk never waits
    for rest in chain([sighting] if sighting is not None else [], sightings):
        not_held(rest)
    return judging.owned


class _Judge:
    def __init__(self, proof: Proof, missing: Missing) -> None:
        self.owned: Counter[str] = Counter()
        self._proof = proof
        self._missing = missing
        self._by_kind: dict[str, str] = {}
        for name, report in proof.reports.items():
            self._by_kind.setdefault(report.kind, name)
        self._everything = proof.everything
        self._former = {name: proof.knows(name) for name in proof.resources.values() if name not in proof.reports}
        """Resources that are no longer in the mapping, and whether those that might show their entities were read."""

    def known(self, sightings: Sequence[Sighting]) -> None:
        """Judge an entity that the journal knows."""
        newest = sightings[0] if len(sightings) == 1 else max(sightings, key=self._age)
        resource = self._proof.resources[newest.partition]
        self.owned[resource] += 1
        if newest.run >= self._proof.run:
            if len(sightings) > 1:
                for sighting in sightings:
                    self.not_shown(sighting)
        elif newest.blueprint in self._proof.unresolved:
            return
        elif self._former.get(resource, True) and all(self._is_over(sighting) for sighting in sightings):
            self._add(newest, resource)

    def unknown(self, entity: OwnedEntity) -> None:
        """Judge an entity of which the journal, being new or lost, knows nothing."""
        resource = self._by_kind.get(entity.kind, entity.kind) or self._proof.brings(entity.blueprint)
        mapped = resource is not None and resource in self._proof.reports
        resource = resource or entity.blueprint
        self.owned[resource] += 1
        if self._everything and entity.blueprint not in self._proof.unresolved:
            cause: Cause = "gone" if mapped else "removed"
            self._missing.add(entity[1:], resource, cause, self._proof.patience.needed(entity.blueprint))

    def not_shown(self, sighting: Sighting) -> None:
        """Forget a sighting that is no more: its entity lives on elsewhere, was refused, or deleted by others."""
        if sighting.run < self._proof.run and sighting.partition in self._proof.proven:
            self._missing.vacate(sighting[:2], sighting.partition)

    def _add(self, newest: Sighting, resource: str) -> None:
        if newest.blueprint in self._proof.partly:
            return
        needed = self._proof.patience.needed(newest.blueprint)
        if resource in self._former:
            self._missing.add(newest[:2], resource, "removed", needed)
        elif newest.run < self._proof.named_since.get(resource, 0):
            self._missing.add(newest[:2], resource, "changed", needed)
        else:
            self._missing.add(newest[:2], resource, "gone", needed)

    def _age(self, sighting: Sighting) -> tuple[int, bool]:
        """Return what is largest for the resource that an entity belongs to: of equals, one that nobody reads now."""
        return sighting.run, self._proof.resources[sighting.partition] in self._former

    def _is_over(self, sighting: Sighting) -> bool:
        """Whether a partition that showed the entity does so no longer, as was read, or is not part of the mapping."""
        return sighting.partition in self._proof.proven or self._proof.resources[sighting.partition] in self._former

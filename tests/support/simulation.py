"""Runs over a source of partitions, without a network: each is told what it managed to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from penstock.config.models import MappingFlags
from penstock.journal import Decision, Journal
from penstock.strategies import Sink
from penstock.sync.proof import Patience, Proof
from penstock.sync.reconcile import reconcile
from penstock.sync.report import KindReport
from penstock.sync.resources import Blueprints
from penstock.values import ABSENT, DELETED, UNCHANGED, Entity, EntityBatch, EntityKey, Outcome, OwnedEntity

KIND = "/things"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Catalog(Sink):
    """A sink in memory; what it holds is ``keys``."""

    def __init__(self) -> None:
        self.keys: set[tuple[str, str]] = set()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        self.keys |= {(entity.blueprint, entity.identifier) for entity in batch.entities}
        return [UNCHANGED] * len(batch.entities)

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        yield [OwnedEntity(KIND, blueprint, identifier) for blueprint, identifier in sorted(self.keys)]

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        yield [Entity(name, identifier) for name, identifier in sorted(self.keys) if blueprint in {None, name}]

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        outcomes = [DELETED if (key.blueprint, key.identifier) in self.keys else ABSENT for key in keys]
        self.keys -= {(key.blueprint, key.identifier) for key in keys}
        return outcomes


class Simulation:
    """Runs over a source of partitions, without a network: each run is told what it managed to read."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder, "test")
        self.catalog = Catalog()
        self.opened: Callable[[], AbstractContextManager[Journal]] = lambda: self.journal

    def run(
        self, read: dict[str, set[str]], *, failed: frozenset[str], gone: bool, threshold: float, limit: int = 1000
    ) -> KindReport:
        """Read these partitions; those in ``failed`` count as incomplete, unmet ones as gone if ``gone``."""
        report = KindReport(KIND)
        with self.opened() as journal:
            number = journal.runs.start("run", NOW)
            met: set[int] = set()
            proven: set[int] = set()
            for name, identifiers in read.items():
                partition = journal.partition(KIND, {"p": name})
                met.add(partition)
                if name not in failed:
                    proven.add(partition)
                self.catalog.keys |= {("thing", identifier) for identifier in identifiers}
                journal.see(number, {(partition, 0): [("thing", identifier) for identifier in identifiers]})
            known = journal.partitions()
            everything = gone and proven == met
            if gone:
                proven |= known.keys() - met
            patience = Patience(None, Blueprints(), Blueprints() if everything else Blueprints(any=True), resumed=False)
            complete = {KIND} if everything else set[str]()
            proof = Proof(number, NOW, proven, known, {KIND: report}, complete, {}, patience)
            flags = MappingFlags(entity_deletion_threshold=threshold, entity_deletion_limit=limit)
            asyncio.run(reconcile(self.catalog, journal, proof, flags))
        return report

    def decide(self, decision: Decision) -> set[str]:
        """Decide about all open holds, and return the entities in them."""
        with self.opened() as journal:
            holds = journal.holds
            held = {key.identifier for hold in holds.all() if hold.state == "open" for key in holds.keys(hold)}
            holds.decide(None, decision)
        return held

    @property
    def held(self) -> set[str]:
        return {identifier for _, identifier in self.catalog.keys}

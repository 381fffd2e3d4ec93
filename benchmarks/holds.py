"""What held deletions cost: ``python benchmarks/holds.py [ENTITIES]`` holds, holds again, and deletes them."""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from penstock.config.models import MappingFlags
from penstock.journal import Journal
from penstock.strategies import Sink
from penstock.sync.proof import Patience, Proof
from penstock.sync.reconcile import reconcile
from penstock.sync.report import KindReport
from penstock.sync.resources import Blueprints
from penstock.values import DELETED, Entity, EntityBatch, EntityKey, Outcome, OwnedEntity

CHUNK = 1000
KIND = "/things"


class Full(Sink):
    """A catalog of so many entities, none of which needs memory."""

    def __init__(self, entities: int) -> None:
        self._entities = entities

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Take nothing in."""
        return [DELETED] * len(batch.entities)

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate over all, in chunks."""
        for chunk in chunks(self._entities):
            yield [OwnedEntity(KIND, "thing", identifier) for identifier in chunk]

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Show nothing."""
        del blueprint
        yield []

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Say that it was done."""
        return [DELETED] * len(keys)


def chunks(entities: int) -> Iterator[list[str]]:
    """Give that many identifiers, sorted, in chunks."""
    for start in range(0, entities, CHUNK):
        yield [f"{number:08d}" for number in range(start, min(entities, start + CHUNK))]


def run(journal: Journal, sink: Sink, partition: int) -> KindReport:
    """Reconcile after a complete read that found nothing."""
    now, report = datetime.now(UTC), KindReport(KIND)
    number = journal.runs.start("run", now)
    patience = Patience(None, Blueprints(), Blueprints(), resumed=False)
    proof = Proof(number, now, {partition}, journal.partitions(), {KIND: report}, {KIND}, {}, patience)
    asyncio.run(reconcile(sink, journal, proof, MappingFlags()))
    return report


def main(entities: int) -> None:
    """Measure, and print a line for each step."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder), "benchmark") as journal:
        partition, first = journal.partition(KIND, {}), journal.runs.start("run", datetime.now(UTC))
        for chunk in chunks(entities):
            journal.see(first, {(partition, 0): [("thing", identifier) for identifier in chunk]})
        for step in ("held", "held again", "approved"):
            started = time.perf_counter()
            if step == "approved":
                journal.holds.decide(None, "approved")
            report = run(journal, Full(entities), partition)
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{step}: {seconds:.1f} s, held {report.held:,}, deleted {report.deleted:,}, peak {peak} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

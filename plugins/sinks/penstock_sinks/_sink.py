"""The asynchronous side of a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from penstock import Entity, EntityBatch, EntityKey, HeldEntity, Outcome, OwnedEntity, Sink
from penstock.errors import SinkError
from penstock_sinks._store import CHUNK, Store


class StoreSink(Sink):
    """A sink whose entities are in a store.

    The store is called right here, not on a thread of its own: SQLite gives up Python's lock for every row, and
    fetching it back from a busy event loop costs more than the few milliseconds that a batch holds the loop up.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __aenter__(self) -> Self:
        """Open the store."""
        self._store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store; what already went wrong is not hidden by what goes wrong here."""
        try:
            self._store.close()
        except SinkError as failure:
            if error is None:
                raise
            error.add_note(str(failure))

    async def claim(self) -> None:
        """Take over from runs before."""
        self._store.claim()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Write a batch in one transaction."""
        outcomes = self._store.write(batch)
        await asyncio.sleep(0)  # let others have a turn
        return outcomes

    async def count(self) -> int:
        """Return how many entities this source owns."""
        return self._store.count()

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate over what this source owns."""
        chunk = self._store.owned()
        while chunk:
            yield chunk
            chunk = self._store.owned(chunk[-1]) if len(chunk) == CHUNK else []
            await asyncio.sleep(0)

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Iterate over everything, whoever owns it."""
        rows = self._store.rows(blueprint)
        while rows:
            yield [self._store.entity(row) for row in rows]
            rows = self._store.rows(blueprint, rows[-1]) if len(rows) == CHUNK else []

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Look the keys up."""
        return self._store.held(keys)

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete in one transaction."""
        return self._store.delete(keys)


def is_there(path: Path) -> bool:
    """Return whether a catalog may be read from a path: True also where only opening it can tell what is wrong."""
    try:
        return path.exists()
    except OSError:
        return True

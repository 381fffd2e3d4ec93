"""The asynchronous side of a store: each call runs on the one thread that owns the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from penstock import Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink
from penstock.errors import SinkError
from penstock_sinks._store import CHUNK, Row, Store

ResultT = TypeVar("ResultT")


class StoreSink(Sink):
    """A sink whose entities are in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        """Open the store on its thread."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="penstock-sink")
        try:
            await self._run(self._store.open)
        except BaseException:
            self._thread.submit(self._store.close)  # a cancelled call may still open it
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store; what already went wrong is not hidden by what goes wrong here."""
        try:
            await self._run(self._store.close)
        except SinkError as failure:
            if error is None:
                raise
            error.add_note(str(failure))
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=False)

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Write a batch in one transaction."""
        return await self._run(partial(self._store.write, batch))

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate over what this source owns."""
        chunk = await self._run(self._store.owned)
        while chunk:
            yield chunk
            more = len(chunk) == CHUNK
            chunk = await self._run(partial(self._store.owned, chunk[-1])) if more else []

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Iterate over everything, whoever owns it."""
        rows: list[Row] = await self._run(partial(self._store.rows, blueprint))
        while rows:
            yield [self._store.entity(row) for row in rows]
            more = len(rows) == CHUNK
            rows = await self._run(partial(self._store.rows, blueprint, rows[-1])) if more else []

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete in one transaction."""
        return await self._run(partial(self._store.delete, keys))

    async def _run(self, call: Callable[[], ResultT]) -> ResultT:
        if self._thread is None:
            message = "enter the sink before using it: async with ..."
            raise RuntimeError(message)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def is_there(path: Path) -> bool:
    """Return whether a catalog may be read from a path: True also where only opening it can tell what is wrong."""
    try:
        return path.exists()
    except OSError:
        return True

"""A sink that stands before another one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from penstock.strategies import Sink
from penstock.values import (
    JSON,
    Entity,
    EntityBatch,
    EntityKey,
    HeldEntity,
    Outcome,
    OwnedEntity,
    Remark,
    RunNews,
    Settled,
)


class ForwardingSink(Sink):
    """Hands every call on; what is to be different is overridden.

    How many batches it takes at once, and how many examples it wants, is its own to say.

    Args:
        sink: To which.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def __aenter__(self) -> Self:
        """Enter the other one."""
        self._sink = await self._sink.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the other one."""
        await self._sink.__aexit__(kind, error, trace)

    async def claim(self) -> None:
        """Have the other one claimed."""
        await self._sink.claim()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Write as the other one does."""
        return await self._sink.write(batch)

    def settle(self) -> AsyncIterator[Sequence[Settled]]:
        """Settle as the other one does."""
        return self._sink.settle()

    async def tell(self, news: RunNews) -> None:
        """Tell the other one."""
        await self._sink.tell(news)

    def note(self, remark: Remark) -> None:
        """Have the other one take note."""
        self._sink.note(remark)

    async def examples(self, kind: str, items: Sequence[JSON]) -> None:
        """Give them to the other one."""
        await self._sink.examples(kind, items)

    async def count(self) -> int | None:
        """Count as the other one does."""
        return await self._sink.count()

    def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Iterate as the other one does."""
        return self._sink.owned()

    def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Iterate as the other one does."""
        return self._sink.entities(blueprint)

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Read as the other one does."""
        return await self._sink.read(keys)

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete as the other one does."""
        return await self._sink.delete(keys)

"""A sink that has a span around each batch it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from penstock.strategies import Sink
from penstock.tracing.spans import Spans
from penstock.values import JSON, Entity, EntityBatch, EntityKey, HeldEntity, Outcome, OwnedEntity, RunNews, Settled


class TracedSink(Sink):
    """Hands everything on.

    Args:
        sink: To which.
        name: What a configuration calls it.
        spans: Where the spans come from.
    """

    def __init__(self, sink: Sink, name: str, spans: Spans) -> None:
        self._sink = sink
        self._name = name
        self._spans = spans
        self.writes_at_once = sink.writes_at_once

    async def __aenter__(self) -> Self:
        self._sink = await self._sink.__aenter__()
        self.wanted_examples = self._sink.wanted_examples
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sink.__aexit__(kind, error, trace)

    async def claim(self) -> None:
        """Hand it on."""
        await self._sink.claim()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Hand it on, within a span that tells how many entities there were, and what became of them."""
        attributes: dict[str, str | int] = {
            "penstock.sink": self._name,
            "penstock.kind": self._spans.words(batch.kind),
            "penstock.batch_size": len(batch.entities),
        }
        with self._spans.span("write", attributes) as span:
            outcomes = await self._sink.write(batch)
            counts = Counter(outcome.kind for outcome in outcomes)
            span.set_attributes({f"penstock.{outcome}": count for outcome, count in counts.items()})
            return outcomes

    def settle(self) -> AsyncIterator[Sequence[Settled]]:
        """Hand it on."""
        return self._sink.settle()

    async def tell(self, news: RunNews) -> None:
        """Hand it on."""
        await self._sink.tell(news)

    async def examples(self, kind: str, items: Sequence[JSON]) -> None:
        """Hand it on."""
        await self._sink.examples(kind, items)

    async def count(self) -> int | None:
        """Hand it on."""
        return await self._sink.count()

    def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        """Hand it on."""
        return self._sink.owned()

    def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        """Hand it on."""
        return self._sink.entities(blueprint)

    async def read(self, keys: Sequence[EntityKey]) -> Sequence[HeldEntity | None]:
        """Hand it on."""
        return await self._sink.read(keys)

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Hand it on."""
        return await self._sink.delete(keys)

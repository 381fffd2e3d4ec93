"""A sink that has a span around each batch it writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self

from penstock.strategies import Sink
from penstock.sync.forwarding import ForwardingSink
from penstock.tracing.spans import Spans
from penstock.values import EntityBatch, Outcome


class TracedSink(ForwardingSink):
    """Takes what the sink behind it takes.

    Args:
        sink: Which.
        name: What a configuration calls it.
        spans: Where the spans come from.
    """

    def __init__(self, sink: Sink, name: str, spans: Spans) -> None:
        super().__init__(sink)
        self._name = name
        self._spans = spans
        self.writes_at_once = sink.writes_at_once

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.wanted_examples = self._sink.wanted_examples
        return self

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

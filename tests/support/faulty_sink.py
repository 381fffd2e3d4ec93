"""A catalog that misbehaves at chosen operations, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from penstock import EntityBatch, EntityKey, Outcome, Sink
from penstock.errors import SinkError
from penstock.sync.forwarding import ForwardingSink
from support.sink_before import StrategyBefore

Manner = Literal["before", "after", "refuse one", "refuse some", "refuse all"]
"""Fail before doing it, or after; or refuse so many entities and do the rest."""


def _none(_: int) -> int:
    return 0


_REFUSED: Final[Mapping[str, Callable[[int], int]]] = {
    "refuse one": lambda count: min(count, 1),
    "refuse some": lambda count: count // 2,
    "refuse all": lambda count: count,
}


@dataclass(slots=True)
class Mood:
    """When a sink misbehaves, and how: from operation ``at`` on, counted from 0, for so many ``times``."""

    manner: Manner = "before"
    at: int = 0
    times: int = 0
    operations: int = 0
    """So many there have been."""
    deleting: Callable[[Sequence[EntityKey]], None] = field(default=lambda _: None)
    """Hears what is to be deleted before it is."""

    def is_due(self) -> bool:
        """Count an operation, and return whether it is to go wrong."""
        self.operations += 1
        return self.at < self.operations <= self.at + self.times


class Faulty(ForwardingSink):
    """A sink that misbehaves as its mood is."""

    def __init__(self, sink: Sink, mood: Mood) -> None:
        super().__init__(sink)
        self._mood = mood

    def _fail(self) -> None:
        message = "503: the catalog is away"
        raise SinkError(message)

    async def claim(self) -> None:
        due = self._mood.is_due()
        if due and self._mood.manner == "before":
            self._fail()
        await self._sink.claim()
        if due and self._mood.manner == "after":
            self._fail()

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        due = self._mood.is_due()
        if due and self._mood.manner == "before":
            self._fail()
        refused = _REFUSED.get(self._mood.manner, _none)(len(batch.entities)) if due else 0
        outcomes = await self._sink.write(EntityBatch(batch.kind, batch.entities[refused:]))
        if due and self._mood.manner == "after":  # done, and told otherwise
            self._fail()
        return [Outcome("refused", "it does not please")] * refused + list(outcomes)

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        self._mood.deleting(keys)
        due = self._mood.is_due()
        if due and self._mood.manner == "before":
            self._fail()
        if due and self._mood.manner.startswith("refuse"):
            refused = _REFUSED[self._mood.manner](len(keys))
            outcomes = await self._sink.delete(keys[refused:])
            return [Outcome("refused", "it does not please")] * refused + list(outcomes)
        outcomes = await self._sink.delete(keys)
        if due and self._mood.manner == "after":
            self._fail()
        return outcomes


class FaultyStrategy(StrategyBefore):
    """Opens a catalog that misbehaves as its mood is."""

    name = "faulty"

    def __init__(self, mood: Mood) -> None:
        super().__init__(lambda sink: Faulty(sink, mood))

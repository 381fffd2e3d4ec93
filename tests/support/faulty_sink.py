"""A catalog that misbehaves at chosen operations, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

from penstock import Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink, SinkContext, SinkStrategy
from penstock.errors import SinkError
from penstock_sinks.sqlite import Sqlite, SqliteConfig

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


class Faulty(Sink):
    """A sink that misbehaves as its mood is."""

    def __init__(self, sink: Sink, mood: Mood) -> None:
        self._sink = sink
        self._mood = mood

    async def __aenter__(self) -> Self:
        await self._sink.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sink.__aexit__(kind, error, trace)

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

    async def count(self) -> int | None:
        return await self._sink.count()

    async def owned(self) -> AsyncIterator[Sequence[OwnedEntity]]:
        async for chunk in self._sink.owned():
            yield chunk

    async def entities(self, blueprint: str | None = None) -> AsyncIterator[Sequence[Entity]]:
        async for chunk in self._sink.entities(blueprint):
            yield chunk

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


class FaultyStrategy(SinkStrategy[SqliteConfig]):
    """Opens a catalog that misbehaves as its mood is."""

    name = "faulty"
    Config = SqliteConfig

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        return Faulty(Sqlite().open(config, context), self._mood)

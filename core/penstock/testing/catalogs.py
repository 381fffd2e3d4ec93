"""A catalog driven from plain tests: each call opens the sink, does one thing and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock.strategies import Sink, SinkStrategy
from penstock.values import Entity, EntityBatch, EntityKey, HeldEntity, Outcome, OwnedEntity

ResultT = TypeVar("ResultT")


class Catalog:
    """One place, and the strategy that keeps entities there; ``source`` says who calls."""

    def __init__(self, strategy: SinkStrategy[Any], settings: Mapping[str, Any]) -> None:
        self.strategy = strategy
        self.config = strategy.Config.model_validate(settings)

    def sink(self, source: str = "ours") -> Sink:
        """Return the sink, not entered yet."""
        return self.strategy.open(self.config, Lent(source, Secrets()))

    def run(self, use: Callable[[Sink], Awaitable[ResultT]], source: str = "ours") -> ResultT:
        """Open the sink, use it, and close it."""

        async def opened() -> ResultT:
            async with self.sink(source) as sink:
                return await use(sink)

        return asyncio.run(opened())

    def write(self, *entities: Entity, kind: str = "/users", source: str = "ours") -> list[Outcome]:
        """Write a batch."""
        return list(self.run(lambda sink: sink.write(EntityBatch(kind, entities)), source))

    def outcomes(self, *entities: Entity, kind: str = "/users", source: str = "ours") -> list[str]:
        """Write a batch, and return what became of each entity in a word."""
        return [outcome.kind for outcome in self.write(*entities, kind=kind, source=source)]

    def delete(self, *keys: tuple[str, str], source: str = "ours") -> list[Outcome]:
        """Delete entities by blueprint and identifier."""
        return list(self.run(lambda sink: sink.delete([EntityKey(*key) for key in keys]), source))

    def read(self, *keys: tuple[str, str]) -> list[HeldEntity | None]:
        """Look entities up by blueprint and identifier."""
        return list(self.run(lambda sink: sink.read([EntityKey(*key) for key in keys])))

    def owned(self, source: str = "ours") -> list[OwnedEntity]:
        """Return all that a source owns."""
        return self.run(all_owned, source)

    def entities(self, blueprint: str | None = None) -> list[Entity]:
        """Return all there is, whoever owns it."""
        return self.run(lambda sink: all_entities(sink, blueprint), "a reader")

    def only(self) -> Entity:
        """Return the only entity there is."""
        [entity] = self.entities()
        return entity


async def all_owned(sink: Sink) -> list[OwnedEntity]:
    """Return all that the source of an open sink owns."""
    return [entity async for chunk in sink.owned() for entity in chunk]


async def all_entities(sink: Sink, blueprint: str | None = None) -> list[Entity]:
    """Return all that an open sink holds."""
    return [entity async for chunk in sink.entities(blueprint) for entity in chunk]

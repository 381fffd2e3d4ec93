"""A catalog driven from plain tests: each call opens the sink, does one thing and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from penstock import JSON, Entity, EntityBatch, EntityKey, Outcome, OwnedEntity, Sink, SinkStrategy
from penstock.http.lending import Lent
from penstock.redaction import Secrets

ResultT = TypeVar("ResultT")
READER = "a reader"
"""Who only looks."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """One place, and the strategy that keeps entities there; ``source`` says who calls."""

    strategy: SinkStrategy[Any]
    path: Path

    def sink(self, source: str = "ours") -> Sink:
        return self.strategy.open(self.strategy.Config.model_validate({"path": self.path}), Lent(source, Secrets()))

    def run(self, use: Callable[[Sink], Awaitable[ResultT]], source: str = "ours") -> ResultT:
        async def opened() -> ResultT:
            async with self.sink(source) as sink:
                return await use(sink)

        return asyncio.run(opened())

    def write(self, *entities: Entity, kind: str = "/users", source: str = "ours") -> list[Outcome]:
        return list(self.run(lambda sink: sink.write(EntityBatch(kind, entities)), source))

    def outcomes(self, *entities: Entity, kind: str = "/users", source: str = "ours") -> list[str]:
        return [outcome.kind for outcome in self.write(*entities, kind=kind, source=source)]

    def delete(self, *keys: tuple[str, str], source: str = "ours") -> list[Outcome]:
        return list(self.run(lambda sink: sink.delete([EntityKey(*key) for key in keys]), source))

    def owned(self, source: str = "ours") -> list[OwnedEntity]:
        return self.run(all_owned, source)

    def entities(self, blueprint: str | None = None) -> list[Entity]:
        return self.run(lambda sink: all_entities(sink, blueprint), READER)

    def only(self) -> Entity:
        [entity] = self.entities()
        return entity


async def all_owned(sink: Sink) -> list[OwnedEntity]:
    return [entity async for chunk in sink.owned() for entity in chunk]


async def all_entities(sink: Sink, blueprint: str | None = None) -> list[Entity]:
    return [entity async for chunk in sink.entities(blueprint) for entity in chunk]


def user(identifier: str, **properties: JSON) -> Entity:
    return Entity("user", identifier, properties=properties)


def keys(entities: Sequence[Entity | OwnedEntity]) -> list[tuple[str, str]]:
    return [(entity.blueprint, entity.identifier) for entity in entities]

"""Catalogs in a place of the file system, driven from plain tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock import JSON, Entity, OwnedEntity, SinkStrategy
from penstock.testing import catalogs
from penstock.testing.catalogs import all_entities, all_owned

READER = "a reader"
"""Who only looks."""
__all__ = ["READER", "Catalog", "all_entities", "all_owned", "keys", "user"]


class Catalog(catalogs.Catalog):
    """One place, and the strategy that keeps entities there."""

    def __init__(self, strategy: SinkStrategy[Any], path: Path) -> None:
        super().__init__(strategy, {"path": path})
        self.path = path


def user(identifier: str, **properties: JSON) -> Entity:
    return Entity("user", identifier, properties=properties)


def keys(entities: Sequence[Entity | OwnedEntity]) -> list[tuple[str, str]]:
    return [(entity.blueprint, entity.identifier) for entity in entities]

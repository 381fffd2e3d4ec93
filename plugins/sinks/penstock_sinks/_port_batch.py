"""One batch on its way to Port: what is known of its entities, and what becomes of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from penstock import JSON, Entity, Outcome


class Work:
    """One batch on its way."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = entities
        self.by_blueprint: dict[str, list[int]] = {}
        for index, entity in enumerate(entities):
            self.by_blueprint.setdefault(entity.blueprint, []).append(index)
        self.outcomes: dict[int, Outcome] = {}
        self.met: dict[str, Mapping[str, int | None]] = {}
        self.held: dict[str, Mapping[str, Any]] = {}
        self.digests: dict[int, int] = {}
        """The hashes of the bodies, which tell them apart within this process."""
        self.targets: defaultdict[str, set[str]] = defaultdict(set)
        """What relations lead to, by blueprint."""

    def lead_to(self, relations: Mapping[str, JSON], targets: Mapping[str, str]) -> None:
        """Take in what an entity's relations name."""
        for name, value in relations.items():
            blueprint = targets.get(name)
            if not blueprint:
                continue
            if isinstance(value, str):
                self.targets[blueprint].add(value)
            elif isinstance(value, list):
                self.targets[blueprint].update(one for one in value if isinstance(one, str))


class About(Struct, frozen=True):
    """What is known of a blueprint and of the entities of it that a batch has."""

    targets: Mapping[str, str]
    """Where relations lead to, by name, if that matters."""
    met: Mapping[str, int | None]
    held: Mapping[str, Any]


def led_to(entity: Entity, targets: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the keys of what an entity's relations name."""
    found: list[tuple[str, str]] = []
    for name, value in entity.relations.items():
        blueprint = targets.get(name)
        if blueprint:
            if isinstance(value, str):
                found.append((blueprint, value))
            elif isinstance(value, list):
                found += [(blueprint, one) for one in value if isinstance(one, str)]
    return found

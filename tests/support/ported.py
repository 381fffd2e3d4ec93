"""The stand-in for Port as a catalog that plain tests drive: what it is to hold, it has blueprints for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fakes.port import define, settings
from penstock import JSON, Entity, Outcome, Sink
from penstock.demo.port.server import PortStandIn
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock.testing.catalogs import Catalog
from penstock_sinks.port import Port
from support.catalogs import READER

TARGET = "target"
"""The blueprint that relations lead to."""


class PortCatalog(Catalog):
    """An organisation of its own."""

    def __init__(self, standin: PortStandIn, **config: object) -> None:
        super().__init__(Port(), settings(standin, maxRetries=1, **config))
        self.standin = standin

    def sink(self, source: str = "ours") -> Sink:
        owner = "" if source == READER else source
        return self.strategy.open(self.config, Lent(owner, Secrets(), run="r1"))

    def write(self, *entities: Entity, kind: str = "/users", source: str = "ours") -> list[Outcome]:
        self.prepare(entities)
        return Catalog.write(self, *entities, kind=kind, source=source)

    def entities(self, blueprint: str | None = None) -> list[Entity]:
        return [one for one in Catalog.entities(self, blueprint) if one.blueprint != TARGET]

    def prepare(self, entities: Iterable[Entity]) -> None:
        """See to it that the blueprints have the properties and relations of these entities."""
        if TARGET not in self.standin.blueprints.all:
            define(self.standin, TARGET)
        for entity in entities:
            found = self.standin.blueprints.all.get(entity.blueprint)
            if found is None:
                define(self.standin, entity.blueprint)
                found = self.standin.blueprints.all[entity.blueprint]
            properties: dict[str, Any] = found["schema"]["properties"]
            for name, value in entity.properties.items():
                properties.setdefault(name, {"type": _type_of(value)})
            for name, value in entity.relations.items():
                found["relations"].setdefault(name, {"target": TARGET, "many": not isinstance(value, str)})


def _type_of(value: JSON) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"

"""The objects that say which integrations there are, and what they report; little is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from penstock.demo.port.blueprints import Blueprint, Blueprints
from penstock.demo.port.errors import RefusedError, invalid, not_found

_ORIGINS: Final = ("Empty", "Default", "Ocean", "Port")
_CREATE: Final = "create_resources"


@dataclass(slots=True)
class Provisioning:
    """What is made of itself of integrations that are registered so."""

    kinds: list[str] = field(default_factory=list[str])
    """Of which types, where the one who registers leaves the choice."""
    blueprints: list[Blueprint] = field(default_factory=list[Blueprint])
    mapping: dict[str, Any] = field(default_factory=lambda: {"enableMergeEntity": True, "resources": []})
    looks: int = 2
    """The look at an integration that finds it made; 0: it is made when it is registered."""


class Integrations:
    """All integrations, by identifier."""

    def __init__(self, blueprints: Blueprints) -> None:
        self.provisioning = Provisioning()
        self._blueprints = blueprints
        self._looks: dict[str, int] = {}
        """At those of which nothing is made yet."""
        self.all: dict[str, dict[str, Any]] = {}
        self.resync_requests: dict[str, dict[str, Any]] = {}
        self.examples: dict[tuple[str, str], list[Any]] = {}
        """By integration and kind."""

    def get(self, identifier: str) -> dict[str, Any]:
        """Return one; raises when it is not there."""
        if identifier not in self.all:
            raise not_found(f'Integration "{identifier}" was not found')
        return self.all[identifier]

    def look(self, identifier: str) -> dict[str, Any]:
        """Return one to somebody who asks; what is to be made of it is made in its own time."""
        found = self.get(identifier)
        if identifier in self._looks:
            self._looks[identifier] += 1
            self._make_if_due(found)
        return found

    def _make_if_due(self, integration: dict[str, Any]) -> None:
        if self._looks[integration["identifier"]] < self.provisioning.looks:
            return
        del self._looks[integration["identifier"]]
        for blueprint in self.provisioning.blueprints:
            self._blueprints.create(blueprint)
        integration.update(config=self.provisioning.mapping, updatedAt=_now())

    def create(self, body: dict[str, Any], ingest: str, modes: Sequence[str] = ()) -> dict[str, Any]:
        """Register one."""
        identifier = body.get("installationId")
        if not isinstance(identifier, str) or not identifier:
            raise invalid("body must have required property 'installationId'")
        origin = body.get("createPortResourcesOrigin", "Default")
        if origin not in _ORIGINS:
            raise invalid("body/createPortResourcesOrigin must be equal to one of the allowed values")
        if identifier in self.all:
            raise RefusedError(409, "conflict", f'Integration "{identifier}" already exists')
        ingested = {"ingestId": identifier, "ingestUrl": f"{ingest}/ingest/{identifier}"}
        self.all[identifier] = {
            "installationType": "OnPrem",
            "createPortResourcesOrigin": origin,
            "arePortResourcesInitialized": False,
            "config": {},
            "resyncState": {},
            **{name: value for name, value in body.items() if name != "installationId"},
            "_id": identifier,
            "identifier": identifier,
            "updatedAt": _now(),
            "logAttributes": ingested,
            "metricAttributes": ingested,
        }
        if origin == "Port" and _CREATE in modes:
            self._looks[identifier] = 0
            self._make_if_due(self.all[identifier])
        return self.all[identifier]

    def change(self, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change one; nothing to change asks for a resync."""
        found = self.get(identifier)
        if not body:
            self.ask_for_resync(identifier)
        found.update(body, updatedAt=_now())
        return found

    def ask_for_resync(self, identifier: str) -> None:
        """Do what the button of the page does."""
        self.resync_requests[identifier] = {"id": identifier, "updatedAt": _now()}

    def report_state(self, identifier: str, state: dict[str, Any]) -> dict[str, Any]:
        """Take what a sync says of itself."""
        found = self.get(identifier)
        found["resyncState"] = {**found["resyncState"], **state, "updatedAt": _now()}
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The objects that say which integrations there are, and what they report; little is checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from penstock.demo.port.errors import RefusedError, invalid, not_found


class Integrations:
    """All integrations, by identifier."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, Any]] = {}
        self.resync_requests: dict[str, dict[str, Any]] = {}
        self.examples: dict[tuple[str, str], list[Any]] = {}
        """By integration and kind."""

    def get(self, identifier: str) -> dict[str, Any]:
        """Return one; raises when it is not there."""
        if identifier not in self.all:
            raise not_found(f'Integration "{identifier}" was not found')
        return self.all[identifier]

    def create(self, body: dict[str, Any], ingest: str) -> dict[str, Any]:
        """Register one."""
        identifier = body.get("installationId")
        if not isinstance(identifier, str) or not identifier:
            raise invalid("body must have required property 'installationId'")
        if identifier in self.all:
            raise RefusedError(409, "conflict", f'Integration "{identifier}" already exists')
        ingested = {"ingestId": identifier, "ingestUrl": f"{ingest}/ingest/{identifier}"}
        self.all[identifier] = {
            "installationType": "OnPrem",
            "arePortResourcesInitialized": False,
            "resyncState": {},
            **{name: value for name, value in body.items() if name != "installationId"},
            "_id": identifier,
            "identifier": identifier,
            "updatedAt": _now(),
            "logAttributes": ingested,
            "metricAttributes": ingested,
        }
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

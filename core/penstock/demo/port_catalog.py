"""The stand-in for Port as the catalog of the demo, with the blueprints that the demo's mapping fills."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from penstock.demo.port.background import in_background
from penstock.demo.port.server import PortStandIn

_TEXT: Final[Mapping[str, str]] = {"type": "string"}
_MOMENT: Final[Mapping[str, str]] = {"type": "string", "format": "date-time"}
_NUMBER: Final[Mapping[str, str]] = {"type": "number"}

BLUEPRINTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "identifier": "user",
        "title": "User",
        "schema": {
            "properties": {
                "id": _NUMBER,
                "email": {"type": "string", "format": "email"},
                "role": _TEXT,
                "timezone": _TEXT,
                "joined": _TEXT,
            }
        },
    },
    {"identifier": "team", "title": "Team", "schema": {"properties": {"chat": _TEXT}}},
    {
        "identifier": "membership",
        "title": "Membership",
        "schema": {"properties": {"lead": {"type": "boolean"}, "since": _TEXT}},
        "relations": {"team": {"title": "Team", "target": "team"}, "user": {"title": "User", "target": "user"}},
    },
    {
        "identifier": "service",
        "title": "Service",
        "schema": {
            "properties": {
                "language": _TEXT,
                "tier": _NUMBER,
                "repository": {"type": "string", "format": "url"},
                "tags": {"type": "array"},
            }
        },
        "relations": {"team": {"title": "Team", "target": "team"}},
    },
    {
        "identifier": "incident",
        "title": "Incident",
        "schema": {
            "properties": {
                "severity": {"type": "string", "enum": ["low", "medium", "high", "critical"]},
                "status": _TEXT,
                "openedAt": _MOMENT,
                "resolvedAt": _MOMENT,
                "minutes": _NUMBER,
            }
        },
        "relations": {"service": {"title": "Service", "target": "service"}},
    },
)
"""What the demo's records become; targets before what leads to them."""


@contextmanager
def demo_port() -> Generator[PortStandIn]:
    """Run the stand-in on a loopback port for the length of a ``with`` block."""
    standin = PortStandIn()
    standin.keeps_requests = False
    for blueprint in BLUEPRINTS:
        standin.blueprints.create(blueprint)
    with in_background(standin):
        standin.integrations.create({"installationId": "penstock-demo"}, standin.url)
        yield standin

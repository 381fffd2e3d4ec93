"""The stand-in for Port, run in a thread for the length of a ``with`` block."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from penstock.demo.port.background import in_background
from penstock.demo.port.server import PortStandIn
from support.project import Project, resource

PEOPLE: Final[list[dict[str, Any]]] = [{"id": number, "name": f"User {number}"} for number in range(1, 9)]
"""What an API may have for it."""


@contextmanager
def port(*, knows: str = "") -> Generator[PortStandIn]:
    """Run a stand-in, empty but for the integration that it ``knows``."""
    with in_background(PortStandIn()) as standin:
        if knows:
            standin.integrations.create({"installationId": knows}, standin.url)
        yield standin


def settings(standin: PortStandIn, **more: object) -> dict[str, object]:
    """Return the settings of a sink that writes there."""
    return {
        "clientId": standin.client_id,
        "clientSecret": standin.client_secret,
        "baseUrl": standin.url,
        **more,
    }


def define(
    standin: PortStandIn,
    identifier: str,
    properties: Mapping[str, Mapping[str, Any]] | None = None,
    relations: Mapping[str, Mapping[str, Any]] | None = None,
    required: Sequence[str] = (),
) -> None:
    """Have a blueprint, or another one in its place."""
    standin.blueprints.all.pop(identifier, None)
    standin.blueprints.create(
        {
            "identifier": identifier,
            "title": identifier,
            "schema": {"properties": dict(properties or {}), "required": list(required)},
            "relations": dict(relations or {}),
        }
    )


def define_users_of_teams(standin: PortStandIn) -> None:
    """Have users, and the teams that they are in."""
    define(standin, "team")
    define(standin, "user", {}, {"team": {"target": "team"}})


def users_of_teams(folder: Path, url: str, **sink: object) -> Project:
    """Return a project that brings both from an API, into the sink of these settings of ``port``."""
    users = resource("/users")
    users["port"]["entity"]["mappings"]["relations"] = {"team": ".team"}
    made = Project(folder, url, [users, resource("/teams", blueprint="team")])
    made.config["sink"] = {"type": "port", **sink}
    return made

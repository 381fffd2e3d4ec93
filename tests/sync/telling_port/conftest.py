"""A project whose users go to a stand-in for Port, which knows the integration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.port import PEOPLE, define, port, settings
from penstock.demo.port.server import PortStandIn
from support.project import Project, resource
from support.server import ApiServer, routes, serve


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port(knows="ours") as running:
        define(running, "user")
        yield running


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": PEOPLE})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, api: ApiServer, standin: PortStandIn) -> Project:
    made = Project(tmp_path, api.url, [resource("/users")])
    made.config["sink"] = {"type": "port", "integrationIdentifier": "ours", **settings(standin, maxRetries=0)}
    return made

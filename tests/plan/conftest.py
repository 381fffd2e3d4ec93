from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import config_for, penstock, write_config
from support.planning import SECRET
from support.project import USER, resource, user
from support.server import ApiServer, routes, serve


@pytest.fixture
def api() -> Iterator[ApiServer]:
    users = {"users": [user(number) for number in range(4)]}
    teams = [{"id": "core", "name": "Core"}, {"id": "web", "name": "Web"}]
    with serve(routes({"/users": users, "/teams": teams})) as server:
        yield server


@pytest.fixture
def folder(api: ApiServer, tmp_path: Path) -> Path:
    """A configuration that was never run."""
    resources = [USER, resource("/teams", blueprint="team")]
    connection = {"authType": "bearer_token", "apiToken": SECRET, "maxRetries": 0}
    write_config(tmp_path, config_for(api.url, resources, **connection))
    return tmp_path


@pytest.fixture
def synced(folder: Path) -> Path:
    """The same after a sync."""
    assert penstock("sync", "--quiet", folder=folder).code == 0
    return folder

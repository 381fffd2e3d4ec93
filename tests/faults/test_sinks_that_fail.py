"""A sink that fails at each of its operations in turn: the journal never claims more than it has, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from penstock import SinkStrategy
from penstock.config.models import Chosen
from penstock.errors import SinkError
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock_sinks.sqlite import SqliteConfig
from support.faulty_sink import FaultyStrategy, Manner, Mood
from support.project import USER, Project, user
from support.server import Received, routes, serve

SIZE = 1000
USERS = [user(number) for number in range(1, 2601)]
"""Three pages, and as many batches."""
OPERATIONS = 5
"""A claim, three writes and a deletion."""


def sync_faultily(project: Project, at: int, manner: Manner) -> RunReport | SinkError:
    settings = project.settings()
    strategy: SinkStrategy[Any] = FaultyStrategy(Mood(manner, at, times=1))
    faulty = replace(settings, sink=Chosen(strategy, SqliteConfig(path=project.catalog)))

    async def run() -> RunReport:
        return await run_sync(faulty, Secrets(), observer=Observer(), stop=asyncio.Event())

    try:
        return asyncio.run(run())
    except SinkError as error:
        return error


@pytest.fixture
def users() -> list[dict[str, Any]]:
    return list(USERS)


@pytest.fixture
def project(tmp_path: Path, users: list[dict[str, Any]]) -> Iterator[Project]:
    def answer(request: Received) -> object:
        start = int(request.param("offset"))
        return {"users": users[start : start + SIZE], "total": len(users)}

    with serve(routes({"/users": answer})) as api:
        made = Project(tmp_path, api.url, [USER], paginationType="offset", pageSize=SIZE)
        made.config["deleteAfterAbsentRuns"] = 1
        yield made


@pytest.mark.parametrize("manner", ["before", "after", "refuse one", "refuse some", "refuse all"])
@pytest.mark.parametrize("at", range(OPERATIONS))
def test_whatever_operation_fails_a_clean_run_makes_good(
    project: Project, users: list[dict[str, Any]], at: int, manner: Manner
) -> None:
    assert project.sync().exit_code == 0
    before = project.identifiers()
    del users[:3]
    users.append(user(9999))

    ended = sync_faultily(project, at, manner)
    there = {str(one["id"]) for one in users}
    assert before & there <= project.identifiers()
    if isinstance(ended, RunReport):
        tried_again = at == OPERATIONS - 1 and manner != "refuse all"  # what is left when others have gone
        assert ended.exit_code == (0 if at == 0 or tried_again else 1)  # a claim has nothing to refuse
        assert not tried_again or project.identifiers() == there
    else:
        assert "503: the catalog is away" in str(ended)

    project.sync()  # takes up the one that was broken off, and so waits for a second look
    assert before & there <= project.identifiers()
    assert project.sync().exit_code == 0
    assert project.identifiers() == there

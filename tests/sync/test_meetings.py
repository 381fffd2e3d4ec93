"""Where asking for less meets runs that are cut short, plans, and sinks that put off, refuse or rename."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from penstock import Entity, EntityBatch, Outcome, Settled, Sink, SinkContext
from penstock.config.models import Chosen, Settings
from penstock.plan.apply import apply_plan
from penstock.plan.file import read_plan
from penstock.redaction import Secrets
from penstock.sync.forwarding import ForwardingSink
from penstock.sync.observer import Observer
from penstock.sync.report import RunReport
from penstock.sync.run import run_sync
from penstock.values import ABSENT
from penstock_sinks.sqlite import Sqlite, SqliteConfig
from support.changing import Changing, incremental, names, project_for, titles
from support.planning import PLACE, plan
from support.project import Project, resource
from support.server import Received, Reply, serve
from support.sink_before import StrategyBefore, sync_through

LINKED: dict[str, Any] = {"paginationType": "header_link"}
CUSTOM: dict[str, Any] = {
    "paginationType": "custom",
    "paginationNext": '.response.headers.link | if . then {url: capture("<(?<url>[^>]*)>").url} else null end',
}


@dataclass
class Ways:
    """What the catalog calls what search queries name, and what it refuses or puts off."""

    found: dict[str, str] = field(default_factory=dict[str, str])
    """Identifiers by the name that a query asks for."""
    refused: set[str] = field(default_factory=set[str])
    before_settling: Callable[[], None] = lambda: None


class Searching(ForwardingSink):
    """A SQLite catalog in which queries of the form ``{"name": ...}`` name entities."""

    def __init__(self, sink: Sink, ways: Ways) -> None:
        super().__init__(sink)
        self._ways = ways

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        return [await self._write(batch.kind, entity) for entity in batch.entities]

    async def _write(self, kind: str, entity: Entity) -> Outcome:
        named = entity
        if entity.search is not None:
            name = self._name(entity.search)
            if name is None:
                return ABSENT
            named = Entity(entity.blueprint, name, entity.title, properties=entity.properties)
        if named.identifier in self._ways.refused:
            return Outcome("refused", "it does not please")
        [outcome] = await self._sink.write(EntityBatch(kind, [named]))
        return outcome if entity.search is None else outcome._replace(identifier=named.identifier)

    def _name(self, search: dict[str, Any]) -> str | None:
        return self._ways.found.get(str(search["rules"][0]["value"]))

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        self._ways.before_settling()
        return
        yield

    async def count(self) -> int | None:
        return await self._sink.count()


class SearchingStrategy(StrategyBefore):
    name = "searching"
    searches = True


def strategy_of(ways: Ways) -> SearchingStrategy:
    return SearchingStrategy(lambda sink: Searching(sink, ways))


def sync(project: Project, ways: Ways) -> RunReport:
    return sync_through(strategy_of(ways), project)


def searched(one: dict[str, Any]) -> dict[str, Any]:
    """A resource whose entities are named by a query for their ``id``."""
    query = '{combinator: "and", rules: [{property: "name", operator: "=", value: .id}]}'
    one["port"]["entity"]["mappings"]["identifier"] = query
    return one


def killed(task: Callable[[], object]) -> None:
    """Do it in a process of its own, which is to end with code 9."""
    pid = os.fork()
    if not pid:
        try:
            task()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def test_a_query_that_finds_nothing_does_not_let_the_mark_pass(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "b", "a")
    ways = Ways(found={"a": "alice"})
    with project_for(tmp_path, api, [searched(incremental())]) as (project, _):
        sync(project, ways)
        assert set(names(project)) == {"alice"}
        ways.found["b"] = "bob"
        sync(project, ways)
        assert set(names(project)) == {"alice", "bob"}


def test_a_query_that_finds_nothing_is_no_duplicate(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "a", "b")
    with project_for(tmp_path, api, [searched(resource("/users"))]) as (project, _):
        [kind] = sync(project, Ways(found={"a": "alice"})).kinds
    assert (kind.skipped, kind.duplicates) == (1, 0)


def test_what_a_query_has_written_is_written_again_by_the_page_that_names_it_plainly(tmp_path: Path) -> None:
    api = Changing(etags=True)
    api.put("/users", "a")
    api.put("/people", "p")
    resources = [resource("/users"), searched(resource("/people"))]
    ways = Ways(found={"p": "a"})
    with project_for(tmp_path, api, resources) as (project, _):
        sync(project, ways)
        assert names(project) == {"a": api.lists["/people"]["p"]["name"]}
        api.remove("/people", "p")
        project.config["entityDeletionThreshold"] = 1
        sync(project, ways)
        sync(project, ways)
        assert names(project) == titles(api, "/users")


def test_what_was_not_named_before_a_kill_still_keeps_its_blueprint_after_it(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "a", "b")
    ways = Ways(found={"a": "alice", "b": "bob"})
    with project_for(tmp_path, api, [searched(resource("/users"))]) as (project, _):
        project.config["entityDeletionThreshold"] = 1
        sync(project, ways)
        assert set(names(project)) == {"alice", "bob"}
        ways.refused.add("bob")  # it exists: nobody learns its name
        ways.before_settling = lambda: os._exit(9)
        for _ in range(3):
            killed(lambda: sync(project, ways))
            ways.before_settling = lambda: None
            assert sync(project, ways).resumed
            assert set(names(project)) == {"alice", "bob"}
            ways.before_settling = lambda: os._exit(9)


def linked(api: Changing, after: Callable[[int], None]) -> Callable[[Received], Reply]:
    """Serve the list in pages of one by links that count nothing; ``after`` hears the number of each page asked for."""

    def answer(request: Received) -> Reply:
        place = len(request.param("cursor"))
        after(place)
        whole = api(request)
        rows = list(cast("list[Any]", whole.body))
        headers = dict(whole.headers)
        if place + 1 < len(rows):
            since = request.param("since")
            headers["link"] = f'<{request.path}?cursor={"x" * (place + 1)}&since={since}>; rel="next"'
        return Reply(rows[place : place + 1], headers=headers)

    return answer


def test_a_catalog_that_is_lost_before_a_run_is_taken_up_gets_everything_again(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "a", "b", "c")
    reached, ended = threading.Event(), threading.Event()

    def after(place: int) -> None:
        if place == 2 and not ended.is_set():
            reached.set()
            ended.wait(30)

    with serve(linked(api, after)) as server:
        project = Project(tmp_path, server.url, [incremental()], maxRetries=0, **LINKED)
        assert interrupted(project, reached).interrupted
        ended.set()
        assert set(names(project)) == {"a", "b"}
        project.catalog.unlink()
        assert project.sync().exit_code == 0
        project.sync()
        assert names(project) == titles(api, "/users")


def interrupted(project: Project, reached: threading.Event) -> RunReport:
    """Sync, and have it stop when an event is set."""

    async def run() -> RunReport:
        stop = asyncio.Event()
        syncing = asyncio.create_task(run_sync(project.settings(), Secrets(), observer=Observer(), stop=stop))
        await asyncio.to_thread(reached.wait, 30)
        stop.set()
        return await syncing

    return asyncio.run(run())


@pytest.mark.parametrize("paging", [LINKED, CUSTOM])
def test_a_page_that_is_the_same_and_leads_elsewhere_is_followed(tmp_path: Path, paging: Mapping[str, Any]) -> None:
    pages = {"": [{"id": "a", "name": "a"}], "x": [{"id": "b", "name": "b"}]}
    links: dict[str, dict[str, str]] = {"": {}, "x": {}}

    def answer(request: Received) -> Reply:
        cursor = request.param("cursor")
        headers = {"etag": f'"{cursor}"', **links[cursor]}  # the tag is of the body
        if request.headers.get("If-None-Match") == headers["etag"]:
            return Reply(b"", 304, headers)
        return Reply(pages[cursor], headers=headers)

    with serve(answer) as server:
        project = Project(tmp_path, server.url, [resource("/users")], maxRetries=0, **paging)
        project.sync()
        assert set(names(project)) == {"a"}
        links[""] = {"link": '</users?cursor=x>; rel="next"'}
        project.sync()
        assert set(names(project)) == {"a", "b"}
        assert project.sync_kind().not_modified == 2


class RefusingStrategy(Sqlite):
    """The SQLite catalog, which refuses some entities but not when it is planned for."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    def open(self, config: SqliteConfig, context: SinkContext) -> Sink:
        return Searching(super().open(config, context), self._ways)


def test_what_the_catalog_refuses_of_a_plan_is_brought_by_the_next_run(tmp_path: Path) -> None:
    api = Changing(etags=True)
    api.put("/users", "a")
    api.put("/rooms", "r")
    with project_for(tmp_path, api, [incremental(), resource("/rooms", blueprint="room")]) as (project, _):
        project.sync()
        api.put("/users", "a")
        api.put("/users", "b")
        api.put("/rooms", "r")
        plan(project, out=tmp_path / "plan.jsonl")
        settings = project.settings()
        refusing = replace(settings, sink=Chosen(RefusingStrategy(Ways(refused={"a", "r"})), settings.sink.config))
        asyncio.run(applied(refusing, tmp_path / "plan.jsonl"))
        assert names(project)["a"] != api.lists["/users"]["a"]["name"]
        project.sync()
        assert (names(project), names(project, "room")) == (titles(api, "/users"), titles(api, "/rooms"))


async def applied(settings: Settings, plan: Path) -> None:
    """Apply a plan, of which the catalog refuses something."""
    found = await apply_plan(
        read_plan(plan), settings, Secrets(), place=PLACE, observer=Observer(), stop=asyncio.Event()
    )
    assert found.report.exit_code == 1

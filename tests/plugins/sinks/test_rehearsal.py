"""A rehearsal begins with what the catalog holds, does all that a sink does, and leaves the catalog as it is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from penstock import Entity, EntityBatch, EntityKey, HeldEntity, Sink
from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from support.catalogs import Catalog, all_entities, all_owned, user
from support.trees import tree

ResultT = TypeVar("ResultT")


def _rehearse(catalog: Catalog, use: Callable[[Sink], Awaitable[ResultT]], folder: Path) -> ResultT:
    async def opened() -> ResultT:
        config = catalog.strategy.Config.model_validate({"path": catalog.path})
        async with catalog.strategy.rehearse(config, Lent("ours", Secrets()), folder) as sink:
            return await use(sink)

    return asyncio.run(opened())


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def test_whatever_is_done_to_a_rehearsal_the_catalog_stays(catalog: Catalog, elsewhere: Path) -> None:
    catalog.write(user("ada", age=36), user("bob", age=1))
    catalog.write(user("eve"), source="theirs")
    before = tree(catalog.path.parent)

    async def use(sink: Sink) -> tuple[list[str], list[str], list[Entity], int]:
        await sink.claim()
        written = await sink.write(EntityBatch("/k", [user("ada", age=37), user("cid"), user("eve"), user("bob")]))
        deleted = await sink.delete([EntityKey("user", "bob"), EntityKey("user", "eve"), EntityKey("user", "none")])
        left, owned = await all_entities(sink), await all_owned(sink)
        return [one.kind for one in written], [one.kind for one in deleted], left, len(owned)

    written, deleted, left, owned = _rehearse(catalog, use, elsewhere)

    assert written == ["updated", "created", "refused", "unchanged"]
    assert deleted == ["deleted", "refused", "absent"]
    assert [(one.identifier, one.properties) for one in left] == [("ada", {"age": 37}), ("cid", {}), ("eve", {})]
    assert owned == 2
    assert tree(catalog.path.parent) == before


def test_where_there_is_no_catalog_none_is_made(catalog: Catalog, elsewhere: Path) -> None:
    async def use(sink: Sink) -> list[str]:
        return [one.kind for one in await sink.write(EntityBatch("/k", [user("ada"), user("bob")]))]

    assert _rehearse(catalog, use, elsewhere) == ["created", "created"]
    assert not catalog.path.exists()


def test_entities_are_read_with_owner_and_kind_in_the_order_of_the_keys(catalog: Catalog) -> None:
    catalog.write(Entity("user", "ada", title="Ada", team=["x"], properties={"big": 10**30}), kind="/users")
    catalog.write(Entity("team", "core"), kind="/teams", source="theirs")
    keys = [("team", "core"), ("user", "nobody"), ("user", "ada"), ("\ud800", "x"), ("", "")]

    held = catalog.run(lambda sink: sink.read([EntityKey(*key) for key in keys]))

    assert held == [
        HeldEntity("theirs", "/teams", Entity("team", "core", None, None, None)),
        None,
        HeldEntity("ours", "/users", Entity("user", "ada", "Ada", None, ["x"], {"big": 10**30})),
        None,
        None,
    ]


def test_a_sink_that_offers_no_look_up_is_looked_through(catalog: Catalog) -> None:
    catalog.write(user("ada"), user("bob"), Entity("team", "core"))

    held = catalog.run(
        lambda sink: Sink.read(sink, [EntityKey("user", "bob"), EntityKey("team", "x"), EntityKey("team", "core")])
    )

    assert [one and one.entity.identifier for one in held] == ["bob", None, "core"]


def _leave_a_log(catalog: Catalog) -> None:
    """Have a process write to the catalog and die: what it wrote is in the log beside the file."""
    pid = os.fork()
    if not pid:
        asyncio.run(_write_and_die(catalog))
    os.waitpid(pid, 0)


async def _write_and_die(catalog: Catalog) -> None:
    sink = await catalog.sink().__aenter__()
    await sink.write(EntityBatch("/k", [user("late")]))
    os._exit(0)


def test_what_a_killed_process_left_is_seen_and_stays_as_it_is(catalog: Catalog, elsewhere: Path) -> None:
    catalog.write(user("ada"))
    _leave_a_log(catalog)
    before = tree(catalog.path.parent)
    assert any(name.endswith("-wal") for name in before)

    found = _rehearse(catalog, all_entities, elsewhere)

    assert [one.identifier for one in found] == ["ada", "late"]
    after = tree(catalog.path.parent)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {
        name
        for name in after
        if name.endswith("-shm")  # shared memory, which every reader of a log uses
    }
    assert [one.identifier for one in catalog.entities()] == ["ada", "late"]


def test_a_folder_without_write_permission_can_be_read(sqlite: Catalog, elsewhere: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    sqlite.write(user("ada"))
    sqlite.path.parent.chmod(0o500)
    try:
        found = _rehearse(sqlite, all_entities, elsewhere)
    finally:
        sqlite.path.parent.chmod(0o700)

    assert [one.identifier for one in found] == ["ada"]


def _folder(path: Path) -> None:
    path.mkdir()


def _no_database(path: Path) -> None:
    path.write_bytes(b"x" * 4096)


def _other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE theirs(x)")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_folder, "cannot read the catalog: it is a folder"),
        (_no_database, "cannot read the catalog: it is not an SQLite file"),
        (_other_database, "it is an SQLite file of something else, not a penstock catalog"),
    ],
)
def test_what_is_no_catalog_is_named(
    sqlite: Catalog, elsewhere: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(sqlite.path)

    with pytest.raises(SinkError) as raised:
        _rehearse(sqlite, all_entities, elsewhere)

    assert str(raised.value) == f"{sqlite.path}: {says}"


def test_a_line_that_is_no_entity_is_named(jsonl: Catalog, elsewhere: Path) -> None:
    jsonl.write(user("ada"))
    (jsonl.path / "user.jsonl").write_text("{}\n")

    with pytest.raises(SinkError) as raised:
        _rehearse(jsonl, all_entities, elsewhere)

    assert str(raised.value).startswith(f"{jsonl.path / 'user.jsonl'}:1: a line must be an object of ")


def test_a_folder_that_another_process_is_writing_is_left_alone(jsonl: Catalog, elsewhere: Path) -> None:
    async def use(sink: Sink) -> None:
        del sink
        config = jsonl.strategy.Config.model_validate({"path": jsonl.path})
        async with jsonl.strategy.rehearse(config, Lent("ours", Secrets()), elsewhere):
            pass

    with pytest.raises(SinkError, match="cannot read the catalog: another process is using it"):
        jsonl.run(use)


def test_a_missing_folder_is_said_before_anything_is_read(catalog: Catalog, elsewhere: Path) -> None:
    lost = Catalog(catalog.strategy, catalog.path / "no" / "catalog")

    with pytest.raises(SinkError, match="there is no folder"):
        _rehearse(lost, all_entities, elsewhere)

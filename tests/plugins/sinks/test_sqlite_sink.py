"""The file that the sqlite sink keeps: its rows, its times, and who else may use it meanwhile."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock import Entity, EntityBatch, Sink
from penstock_sinks.sqlite import SqliteConfig
from support.catalogs import Catalog, keys, user
from support.racing import failures


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_the_default_is_a_file_in_the_current_folder() -> None:
    assert SqliteConfig().path == Path("catalog.db")


def test_a_row_holds_an_entity_as_the_architecture_says(sqlite: Catalog) -> None:
    entity = Entity("user", "ada", "Ada", "Person", ["core"], {"age": 36, "no": None}, {"team": "core"})
    sqlite.write(entity, kind="/users")

    with closing(sqlite3.connect(sqlite.path)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM entities").fetchone())
    assert list(row) == (
        [
            "source",
            "kind",
            "blueprint",
            "identifier",
            "title",
            "icon",
            "team",
            "properties",
            "relations",
            "created_at",
            "updated_at",
        ]
    )
    created, updated = row.pop("created_at"), row.pop("updated_at")
    assert row == {
        "source": "ours",
        "kind": "/users",
        "blueprint": "user",
        "identifier": "ada",
        "title": "Ada",
        "icon": "Person",
        "team": '["core"]',
        "properties": '{"age":36,"no":null}',
        "relations": '{"team":"core"}',
    }
    assert created == updated
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created)
    assert abs(datetime.fromisoformat(created) - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_key_is_blueprint_and_identifier(sqlite: Catalog) -> None:
    sqlite.write(user("ada"))

    info = rows(sqlite.path, "SELECT name, pk FROM pragma_table_info('entities') WHERE pk > 0 ORDER BY pk")
    assert info == [("blueprint", 1), ("identifier", 2)]


def test_only_a_change_moves_the_time_of_update(sqlite: Catalog) -> None:
    sqlite.write(user("same", n=1), user("changed", n=1))
    change(sqlite.path, "UPDATE entities SET created_at = 'before', updated_at = 'before'")

    sqlite.write(user("same", n=1), user("changed", n=2), kind="/people")

    times = rows(sqlite.path, "SELECT identifier, kind, created_at, updated_at = 'before' FROM entities ORDER BY 1")
    assert times == [("changed", "/people", "before", 0), ("same", "/people", "before", 1)]


def test_an_unchanged_row_is_not_written_at_all(sqlite: Catalog) -> None:
    sqlite.write(user("ada", n=1))
    change(sqlite.path, "CREATE TRIGGER no BEFORE UPDATE ON entities BEGIN SELECT RAISE(ABORT, 'touched'); END")

    assert sqlite.outcomes(user("ada", n=1)) == ["unchanged"]


def test_an_absent_team_and_a_team_of_null_are_both_null(sqlite: Catalog) -> None:
    sqlite.write(Entity("user", "a"), Entity("user", "b", team=None))

    assert rows(sqlite.path, "SELECT team FROM entities") == [(None,), (None,)]
    assert sqlite.outcomes(Entity("user", "a", team=None), Entity("user", "b")) == ["unchanged", "unchanged"]


def test_a_row_somebody_spoilt_is_refused_and_left_alone(sqlite: Catalog) -> None:
    sqlite.write(user("ada", n=1), user("bob", n=1))
    change(sqlite.path, "UPDATE entities SET properties = 'not json' WHERE identifier = 'ada'")

    spoilt, fine = sqlite.write(user("ada", n=2), user("bob", n=2))

    assert (spoilt.kind, fine.kind) == ("refused", "updated")
    assert spoilt.reason.startswith("what the catalog has cannot be read: ")
    assert rows(sqlite.path, "SELECT properties FROM entities") == [("not json",), ('{"n":2}',)]


def test_closed_it_is_one_file_that_can_be_copied(sqlite: Catalog, tmp_path: Path) -> None:
    sqlite.write(*(user(f"{number:04}", n=number) for number in range(3_000)))

    assert [path.name for path in tmp_path.iterdir()] == ["catalog.db"]
    copy = Catalog(sqlite.strategy, Path(shutil.copy(sqlite.path, tmp_path / "copy.db")))
    assert len(copy.owned()) == 3_000


def test_it_names_itself_and_its_format(sqlite: Catalog) -> None:
    sqlite.write()

    assert rows(sqlite.path, "PRAGMA application_id") == [(int.from_bytes(b"PNST", "big"),)]
    assert rows(sqlite.path, "PRAGMA user_version") == [(1,)]
    assert rows(sqlite.path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(sqlite.path, "PRAGMA integrity_check") == [("ok",)]


def test_an_empty_file_becomes_a_catalog(sqlite: Catalog) -> None:
    sqlite.path.touch()

    assert sqlite.outcomes(user("ada")) == ["created"]


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "ünï.db", "a b'\"%41.db"])
def test_any_file_name_is_a_file(sqlite: Catalog, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative = Catalog(sqlite.strategy, Path(name))

    relative.write(user("ada"))

    assert (tmp_path / name).is_file()
    assert keys(relative.entities()) == [("user", "ada")]


def test_others_read_whole_batches_during_a_sync(sqlite: Catalog) -> None:
    async def use(sink: Sink) -> None:
        for number in range(3):
            await sink.write(EntityBatch("/users", [user(f"{number}-{item}") for item in range(10)]))
            assert rows(sqlite.path, "SELECT count(*) FROM entities") == [((number + 1) * 10,)]

    sqlite.run(use)


def test_a_reader_that_stays_does_not_keep_a_sync_from_ending(sqlite: Catalog) -> None:
    sqlite.write(user("a"))
    with closing(sqlite3.connect(sqlite.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entities").fetchone()
        sqlite.write(user("b"))
        assert reader.execute("SELECT count(*) FROM entities").fetchone() == (1,)

    assert keys(sqlite.entities()) == [("user", "a"), ("user", "b")]


def test_two_sources_may_write_at_the_same_time(sqlite: Catalog) -> None:
    async def fill(source: str) -> None:
        async with sqlite.sink(source) as sink:
            for number in range(20):
                batch = [Entity("user", f"{source}-{number}-{item}", properties={source: item}) for item in range(10)]
                await sink.write(EntityBatch("/users", batch))

    async def both() -> None:
        await asyncio.gather(*(fill(source) for source in ("one", "two", "three")))

    asyncio.run(both())

    assert [len(sqlite.owned(source)) for source in ("one", "two", "three")] == [200, 200, 200]
    columns = rows(sqlite.path, "SELECT name FROM pragma_table_info('user')")
    assert {name for [name] in columns} == {"identifier", "title", "icon", "team", "one", "two", "three"}


def test_processes_that_open_a_new_catalog_at_one_moment_all_have_it(tmp_path: Path) -> None:
    assert failures("catalog", tmp_path) == []


FILL = """
import asyncio, sys
from pathlib import Path
from penstock import Entity, EntityBatch
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock_sinks.sqlite import Sqlite, SqliteConfig
async def main(path, source):
    async with Sqlite().open(SqliteConfig(path=Path(path)), Lent(source, Secrets())) as sink:
        for number in range(10):
            await sink.write(EntityBatch("/users", [Entity("user", f"{source}-{number}")]))
asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_start_together_make_one_catalog(sqlite: Catalog) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", FILL, sqlite.path, source]) for source in ("one", "two", "three")
    ]

    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert [len(sqlite.owned(source)) for source in ("one", "two", "three")] == [10, 10, 10]

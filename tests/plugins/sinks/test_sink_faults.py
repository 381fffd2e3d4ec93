"""What goes wrong around a sink: killed processes, files of others, no room, no permission."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from penstock import EntityBatch, Sink
from penstock.errors import SinkError
from penstock_sinks import _database
from support.catalogs import Catalog, all_entities, keys, user

FILL_FOREVER = """
import asyncio, itertools, sys
from pathlib import Path
from penstock import Entity, EntityBatch
from penstock.http.lending import Lent
from penstock.plugins import PluginManager
from penstock.redaction import Secrets
async def main(name, path):
    strategy = PluginManager().sink(name)
    async with strategy.open(strategy.Config(path=Path(path)), Lent("ours", Secrets())) as sink:
        for number in itertools.count():
            entities = [Entity("user", f"{number:06}-{item}", properties={"n": number}) for item in range(10)]
            await sink.write(EntityBatch("/users", entities))
            print(number, flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


def kill_while_it_writes(catalog: Catalog, batches: int) -> int:
    """Start a process that fills a catalog, kill it, and return how many batches it has told of."""
    command = [sys.executable, "-c", FILL_FOREVER, catalog.strategy.name, str(catalog.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(batches):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told = batches + len(process.stdout.readlines())
    assert process.returncode == -signal.SIGKILL
    return told


@pytest.mark.parametrize("batches", [1, 7, 60])
def test_a_killed_process_leaves_whole_batches_and_all_it_has_told_of(catalog: Catalog, batches: int) -> None:
    catalog.write(user("before"))

    told = kill_while_it_writes(catalog, batches)

    numbers = [int(entity.identifier[:6]) for entity in catalog.entities()[:-1]]
    written = numbers[-1] + 1
    assert numbers == [number for number in range(written) for _ in range(10)]
    assert written in {told, told + 1}
    assert catalog.outcomes(user("before"), user("000000-0", n=0), user("after")) == [
        "unchanged",
        "unchanged",
        "created",
    ]
    assert keys(catalog.owned())[-2:] == [("user", "after"), ("user", "before")]


def test_what_a_killed_process_left_is_taken_up_once_and_cleaned_away(jsonl: Catalog) -> None:
    kill_while_it_writes(jsonl, 3)
    assert ".staging.db" in [path.name for path in jsonl.path.iterdir()]

    jsonl.write()

    assert [path.name for path in jsonl.path.iterdir()] == ["user.jsonl"]
    jsonl.delete(("user", "000000-0"))
    assert ("user", "000000-0") not in keys(jsonl.entities())


@pytest.mark.parametrize("content", [b"name,age\nada,36\n" * 100, b"xy", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_not_a_database_is_refused_and_left_alone(sqlite: Catalog, content: bytes) -> None:
    sqlite.path.write_bytes(content)

    with pytest.raises(SinkError, match=r"catalog\.db: cannot open the catalog: it is not an SQLite file"):
        sqlite.write(user("ada"))
    assert sqlite.path.read_bytes() == content


def test_a_database_of_something_else_is_refused_and_left_alone(sqlite: Catalog) -> None:
    with closing(sqlite3.connect(sqlite.path)) as connection, connection:
        connection.execute("CREATE TABLE entities (mine)")
    before = sqlite.path.read_bytes()

    with pytest.raises(SinkError, match=r"catalog\.db: it is an SQLite file of something else, not a penstock catalog"):
        sqlite.write(user("ada"))
    assert sqlite.path.read_bytes() == before


def test_a_database_of_another_application_is_refused_though_empty(sqlite: Catalog) -> None:
    with closing(sqlite3.connect(sqlite.path)) as connection, connection:
        connection.execute("PRAGMA application_id = 7")

    with pytest.raises(SinkError, match="it is an SQLite file of something else"):
        sqlite.entities()


def test_a_newer_format_is_refused_and_left_alone(sqlite: Catalog) -> None:
    sqlite.write(user("ada"))
    with closing(sqlite3.connect(sqlite.path)) as connection, connection:
        connection.execute("PRAGMA user_version = 2")
    before = sqlite.path.read_bytes()

    message = r"catalog\.db: it was written by a newer penstock \(format 2; this one knows 1\)"
    with pytest.raises(SinkError, match=message):
        sqlite.write(user("bob"))
    assert sqlite.path.read_bytes() == before


def test_a_damaged_file_is_an_error_with_its_path(sqlite: Catalog) -> None:
    sqlite.write(*(user(f"{number:04}", text="x" * 500) for number in range(1_000)))
    content = bytearray(sqlite.path.read_bytes())
    content[8192 * 2 :] = b"\xff" * (len(content) - 8192 * 2)
    sqlite.path.write_bytes(content)

    with pytest.raises(SinkError, match=r"catalog\.db: cannot .* the catalog: the file is damaged"):
        sqlite.entities()


def test_a_folder_in_place_of_the_file_is_an_error(sqlite: Catalog) -> None:
    sqlite.path.mkdir()

    with pytest.raises(SinkError, match=r"catalog\.db: cannot open the catalog: it is a folder"):
        sqlite.write(user("ada"))


def test_a_file_that_another_process_keeps_locked_is_an_error(sqlite: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_database, "BUSY_SECONDS", 0.05)
    sqlite.write(user("ada"))
    with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(
            SinkError, match=r"catalog\.db: cannot write to the catalog: another process has been writing"
        ):
            sqlite.write(user("bob"))
        assert keys(sqlite.entities()) == [("user", "ada")]


@contextmanager
def file_size_limit(size: int) -> Generator[None]:
    """Let no file grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_batch_that_finds_no_room_is_an_error_and_leaves_nothing(catalog: Catalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user("ada", n=1)]))
        large = [user(f"{number:03}", **{f"text{number}": "x" * 10_000}) for number in range(100)]
        with file_size_limit(400_000), pytest.raises(SinkError, match=r"catalog.*: cannot write to the catalog: "):
            await sink.write(EntityBatch("/users", large))
        assert keys(await all_entities(sink)) == [("user", "ada")]
        outcomes = await sink.write(EntityBatch("/users", [user("ada", n=1), *large]))
        assert [outcome.kind for outcome in outcomes] == ["unchanged", *["created"] * 100]

    catalog.run(use)

    assert len(catalog.entities()) == 101


def test_lines_that_find_no_room_stay_staged_for_the_next_time(jsonl: Catalog) -> None:
    jsonl.write(user("ada"))
    before = (jsonl.path / "user.jsonl").read_bytes()

    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user(f"{number:03}", text="x" * 1_000) for number in range(100)]))

    async def closed_without_room() -> None:
        sink = await jsonl.sink().__aenter__()
        await use(sink)
        with (
            file_size_limit(50_000),
            pytest.raises(SinkError, match="catalog: cannot write to the catalog: File too large"),
        ):
            await sink.__aexit__(None, None, None)

    asyncio.run(closed_without_room())

    assert (jsonl.path / "user.jsonl").read_bytes() == before
    assert len(jsonl.entities()) == 101
    assert [path.name for path in jsonl.path.iterdir()] == ["user.jsonl"]


def test_an_error_of_the_caller_is_not_hidden_by_one_of_closing(jsonl: Catalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user(f"{number:03}", text="x" * 1_000) for number in range(100)]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        message = "the caller's own"
        raise LookupError(message)

    with file_size_limit(resource.RLIM_INFINITY), pytest.raises(LookupError, match="the caller's own") as caught:
        jsonl.run(use)

    [note] = caught.value.__notes__
    assert note.endswith("catalog: cannot write to the catalog: File too large")


@contextmanager
def open_folder() -> Generator[Path]:
    """Make a folder that everybody may enter, which the folders of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def nobody() -> Generator[None]:
    """Be a user without privileges: root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_file_can_be_read_and_not_written(sqlite: Catalog) -> None:
    with open_folder() as folder:
        catalog = Catalog(sqlite.strategy, folder / "catalog.db")
        catalog.write(user("ada"))
        catalog.path.chmod(0o444)
        folder.chmod(0o777)
        with nobody():
            assert keys(catalog.entities()) == [("user", "ada")]
            with pytest.raises(SinkError, match=r"catalog\.db: cannot write to the catalog: it is read-only"):
                catalog.write(user("bob"))


def test_a_folder_one_may_not_write_to_is_an_error(catalog: Catalog) -> None:
    catalog.write(user("warmed up"))
    with open_folder() as folder:
        folder.chmod(0o555)
        with (
            nobody(),
            pytest.raises(SinkError, match=r"new: cannot open the catalog: (Permission|it cannot be opened)"),
        ):
            Catalog(catalog.strategy, folder / "new").write(user("ada"))
        assert list(folder.iterdir()) == []
        folder.chmod(0o755)


def test_using_a_sink_that_was_not_entered_is_a_mistake(catalog: Catalog) -> None:
    with pytest.raises(RuntimeError, match="enter the sink before using it"):
        asyncio.run(all_entities(catalog.sink()))

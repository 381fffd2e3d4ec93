from __future__ import annotations

import asyncio
from pathlib import Path

from penstock import Entity, EntityBatch, EntityKey, Outcome, Sink
from penstock.plan.calls import Calls, Delete, Otherwise, Repetition, Write
from penstock_sinks.sqlite import Sqlite
from support.catalogs import Catalog, user


def _calls(folder: Path) -> Calls:
    calls = Calls(folder / "calls")
    calls.add(Write(EntityBatch("/users", [Entity("user", "ada", team=["a"], properties={"n": 10**30})]), ["created"]))
    calls.add(Write(EntityBatch("/users", [user("bob"), user("eve")]), ["created", "created"]))
    calls.add(Delete([EntityKey("user", "ada")], ["deleted"]))
    return calls


def _repeat(calls: Calls, catalog: Catalog, stop: asyncio.Event) -> Repetition:
    async def use(sink: Sink) -> Repetition:
        return await calls.repeat(sink, stop)

    return catalog.run(use)


def test_calls_are_repeated_in_order(tmp_path: Path) -> None:
    catalog = Catalog(Sqlite(), tmp_path / "catalog.db")

    found = _repeat(_calls(tmp_path), catalog, asyncio.Event())

    assert found == Repetition([], finished=True)
    assert [one.identifier for one in catalog.entities()] == ["bob", "eve"]


def test_what_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    catalog = Catalog(Sqlite(), tmp_path / "catalog.db")
    catalog.write(user("eve"), source="theirs")

    found = _repeat(_calls(tmp_path), catalog, asyncio.Event())

    refused = Outcome("refused", 'it belongs to the source "theirs"')
    assert found == Repetition([Otherwise("/users", EntityKey("user", "eve"), "created", refused)], finished=True)


def test_nothing_more_is_done_once_told_to_stop(tmp_path: Path) -> None:
    catalog, stop = Catalog(Sqlite(), tmp_path / "catalog.db"), asyncio.Event()
    stop.set()

    found = _repeat(_calls(tmp_path), catalog, stop)

    assert found == Repetition([], finished=False)
    assert catalog.entities() == []


def test_no_calls_are_no_work(tmp_path: Path) -> None:
    found = _repeat(Calls(tmp_path / "calls"), Catalog(Sqlite(), tmp_path / "catalog.db"), asyncio.Event())

    assert found == Repetition([], finished=True)

"""The run journal remembers where entities were seen, and survives what it is given."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.journal import FORMAT, Journal, JournalError
from support.racing import failures

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_sighting_keeps_the_newest_run_and_every_partition(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        one, two = journal.partition("/a", {}), journal.partition("/b", {"x": "1"})
        first = journal.runs.start("r1", NOW)
        journal.see(first, {(one, 0): [("user", "ada"), ("user", "bob")], (two, 0): [("user", "ada")]})
        second = journal.runs.start("r2", NOW)
        journal.see(second, {(one, 0): [("user", "ada")]})
        journal.see(first, {(one, 0): [("user", "ada")]})
        assert list(journal.sightings()) == [
            ("user", "ada", one, second),
            ("user", "ada", two, first),
            ("user", "bob", one, first),
        ]
        assert (journal.count_entities(first), journal.count_seen(first, [one, two])) == (2, 2)
        assert journal.partitions() == {one: "/a", two: "/b"}


def test_a_partition_has_the_same_number_in_every_run_whatever_the_order_of_its_values(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        number = journal.partition("/a", {"x": "1", "y": "2"})
    with Journal(tmp_path, "test") as journal:
        assert journal.partition("/a", {"y": "2", "x": "1"}) == number
        assert journal.partition("/a", {"y": "1", "x": "2"}) != number


def test_run_numbers_never_come_again_although_old_runs_are_pruned(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        numbers = [journal.runs.start(f"r{number}", NOW) for number in range(250)]
        assert numbers == sorted(set(numbers))
    with closing(sqlite3.connect(tmp_path / "test.db")) as db:
        assert db.execute("SELECT count(*), max(id) FROM runs").fetchone() == (201, numbers[-1])


def test_names_that_are_no_unicode_text_are_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        partition, run = journal.partition("/a", {}), journal.runs.start("r", NOW)
        journal.see(
            run, {(partition, 0): [("user", "half \ud800"), ("\udfff", "x"), ("user", "Zoë 🐱"), ("user", 'a"b\\c')]}
        )
        assert [sighting.identifier for sighting in journal.sightings()] == ["Zoë 🐱", 'a"b\\c']


def test_sightings_come_in_the_order_of_code_points(tmp_path: Path) -> None:
    keys = [
        ("b", "é"),
        ("b", "z"),
        ("b", "Z"),
        ("B", "a"),
        ("b", "\U0001f431"),
        ("b", "\uffee"),
        ("b", "10"),
        ("b", "9"),
    ]
    with Journal(tmp_path, "test") as journal:
        partition, run = journal.partition("/a", {}), journal.runs.start("r", NOW)
        journal.see(run, {(partition, 0): keys})
        assert [sighting[:2] for sighting in journal.sightings()] == sorted(keys)


def test_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        journal.runs.start("r", NOW)
    with closing(sqlite3.connect(tmp_path / "test.db")) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(JournalError, match=f"has format {FORMAT + 1}, this penstock knows up to {FORMAT}; upgrade"):
        Journal(tmp_path, "test").__enter__()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no database at all, but long enough to look like one" * 20, "not a database"), (None, "is not a run journal")],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "test.db"
    if content is None:
        with closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE mine(x)")
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(JournalError, match=message):
        Journal(tmp_path, "test").__enter__()
    assert file.read_bytes() == before


def test_processes_that_open_a_new_journal_at_one_moment_all_have_it(tmp_path: Path) -> None:
    assert failures("journal", tmp_path) == []

"""What the journal keeps for explanations: exact, bounded, and brought over from the format before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.journal import Account, Asked, Checkpoint, End, Journal, accounts
from penstock.values import EntityKey, PageRequest, StopReason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMER = {"runs", "partitions", "seen", "progress", "absent", "identities", "holds", "lease", "held"}
"""The tables of format 2."""
ADA, BOB = EntityKey("user", "ada"), EntityKey("user", "bob")


def _asked(page: int) -> Asked:
    return Asked(f"https://api.test/?page={page}", Checkpoint(page, PageRequest({"page": page}), "", sound=True))


def _read(journal: Journal, pages: dict[int, list[EntityKey]], account: Account | None = None) -> int:
    """One run that reads these pages, and what else it tells; returns its number."""
    number = journal.runs.start("r", NOW)
    with journal.transaction():
        journal.accounts.begin(number)
    partition = journal.partition("/users", {})
    account = account or Account()
    account.pages = {(partition, page): _asked(page) for page in pages}
    sightings = {(partition, page): [(key.blueprint, key.identifier) for key in keys] for page, keys in pages.items()}
    journal.see(number, sightings, also=lambda: journal.accounts.add(number, account))
    return number


def test_the_page_that_showed_an_entity_is_asked_for_as_then(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        _read(journal, {0: [ADA], 1: [BOB]})
        [seen] = journal.accounts.sightings(BOB)

        assert journal.accounts.page(seen) == _asked(1)


def test_pages_are_kept_for_as_long_as_something_refers_to_them(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        _read(journal, {0: [ADA], 1: [BOB], 2: []})
        for _ in range(5):
            _read(journal, {0: [ADA], 1: [], 2: []})
        [seen] = journal.accounts.sightings(BOB)
        assert journal.accounts.page(seen) == _asked(1)
        kept = list(journal.file.rows("SELECT run, page FROM pages ORDER BY run, page"))
        assert kept == [(1, 1), *((run, page) for run in (5, 6) for page in range(3))]


@pytest.mark.parametrize("what", ["refusals", "deletions"])
def test_the_newest_refusals_and_deletions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(accounts, "MOST_KEPT", 10)
    keys = [EntityKey("user", str(number)) for number in range(25)]
    with Journal(tmp_path, "test") as journal:
        missing = journal.missing()
        for key in keys:
            missing.add((key.blueprint, key.identifier), "/users", "gone", 1)
        with journal.transaction():
            missing.settle_reads()
        for start in range(0, 25, 5):
            chunk = keys[start : start + 5]
            refused = [(key, "no") for key in chunk] if what == "refusals" else []
            journal.forget(1, dict.fromkeys(chunk, True) if what == "deletions" else {}, refused)
        look_up = journal.accounts.refusal if what == "refusals" else journal.accounts.deletion
        assert [key.identifier for key in keys if look_up(key)] == [str(number) for number in range(15, 25)]


def test_what_is_accepted_later_in_a_run_was_not_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        run = _read(journal, {0: [ADA, BOB]}, Account(refused=[(ADA, "no"), (BOB, "no")]))
    with Journal(tmp_path, "test") as journal:  # the run was killed, and goes on
        assert journal.accounts.has_refusals(run)
        with journal.transaction():
            journal.accounts.add(run, Account(accepted=[ADA]))
        assert journal.accounts.refusal(ADA) is None
        assert journal.accounts.refusal(BOB) == (run, "write", "no")


def test_the_newest_end_of_a_partition_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        partition = journal.partition("/users", {})
        _read(
            journal,
            {},
            Account(ends={partition: End(0, StopReason.REQUEST_FAILED, sound=True, whole=True, message="502")}),
        )
        second = _read(
            journal, {}, Account(ends={partition: End(0, StopReason.NO_MORE, sound=False, whole=True, message="")})
        )

        end = journal.accounts.end(partition)

        assert end == (second, StopReason.NO_MORE, False, True, "")
        assert end is not None
        assert not end.proven


def test_a_journal_of_the_format_before_is_brought_over_with_what_it_holds(tmp_path: Path) -> None:
    with Journal(tmp_path, "test") as journal:
        _read(journal, {0: [ADA]})
        journal.file.execute("INSERT INTO absent(blueprint, identifier, run, times) VALUES ('user', 'bob', 1, 1)")
    with closing(sqlite3.connect(tmp_path / "test.db")) as db, db:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            if table not in FORMER:
                db.execute(f"DROP TABLE {table}")
        for table, column in (("absent", "needed"), ("absent", "cause"), ("absent", "fate"), ("progress", "drifts")):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 2")

    with Journal(tmp_path, "test") as journal:
        [seen] = journal.accounts.sightings(ADA)
        assert journal.accounts.page(seen) is None
        assert journal.accounts.absence(BOB) == (1, 1, 0, "gone", "waits")
        assert journal.accounts.deletion(BOB) is None


def test_names_are_looked_for_among_neighbours_only(tmp_path: Path) -> None:
    keys = [EntityKey("user", f"{number:03}") for number in range(100)]
    with Journal(tmp_path, "test") as journal:
        _read(journal, {0: keys})

        found = journal.accounts.neighbours(EntityKey("user", "050x"), 2)

        assert sorted(found) == ["000", "001", "049", "050", "051", "052"]
        assert journal.accounts.blueprints() == ["user"]


@pytest.mark.parametrize("found", [True, False])
def test_a_deletion_says_whether_there_was_still_something_to_delete(tmp_path: Path, found: bool) -> None:  # noqa: FBT001 - a case
    with Journal(tmp_path, "test") as journal:
        run = _read(journal, {3: [ADA]})
        missing = journal.missing()
        missing.add(("user", "ada"), "/users", "gone", 2)
        with journal.transaction():
            missing.settle_reads()
        journal.forget(run, {ADA: found})

        deletion = journal.accounts.deletion(ADA)

        assert deletion is not None
        assert (deletion.run, deletion.found, deletion.reads, deletion.approved) == (run, found, 2, False)
        assert deletion.seen is not None
        assert journal.accounts.page(deletion.seen) == _asked(3)

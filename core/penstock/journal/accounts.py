"""What no run needs to know, and a person may ask.

How each page was asked for, how each read ended, what was refused and what was deleted, and why. All of it is bounded:
the pages of the last two runs, and older ones to which a sighting or a deletion refers; one row for each partition and
resource; the newest ``MOST_KEPT`` refusals and deletions. Messages and URLs come without secrets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from msgspec import Struct, field

from penstock.journal.file import JournalFile
from penstock.journal.holds import Hold, Reason
from penstock.journal.missing import Cause, Fate
from penstock.journal.progress import Checkpoint
from penstock.values import EntityKey, StopReason

MOST_KEPT: Final = 100_000
"""Refusals, and deletions, that are remembered; older ones are forgotten."""
_FORGET_PAGES: Final = """
DELETE FROM pages WHERE run < ?
AND (partition, run, page) NOT IN (SELECT partition, run, page FROM seen WHERE run < ?)
AND (partition, run, page) NOT IN (SELECT partition, seen, page FROM deletions WHERE partition IS NOT NULL)
"""
_BURY: Final = """
INSERT INTO deletions(blueprint, identifier, run, at, resource, cause, decision, reads, found, partition, seen, page)
SELECT missing.blueprint, missing.identifier, ?, ?, missing.resource, cause, decision, needed, ?,
  seen.partition, seen.run, seen.page
FROM missing LEFT JOIN seen ON seen.blueprint = missing.blueprint AND seen.identifier = missing.identifier
WHERE missing.blueprint = ? AND missing.identifier = ? ORDER BY seen.run DESC LIMIT 1
"""
_SIGHTINGS: Final = """
SELECT partition, resource, path, seen.run, page FROM seen JOIN partitions ON partitions.id = partition
WHERE blueprint = ? AND identifier = ? ORDER BY seen.run DESC, partition
"""
_HOLD: Final = """
SELECT id, resource, kind, reason, state, (SELECT count(*) FROM held AS all_held WHERE all_held.hold = id), owned, since
FROM held JOIN holds ON id = hold WHERE blueprint = ? AND identifier = ?
"""
_DELETION: Final = """
SELECT run, at, deletions.resource, cause, decision, reads, found, partition, path, seen, page
FROM deletions LEFT JOIN partitions ON partitions.id = partition
WHERE blueprint = ? AND identifier = ? ORDER BY deletions.id DESC LIMIT 1
"""
_NEXT_BLUEPRINT: Final = "SELECT blueprint FROM seen WHERE blueprint > ? ORDER BY blueprint LIMIT 1"

Refused: TypeAlias = Literal["write", "delete"]
"""What a sink would not do."""


class Asked(NamedTuple):
    """How a page was asked for."""

    url: str
    """Of the answer, without secrets."""
    checkpoint: Checkpoint | None
    """What asks for it again; None where that is the first request of the partition."""
    known: bool = True
    """Whether the request could be kept: not where it holds a secret."""


class End(NamedTuple):
    """How the read of a partition ended."""

    run: int
    reason: StopReason
    sound: bool
    """Whether every item could be judged."""
    whole: bool
    """Whether all of it was asked for, and not what has changed only."""
    message: str
    """What was wrong; empty where nothing was."""

    @property
    def proven(self) -> bool:
        """Whether it was read completely."""
        return self.reason.complete and self.sound


class Listing(NamedTuple):
    """How the partitions of a resource were found."""

    run: int
    message: str
    """Why some may be missing; empty where all were found."""


class Refusal(NamedTuple):
    """What a sink would not do, and why."""

    run: int
    what: Refused
    reason: str


class Seen(NamedTuple):
    """Where an entity was seen, and when for the last time."""

    partition: int
    resource: str
    path: str
    """The path values, as JSON."""
    run: int
    page: int
    """From 0."""


class Absence(NamedTuple):
    """That complete reads did not show an entity."""

    run: int
    """The last of them."""
    times: int
    """How many in a row; at least so many where a person has to decide."""
    needed: int
    """How many it takes; 0 where an older version has counted."""
    cause: Cause
    fate: Fate


class Deletion(NamedTuple):
    """That a run deleted an entity."""

    run: int
    at: datetime
    resource: str
    cause: Cause
    approved: bool
    """Whether somebody had approved it."""
    reads: int
    """How many complete reads in a row it took."""
    found: bool
    """Whether it was still there to be deleted."""
    seen: Seen | None
    """Where it was seen last; None where the journal did not know."""


class Account(Struct):
    """What a batch has to add."""

    pages: dict[tuple[int, int], Asked] = field(default_factory=dict[tuple[int, int], Asked])
    """By partition and page."""
    ends: dict[int, End] = field(default_factory=dict[int, "End"])
    """By partition."""
    refused: list[tuple[EntityKey, str]] = field(default_factory=list[tuple[EntityKey, str]])
    accepted: list[EntityKey] = field(default_factory=list[EntityKey])
    """What the sink took, where it has refused something in this run before."""


class Accounts:
    """The accounts of one source's runs. Each method raises JournalError; those that write need a transaction."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._last_refusal: int | None = None
        """The run of the newest refusal, 0 where there is none; None until it is looked up."""

    def begin(self, run: int) -> None:
        """Forget the pages of runs before the last one to which nothing refers any more."""
        self._file.execute(_FORGET_PAGES, (run - 1, run - 1))

    def has_refusals(self, run: int) -> bool:
        """Return whether the sink has refused anything in this run, which is the newest."""
        if self._last_refusal is None:
            [self._last_refusal] = self._file.row("SELECT run FROM refusals ORDER BY id DESC LIMIT 1") or (0,)
        return self._last_refusal == run

    def add(self, run: int, account: Account) -> None:
        """Take what a batch has to tell."""
        for (partition, page), asked in account.pages.items():
            again = asked.checkpoint.to_json() if asked.checkpoint else ""
            self._file.execute(
                "INSERT OR REPLACE INTO pages(partition, run, page, url, request) VALUES (?, ?, ?, ?, ?)",
                (partition, run, page, asked.url, again if asked.known else None),
            )
        self._file.executemany(
            "INSERT OR REPLACE INTO ends(partition, run, reason, sound, whole, message) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *end._replace(run=run)) for number, end in account.ends.items()],
        )
        self._file.executemany(
            "DELETE FROM refusals WHERE blueprint = ? AND identifier = ? AND run = ? AND what = 'write'",
            [(*_pair(key), run) for key in account.accepted],
        )
        if account.refused:
            self.refuse(run, "write", account.refused)

    def listed(self, run: int, resource: str, message: str) -> None:
        """Take how the search for a resource's partitions ended; the message is empty where all were found."""
        self._file.execute(
            "INSERT OR REPLACE INTO listings(resource, run, message) VALUES (?, ?, ?)", (resource, run, message)
        )

    def refuse(self, run: int, what: Refused, refused: Sequence[tuple[EntityKey, str]]) -> None:
        """Take what the sink would not do, and why."""
        self._file.executemany(
            "INSERT INTO refusals(blueprint, identifier, run, what, reason) VALUES (?, ?, ?, ?, ?)",
            [(key.blueprint, key.identifier, run, what, reason) for key, reason in refused],
        )
        self._bound("refusals")
        self._last_refusal = run

    def bury(self, run: int, keys: Mapping[EntityKey, bool]) -> None:
        """Take that missing entities of this run were deleted, and whether they were still there."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._file.executemany(_BURY, [(run, now, found, *_pair(key)) for key, found in keys.items()])
        self._bound("deletions")

    def sightings(self, key: EntityKey) -> list[Seen]:
        """Return where an entity was seen, the newest first."""
        return [Seen._make(row) for row in self._file.rows(_SIGHTINGS, _pair(key))]

    def absence(self, key: EntityKey) -> Absence | None:
        """Return how often complete reads have missed it."""
        row = self._file.row(
            "SELECT run, times, needed, cause, fate FROM absent WHERE blueprint = ? AND identifier = ?", _pair(key)
        )
        return None if row is None else Absence._make(row)

    def hold(self, key: EntityKey) -> Hold | None:
        """Return the hold, open or decided, that an entity belongs to."""
        row = self._file.row(_HOLD, _pair(key))
        if row is None:
            return None
        number, resource, kind, reason, state, entities, owned, since = row
        return Hold(number, resource, kind, Reason(reason), state, entities, owned, datetime.fromisoformat(since))

    def deletion(self, key: EntityKey) -> Deletion | None:
        """Return the newest deletion of an entity that is remembered."""
        row = self._file.row(_DELETION, _pair(key))
        if row is None:
            return None
        run, at, resource, cause, decision, reads, found, partition, path, seen, page = row
        last = None if partition is None else Seen(partition, resource, path or "{}", seen, page)
        when, approved = datetime.fromisoformat(at), decision == "approved"
        return Deletion(run, when, resource, cause, approved, reads, bool(found), last)

    def refusal(self, key: EntityKey) -> Refusal | None:
        """Return the newest refusal of an entity that is remembered."""
        query = "SELECT run, what, reason FROM refusals WHERE blueprint = ? AND identifier = ? ORDER BY id DESC LIMIT 1"
        row = self._file.row(query, _pair(key))
        return None if row is None else Refusal._make(row)

    def first_refusal(self, key: tuple[str, str]) -> int | None:
        """Return the first run that is remembered in which the sink would not write an entity."""
        query = "SELECT min(run) FROM refusals WHERE blueprint = ? AND identifier = ? AND what = 'write'"
        row = self._file.row(query, key)
        return None if row is None else cast("int | None", row[0])

    def end(self, partition: int) -> End | None:
        """Return how the newest read of a partition that has ended did so."""
        row = self._file.row("SELECT run, reason, sound, whole, message FROM ends WHERE partition = ?", (partition,))
        if row is None:
            return None
        run, reason, sound, whole, message = row
        return End(run, StopReason(reason), bool(sound), bool(whole), message)

    def listing(self, resource: str) -> Listing | None:
        """Return how the newest search for a resource's partitions ended."""
        row = self._file.row("SELECT run, message FROM listings WHERE resource = ?", (resource,))
        return None if row is None else Listing._make(row)

    def page(self, seen: Seen) -> Asked | None:
        """Return how the page was asked for that showed an entity; None where that is not remembered."""
        query = "SELECT url, request FROM pages WHERE partition = ? AND run = ? AND page = ?"
        row = self._file.row(query, (seen.partition, seen.run, seen.page))
        if row is None:
            return None
        url, request = cast("tuple[str, str | None]", row)
        again = Checkpoint.from_json(request, sound=True) if request else None
        return Asked(url, again, known=request is not None)

    def blueprints(self) -> list[str]:
        """Return the blueprints of everything that was seen, sorted."""
        found: list[str] = []
        while row := self._file.row(_NEXT_BLUEPRINT, (found[-1] if found else "",)):
            found.append(row[0])
        return found

    def neighbours(self, key: EntityKey, most: int) -> list[str]:
        """Return identifiers of the same blueprint: the next ones on either side in order, and the first ones."""
        parts = (
            ("identifier >= ? ORDER BY identifier", key.identifier),
            ("identifier < ? ORDER BY identifier DESC", key.identifier),
            ("identifier >= ? ORDER BY identifier", ""),
        )
        found: dict[str, None] = {}
        for condition, start in parts:
            query = f"SELECT DISTINCT identifier FROM seen WHERE blueprint = ? AND {condition} LIMIT ?"  # noqa: S608 - our own text
            found.update((row[0], None) for row in self._file.rows(query, (key.blueprint, start, most)))
        return list(found)

    def is_seen(self, key: EntityKey) -> bool:
        """Whether anything showed it."""
        return self._file.row("SELECT 1 FROM seen WHERE blueprint = ? AND identifier = ?", _pair(key)) is not None

    def _bound(self, table: str) -> None:
        self._file.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (MOST_KEPT,))  # noqa: S608 - our own names


def _pair(key: EntityKey) -> tuple[str, str]:
    return key.blueprint, key.identifier

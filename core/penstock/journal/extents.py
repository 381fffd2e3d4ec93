"""How far each resource was read: when everything of it, and up to which change since then.

A mark is a moment of the source's: all changes up to it are in the sink. It is written together with what was
delivered, never before, and never goes back while what it is about is read in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from penstock.journal.file import JournalFile

_OF_RESOURCE: Final = "partition IN (SELECT id FROM partitions WHERE resource = ?)"
_LATER: Final = """
INSERT INTO marks(partition, mark, reached) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET
  mark = CASE WHEN mark IS NULL OR excluded.mark > mark THEN coalesce(excluded.mark, mark) ELSE mark END,
  reached = coalesce(excluded.reached, reached)
"""


class Extent(NamedTuple):
    """How a resource was read last."""

    full_at: datetime | None
    """When the last run began that read everything of it; None where none did, or what it is has changed since."""
    partial_runs: int
    """How many runs since then have asked for changes only."""
    changed: bool = False
    """Whether what it is, or how it is mapped, has just changed."""


class Reach(NamedTuple):
    """Up to which change a partition was read; microseconds since 1970."""

    mark: int | None
    """All changes up to this moment are in the sink."""
    reached: int | None
    """The last change that the last complete read has shown."""


class Stretch(NamedTuple):
    """What one run has read of one partition so far; moments are microseconds since 1970."""

    since: int | None
    """The mark that it went by; None where everything was asked for."""
    began: int | None = None
    """When the read began, by the source's clock; None where the source does not say."""
    greatest: int | None = None
    """The last change it has shown that is believed."""
    pages: int = 0
    """How many were read; those before an interruption count."""
    spoilt: bool = False
    """Whether the sink has refused something of it."""


class Extents:
    """What is known of a source's resources; each method raises JournalError, those that write want a transaction."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def adopt(self, digests: Mapping[str, str]) -> dict[str, Extent]:
        """Record what the resources are, each in a digest, and return what is known of those that stay the same."""
        rows = self._file.rows("SELECT resource, digest, full_at, partial_runs FROM extents")
        known = {name: (digest, full_at, runs) for name, digest, full_at, runs in rows}
        found: dict[str, Extent] = {}
        self.forget(known.keys() - digests.keys())  # what comes back one day may have been deleted meanwhile
        for resource, digest in digests.items():
            former, full_at, runs = known.get(resource, ("", None, 0))
            if former == digest:
                found[resource] = Extent(None if full_at is None else datetime.fromisoformat(full_at), runs)
            else:
                self.forget([resource])
                self._file.execute("INSERT INTO extents(resource, digest) VALUES (?, ?)", (resource, digest))
                found[resource] = Extent(None, 0, changed=bool(former))
        return found

    def forget(self, resources: Collection[str]) -> None:
        """Forget up to where resources were read, and what they are."""
        for resource in resources:
            for table in ("marks", "validators"):
                self._file.execute(f"DELETE FROM {table} WHERE {_OF_RESOURCE}", (resource,))  # noqa: S608 - our own names
            self._file.execute("DELETE FROM extents WHERE resource = ?", (resource,))

    def forget_all(self) -> None:
        """Forget what spares work: the catalog is not the one that it was about.

        So is how far a run had come that was broken off.
        """
        for table in ("marks", "validators", "extents", "catalog", "progress", "stretches"):
            self._file.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def note(self, digests: Mapping[str, str]) -> None:
        """Record what resources are of which that is not known."""
        self._file.executemany("INSERT OR IGNORE INTO extents(resource, digest) VALUES (?, ?)", digests.items())

    def leave(self, partitions: Collection[int]) -> None:
        """Forget up to where partitions were read that are no more."""
        self._file.executemany("DELETE FROM marks WHERE partition = ?", [(one,) for one in partitions])

    def restart(self, resource: str) -> None:
        """Forget up to where a resource was read; what it is stays known."""
        for table in ("marks", "validators"):
            self._file.execute(f"DELETE FROM {table} WHERE {_OF_RESOURCE}", (resource,))  # noqa: S608 - our own names
        self._file.execute("UPDATE extents SET full_at = NULL, partial_runs = 0 WHERE resource = ?", (resource,))

    def read_whole(self, resource: str, at: datetime) -> None:
        """Record that a run, which began at this moment, has read everything of a resource."""
        text = at.isoformat(timespec="milliseconds")
        self._file.execute("UPDATE extents SET full_at = ?, partial_runs = 0 WHERE resource = ?", (text, resource))

    def read_partly(self, resource: str) -> None:
        """Record that a run has asked for changes of a resource only."""
        self._file.execute("UPDATE extents SET partial_runs = partial_runs + 1 WHERE resource = ?", (resource,))

    def reach(self, partition: int) -> Reach:
        """Return up to which change a partition was read."""
        row = self._file.row("SELECT mark, reached FROM marks WHERE partition = ?", (partition,))
        return Reach(*row) if row else Reach(None, None)

    def advance(self, partition: int, mark: int | None, reached: int | None) -> None:
        """Record up to which change a partition was read; an earlier mark than the one that is there is ignored."""
        self._file.execute(_LATER, (partition, mark, reached))

    def stretch(self, run: int, partition: int) -> Stretch | None:
        """Return what this run has read of a partition before it was broken off; None where it has not begun."""
        row = self._file.row(
            "SELECT since, began, greatest, pages, spoilt FROM stretches WHERE run = ? AND partition = ?",
            (run, partition),
        )
        if row is None:
            return None
        since, began, greatest, pages, spoilt = row
        return Stretch(since, began, greatest, pages, bool(spoilt))

    def keep(self, run: int, stretches: Mapping[int, Stretch]) -> None:
        """Record what this run has read of partitions so far; that something was refused is never forgotten."""
        self._file.executemany(
            "INSERT INTO stretches(run, partition, since, began, greatest, pages, spoilt) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET since = excluded.since, began = excluded.began, greatest = excluded.greatest, "
            "pages = excluded.pages, spoilt = max(spoilt, excluded.spoilt)",
            [
                (run, partition, one.since, one.began, one.greatest, one.pages, one.spoilt)
                for partition, one in stretches.items()
            ],
        )

    def catalog(self) -> int | None:
        """Return how many entities the catalog had when the last run ended; None where that is not known."""
        row = self._file.row("SELECT owned FROM catalog")
        return int(row[0]) if row else None

    def keep_catalog(self, owned: int | None) -> None:
        """Record how many entities the catalog has; None where it cannot tell."""
        self._file.execute("DELETE FROM catalog")
        if owned is not None:
            self._file.execute("INSERT INTO catalog(one, owned) VALUES (1, ?)", (owned,))

    def spares_work(self) -> bool:
        """Whether anything is known that would have a run read or write less."""
        row = self._file.row(
            "SELECT EXISTS (SELECT 1 FROM marks) OR EXISTS (SELECT 1 FROM validators) "
            "OR EXISTS (SELECT 1 FROM progress)"
        )
        return bool(row and row[0])

"""How each resource of the mapping reads and names its entities, and since which run it has done so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from msgspec import Struct

from penstock.journal.file import JournalFile


class Identity(Struct, frozen=True):
    """One resource, in digests."""

    reads: str
    """Of its kind and everything it asks for; tells resources of one kind apart."""
    names: str
    """Of what decides how its entities are named."""


class Identities:
    """What the mapping was in earlier runs; ``transaction`` begins one that writes."""

    def __init__(self, file: JournalFile, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._transaction = transaction

    def adopt(self, run: int, resources: Mapping[str, Identity]) -> dict[str, int]:
        """Record the mapping of a run, and return the first run in which each resource named its entities as now.

        A resource that reads what one did which is no longer there is that one under another name: its partitions
        come with it. One that was never met before names its entities as it always did: 0.
        """
        with self._transaction():
            rows = self._file.rows("SELECT resource, reads, identity, since FROM identities")
            known = {name: (Identity(reads, names), since) for name, reads, names, since in rows}
            for name, identity in resources.items():
                if name not in known:
                    former = [
                        other
                        for other, (theirs, _) in known.items()
                        if other not in resources and theirs.reads == identity.reads
                    ]
                    if former:
                        self._rename(former[0], name)
                        known[name] = known.pop(former[0])
                before, since = known.get(name, (identity, 0))
                known[name] = (identity, since if before.names == identity.names else run)
                self._file.execute(
                    "INSERT OR REPLACE INTO identities(resource, reads, identity, since) VALUES (?, ?, ?, ?)",
                    (name, identity.reads, identity.names, known[name][1]),
                )
        return {name: known[name][1] for name in resources}

    def _rename(self, former: str, name: str) -> None:
        for table in ("partitions", "holds", "extents"):
            self._file.execute(f"UPDATE OR IGNORE {table} SET resource = ? WHERE resource = ?", (name, former))  # noqa: S608 - our own names
        self._file.execute("DELETE FROM identities WHERE resource = ?", (former,))

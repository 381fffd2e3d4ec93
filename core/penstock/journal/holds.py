"""Deletions that wait for a person: what is held and why, and what was decided about it.

A decision belongs to an entity: it lasts until the entity is deleted, or seen at the source again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from penstock.journal.file import JournalFile
from penstock.values import EntityKey

State: TypeAlias = Literal["open", "approved", "rejected"]
Decision: TypeAlias = Literal["approved", "rejected"]


class Reason(StrEnum):
    """Why deletions are held. The list is closed; reports and commands use these words."""

    EMPTIED = "emptied"
    """Everything of its kind would go."""
    SHARE = "share"
    """A larger share of its kind than ``entityDeletionThreshold`` would go."""
    COUNT = "count"
    """More of its kind than ``entityDeletionLimit`` would go."""
    CHANGED = "changed"
    """They were written before the mapping named entities, and the place to read them from, as it does now."""
    REMOVED = "removed"
    """They were written by a resource that is no longer in the mapping."""
    REFUSED = "refused"
    """The sink has refused others since they were seen, which may be the same records under other names."""


class Hold(Struct, frozen=True):
    """Entities of one resource that share a reason and a state."""

    id: int
    resource: str
    kind: str
    reason: Reason
    state: State
    entities: int
    """How many there are."""
    owned: int
    """How many the catalog had of the resource when they were held."""
    since: datetime
    """When the run began that held the first of them."""


_ALL: Final = """
SELECT id, resource, kind, reason, state, entities, owned, since
FROM holds JOIN (SELECT hold, count(*) AS entities FROM held GROUP BY hold) ON hold = id
ORDER BY kind, state, reason, resource
"""
_CREATE_DECIDED: Final = """
CREATE TEMP TABLE decided(
  blueprint TEXT NOT NULL, identifier TEXT NOT NULL, resource TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
  state TEXT NOT NULL, owned INTEGER NOT NULL, since TEXT NOT NULL, PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID
"""
_NOTE_DECIDED: Final = """
INSERT INTO decided SELECT blueprint, identifier, resource, kind, reason, state, owned, since
FROM held JOIN holds ON holds.id = held.hold WHERE state <> 'open'
"""
_MAKE_HOLDS: Final = """
INSERT OR IGNORE INTO holds(resource, kind, reason, state, owned, since)
SELECT DISTINCT resource, kind, reason, state, owned, since FROM decided
"""
_DECIDE_AGAIN: Final = """
UPDATE held SET hold = holds.id FROM decided JOIN holds USING (resource, reason, state)
WHERE held.blueprint = decided.blueprint AND held.identifier = decided.identifier
"""


class Holds:
    """The holds of a source; safe to use while a run is under way. Each method raises JournalError."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def all(self) -> list[Hold]:
        """Return every hold, open or decided, that still has an entity."""
        return [
            Hold(number, resource, kind, Reason(reason), state, entities, owned, datetime.fromisoformat(since))
            for number, resource, kind, reason, state, entities, owned, since in self._file.rows(_ALL)
        ]

    def keys(self, hold: Hold) -> Iterator[EntityKey]:
        """Iterate over the entities of a hold, sorted by blueprint and identifier."""
        rows = self._file.rows("SELECT blueprint, identifier FROM held WHERE hold = ? ORDER BY 1, 2", (hold.id,))
        for blueprint, identifier in rows:
            yield EntityKey(blueprint, identifier)

    def decide(self, kind: str | None, decision: Decision) -> list[Hold]:
        """Decide about open holds, and return them.

        Args:
            kind: Whose; all when None. Where it has no open hold, the other decision is changed.
            decision: What is to become of the entities.
        """
        with self._file.transaction():
            holds = [hold for hold in self.all() if kind in {None, hold.kind}]
            chosen = [hold for hold in holds if hold.state == "open"]
            if not chosen and kind is not None:
                chosen = [hold for hold in holds if hold.state != decision]
            for hold in chosen:
                self._move(hold, decision)
        return chosen

    @contextmanager
    def decisions_kept(self) -> Generator[None]:
        """Let the block replace all holds, and decide about the entities that are held then as was decided before.

        To be used within a transaction.
        """
        self._file.execute(_CREATE_DECIDED)
        self._file.execute(_NOTE_DECIDED)
        yield
        self._file.execute(_MAKE_HOLDS)
        self._file.execute(_DECIDE_AGAIN)
        self._file.execute("DELETE FROM holds WHERE id NOT IN (SELECT hold FROM held)")
        self._file.execute("DROP TABLE decided")

    def _move(self, hold: Hold, state: State) -> None:
        values = (hold.resource, hold.reason.value, state)
        self._file.execute(
            "INSERT OR IGNORE INTO holds(resource, kind, reason, state, owned, since) "
            "SELECT resource, kind, reason, ?, owned, since FROM holds WHERE id = ?",
            (state, hold.id),
        )
        self._file.execute(
            "UPDATE held SET hold = (SELECT id FROM holds WHERE resource = ? AND reason = ? AND state = ?) "
            "WHERE hold = ?",
            (*values, hold.id),
        )
        self._file.execute("DELETE FROM holds WHERE id = ?", (hold.id,))

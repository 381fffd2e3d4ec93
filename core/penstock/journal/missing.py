"""What one run found missing: kept on disk, however much it is, until it is decided what becomes of each entity."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from msgspec import Struct

from penstock.journal.file import JournalFile
from penstock.journal.holds import Reason
from penstock.values import EntityKey, Outcome

Cause: TypeAlias = Literal["gone", "changed", "removed", "renamed"]
"""Why an entity may be deleted: complete reads did not show it; the same, since the mapping names entities in another
way; what wrote it is no longer in the mapping; as the first, but it may be what the sink has refused since."""
Fate: TypeAlias = Literal["waits", "stays", "held", "kept", "due"]
"""What becomes of a missing entity in this run: it waits for another read; stays, for a person has to decide about
others; is held; is kept, as a person has decided; or is to be deleted."""

REASONS: Final[dict[Cause, tuple[Reason, ...]]] = {
    "gone": (Reason.EMPTIED, Reason.SHARE, Reason.COUNT, Reason.REFUSED),
    "changed": (Reason.CHANGED,),
    "removed": (Reason.REMOVED,),
    "renamed": (Reason.REFUSED,),
}
"""The reasons for which entities of a cause may be held: what is gone may have been taken for renamed before."""
_BUFFER: Final = 1000
_TABLES: Final = (
    "DROP TABLE IF EXISTS temp.missing",
    "DROP TABLE IF EXISTS temp.vacated",
    "DROP TABLE IF EXISTS temp.lost",
    """
    CREATE TEMP TABLE missing(
      blueprint TEXT NOT NULL, identifier TEXT NOT NULL, resource TEXT NOT NULL, cause TEXT NOT NULL,
      needed INTEGER NOT NULL, decision TEXT NOT NULL DEFAULT '', fate TEXT NOT NULL DEFAULT 'waits',
      outcome TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
      PRIMARY KEY(blueprint, identifier)) WITHOUT ROWID
    """,
    "CREATE TEMP TABLE vacated(blueprint TEXT NOT NULL, identifier TEXT NOT NULL, partition INTEGER NOT NULL)",
    "CREATE TEMP TABLE lost(blueprint TEXT NOT NULL, identifier TEXT NOT NULL)",
)
_DECISIONS: Final = """
UPDATE missing SET decision = holds.state FROM held JOIN holds ON holds.id = held.hold
WHERE held.blueprint = missing.blueprint AND held.identifier = missing.identifier AND holds.state <> 'open'
"""
_IN_OPEN_HOLD: Final = """EXISTS (
  SELECT 1 FROM held JOIN holds ON holds.id = held.hold
  WHERE held.blueprint = missing.blueprint AND held.identifier = missing.identifier AND holds.state = 'open')
"""
_NEW_HOLD: Final = """
INSERT INTO holds(resource, kind, reason, state, owned, since) VALUES (?, ?, ?, 'open', ?, ?)
ON CONFLICT DO UPDATE SET kind = excluded.kind, owned = excluded.owned
"""
_HOLD: Final = """
INSERT INTO held(blueprint, identifier, hold)
SELECT blueprint, identifier, (SELECT id FROM holds WHERE resource = ? AND reason = ? AND state = 'open')
FROM missing WHERE resource = ? AND cause = ? AND fate = 'held'
ON CONFLICT DO UPDATE SET hold = excluded.hold WHERE hold <> excluded.hold
"""
_RELEASE: Final = """
DELETE FROM held WHERE hold IN (SELECT id FROM holds WHERE resource = ? AND state = 'open' AND reason IN ({reasons}))
AND NOT EXISTS (
  SELECT 1 FROM missing WHERE missing.blueprint = held.blueprint AND missing.identifier = held.identifier
  AND missing.fate = 'held')
"""
_MISSES: Final = """
1 + coalesce((
  SELECT times - (run >= ?) FROM absent
  WHERE absent.blueprint = missing.blueprint AND absent.identifier = missing.identifier), 0)
"""
"""How often in a row an entity has been missed, this run included; one that was taken up counts once."""
_RENAMED: Final = """
UPDATE missing SET cause = 'renamed' WHERE resource = ? AND cause = 'gone' AND NOT EXISTS (
  SELECT 1 FROM seen WHERE seen.blueprint = missing.blueprint AND seen.identifier = missing.identifier AND run >= ?)
"""
_DUE: Final = f"UPDATE missing SET fate = 'due' WHERE fate = 'waits' AND needed <= {_MISSES}"  # noqa: S608 - our own text
# A read that was good enough to delete what it misses proves more than any before it: counting begins anew.
_MISS: Final = f"""
INSERT OR REPLACE INTO absent(blueprint, identifier, times, run, needed, cause, fate)
SELECT blueprint, identifier, min(needed - 1, {_MISSES}), ?, needed, cause, fate FROM missing
WHERE fate NOT IN ('due', 'kept')
"""  # noqa: S608 - our own text
_FORGET_PAGES: Final = """
DELETE FROM validators WHERE (partition, page) IN (SELECT seen.partition, seen.page FROM lost JOIN seen USING (
  blueprint, identifier))
"""
_NEXT_DUE: Final = """
SELECT blueprint, identifier, resource, outcome, reason, EXISTS (
  SELECT 1 FROM seen WHERE seen.blueprint = missing.blueprint AND seen.identifier = missing.identifier)
FROM missing WHERE fate = 'due' AND (blueprint, identifier) > (?, ?) ORDER BY 1, 2 LIMIT ?
"""


class Group(NamedTuple):
    """How many entities of a resource are missing for a cause; ``decision`` is empty where there is none."""

    resource: str
    cause: Cause
    decision: str
    entities: int


class Due(NamedTuple):
    """An entity that is to be deleted."""

    key: EntityKey
    resource: str
    outcome: Outcome | None
    """Why the sink has not deleted it yet, where it was asked to."""
    known: bool
    """Whether the journal knows of a read that showed it: none did where the catalog made it for a relation."""


class Finding(Struct, frozen=True):
    """Why all of a resource that is missing for a cause is held."""

    resource: str
    kind: str
    cause: Cause
    reason: Reason
    owned: int
    at: datetime


class Missing:
    """The missing entities of one run, in tables that go when the file is closed, or another run needs them.

    First ``add``, ``vacate`` and ``lose``; then ``settle_reads``; then, in one transaction of the caller's,
    ``suspect``, ``recall_decisions``, ``groups``, for each resource ``hold``, ``freeze`` and ``release``, and at last
    ``make_due``; then ``due``, and with it ``gone`` and ``left``.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._missing: list[tuple[str, str, str, str, int]] = []
        self._vacated: list[tuple[str, str, int]] = []
        self._lost: list[tuple[str, str]] = []
        for statement in _TABLES:
            file.execute(statement)

    def add(self, key: tuple[str, str], resource: str, cause: Cause, needed: int) -> None:
        """Take a missing entity.

        Args:
            key: Blueprint and identifier.
            resource: What wrote it.
            cause: Why it may be deleted.
            needed: How many complete reads in a row must miss it first, this one included.
        """
        self._missing.append((*key, resource, cause, needed))
        if len(self._missing) >= _BUFFER:
            self._flush()

    def vacate(self, key: tuple[str, str], partition: int) -> None:
        """Take note that a partition, completely read, no longer shows an entity."""
        self._vacated.append((*key, partition))
        if len(self._vacated) >= _BUFFER:
            self._flush()

    def lose(self, key: tuple[str, str]) -> None:
        """Have the pages that gave an entity read whole the next time, for the sink has lost it."""
        self._lost.append(key)
        if len(self._lost) >= _BUFFER:
            self._flush()

    def settle_reads(self) -> None:
        """Forget where entities were seen and are no more, and what pages gave that the sink lost; in a transaction."""
        self._flush()
        self._file.execute(_FORGET_PAGES)
        self._file.execute(
            "DELETE FROM seen WHERE (blueprint, identifier, partition) IN "
            "(SELECT blueprint, identifier, partition FROM vacated)"
        )

    def suspect(self, resource: str, run: int) -> None:
        """Take what is gone of a resource, and was seen in no run from this one on, for what may have been renamed."""
        self._file.execute(_RENAMED, (resource, run))

    def recall_decisions(self) -> None:
        """Find out what a person has decided about each entity; those to be kept are kept."""
        self._file.execute(_DECISIONS)
        self._file.execute("UPDATE missing SET fate = 'kept' WHERE decision = 'rejected'")

    def groups(self) -> list[Group]:
        """Return what there is."""
        rows = self._file.rows("SELECT resource, cause, decision, count(*) FROM missing GROUP BY 1, 2, 3")
        return list(map(Group._make, rows))

    def hold(self, finding: Finding) -> None:
        """Hold all of a resource that is missing for a cause and that nobody has decided about."""
        at = finding.at.isoformat(timespec="milliseconds")
        reason = finding.reason.value
        self._file.execute(
            "UPDATE missing SET fate = 'held' WHERE resource = ? AND cause = ? AND decision = ''",
            (finding.resource, finding.cause),
        )
        self._file.execute(_NEW_HOLD, (finding.resource, finding.kind, reason, finding.owned, at))
        self._file.execute(_HOLD, (finding.resource, reason, finding.resource, finding.cause))

    def freeze(self, resource: str, cause: Cause) -> None:
        """Leave an open hold as it is, and delete nothing else of its resource and cause that nobody has approved."""
        self._file.execute(
            f"UPDATE missing SET fate = CASE WHEN {_IN_OPEN_HOLD} THEN 'held' ELSE 'stays' END "  # noqa: S608 - our own text
            "WHERE resource = ? AND cause = ? AND decision = ''",
            (resource, cause),
        )

    def release(self, resource: str, cause: Cause) -> None:
        """End the open holds of a resource for what was not held again."""
        reasons = ", ".join(f"'{reason.value}'" for reason in REASONS[cause])
        self._file.execute(_RELEASE.format(reasons=reasons), (resource,))

    def release_others(self) -> None:
        """Forget holds and decisions for entities that are not missing; only for a run that knows all that is."""
        self._file.execute(
            "DELETE FROM held WHERE NOT EXISTS (SELECT 1 FROM missing "
            "WHERE missing.blueprint = held.blueprint AND missing.identifier = held.identifier)"
        )

    def make_due(self, run: int) -> None:
        """Decide which of the rest have been missed often enough, and count this run for the others."""
        self._file.execute(_DUE, (run,))
        self._file.execute(_MISS, (run, run))
        self._file.execute("DELETE FROM holds WHERE id NOT IN (SELECT hold FROM held)")

    def fates(self) -> dict[tuple[str, Fate], int]:
        """Return what becomes of how many, by resource and fate."""
        rows = self._file.rows("SELECT resource, fate, count(*) FROM missing GROUP BY 1, 2")
        return {(resource, fate): count for resource, fate, count in rows}

    def due(self, size: int) -> Iterator[Sequence[Due]]:
        """Iterate, in chunks, over what is to be deleted."""
        last = ("", "")
        while True:
            rows = list(self._file.rows(_NEXT_DUE, (*last, size)))
            if not rows:
                return
            yield [
                Due(EntityKey(*key), resource, Outcome(outcome, reason) if outcome else None, bool(known))
                for *key, resource, outcome, reason, known in rows
            ]
            last = cast("tuple[str, str]", rows[-1][:2])

    def gone(self, keys: Collection[EntityKey]) -> None:
        """Hear what is deleted, and so no more due."""
        self._file.executemany("DELETE FROM missing WHERE blueprint = ? AND identifier = ?", keys)

    def left(self, outcomes: Mapping[EntityKey, Outcome]) -> None:
        """Hear why some stay due."""
        self._file.executemany(
            "UPDATE missing SET outcome = ?, reason = ? WHERE blueprint = ? AND identifier = ?",
            [(outcome.kind, outcome.reason, *key) for key, outcome in outcomes.items()],
        )

    def _flush(self) -> None:
        self._file.execute("SAVEPOINT flush")  # one transaction for many rows, whether or not there is one around
        self._file.executemany(
            "INSERT INTO missing(blueprint, identifier, resource, cause, needed) VALUES (?, ?, ?, ?, ?)", self._missing
        )
        self._file.executemany("INSERT INTO vacated(blueprint, identifier, partition) VALUES (?, ?, ?)", self._vacated)
        self._file.executemany("INSERT INTO lost(blueprint, identifier) VALUES (?, ?)", self._lost)
        self._file.execute("RELEASE flush")
        self._missing, self._vacated, self._lost = [], [], []

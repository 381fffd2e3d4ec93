"""What the stages of a run remember: partitions, sightings and how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

import orjson

from penstock.journal.accounts import Accounts
from penstock.journal.file import JournalError, JournalFile, path_of
from penstock.journal.holds import Holds
from penstock.journal.identities import Identities
from penstock.journal.lease import Lease
from penstock.journal.missing import Missing
from penstock.journal.progress import Checkpoint, Finished, Progress
from penstock.journal.runs import Runs
from penstock.values import EntityKey, StopReason

if TYPE_CHECKING:
    from penstock.journal.extents import Extents
    from penstock.journal.validators import Validators

_SEE: Final = """
INSERT INTO seen(blueprint, identifier, partition, run, page) SELECT ?, value, ?, ?, ? FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET run = excluded.run, page = excluded.page WHERE run <= excluded.run
"""  # one statement for many: half the cost of one for each entity

Key: TypeAlias = tuple[str, str]
"""Blueprint and identifier."""


class Sighting(NamedTuple):
    """That a partition showed an entity, and the last run in which it did."""

    blueprint: str
    identifier: str
    partition: int
    run: int


class Journal:
    """The journal of one source; ``with`` opens and closes its file.

    Args:
        folder: Where the file lives; made when it is not there.
        source: Whose journal it is.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.path = path_of(folder, source)
        self.file = JournalFile(self.path)
        self.runs = Runs(self.file)
        self.holds = Holds(self.file)
        self.accounts = Accounts(self.file)
        self.identities = Identities(self.file, self.transaction)
        self._source = source

    def __enter__(self) -> Self:
        """Open the file, made when it is not there, and keep other runs of the source out until it is closed.

        Raises:
            AlreadyRunningError: Another run of the source is under way.
            JournalError: It cannot be used, and why.
        """
        with ExitStack() as stack:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(self.file)
                self.lease = Lease.take(self.file, self._source)
            except OSError as error:
                message = f"{self.path.parent}: the run journal cannot be kept there: {error.strerror}"
                raise JournalError(message) from error
            stack.callback(self.lease.release)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and let other runs in."""
        self._open.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Write, unless another run has taken over; all inside happens, or nothing of it."""
        with self.file.transaction():
            self.lease.check()
            yield

    @cached_property
    def extents(self) -> Extents:
        """How far each resource was read."""
        from penstock.journal.extents import Extents  # noqa: PLC0415 - many runs have no use for it

        return Extents(self.file)

    @cached_property
    def validators(self) -> Validators:
        """The pages that need not be sent again while they are the same."""
        from penstock.journal.validators import Validators  # noqa: PLC0415 - as above

        return Validators(self.file)

    def knows_pages(self) -> bool:
        """Whether there are any validators."""
        return self.file.row("SELECT 1 FROM validators LIMIT 1") is not None

    def missing(self) -> Missing:
        """Return an empty place for what this run finds missing."""
        return Missing(self.file)

    def partition(self, resource: str, path: Mapping[str, str]) -> int:
        """Return the id of a partition: the same in every run for the same resource and path values."""
        key = (resource, orjson.dumps(dict(path), option=orjson.OPT_SORT_KEYS).decode())
        query = "SELECT id FROM partitions WHERE resource = ? AND path = ?"
        row = self.file.row(query, key)
        if row is None:
            self.file.execute("INSERT OR IGNORE INTO partitions(resource, path) VALUES (?, ?)", key)
            row = self.file.row(query, key)
        return int(row[0]) if row else 0

    def partitions(self) -> dict[int, str]:
        """Return the resource of every partition ever met, by partition id."""
        return dict(self.file.rows("SELECT id, resource FROM partitions"))

    def progress(self, run: int, partition: int) -> Progress | None:
        """Return how far this run has come in a partition; None where it has not begun."""
        query = "SELECT reason, sound, drifts, checkpoint FROM progress WHERE run = ? AND partition = ?"
        row = self.file.row(query, (run, partition))
        if row is None:
            return None
        reason, sound, drifts, checkpoint = row
        if reason is not None:
            return Finished(StopReason(reason), sound=bool(sound), drifts=bool(drifts))
        return Checkpoint.from_json(checkpoint, sound=bool(sound))

    def see(
        self,
        run: int,
        sightings: Mapping[tuple[int, int], Iterable[Key]],
        progress: Mapping[int, Progress] | None = None,
        *,
        also: Callable[[], object] = bool,
    ) -> None:
        """Record in one transaction what this run saw, and how far it has come.

        Args:
            run: Its number.
            sightings: Blueprints and identifiers, by partition and page.
            progress: By partition.
            also: Writes what else belongs to it.
        """
        with self.transaction():
            for (partition, page), keys in sightings.items():
                for blueprint, identifiers in _by_blueprint(keys).items():
                    self.file.execute(_SEE, (blueprint, partition, run, page, orjson.dumps(identifiers).decode()))
            if progress:
                self.file.executemany(
                    "INSERT OR REPLACE INTO progress(run, partition, reason, sound, drifts, checkpoint) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    [(run, partition, *_row(one)) for partition, one in progress.items()],
                )
            also()

    def count_seen(self, run: int, partitions: Collection[int]) -> int:
        """Return how many entities a run saw in these partitions; one seen in two of them counts twice."""
        if not partitions:
            return 0
        row = self.file.row(
            "SELECT count(*) FROM seen WHERE run = ? AND partition IN (SELECT value FROM json_each(?))",
            (run, orjson.dumps(sorted(partitions)).decode()),
        )
        return int(row[0]) if row else 0

    def count_entities(self, run: int) -> int:
        """Return how many entities a run saw, each counted once."""
        row = self.file.row(
            "SELECT count(*) FROM (SELECT DISTINCT blueprint, identifier FROM seen WHERE run = ?)", (run,)
        )
        return int(row[0]) if row else 0

    def sightings(self) -> Generator[Sighting]:
        """Iterate over all sightings, sorted by blueprint and identifier (as code points); to be closed."""
        query = "SELECT blueprint, identifier, partition, run FROM seen ORDER BY 1, 2"
        with closing(self.file.rows(query)) as rows:
            yield from map(Sighting._make, rows)

    def forget(self, run: int, keys: Mapping[EntityKey, bool], refused: Sequence[tuple[EntityKey, str]] = ()) -> None:
        """Drop what is known of entities that this run has deleted, but for the account of it.

        Args:
            run: Its number.
            keys: What is gone, and whether it still was there: all among what this run found missing.
            refused: What the sink would not delete, and why.
        """
        pairs = [(key.blueprint, key.identifier) for key in keys]
        with self.transaction():
            self.accounts.bury(run, keys)
            self.accounts.refuse(run, "delete", refused)
            for table in ("seen", "absent", "held"):
                self.file.executemany(f"DELETE FROM {table} WHERE blueprint = ? AND identifier = ?", pairs)  # noqa: S608 - our own names

    def find_again(self, run: int) -> None:
        """Forget that entities which this run has seen were missed, held, or decided about."""
        with self.transaction():
            for table in ("absent", "held"):
                self.file.execute(
                    f"DELETE FROM {table} WHERE EXISTS (SELECT 1 FROM seen WHERE seen.blueprint = {table}.blueprint "  # noqa: S608 - our own names
                    f"AND seen.identifier = {table}.identifier AND seen.run >= ?)",
                    (run,),
                )

    def miss_nothing(self) -> None:
        """Forget all that was missed, held or decided: the catalog holds nothing that was not seen."""
        with self.transaction():
            for table in ("absent", "held", "holds"):
                self.file.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def forget_unseen(self, run: int, partitions: Collection[int]) -> None:
        """Drop all sightings in these partitions that are older than this run."""
        with self.transaction():
            self.file.execute(
                "DELETE FROM seen WHERE run < ? AND partition IN (SELECT value FROM json_each(?))",
                (run, orjson.dumps(sorted(partitions)).decode()),
            )

    def become(self, copy: Path, *, also: Callable[[], object] = bool) -> None:
        """Take over all that a copy of this journal has come to hold, at once; the lease is ours and stays.

        So do decisions about entities which the copy still holds: somebody may have made them meanwhile.

        Args:
            copy: Its file.
            also: Changes what was taken over, within the same transaction.

        Raises:
            JournalError: One of them cannot be used.
            LeaseLostError: Another run has taken over.
        """
        self.file.execute("ATTACH DATABASE ? AS copy", (str(copy),))
        try:
            tables = self.file.rows("SELECT name FROM copy.sqlite_schema WHERE type = 'table' AND name <> 'lease'")
            names = [name for (name,) in tables]
            with self.transaction(), self.holds.decisions_kept():
                for name in names:
                    self.file.execute(f"DELETE FROM main.{name}")  # noqa: S608 - our own names
                    self.file.execute(f"INSERT INTO main.{name} SELECT * FROM copy.{name}")  # noqa: S608 - as above
                also()
        finally:
            self.file.execute("DETACH DATABASE copy")


def _row(progress: Progress) -> tuple[str | None, bool, bool, str | None]:
    if isinstance(progress, Finished):
        return progress.reason.value, progress.sound, progress.drifts, None
    return None, progress.sound, True, progress.to_json()


def _by_blueprint(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Return the identifiers by blueprint, without names that are no Unicode text: no sink has them either."""
    found: dict[str, list[str]] = {}
    for blueprint, identifier in keys:
        found.setdefault(blueprint, []).append(identifier)
    try:
        orjson.dumps(found)
    except orjson.JSONEncodeError:
        sound = {name: [one for one in identifiers if is_unicode(one)] for name, identifiers in found.items()}
        return {name: identifiers for name, identifiers in sound.items() if is_unicode(name)}
    return found


def is_unicode(text: str) -> bool:
    """Whether a text can be kept: not where it has half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)

"""The changes that a sync would make to a catalog: what each is, and a place on disk for however many there are."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias, cast

from msgspec import Struct

from penstock.errors import PenstockError
from penstock.expressions.exact import decode, encode
from penstock.sync.requests import canonical
from penstock.values import JSON, UNSET, Entity, Unset

Action: TypeAlias = Literal["create", "update", "delete"]
ACTIONS: Final[tuple[Action, ...]] = ("create", "update", "delete")

_FIXED: Final = ("title", "icon", "team")
_CREATE: Final = (
    """
    CREATE TABLE changes(
      id INTEGER PRIMARY KEY, kind BLOB NOT NULL, action TEXT NOT NULL,
      blueprint BLOB NOT NULL, identifier BLOB NOT NULL, content BLOB NOT NULL)
    """,
    "CREATE INDEX by_entity ON changes(kind, blueprint, identifier, id)",
    "CREATE INDEX by_action ON changes(kind, action, blueprint, identifier, id)",
)


class PlanError(PenstockError):
    """A plan cannot be made, kept or applied."""


def unkept(folder: Path, reason: object) -> PlanError:
    """Return the error for a plan that does not fit where it is kept while it is made."""
    return PlanError(f"{folder}: the plan cannot be kept there: {reason}; TMPDIR names another place")


class Difference(Struct, frozen=True):
    """One field of an entity, before a change and after it; ``UNSET`` where it has none."""

    field: str
    """``title``, ``icon``, ``team``, ``properties.NAME`` or ``relations.NAME``."""
    before: JSON | Unset
    after: JSON | Unset

    def to_json(self) -> dict[str, JSON]:
        """Return ``{field, before, after}``, without what is unset."""
        sides = (("before", self.before), ("after", self.after))
        return {"field": self.field, **{name: value for name, value in sides if value is not UNSET}}


class Change(Struct, frozen=True):
    """What one write or deletion of a run makes of one entity."""

    kind: str
    """The kind that brought the entity, or brought it last before it is deleted."""
    action: Action
    blueprint: str
    identifier: str
    differences: tuple[Difference, ...]
    """Of a creation all that it brings, of a deletion all that goes."""

    @property
    def title(self) -> JSON | Unset:
        """The title, where the change says it."""
        found = (one for one in self.differences if one.field == "title")
        return next((one.before if one.after is UNSET else one.after for one in found), UNSET)

    def to_json(self) -> dict[str, JSON]:
        """Return it as plans have it: ``{kind, action, blueprint, identifier, fields}``."""
        return {
            "kind": self.kind,
            "action": self.action,
            "blueprint": self.blueprint,
            "identifier": self.identifier,
            "fields": [one.to_json() for one in self.differences],
        }

    @classmethod
    def from_json(cls, value: JSON) -> Change:
        """Return what ``to_json`` gave.

        Raises:
            ValueError: It is something else.
        """
        try:
            content = cast("Mapping[str, JSON]", value)
            fields = cast("Sequence[Mapping[str, JSON]]", content["fields"])
            names = [content[name] for name in ("kind", "action", "blueprint", "identifier")]
            kind, action, blueprint, identifier = map(str, names)
            differences = [
                Difference(str(one["field"]), one.get("before", UNSET), one.get("after", UNSET)) for one in fields
            ]
        except (TypeError, LookupError, AttributeError) as error:
            message = f"it is no change: {error}"
            raise ValueError(message) from error
        if action not in ACTIONS:
            message = f'no change is called "{action}"'
            raise ValueError(message)
        return cls(kind, action, blueprint, identifier, tuple(differences))


def differences(before: Entity | None, after: Entity | None) -> tuple[Difference, ...]:
    """Return the fields in which two states of an entity differ; None is an entity that does not exist."""
    old, new = _fields(before), _fields(after)
    found = (Difference(name, old.get(name, UNSET), new.get(name, UNSET)) for name in {**old, **new})
    return tuple(one for one in found if not _same(one.before, one.after))


def _fields(entity: Entity | None) -> dict[str, JSON]:
    """Return the fields an entity has; a title, icon or team of null is none."""
    if entity is None:
        return {}
    fixed = {name: getattr(entity, name) for name in _FIXED}
    return {
        **{name: value for name, value in fixed.items() if value is not None and value is not UNSET},
        **{f"properties.{name}": value for name, value in entity.properties.items()},
        **{f"relations.{name}": value for name, value in entity.relations.items()},
    }


def _same(before: JSON | Unset, after: JSON | Unset) -> bool:
    if before is UNSET or after is UNSET:
        return before is after
    return canonical(before) == canonical(after)  # Python takes 1 for true


class Changes:
    """The changes of one run, in a file of its own; ``with`` makes the file and closes it.

    Args:
        path: A file that does not exist yet, in a private folder: it holds what the catalog holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Make the file; raises PlanError, as every method does."""
        with self._explained():
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = OFF")  # it goes with the process
            self._db.execute("PRAGMA synchronous = OFF")
            for statement in _CREATE:
                self._db.execute(statement)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._db.close()

    def add(self, changes: Iterable[Change]) -> None:
        """Take in changes, in the order in which they would be made."""
        rows = (
            (_text(one.kind), one.action, _text(one.blueprint), _text(one.identifier), encode(one.to_json()))
            for one in changes
        )
        with self._explained():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO changes(kind, action, blueprint, identifier, content) VALUES (?, ?, ?, ?, ?)", rows
            )
            self._db.execute("COMMIT")

    def counts(self) -> Counter[tuple[str, Action]]:
        """Return how many changes there are, by kind and action."""
        with self._explained():
            rows = self._db.execute("SELECT kind, action, count(*) FROM changes GROUP BY 1, 2").fetchall()
        return Counter({(bytes(kind).decode(errors="surrogatepass"), action): count for kind, action, count in rows})

    def __iter__(self) -> Iterator[Change]:
        """Iterate over all, sorted by kind, blueprint and identifier (as code points), then as they would be made."""
        yield from self._select("SELECT content FROM changes ORDER BY kind, blueprint, identifier, id", ())

    def of(self, kind: str, action: Action) -> Iterator[Change]:
        """Iterate over the changes of a kind and action, sorted by blueprint and identifier."""
        yield from self._select(
            "SELECT content FROM changes WHERE kind = ? AND action = ? ORDER BY blueprint, identifier, id",
            (_text(kind), action),
        )

    def _select(self, statement: str, values: Sequence[object]) -> Iterator[Change]:
        with self._explained():
            for (content,) in self._db.execute(statement, values):
                yield Change.from_json(decode(content))

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise unkept(self._path.parent, error) from error


def _text(text: str) -> bytes:
    """Return what sorts as the text does, whatever it holds: a sink may take what is no Unicode."""
    return text.encode(errors="surrogatepass")

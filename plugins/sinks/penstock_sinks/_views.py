"""For each blueprint of a catalog a view with one column per property, so that people and Datasette can read it.

The columns are ``identifier``, ``title``, ``icon`` and ``team``, then the properties, then the relations, both in the
order in which they first appeared; lists and objects are JSON text, true is 1, integers beyond 64 bits are approximate
(the table has every digit). A name that is taken (SQLite does not tell ``Id`` from ``id``) or empty gets a prefix:
``property_title``, ``relation_owner``, and for the view itself ``blueprint_entities``; should that be taken too, a
number behind it. The table ``penstock_views`` says which view shows which blueprint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain, count
from typing import Final

import orjson
from msgspec import Struct, field

from penstock import Entity
from penstock_sinks._database import Database

MAX_VIEWS: Final = 500
"""Blueprints that get a view: SQLite reads the whole schema whenever a file is opened."""
MAX_COLUMNS: Final = 1_000
"""Properties and relations that get a column: SQLite's limit is 2,000."""
MAX_NAME: Final = 200
"""Characters of a name that gets a view or column: SQLite's limit is 1 MB for one statement."""

_FIXED: Final = ("identifier", "title", "icon", "team")
_UNUSABLE: Final = ("", "json_each")
"""No view may be called so: nobody could name the first, and the second would hide a function the views use."""


class _Shown(Struct):
    """Names that have a column, in order (a dictionary is an ordered set)."""

    properties: dict[str, None] = field(default_factory=dict[str, None])
    relations: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def full(self) -> bool:
        return len(self.properties) + len(self.relations) >= MAX_COLUMNS

    def has(self, entities: Sequence[Entity]) -> bool:
        properties = set[str]().union(*[entity.properties for entity in entities])
        relations = set[str]().union(*[entity.relations for entity in entities])
        return properties <= self.properties.keys() and relations <= self.relations.keys()

    def add(self, properties: Iterable[str], relations: Iterable[str]) -> bool:
        """Take in what fits, and return whether anything is new."""
        before = len(self.properties) + len(self.relations)
        for known, names in ((self.properties, properties), (self.relations, relations)):
            for name in dict.fromkeys(names):  # a thousand entities have much the same
                if len(name) <= MAX_NAME and not self.full:
                    known.setdefault(name)
        return len(self.properties) + len(self.relations) > before


class Views:
    """The views of one catalog; used within the transactions that write its entities."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shown: dict[str, _Shown] = {}

    def forget(self) -> None:
        """Trust the file again, not what was remembered: a transaction was rolled back."""
        self._shown.clear()

    def show(self, written: Iterable[Entity]) -> None:
        """See to it that the names of these entities have columns: a view is made, or made anew, where one has not."""
        by_blueprint: dict[str, list[Entity]] = {}
        for entity in written:
            by_blueprint.setdefault(entity.blueprint, []).append(entity)
        for blueprint, entities in by_blueprint.items():
            shown = self._shown.get(blueprint)
            if shown is None or not (shown.full or shown.has(entities)):
                self._extend(blueprint, entities)

    def _extend(self, blueprint: str, entities: list[Entity]) -> None:
        row = self._database.execute(
            "SELECT name, properties, relations FROM penstock_views WHERE blueprint = ?", (blueprint,)
        ).fetchone()
        name, shown = "", _Shown()
        if row is not None:  # another process may have added names since we looked
            name, properties, relations = row
            shown.add(orjson.loads(properties), orjson.loads(relations))
        elif len(blueprint) > MAX_NAME or self._count() >= MAX_VIEWS:
            return
        names_of = (
            chain.from_iterable(entity.properties for entity in entities),
            chain.from_iterable(entity.relations for entity in entities),
        )
        if shown.add(*names_of) or row is None:
            self._make(blueprint, name, shown)
        self._shown[blueprint] = shown

    def _count(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM penstock_views").fetchone()[0])

    def _make(self, blueprint: str, name: str, shown: _Shown) -> None:
        kinds = {_fold(taken): kind for taken, kind in self._database.execute("SELECT name, type FROM sqlite_master")}
        if kinds.get(_fold(name)) == "view":
            self._database.execute(f"DROP VIEW {quoted(name)}")
        elif not name or _fold(name) in kinds:  # never made, or somebody has put a table of their own in its place
            name = _free_name(blueprint, "blueprint_", {*kinds, *_UNUSABLE, *_reserved(blueprint)})
        self._database.execute(view_sql(blueprint, name, shown.properties, shown.relations))
        self._database.execute(
            "INSERT OR REPLACE INTO penstock_views VALUES (?, ?, ?, ?)",
            (blueprint, name, orjson.dumps([*shown.properties]).decode(), orjson.dumps([*shown.relations]).decode()),
        )


def view_sql(blueprint: str, name: str, properties: Iterable[str], relations: Iterable[str]) -> str:
    """Return the statement that makes a view."""
    taken = {"", *map(_fold, _FIXED)}
    columns = ["identifier", "title", "icon", "json_extract(team, '$') AS team"]
    for source, prefix, members in (("properties", "property_", properties), ("relations", "relation_", relations)):
        for member in members:
            column = _free_name(member, prefix, taken)
            taken.add(_fold(column))
            columns.append(f"{_member_sql(source, member)} AS {quoted(column)}")
    listed = ",\n  ".join(columns)
    chosen = f"FROM entities WHERE blueprint = {_literal(blueprint)}"
    return f"CREATE VIEW {quoted(name)} AS\nSELECT\n  {listed}\n{chosen}"


def _reserved(name: str) -> tuple[str, ...]:
    """Return the name when SQLite keeps it for itself."""
    return (_fold(name),) if _fold(name).startswith("sqlite_") else ()


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _member_sql(source: str, name: str) -> str:
    if '"' in name or "\\" in name or not name.isprintable():  # what JSON escapes, a path of SQLite cannot name
        return f"(SELECT value FROM json_each({source}) WHERE key = {_literal(name)})"  # noqa: S608 - quoted
    path = f'$."{name}"'
    return f"json_extract({source}, {_literal(path)})"


def _free_name(name: str, prefix: str, taken: Collection[str]) -> str:
    tries = chain((name, prefix + name), (f"{prefix}{name}_{number}" for number in count(2)))
    return next(text for text in tries if _fold(text) not in taken)


def _fold(name: str) -> str:
    """Return a name as SQLite compares it: it knows the case of ASCII letters only."""
    return name.encode().lower().decode()

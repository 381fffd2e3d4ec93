"""The views of a catalog: one per blueprint, with a column for each property and relation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock import JSON, Entity
from penstock_sinks import _views
from penstock_sinks._views import quoted
from support.catalogs import Catalog, user


def view(path: Path, name: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {quoted(name)}")]


def names(path: Path) -> dict[str, str]:
    """Return the view of each blueprint."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT blueprint, name FROM penstock_views"))


def test_a_view_has_a_column_for_each_property_and_relation(sqlite: Catalog) -> None:
    properties: dict[str, JSON] = {
        "text": "ünï", "whole": 7, "real": 1.5, "yes": True, "none": None, "many": [1, "a"], "inner": {"b": [2]},
    }  # fmt: skip
    sqlite.write(Entity("user", "ada", "Ada", "Person", ["core"], properties, {"team": "core", "projects": ["x", "y"]}))
    sqlite.write(Entity("team", "core", team="core"))

    [row] = view(sqlite.path, "user")
    assert row == {
        "identifier": "ada", "title": "Ada", "icon": "Person", "team": '["core"]',
        "text": "ünï", "whole": 7, "real": 1.5, "yes": 1, "none": None, "many": '[1,"a"]', "inner": '{"b":[2]}',
        "projects": '["x","y"]', "relation_team": "core",
    }  # fmt: skip
    assert list(row)[-2:] == ["relation_team", "projects"]
    assert view(sqlite.path, "team") == [{"identifier": "core", "title": None, "icon": None, "team": "core"}]


def test_a_view_grows_with_the_properties(sqlite: Catalog) -> None:
    sqlite.write(user("a", x=1))
    sqlite.write(user("b", y=2), user("c", z=3), Entity("user", "d", relations={"r": "a"}))
    sqlite.write(user("a", w=4))

    assert [dict(list(row.items())[4:]) for row in view(sqlite.path, "user")] == [
        {"x": 1, "y": None, "z": None, "w": 4, "r": None},
        {"x": None, "y": 2, "z": None, "w": None, "r": None},
        {"x": None, "y": None, "z": 3, "w": None, "r": None},
        {"x": None, "y": None, "z": None, "w": None, "r": "a"},
    ]


def test_a_view_is_left_alone_when_nothing_is_new(sqlite: Catalog) -> None:
    sqlite.write(user("a", x=1))
    with closing(sqlite3.connect(sqlite.path)) as connection:
        before = connection.execute("PRAGMA schema_version").fetchone()

    sqlite.write(user("a", x=2), user("b", x=3), user("c"))

    with closing(sqlite3.connect(sqlite.path)) as connection:
        assert connection.execute("PRAGMA schema_version").fetchone() == before


def test_clashing_columns_get_a_prefix_and_then_a_number(sqlite: Catalog) -> None:
    properties: dict[str, JSON] = {"title": 1, "Title": 2, "Id": 3, "id": 4, "relation_x": 5, "x": 6, "": 7}
    sqlite.write(Entity("user", "ada", properties=properties, relations={"x": "8", "identifier": "9"}))

    [row] = view(sqlite.path, "user")
    assert dict(list(row.items())[4:]) == {
        "property_title": 1,
        "property_Title_2": 2,
        "Id": 3,
        "property_id": 4,
        "relation_x": 5,
        "x": 6,
        "property_": 7,
        "relation_x_2": "8",
        "relation_identifier": "9",
    }


@pytest.mark.parametrize(
    "name",
    ['quo"te', "it's", "back\\slash", "new\nline", "a.b", "$", "$.a", "[0]", "0", "a[0]", "ünï", "🚀", "*", "%", "--"],
)
def test_any_name_makes_a_column_and_a_view(sqlite: Catalog, name: str) -> None:
    sqlite.write(Entity(name, "x", properties={name: ["a"], "decoy": 1}, relations={f"{name}!": 2}))

    assert names(sqlite.path) == {name: name}
    [row] = view(sqlite.path, name)
    assert dict(list(row.items())[4:]) == {name: '["a"]', "decoy": 1, f"{name}!": 2}


def test_blueprints_whose_name_is_taken_get_a_prefix_and_then_a_number(sqlite: Catalog) -> None:
    blueprints = ["entities", "Penstock_Views", "sqlite_master", "json_each", "user", "User", "blueprint_USER", "USER"]
    for blueprint in blueprints:
        sqlite.write(Entity(blueprint, "x", properties={"it": blueprint, 'with"quotes': 1}))

    views = names(sqlite.path)
    assert views == {
        "entities": "blueprint_entities",
        "Penstock_Views": "blueprint_Penstock_Views",
        "sqlite_master": "blueprint_sqlite_master",
        "json_each": "blueprint_json_each",
        "user": "user",
        "User": "blueprint_User",
        "blueprint_USER": "blueprint_blueprint_USER",
        "USER": "blueprint_USER_2",
    }
    for blueprint, name in views.items():
        assert [(row["it"], row['with"quotes']) for row in view(sqlite.path, name)] == [(blueprint, 1)]


def test_a_table_of_somebody_else_keeps_its_name(sqlite: Catalog) -> None:
    sqlite.write()
    with closing(sqlite3.connect(sqlite.path)) as connection, connection:
        connection.execute("CREATE TABLE User (mine)")

    sqlite.write(user("ada", x=1))
    sqlite.write(user("ada", y=2))

    assert names(sqlite.path) == {"user": "blueprint_user"}
    assert view(sqlite.path, "User") == []
    assert view(sqlite.path, "blueprint_user")[0]["y"] == 2


def test_a_view_that_somebody_replaced_by_a_table_is_made_elsewhere(sqlite: Catalog) -> None:
    sqlite.write(user("ada", x=1))
    with closing(sqlite3.connect(sqlite.path)) as connection, connection:
        connection.execute('DROP VIEW "user"')
        connection.execute('CREATE TABLE "user" (mine)')

    sqlite.write(user("ada", y=2))

    assert names(sqlite.path) == {"user": "blueprint_user"}
    assert view(sqlite.path, "user") == []


def test_names_and_numbers_that_sqlite_could_not_bear_get_no_column(sqlite: Catalog) -> None:
    many: dict[str, JSON] = {f"p{number}": number for number in range(2_500)}
    sqlite.write(Entity("user", "ada", properties=many), Entity("team", "x", properties={"x" * 1_000_000: 1, "y": 2}))

    assert sqlite.outcomes(Entity("user", "ada", properties={"one_more": 1})) == ["updated"]
    assert len(view(sqlite.path, "user")[0]) == 4 + 1_000
    assert list(view(sqlite.path, "team")[0])[4:] == ["y"]


def test_blueprints_that_sqlite_could_not_bear_get_no_view(sqlite: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_views, "MAX_VIEWS", 2)

    sqlite.write(Entity("long" * 100, "x"), *(Entity(f"b{number}", "x") for number in range(5)))

    assert names(sqlite.path) == {"b0": "b0", "b1": "b1"}
    assert len(sqlite.entities()) == 6

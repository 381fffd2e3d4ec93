"""The folder that the jsonl sink keeps: its files, its lines, and what else lies in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from penstock import Entity, EntityBatch, EntityKey, Sink
from penstock.errors import SinkError
from penstock_sinks.jsonl import JsonlConfig
from support.catalogs import Catalog, keys, user

LINE: dict[str, Any] = {
    "blueprint": "user", "identifier": "ada", "title": "Ada", "icon": None, "team": ["core"],
    "properties": {"age": 36, "id": 10**30}, "relations": {"team": "core"}, "source": "ours", "kind": "/users",
}  # fmt: skip


def files(catalog: Catalog) -> list[str]:
    return sorted(path.name for path in catalog.path.iterdir())


def test_the_default_is_a_folder_in_the_current_folder() -> None:
    assert JsonlConfig().path == Path("catalog")


def test_a_line_is_an_entity_and_its_owner_and_lines_are_sorted(jsonl: Catalog) -> None:
    ada = Entity("user", "ada", "Ada", team=["core"], properties={"age": 36, "id": 10**30}, relations={"team": "core"})
    jsonl.write(user("zoë", word="größe"), ada)
    jsonl.write(Entity("team", "core"), source="theirs", kind="/teams")

    assert files(jsonl) == ["team.jsonl", "user.jsonl"]
    first, second = (jsonl.path / "user.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == LINE
    assert list(json.loads(first)) == list(LINE)
    assert second == (
        '{"blueprint":"user","identifier":"zoë","title":null,"icon":null,"team":null,"properties":{"word":"größe"},'
        '"relations":{},"source":"ours","kind":"/users"}'
    )
    assert (jsonl.path / "team.jsonl").read_bytes() == (
        b'{"blueprint":"team","identifier":"core","title":null,"icon":null,"team":null,"properties":{},"relations":{},'
        b'"source":"theirs","kind":"/teams"}\n'
    )


def test_only_the_files_of_changed_blueprints_are_written_anew(jsonl: Catalog) -> None:
    jsonl.write(user("ada", n=1), Entity("team", "core"))
    before = {name: _written(jsonl.path / name) for name in files(jsonl)}

    jsonl.write(user("ada", n=2), Entity("team", "core"))
    jsonl.entities()

    assert _written(jsonl.path / "team.jsonl") == before["team.jsonl"]
    assert _written(jsonl.path / "user.jsonl") != before["user.jsonl"]


def _written(path: Path) -> tuple[int, int]:
    """Which file that is, and when it was written; when it was last read may change at any moment."""
    of = path.stat()
    return of.st_ino, of.st_mtime_ns


def test_the_files_change_when_the_sink_is_closed(jsonl: Catalog) -> None:
    async def use(sink: Sink) -> None:
        await sink.write(EntityBatch("/users", [user("ada")]))
        assert not (jsonl.path / "user.jsonl").exists()

    jsonl.run(use)

    assert files(jsonl) == ["user.jsonl"]


def test_a_blueprint_without_entities_has_no_file(jsonl: Catalog) -> None:
    jsonl.write(user("ada"), Entity("team", "core"))

    jsonl.delete(("user", "ada"))

    assert files(jsonl) == ["team.jsonl"]


@pytest.mark.parametrize(
    ("blueprint", "name"),
    [
        ("user", "user.jsonl"),
        ("a_b-c.d~E9", "a_b-c.d~E9.jsonl"),
        ("a b/c%d", "a%20b%2Fc%25d.jsonl"),
        ("..", "%2E..jsonl"),
        (".hidden", "%2Ehidden.jsonl"),
        ("ü", "%C3%BC.jsonl"),
    ],
)
def test_what_a_file_name_cannot_hold_is_percent_encoded(jsonl: Catalog, blueprint: str, name: str) -> None:
    jsonl.write(Entity(blueprint, "x"))

    assert files(jsonl) == [name]


def test_long_names_stay_apart(jsonl: Catalog) -> None:
    jsonl.write(*(Entity("ü" * 200 + end, end) for end in "ab"))

    assert len(files(jsonl)) == 2
    assert [entity.identifier for entity in jsonl.entities()] == ["a", "b"]


def test_lines_may_be_written_by_hand_in_any_order_and_layout(jsonl: Catalog) -> None:
    jsonl.path.mkdir()
    lines = [json.dumps({**LINE, "identifier": name}) for name in ("zoe", "ada", "bob")]
    (jsonl.path / "user.jsonl").write_text("\n".join(lines))

    assert keys(jsonl.owned()) == [("user", "ada"), ("user", "bob"), ("user", "zoe")]
    assert jsonl.entities()[0].properties == {"age": 36, "id": 10**30}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "user.jsonl:2: .*"),
        ("", "user.jsonl:2: .*"),
        ("\ud800", "user.jsonl:2: .*utf-8.*"),
        ("[]", "user.jsonl:2: a line must be an object of source, kind, blueprint, .*"),
        (json.dumps({"identifier": "ada"}), "user.jsonl:2: a line must be an object of .*"),
        (json.dumps({**LINE, "more": 1}), "user.jsonl:2: a line must be an object of .*"),
        (json.dumps({**LINE, "identifier": 7}), "user.jsonl:2: identifier is not text but int"),
        (json.dumps({**LINE, "identifier": ""}), "user.jsonl:2: identifier is empty"),
        (json.dumps({**LINE, "title": []}), "user.jsonl:2: title is not text but list"),
        (json.dumps({**LINE, "source": None}), "user.jsonl:2: source is not text but NoneType"),
        (json.dumps({**LINE, "properties": []}), "user.jsonl:2: properties must be an object"),
        (json.dumps({**LINE, "properties": {"x": float("nan")}}), "user.jsonl:2: .*"),
        (json.dumps({**LINE, "blueprint": "team"}), 'user.jsonl:2: the blueprint "team" has the file team.jsonl'),
        (json.dumps({**LINE, "identifier": "first"}), "user.jsonl: an identifier comes twice, at or before 'first'"),
    ],
)
def test_a_line_that_is_not_ours_is_an_error_with_its_place(jsonl: Catalog, content: str, message: str) -> None:
    jsonl.path.mkdir()
    file = jsonl.path / "user.jsonl"
    first = json.dumps({**LINE, "identifier": "first"}).encode()
    file.write_bytes(first + b"\n" + content.encode(errors="surrogatepass") + b"\n")
    before = file.read_bytes()

    with pytest.raises(SinkError, match=message):
        jsonl.write(user("bob"))

    assert files(jsonl) == ["user.jsonl"]
    assert file.read_bytes() == before


def test_other_files_in_the_folder_are_left_alone(jsonl: Catalog) -> None:
    jsonl.path.mkdir()
    (jsonl.path / "README.md").write_text("hello")
    (jsonl.path / "sub").mkdir()

    jsonl.write(user("ada"))

    assert files(jsonl) == ["README.md", "sub", "user.jsonl"]


def test_a_file_in_place_of_the_folder_is_an_error(jsonl: Catalog) -> None:
    jsonl.path.write_text("a file")

    with pytest.raises(SinkError, match=r"catalog: cannot open the catalog: File exists"):
        jsonl.write(user("ada"))
    assert jsonl.path.read_text() == "a file"


def test_only_one_may_have_the_folder_open(jsonl: Catalog) -> None:
    async def use() -> None:
        async with jsonl.sink() as sink:
            await sink.write(EntityBatch("/users", [user("ada")]))
            with pytest.raises(SinkError, match="cannot open the catalog: another process is using it"):
                await jsonl.sink("theirs").__aenter__()
            await sink.delete([EntityKey("user", "nobody")])

    asyncio.run(use())

    assert keys(jsonl.owned()) == [("user", "ada")]
    assert files(jsonl) == ["user.jsonl"]

"""From items to entities (mapping.md sections 5, 7 and 8): the same in both tiers."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy

import pytest

from penstock.expressions import Evaluator
from penstock.sync.report import Message
from penstock.sync.transform import MappedItems, Mapper
from penstock.values import JSON, UNSET, Entity
from support.mapping import TIERS, evaluator_of, map_items, resource_of

ADA: dict[str, JSON] = {
    "id": 7,
    "name": "Ada",
    "mail": None,
    "admin": False,
    "tags": ["x", None],
    "team": {"slug": "core"},
    "created": "2024-05-01",
}
USER: Mapping[str, object] = {"identifier": ".id | tostring", "title": ".name", "blueprint": '"user"'}


@pytest.fixture(scope="module", params=TIERS)
def evaluator(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    with evaluator_of(request.param) as opened:
        yield opened


def one(evaluator: Evaluator, mapping: Mapping[str, object], item: JSON) -> Entity:
    found = map_items(evaluator, resource_of({**USER, **mapping}), [item])
    assert not found.errors
    (entity,) = found.entities
    return entity


def test_only_what_is_mapped_is_set(evaluator: Evaluator) -> None:
    assert one(evaluator, {}, ADA) == Entity("user", "7", title="Ada")
    bare = map_items(evaluator, resource_of({"identifier": ".id", "blueprint": "'user'"}), [ADA]).entities
    assert bare == [Entity("user", "7")]
    assert (bare[0].title, bare[0].icon, bare[0].team) == (UNSET, UNSET, UNSET)


def test_the_worked_example_of_the_specification(evaluator: Evaluator) -> None:
    properties = {"mail": ".mail", "admin": ".admin", "n": ".nope.deep", "bad": ".name | tonumber"}
    properties |= {"c": '"k"', "q": "'k'", "first": ".tags[]"}
    mapping = {**USER, "properties": properties, "relations": {"team": ".team.slug", "tags": ".tags"}}
    found = map_items(evaluator, resource_of(mapping), [ADA])
    expected: dict[str, JSON] = {"mail": None, "admin": False, "n": None, "bad": None, "c": "k", "q": "k", "first": "x"}
    assert found.entities == [
        Entity("user", "7", title="Ada", properties=expected, relations={"team": "core", "tags": ["x"]})
    ]
    assert {message.where for message in found.warnings} == {"properties.mail", "properties.n", "properties.bad"}
    assert (
        Message(
            "properties.bad",
            '`.name | tonumber`: string ("Ada") cannot be parsed as a number; the field is null ("7")',
        )
        in found.warnings
    )


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("a b", "a b"),
        (101, "101"),
        (0, "0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (2**70, str(2**70)),
    ],
)
def test_identifiers_become_text(evaluator: Evaluator, value: JSON, identifier: str) -> None:
    entity = one(evaluator, {"identifier": ".x", "blueprint": ".x"}, {"x": value})
    assert (entity.identifier, entity.blueprint) == (identifier, identifier)


@pytest.mark.parametrize(
    ("value", "gave"),
    [
        (None, "null: the item is skipped"),
        ("", "empty text: the item is skipped"),
        ([], "an array, not text: the item is skipped"),
        ({}, "an object, not text: the item is skipped"),
        (["a"], "an array, not text: the item is skipped"),
    ],
)
@pytest.mark.parametrize("field", ["identifier", "blueprint"])
def test_items_without_an_identifier_or_blueprint_are_skipped_and_the_others_are_not(
    evaluator: Evaluator, field: str, value: JSON, gave: str
) -> None:
    items: list[JSON] = [{"x": "a"}, {"x": value}, {"x": "b"}, {"x": value, "name": "B"}]
    mapping = {"identifier": ".x", "blueprint": ".x", field: ".x"}
    mapping["blueprint" if field == "identifier" else "identifier"] = '"fixed"'
    found = map_items(evaluator, resource_of(mapping), items)
    assert [getattr(entity, field) for entity in found.entities] == ["a", "b"]
    assert (found.fetched, found.selected, found.skipped, found.failed, found.errors) == (4, 4, 2, 0, [])
    ((where, message),) = [(each.where, each.message) for each in found.warnings]
    assert where == field
    assert message.startswith(f"`.x` gave {gave}")
    assert message.endswith("and 1 more of the page)")


@pytest.mark.parametrize(
    ("value", "title"),
    [("t", "t"), (5, "5"), (1.0, "1"), (True, "true"), (None, None), ([1, "a"], '[1,"a"]'), ({"a": 1.0}, '{"a":1}')],
)
def test_titles_become_text(evaluator: Evaluator, value: JSON, title: str | None) -> None:
    entity = one(evaluator, {"identifier": '"i"', "title": ".x", "icon": ".x"}, {"x": value})
    assert (entity.title, entity.icon) == (title, title)


SEARCH: JSON = {"combinator": "and", "rules": [{"property": "mail", "operator": "=", "value": "a@b.test"}]}


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("t", "t"),
        (5, "5"),
        (1.0, "1"),
        (None, None),
        ([], []),
        (["a", None, 2, True], ["a", "2", "true"]),
        (SEARCH, SEARCH),
    ],
)
def test_relations_and_teams_become_text_or_lists_of_text(evaluator: Evaluator, value: JSON, target: JSON) -> None:
    entity = one(evaluator, {"identifier": '"i"', "team": ".x", "relations": {"r": ".x"}}, {"x": value})
    assert (entity.team, entity.relations) == (target, {"r": target})


@pytest.mark.parametrize(
    ("value", "what"), [({"id": 1}, "an object"), ([{"id": 1}], "an object"), ([["a"]], "an array")]
)
def test_a_relation_that_is_no_text_is_null_and_named(evaluator: Evaluator, value: JSON, what: str) -> None:
    mapping = {"identifier": '"i"', "blueprint": '"b"', "relations": {"r": ".x"}}
    found = map_items(evaluator, resource_of(mapping), [{"x": value}])
    assert found.entities == [Entity("b", "i", relations={"r": None})]
    assert found.warnings == [Message("relations.r", f'`.x`: gave {what}, not text; the field is null ("i")')]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (".x", 9007199254740993, 9007199254740993),
        (".x", 12345678901234567890123, 12345678901234567890123),
        (".x", 1.0, 1),
        (".x | tostring", 1.0, "1.0"),
        (".x", 1.5, 1.5),
        (".x", [1.0, {"a": 2.0}], [1, {"a": 2}]),
        (".x", {"a": [1.0]}, {"a": [1]}),
        (".x + 1", 1, 2),
        (".x / 2", 4, 2),
        (".x[]", [3, 4], 3),
        (".x[]", [], None),
    ],
)
def test_properties_keep_every_digit_and_whole_floats_are_integers(
    evaluator: Evaluator, text: str, value: JSON, expected: JSON
) -> None:
    found = one(evaluator, {"identifier": '"i"', "properties": {"p": text}}, {"x": value}).properties["p"]
    assert repr(found) == repr(expected)


def test_properties_may_be_constants(evaluator: Evaluator) -> None:
    mapping = {"properties": {"number": 5, "float": 1.5, "whole": 2.0, "yes": True}}
    assert one(evaluator, mapping, ADA).properties == {"number": 5, "float": 1.5, "whole": 2, "yes": True}


def test_a_mapped_null_is_sent(evaluator: Evaluator) -> None:
    assert one(evaluator, {"title": ".x", "properties": {"p": "null"}}, ADA) == Entity(
        "user", "7", title=None, properties={"p": None}
    )


@pytest.mark.parametrize(
    ("query", "selected", "filtered", "failed"),
    [
        ("true", 2, 0, 0),
        (".admin", 0, 2, 0),
        (".tags | length > 1", 2, 0, 0),
        (".id == 7", 1, 1, 0),
        (".nope", 0, 0, 2),
        (".name", 0, 0, 2),
        ("empty", 0, 0, 2),
        (".name | tonumber", 0, 0, 2),
        ("if .id == 7 then true else null end", 1, 0, 1),
    ],
)
def test_the_selector_decides_and_must_be_a_boolean(
    evaluator: Evaluator, query: str, selected: int, filtered: int, failed: int
) -> None:
    found = map_items(evaluator, resource_of(USER, query=query), [ADA, {**ADA, "id": 8}])
    assert (found.selected, found.filtered, found.failed, found.skipped) == (selected, filtered, failed, 0)
    assert len(found.entities) == selected
    assert [message.where for message in found.errors] == (["selector.query"] if failed else [])


def test_a_selector_that_gives_no_boolean_names_the_first_item(evaluator: Evaluator) -> None:
    found = map_items(evaluator, resource_of(USER, query=".nope"), [{"id": index} for index in range(3)])
    message = '`.nope` gave null, neither true nor false ("0" and 2 more of the page)'
    assert found.errors == [Message("selector.query", message)]


def test_the_selector_keeps_other_expressions_from_running(evaluator: Evaluator) -> None:
    endless = "if .id == 1 then last(range(1e12)) else .id end"
    mapping = {**USER, "properties": {"p": endless}}
    found = map_items(evaluator, resource_of(mapping, query=".id != 1"), [{"id": 1}, {"id": 2}])
    assert ([entity.identifier for entity in found.entities], found.failed) == (["2"], 0)


@pytest.mark.parametrize("field", ["identifier", "blueprint"])
def test_an_identifier_or_blueprint_that_fails_is_an_error_of_its_item(evaluator: Evaluator, field: str) -> None:
    mapping = {**USER, field: ".x | tonumber | tostring"}
    found = map_items(evaluator, resource_of(mapping), [{"id": 1, "x": "1"}, {"id": 2, "x": "b"}])
    assert (len(found.entities), found.failed, found.skipped) == (1, 1, 0)
    (message,) = found.errors
    assert message.where == field
    assert message.message.startswith('`.x | tonumber | tostring`: string ("b") cannot be parsed as a number (')


def test_a_bare_word_as_blueprint_says_what_is_missing(evaluator: Evaluator) -> None:
    found = map_items(evaluator, resource_of({"identifier": ".id", "blueprint": "user"}), [ADA])
    (message,) = found.errors
    assert "user/0 is not defined" in message.message
    assert "'\"user\"'" in message.message
    assert (found.entities, found.failed) == ([], 1)


@pytest.mark.parametrize("bomb", ["last(range(1e12))", "null | .[5e8] = 1"])
def test_an_endless_expression_fails_its_item_and_no_other(evaluator: Evaluator, bomb: str) -> None:
    mapping = {**USER, "properties": {"p": f"if .id == 1 then {bomb} else .id end"}}
    found = map_items(evaluator, resource_of(mapping), [{"id": index} for index in range(4)])
    assert [(entity.identifier, entity.properties) for entity in found.entities] == [
        ("0", {"p": 0}),
        ("2", {"p": 2}),
        ("3", {"p": 3}),
    ]
    assert (found.selected, found.failed) == (4, 1)
    (message,) = found.errors
    assert message.where == "properties.p"
    assert "did not end within 0.5 seconds" in message.message or "needs more memory than 256 MiB" in message.message
    assert "item 1" in message.message


def test_items_that_take_the_long_way_keep_their_place(evaluator: Evaluator) -> None:
    items: list[JSON] = [{"id": index if index % 3 else [index], "n": "x" if index % 5 else 1} for index in range(20)]
    mapping = {"identifier": '.id | if type == "array" then .[0] else . end', "blueprint": '"b"'}
    found = map_items(evaluator, resource_of({**mapping, "properties": {"n": ".n | ascii_downcase"}}), items)
    assert [entity.identifier for entity in found.entities] == [str(index) for index in range(20)]
    assert [entity.properties["n"] for entity in found.entities] == ["x" if index % 5 else None for index in range(20)]


def test_one_item_may_become_several_entities(evaluator: Evaluator) -> None:
    second = {"identifier": ".team.slug", "blueprint": '"team"', "properties": {"bad": ".name | tonumber"}}
    found = map_items(evaluator, resource_of(USER, second), [ADA, {"id": 8, "name": "B"}])
    assert [(entity.blueprint, entity.identifier) for entity in found.entities] == [
        ("user", "7"),
        ("team", "core"),
        ("user", "8"),
    ]
    assert (found.selected, found.skipped) == (2, 1)
    assert {message.where for message in found.warnings} == {"mappings[1].properties.bad", "mappings[1].identifier"}


def test_a_relation_with_several_outputs_gets_a_hint_once(evaluator: Evaluator) -> None:
    mapping = {**USER, "relations": {"members": ".users[]", "all": "[.users[]]"}}
    mapper = Mapper(resource_of(mapping), evaluator)

    async def pages() -> list[MappedItems]:
        return [await mapper.map([{"id": 1, "users": ["a", "b"]}], {}) for _ in range(2)]

    first, second = asyncio.run(pages())
    assert first.entities == [Entity("user", "1", title=None, relations={"members": "a", "all": ["a", "b"]})]
    hint = "`.users[]` gives several targets, and only the first counts; for all: `[.users[]]`"
    assert first.warnings == [Message("relations.members", hint)]
    assert second.warnings == []


def test_a_relation_that_never_ends_is_only_looked_at_once(evaluator: Evaluator) -> None:
    mapping = {**USER, "relations": {"r": ".name, last(range(1e12))"}}
    found = map_items(evaluator, resource_of(mapping), [{"id": index, "name": "n"} for index in range(5)])
    assert [entity.relations for entity in found.entities] == [{"r": "n"}] * 5
    assert (found.errors, found.warnings) == ([], [])


def test_every_leaf_of_a_search_query_is_evaluated(evaluator: Evaluator) -> None:
    rule = {"property": "'mail'", "operator": '"="', "value": ".mail # why"}
    query = {"combinator": '"and"', "rules": [rule, {"combinator": "'or'", "rules": [{**rule, "value": ".no[]?"}]}]}
    entity = one(evaluator, {"relations": {"owner": query}, "team": query}, {"id": 1, "mail": "a@b.test"})
    found = {"property": "mail", "operator": "=", "value": "a@b.test"}
    expected = {"combinator": "and", "rules": [found, {"combinator": "or", "rules": [{**found, "value": None}]}]}
    assert entity.relations == {"owner": expected}
    assert entity.team == expected


@pytest.mark.parametrize(
    "identifier",
    [
        {"combinator": '"and"', "rules": [{"property": '"x"', "operator": '"="', "value": ".id"}]},
        '{combinator: "and", rules: []}',
    ],
)
def test_a_search_query_may_name_an_entity(evaluator: Evaluator, identifier: object) -> None:
    found = map_items(evaluator, resource_of({"identifier": identifier, "blueprint": '"b"'}), [ADA, {"name": "n"}])
    entity = found.entities[0]
    assert entity.search is not None
    assert (entity.search["combinator"], json.loads(entity.identifier)) == ("and", entity.search)
    assert found.errors == []


def test_a_search_query_that_would_find_what_has_nothing_there_names_nothing(evaluator: Evaluator) -> None:
    query = {"combinator": '"or"', "rules": [{"property": '"x"', "operator": '"="', "value": ".id"}]}
    nested = {"combinator": '"and"', "rules": [query]}
    found = map_items(evaluator, resource_of({"identifier": nested, "blueprint": '"b"'}), [{"name": "n"}, ADA])
    assert (len(found.entities), found.skipped) == (1, 1)
    assert [one.message for one in found.warnings] == [
        "a value of the search query is null: the item is skipped (item 0, which has name)"
    ]


def test_path_values_are_seen_by_expressions_and_the_items_stay_as_they_are(evaluator: Evaluator) -> None:
    items: list[JSON] = [{"id": 5}, {"id": 6, "ticket_id": "own", "__ticket_id": "own"}]
    before = deepcopy(items)
    mapping = {**USER, "properties": {"hidden": ".__ticket_id", "bare": ".ticket_id"}}
    found = map_items(evaluator, resource_of(mapping, query='.__ticket_id == "101"'), items, {"ticket_id": "101"})
    assert [entity.properties for entity in found.entities] == [
        {"hidden": "101", "bare": "101"},
        {"hidden": "101", "bare": "own"},
    ]
    assert items == before


def test_items_that_are_no_objects_are_errors(evaluator: Evaluator) -> None:
    found = map_items(evaluator, resource_of(USER), [ADA, "x", None])
    assert (found.fetched, len(found.entities), found.failed) == (3, 1, 2)
    assert [message.message for message in found.errors] == [
        "an item is text, not an object (item 1 and 1 more of the page)"
    ]


def test_a_warning_is_told_once_and_an_error_on_every_page(evaluator: Evaluator) -> None:
    mapper = Mapper(
        resource_of({**USER, "properties": {"p": ".name | tonumber"}}, query="if .id == 3 then null else true end"),
        evaluator,
    )

    async def pages() -> list[MappedItems]:
        return [await mapper.map([{"id": 1, "name": "a"}, {"id": 3}], {}) for _ in range(2)]

    first, second = asyncio.run(pages())
    assert (len(first.warnings), len(first.errors)) == (1, 1)
    assert (len(second.warnings), second.errors) == (0, first.errors)


def test_a_page_without_items_gives_nothing(evaluator: Evaluator) -> None:
    assert map_items(evaluator, resource_of(USER), []) == MappedItems()

"""One item that holds several (mapping.md section 6): the same in both tiers."""

from collections.abc import Iterator
from copy import deepcopy

import pytest

from penstock.config.models import ItemsToParse
from penstock.expressions import Evaluator
from penstock.sync.report import Message
from penstock.sync.transform.expand import source_path
from penstock.values import JSON
from support.mapping import TIERS, evaluator_of, map_items, resource_of

ISSUE: dict[str, JSON] = {"key": "I-1", "comments": [{"id": 9, "t": "a"}, {"id": 10, "t": "b"}]}
COMMENT = {
    "identifier": ".item.id | tostring",
    "blueprint": '"comment"',
    "properties": {"text": ".item.t", "source": ".comments"},
    "relations": {"issue": ".key"},
}


@pytest.fixture(scope="module", params=TIERS)
def evaluator(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    with evaluator_of(request.param) as opened:
        yield opened


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        (ItemsToParse(".comments"), None),
        (ItemsToParse(".comments[]"), None),
        (ItemsToParse("(.comments // [])"), None),
        (ItemsToParse(". as $r | .comments"), None),
        (ItemsToParse(".comments | map(select(.id))"), None),
        (ItemsToParse("[.comments[] | select(.id)]"), ISSUE["comments"]),
        (ItemsToParse(".comments", remove_source=False), ISSUE["comments"]),
    ],
)
def test_each_element_becomes_an_item_with_its_parents_fields(
    evaluator: Evaluator, settings: ItemsToParse, source: JSON
) -> None:
    items: list[JSON] = [deepcopy(ISSUE)]
    found = map_items(evaluator, resource_of(COMMENT, items_to_parse=settings), items)
    assert [(entity.identifier, entity.properties, entity.relations) for entity in found.entities] == [
        ("9", {"text": "a", "source": source}, {"issue": "I-1"}),
        ("10", {"text": "b", "source": source}, {"issue": "I-1"}),
    ]
    assert (found.fetched, found.selected) == (1, 2)
    assert items == [ISSUE]


def test_the_selector_sees_the_elements(evaluator: Evaluator) -> None:
    resource = resource_of(COMMENT, query=".item.id > 9", items_to_parse=ItemsToParse(".comments"))
    found = map_items(evaluator, resource, [ISSUE])
    assert ([entity.identifier for entity in found.entities], found.filtered) == (["10"], 1)


def test_the_element_may_have_another_name_and_replaces_a_key_of_it(evaluator: Evaluator) -> None:
    mapping = {"identifier": ".key | tostring", "blueprint": '"b"'}
    found = map_items(
        evaluator, resource_of(mapping, items_to_parse=ItemsToParse(".ids", "key")), [{"key": 0, "ids": [1, 2]}]
    )
    assert [entity.identifier for entity in found.entities] == ["1", "2"]


def test_path_values_reach_the_elements(evaluator: Evaluator) -> None:
    mapping = {"identifier": ".item.id", "blueprint": '"b"', "properties": {"team": ".__team"}}
    resource = resource_of(mapping, items_to_parse=ItemsToParse(".comments"))
    found = map_items(evaluator, resource, [ISSUE], {"team": "core"})
    assert [entity.properties for entity in found.entities] == [{"team": "core"}] * 2


def test_several_outputs_are_the_elements_whatever_their_number(evaluator: Evaluator) -> None:
    mapping = {"identifier": ".item", "blueprint": '"b"'}
    items: list[JSON] = [{"ids": []}, {"ids": ["a"]}, {"ids": ["b", "c"]}]
    found = map_items(evaluator, resource_of(mapping, items_to_parse=ItemsToParse(".ids[]")), items)
    assert ([entity.identifier for entity in found.entities], found.skipped) == (["a", "b", "c"], 0)


@pytest.mark.parametrize(("value", "what"), [(None, "null"), ("x", "text"), ({"id": 1}, "an object")])
def test_what_is_no_array_is_skipped_with_a_warning(evaluator: Evaluator, value: JSON, what: str) -> None:
    items: list[JSON] = [{"key": "I-2", "comments": value}, ISSUE]
    found = map_items(evaluator, resource_of(COMMENT, items_to_parse=ItemsToParse(".comments")), items)
    assert (len(found.entities), found.skipped, found.failed, found.errors) == (2, 1, 0, [])
    message = f"`.comments` gave {what}, not an array: the item is skipped (item 0)"
    assert Message("itemsToParse", message) in found.warnings


@pytest.mark.parametrize(
    "text", [".comments | keys | .[0].x", "if .key == 1 then last(range(1e12)) else .comments end"]
)
def test_an_expansion_that_fails_is_an_error_of_its_item(evaluator: Evaluator, text: str) -> None:
    items: list[JSON] = [{"key": 1, "comments": [1]}, {"key": 2, "comments": []}]
    found = map_items(evaluator, resource_of(COMMENT, items_to_parse=ItemsToParse(text)), items)
    assert (found.failed, len(found.errors)) == (1, 1)
    assert found.errors[0].where == "itemsToParse"
    assert found.errors[0].message.endswith("(item 0)")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".a", ("a",)),
        (".a.b", ("a", "b")),
        ('.a."b c"', ("a", "b c")),
        ('.["a"]["b"]', ("a", "b")),
        (".a?.b", ("a", "b")),
        (".a | map(.b)", ("a",)),
        ("(.a // [])", ("a",)),
        ("((.a.b) // [])", ("a", "b")),
        (". as $r | .a", ("a",)),
        (". | .a[]", ("a",)),
        ("[.a[] | select(.b)]", ()),
        ('["a"]', ()),
        ("map(.a)", ()),
        (".", ()),
        (".[]", ()),
    ],
)
def test_the_source_is_the_first_plain_path(text: str, path: tuple[str, ...]) -> None:
    assert source_path(text) == path


def test_only_the_source_itself_is_removed(evaluator: Evaluator) -> None:
    mapping = {"identifier": ".item", "blueprint": '"b"', "properties": {"rest": ".a"}}
    item: JSON = {"a": {"ids": ["x"], "kept": 1}}
    found = map_items(evaluator, resource_of(mapping, items_to_parse=ItemsToParse(".a.ids")), [item])
    assert found.entities[0].properties == {"rest": {"kept": 1}}
    assert item == {"a": {"ids": ["x"], "kept": 1}}

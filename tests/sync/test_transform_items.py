"""Where the items are in an answer (mapping.md section 4)."""

from collections.abc import Iterator

import pytest

from penstock.errors import ReadError
from penstock.expressions import Evaluator, Expression
from penstock.sync.transform import Extracted, extract_items
from penstock.values import JSON, StopReason


@pytest.fixture(scope="module", params=["compiled subset", "libjq"])
def evaluator(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    with Evaluator(compile_subset=None if request.param == "compiled subset" else lambda _: None) as opened:
        yield opened


def extract(evaluator: Evaluator, data_path: str | None, document: JSON) -> Extracted:
    return extract_items(compiled(evaluator, data_path), document)


def compiled(evaluator: Evaluator, data_path: str | None) -> Expression | None:
    return None if data_path is None else evaluator.compile(data_path)


@pytest.mark.parametrize(
    ("data_path", "document", "items"),
    [
        (None, [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        (".", [{"id": 1}], [{"id": 1}]),
        (None, [], []),
        (None, None, []),
        (".data", {"data": [{"id": 1}]}, [{"id": 1}]),
        (".data", {"data": []}, []),
        (".data", {"data": {"id": 1}}, [{"id": 1}]),
        (".data[].results[]", {"data": [{"results": [{"id": 1}]}, {"results": [{"id": 2}, {"id": 3}]}]}, 3),
        (".items[]", {"items": [{"id": 1}, {"id": 2}, {"id": 3}]}, 3),
        (".items[]", {"items": [{"id": 1}]}, [{"id": 1}]),
        (".a, .b", {"a": [{"id": 1}, {"id": 2}], "b": {"id": 3}}, 3),
        (".a, .b", {"a": None, "b": [{"id": 1}]}, [{"id": 1}]),
        (".data", {"data": [{"id": 12345678901234567890123, "at": 1.0}]}, [{"id": 12345678901234567890123, "at": 1.0}]),
    ],
)
def test_items_are_found(evaluator: Evaluator, data_path: str | None, document: JSON, items: list[JSON] | int) -> None:
    expected: list[JSON] = items if isinstance(items, list) else [{"id": number + 1} for number in range(items)]
    assert extract(evaluator, data_path, document) == Extracted(expected)  # and nothing to warn of


@pytest.mark.parametrize("data_path", [".", " . "])
def test_an_object_that_was_asked_for_as_a_record_is_one(evaluator: Evaluator, data_path: str) -> None:
    document: JSON = {"id": 1, "tags": []}
    assert extract(evaluator, data_path, document) == Extracted([document], is_record=True)


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        ({"data": [{"id": 1}], "tags": ["a"]}, "it holds .data: did you mean one of these as selector.data_path?"),
        (
            {"meta": {"page": 1}, "result": {"users": [{"id": 1}]}, "more": [{"id": 2}]},
            "it holds .result.users, .more: did",
        ),
        ({"odd name": [{"id": 1}]}, 'it holds .["odd name"]: did'),
        ({"tags": ["a"]}, "it holds .tags: did"),
        ({"id": 1}, "the answer is an object and was taken for one item; write selector.data_path: . if it is"),
    ],
)
def test_an_object_without_a_data_path_is_one_item_and_its_arrays_are_named(
    evaluator: Evaluator, document: JSON, warning: str
) -> None:
    extracted = extract(evaluator, None, document)
    assert (extracted.items, extracted.is_record, extracted.matched_nothing) == ([document], True, False)
    assert warning in extracted.warning


def test_an_object_where_the_data_path_should_give_a_list_is_one_item_and_its_arrays_are_named(
    evaluator: Evaluator,
) -> None:
    extracted = extract(evaluator, ".result", {"result": {"total": 1, "users": [{"id": 1}]}})
    assert extracted.items == [{"total": 1, "users": [{"id": 1}]}]
    assert not extracted.is_record
    assert extracted.warning == "data path `.result` gave an object, taken for one item; it holds .result.users"


@pytest.mark.parametrize(
    ("data_path", "document", "warning"),
    [
        (".data", {"users": [{"id": 1}]}, "data path `.data` matched nothing; the answer holds .users"),
        (".data", {"data": None}, "data path `.data` matched nothing"),
        (".data[]?", {}, "data path `.data[]?` matched nothing"),
        (".data", None, "data path `.data` matched nothing: the answer is null"),
    ],
)
def test_a_data_path_that_matches_nothing_says_so(
    evaluator: Evaluator, data_path: str, document: JSON, warning: str
) -> None:
    assert extract(evaluator, data_path, document) == Extracted([], matched_nothing=True, warning=warning)


@pytest.mark.parametrize(
    ("data_path", "document", "message"),
    [
        (None, [{"id": 1}, "x"], "the answer: item 1 is text, not an object"),
        (None, [None], "the answer: item 0 is null, not an object"),
        (None, "down", "the answer is text, not an array or an object"),
        (".ids", {"ids": [1, 2]}, "data path `.ids`: item 0 is a number, not an object"),
        (".ids[]", {"ids": [{"id": 1}, True]}, "data path `.ids[]`: item 1 is a boolean, not an object"),
        (".total", {"total": 5}, "data path `.total` is a number, not an array or an object"),
        (".rows", {"rows": [[1], [2]]}, "data path `.rows`: item 0 is an array, not an object"),
        (".data.x", {"data": 5}, "data path `.data.x` failed: Cannot index number with"),
    ],
)
def test_what_is_no_object_ends_the_read(
    evaluator: Evaluator, data_path: str | None, document: JSON, message: str
) -> None:
    with pytest.raises(ReadError) as caught:
        extract(evaluator, data_path, document)
    assert str(caught.value).startswith(message)
    assert caught.value.reason is StopReason.UNEXPECTED_ITEMS

"""``paginationType: custom``: what its expressions see, and what becomes of their results."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock import JSON, Page, PageRequest, StopReason
from penstock.errors import ReadError
from penstock_pagination.custom import Custom
from support.paging import Answer, config_of, page_of, read, script

CUSTOM = Custom()
ITEM: JSON = {"id": 1}
OTHER: JSON = {"id": 2}


def _config(following: str, **settings: object) -> Any:  # noqa: ANN401 - as in support.paging
    return config_of(CUSTOM, paginationNext=following, **settings)


def _next(following: str, page: Page, **settings: object) -> PageRequest:
    decision = CUSTOM.next(_config(following, **settings), page)
    assert isinstance(decision, PageRequest)
    return decision


PAGE = Page(
    request=PageRequest(params={"n": 1}, body={"b": [2]}, headers={"X-A": "a"}, url="/u", state={"s": True}),
    url="https://api.test/u",
    status=206,
    headers={"X-Next": "n2"},
    body={"items": [ITEM], "more": True},
    items=[ITEM],
    index=3,
)


def test_the_expressions_see_request_response_items_and_page() -> None:
    assert _next("{state: .}", PAGE).state == {
        "request": {
            "params": {"n": 1},
            "body": {"b": [2]},
            "headers": {"X-A": "a"},
            "url": "/u",
            "state": {"s": True},
        },
        "response": {"status": 206, "headers": {"x-next": "n2"}, "body": {"items": [ITEM], "more": True}},
        "items": [ITEM],
        "page": 3,
    }


def test_items_are_null_where_the_answer_is_itself_the_record() -> None:
    page = page_of(PageRequest(), Answer({"id": 7}))

    assert _next("{state: .items}", page).state is None


def test_every_part_of_a_request_can_be_given() -> None:
    request = _next(
        '{params: {a: 1, b: [true, null, "x"], c: 1.5}, body: {q: {deep: [1]}}, headers: {"X-B": "b"}, url: "/next",'
        " state: {k: 1}}",
        PAGE,
    )

    assert request == PageRequest(
        params={"a": 1, "b": [True, None, "x"], "c": 1.5},
        body={"q": {"deep": [1]}},
        headers={"X-B": "b"},
        url="/next",
        state={"k": 1},
    )


def test_parts_that_are_null_count_as_absent() -> None:
    assert _next("{params: null, body: null, headers: null, url: null, state: null}", PAGE) == PageRequest()


def test_the_request_just_made_can_be_changed_in_place() -> None:
    page = page_of(PageRequest(params={"page": 4, "size": 2}), Answer([ITEM]))

    assert _next(".request | .params.page += 1", page) == PageRequest(params={"page": 5, "size": 2})


def test_a_read_goes_from_the_first_request_to_the_stop_condition() -> None:
    config = _config(
        "{params: {from: (.request.state.end)}, state: {end: (.request.state.end + 10)}}",
        paginationFirst="{params: {from: 0}, state: {end: 10}}",
        paginationStop=".response.body.last == true",
    )

    reading = read(CUSTOM, config, script({"items": [ITEM]}, {"items": [OTHER]}, {"items": [{"id": 3}], "last": True}))

    assert reading.asked("from") == [0, 10, 20]
    assert reading.items == [ITEM, OTHER, {"id": 3}]
    assert reading.reason is StopReason.STOP_CONDITION


@pytest.mark.parametrize("following", [".response.body.next", "empty", "if .response.body.next then {} else null end"])
def test_no_next_request_is_the_end(following: str) -> None:
    reading = read(CUSTOM, _config(following), script({"items": [ITEM]}))

    assert reading.reason is StopReason.NO_MORE
    assert dict(reading.requests[0].params) == {}


@pytest.mark.parametrize("stop", ["false", "null", ".response.body.missing"])
def test_false_and_null_do_not_stop(stop: str) -> None:
    reading = read(CUSTOM, _config("null", paginationStop=stop), script({"items": [ITEM]}))

    assert reading.reason is StopReason.NO_MORE


def test_a_page_that_repeats_ends_in_an_error_after_two_requests() -> None:
    reading = read(CUSTOM, _config("{params: {page: (.page + 1)}}"), lambda _: Answer([ITEM]))

    assert (reading.reason, len(reading.requests)) == (StopReason.REPEATED_PAGE, 2)
    assert reading.stop is not None
    assert "paginationNext" in reading.stop.detail


def test_a_request_that_repeats_ends_in_an_error_after_two_requests() -> None:
    reading = read(CUSTOM, _config("{params: {page: 2}}"), script([ITEM], [OTHER]))

    assert (reading.reason, len(reading.requests)) == (StopReason.REPEATED_REQUEST, 2)


_OBJECT = "it must give an object with any of params, body, headers, url, state"

_KNOWN = "(known: params, body, headers, url, state)"
_SCALAR = "it must be text, a number, a boolean, null or a list of those"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"paginationNext": "true"}, f"paginationNext gave true; {_OBJECT}"),
        ({"paginationNext": "false"}, f"paginationNext gave false; {_OBJECT}"),
        ({"paginationNext": "2"}, f"paginationNext gave a number; {_OBJECT}"),
        ({"paginationNext": '"/next"'}, f"paginationNext gave text; {_OBJECT}"),
        ({"paginationNext": ".items"}, f"paginationNext gave a list; {_OBJECT}"),
        ({"paginationFirst": "null", "paginationNext": "{}"}, f"paginationFirst gave null; {_OBJECT}"),
        (
            {"paginationNext": "{param: {a: 1}}"},
            f'paginationNext gave a request with "param"; did you mean "params"? {_KNOWN}',
        ),
        ({"paginationNext": "{params: [1]}"}, "paginationNext gave a list for params; it must be an object"),
        ({"paginationNext": '{body: "x"}'}, "paginationNext gave text for body; it must be an object"),
        (
            {"paginationNext": "{params: {a: {}}}"},
            f"paginationNext gave an object for the query parameter a; {_SCALAR}",
        ),
        (
            {"paginationNext": "{params: {a: [[]]}}"},
            f"paginationNext gave a list for the query parameter a; {_SCALAR}",
        ),
        (
            {"paginationNext": "{headers: {h: 1}}"},
            "paginationNext gave a number for the header h; it must be text",
        ),
        (
            {"paginationNext": "{url: 1}"},
            "paginationNext gave a number for url; it must be the text of a link, or null",
        ),
        (
            {"paginationNext": '{url: ""}'},
            "paginationNext gave empty text for url; it must be the text of a link, or null",
        ),
        (
            {"paginationNext": "{}", "paginationStop": ".items"},
            "paginationStop gave a list; it must give true, false or null",
        ),
    ],
)
def test_a_result_of_another_shape_is_an_error_that_says_what_came(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(CUSTOM, config_of(CUSTOM, **settings), script({"items": [ITEM]}))

    assert str(caught.value) == message
    assert caught.value.reason is StopReason.EXPRESSION_FAILED


@pytest.mark.parametrize(
    "settings",
    [
        {"paginationNext": ".response.body + 1"},
        {"paginationNext": "{}", "paginationStop": '.response.body | error("no")'},
        {"paginationNext": "{}", "paginationFirst": "1 + {}"},
    ],
)
def test_an_expression_that_fails_is_an_error_that_names_the_setting(settings: dict[str, object]) -> None:
    [*_, name] = settings

    with pytest.raises(ReadError, match=f"^{name} failed: ") as caught:
        read(CUSTOM, config_of(CUSTOM, **settings), script({"items": [ITEM]}))

    assert caught.value.reason is StopReason.EXPRESSION_FAILED


@pytest.mark.parametrize("name", ["paginationNext", "paginationStop", "paginationFirst"])
def test_an_expression_that_does_not_compile_is_refused_with_jqs_message(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(CUSTOM, **{"paginationNext": "null", name: ".a ("})

    [error] = caught.value.errors()
    assert error["loc"] == (name,)
    assert error["msg"].startswith("Value error, jq does not compile: `.a (`: syntax error")


@pytest.mark.parametrize("settings", [{}, {"paginationNext": ""}, {"paginationNext": " "}])
def test_the_next_request_must_be_given(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="paginationNext"):
        config_of(CUSTOM, **settings)


def test_an_expression_that_only_libjq_knows_works_too() -> None:
    page = page_of(PageRequest(), Answer({"items": [], "uri": "https://api.test/x?page=7"}))

    request = _next('{params: {page: (.response.body.uri | capture("page=(?<n>[0-9]+)").n | tonumber)}}', page)

    assert request == PageRequest(params={"page": 7})

"""Cursors: where they are found, when they end, and what real APIs do (connection.md 6.4, 8 and 9)."""

from __future__ import annotations

import pytest

from penstock import JSON, StopReason
from penstock_pagination.cursor import Cursor
from support.paging import config_of, read, script

CURSOR = Cursor()
ITEM: JSON = {"id": "i1"}
OTHER: JSON = {"id": "i2"}
LAST: JSON = {"items": [{"id": "last"}]}


def _nested(place: str, value: JSON) -> dict[str, JSON]:
    members: JSON = value
    for name in reversed(place.split(".")):
        members = {name: members}
    assert isinstance(members, dict)
    return members


def page(item: JSON = ITEM, **others: JSON) -> JSON:
    return {"items": [item], **others}


@pytest.mark.parametrize(
    "place",
    [
        "next_cursor",
        "cursor",
        "meta.after_cursor",
        "links.next",
        "pagination.next_cursor",
        "response_metadata.next_cursor",
        "paging.next.after",
        "nextCursor",
        "next_page_token",
        "nextPageToken",
    ],
)
def test_a_cursor_in_a_usual_place_is_handed_back(place: str) -> None:
    reading = read(CURSOR, config_of(CURSOR), script(page(**_nested(place, "c1")), LAST))

    assert [dict(request.params) for request in reading.requests] == [
        {"limit": 100},
        {"limit": 100, "cursor": "c1"},
    ]
    assert reading.reason is StopReason.NO_CURSOR


def test_the_first_place_that_is_not_empty_counts() -> None:
    answer = page(next_cursor="", cursor=None, meta={"after_cursor": "c2"}, links={"next": "c3"})

    assert read(CURSOR, config_of(CURSOR), script(answer, LAST)).asked("cursor") == [None, "c2"]


@pytest.mark.parametrize("nothing", [None, [], "text", 0])
def test_a_place_that_is_no_object_has_no_cursor(nothing: JSON) -> None:
    answer = page(meta=nothing, links=nothing, pagination=nothing, response_metadata=nothing, paging=nothing)

    assert read(CURSOR, config_of(CURSOR), script(answer)).reason is StopReason.NO_CURSOR


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("abc", "abc"),
        (" b c ", " b c "),
        ("0", "0"),
        (42, "42"),
        (2**63 + 1, "9223372036854775809"),
        (-1, "-1"),
        (1.5, "1.5"),
        (True, "true"),
    ],
)
def test_a_cursor_is_sent_as_its_exact_text(value: JSON, sent: str) -> None:
    reading = read(CURSOR, config_of(CURSOR, cursorPath="at"), script(page(at=value), LAST))

    assert reading.asked("cursor") == [None, sent]


CASES: list[tuple[str, dict[str, object], list[JSON], StopReason, int]] = [
    ("no cursor", {}, [page()], StopReason.NO_CURSOR, 1),
    ("an empty cursor", {}, [page(next_cursor="")], StopReason.NO_CURSOR, 1),
    ("a null cursor", {"cursorPath": "at"}, [page(at=None)], StopReason.NO_CURSOR, 1),
    ("a cursor of 0", {"cursorPath": "at"}, [page(at=0)], StopReason.NO_CURSOR, 1),
    ("a cursor of false", {"cursorPath": "at"}, [page(at=False)], StopReason.NO_CURSOR, 1),
    ("an empty object", {"cursorPath": "at"}, [page(at={})], StopReason.NO_CURSOR, 1),
    ("a list answer", {}, [[ITEM]], StopReason.NO_CURSOR, 1),
    ("no answer", {}, [None], StopReason.NO_CURSOR, 1),
    ("no cursor, and no more", {}, [page(has_more=False)], StopReason.NO_CURSOR, 1),
    ("no cursor, but more", {}, [page(has_more=True)], StopReason.MISSING_CURSOR, 1),
    ("an object for a cursor", {"cursorPath": "at"}, [page(at={"a": 1})], StopReason.MISSING_CURSOR, 1),
    ("a list for a cursor", {"cursorPath": "at"}, [page(at=[1])], StopReason.MISSING_CURSOR, 1),
    (
        "an object for a cursor, and no more",
        {"cursorPath": "at"},
        [page(at={"a": 1}, has_more=False)],
        StopReason.NO_MORE,
        1,
    ),
    ("a cursor, but no more", {}, [page(cursor="c", has_more=False)], StopReason.NO_MORE, 1),
    ("a cursor on the last page", {"lastPagePath": "last"}, [page(cursor="c", last=True)], StopReason.NO_MORE, 1),
    ("an empty page", {}, [page(cursor="c"), {"items": [], "cursor": "d"}], StopReason.EMPTY_PAGE, 2),
    (
        "an empty page that says more",
        {},
        [page(cursor="c", has_more=True), {"items": [], "cursor": "d", "has_more": True}, page(OTHER)],
        StopReason.NO_CURSOR,
        3,
    ),
    ("the same cursor again", {}, [page(cursor="c"), page(OTHER, cursor="c")], StopReason.REPEATED_REQUEST, 2),
    (
        "cursors that go in a circle",
        {},
        [page(cursor="c"), page(OTHER, cursor="d"), page(cursor="c")],
        StopReason.REPEATED_REQUEST,
        3,
    ),
    ("the same page under another cursor", {}, [page(cursor="c"), page(cursor="d")], StopReason.REPEATED_PAGE, 2),
    ("a record with a cursor", {}, [{"id": 1, "cursor": "c"}, {"id": 2}], StopReason.NO_CURSOR, 2),
]


@pytest.mark.parametrize(
    ("settings", "answers", "reason", "requests"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_the_read_ends_for_the_right_reason(
    settings: dict[str, object], answers: list[JSON], reason: StopReason, requests: int
) -> None:
    reading = read(CURSOR, config_of(CURSOR, **settings), script(*answers))

    assert (reading.reason, len(reading.requests)) == (reason, requests)


@pytest.mark.parametrize(
    ("answers", "setting"),
    [
        ([page(has_more=True)], "cursorPath"),
        ([page(nextCursor={"a": 1})], "cursorPath"),
        ([page(cursor="c"), page(OTHER, cursor="c")], "cursorPath"),
        ([page(cursor="c"), page(cursor="c")], "paginationParam"),
        ([page(cursor="c"), page(cursor="d")], "paginationParam"),
    ],
)
def test_an_error_says_which_setting_mends_it(answers: list[JSON], setting: str) -> None:
    stop = read(CURSOR, config_of(CURSOR), script(*answers)).stop

    assert stop is not None
    assert not stop.reason.complete
    assert setting in stop.detail


def test_the_cursor_goes_into_the_body_when_told_to() -> None:
    config = config_of(CURSOR, paginationIn="body", pageSize=5, sizeParam="count", paginationParam="after")

    reading = read(CURSOR, config, script(page(cursor="c"), LAST))

    assert [dict(request.body) for request in reading.requests] == [{"count": 5}, {"count": 5, "after": "c"}]


def test_nothing_is_known_ahead_of_a_cursor() -> None:
    reading = read(CURSOR, config_of(CURSOR), script(page(cursor="c"), LAST))

    assert CURSOR.ahead(config_of(CURSOR), reading.pages[0], 2) is None


class TestStripe:
    """``{"data": [...], "has_more": true}``: the cursor is the id of the last item."""

    def test_the_last_items_id_is_the_cursor_of_starting_after(self) -> None:
        config = config_of(CURSOR, paginationParam="starting_after", sizeParam="limit", pageSize=2)
        answers: list[JSON] = [
            {"items": [{"id": "a"}, {"id": "b"}], "has_more": True},
            {"items": [{"id": "c"}], "has_more": False},
        ]

        reading = read(CURSOR, config, script(*answers))

        assert reading.asked("starting_after") == [None, "b"]
        assert reading.items == [{"id": "a"}, {"id": "b"}, {"id": "c"}]
        assert reading.reason is StopReason.NO_CURSOR

    @pytest.mark.parametrize("last", [{}, {"id": None}, "text"])
    def test_a_last_item_without_an_id_is_an_error(self, last: JSON) -> None:
        config = config_of(CURSOR, paginationParam="starting_after")

        reading = read(CURSOR, config, script({"items": [last], "has_more": True}))

        assert reading.reason is StopReason.MISSING_CURSOR

    def test_it_is_no_cursor_of_another_parameter(self) -> None:
        reading = read(CURSOR, config_of(CURSOR), script(page(has_more=True)))

        assert reading.reason is StopReason.MISSING_CURSOR

    @pytest.mark.parametrize(
        ("path", "first", "last"), [("items[-1].id", page(), {"items": []}), ("[-1].id", [ITEM], [])]
    )
    def test_a_cursor_path_may_reach_into_the_last_item(self, path: str, first: JSON, last: JSON) -> None:
        reading = read(CURSOR, config_of(CURSOR, cursorPath=path), script(first, last))

        assert reading.asked("cursor") == [None, "i1"]
        assert reading.reason is StopReason.NO_CURSOR


def test_hubspot_is_read_with_its_object_as_the_hint() -> None:
    config = config_of(CURSOR, paginationParam="after", cursorPath=".paging.next.after", hasMorePath=".paging.next")

    reading = read(CURSOR, config, script(page(paging={"next": {"after": "42", "link": "x"}}), page(OTHER)))

    assert reading.asked("after") == [None, "42"]
    assert reading.reason is StopReason.NO_CURSOR


def test_slack_is_read_with_the_cursor_itself_as_the_hint() -> None:
    place = "response_metadata.next_cursor"
    config = config_of(CURSOR, cursorPath=place, hasMorePath=place)

    reading = read(CURSOR, config, script(page(**_nested(place, "dXNlcg==")), page(OTHER, **_nested(place, ""))))

    assert reading.asked("cursor") == [None, "dXNlcg=="]
    assert reading.reason is StopReason.NO_CURSOR

"""Against model servers of every kind: nothing is lost, nothing comes twice, no circle is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import JSON, PageRequest, PaginationStrategy, StopReason
from penstock_pagination.cursor import Cursor
from penstock_pagination.offset import Offset
from penstock_pagination.page import PageNumber
from support.paging import Answer, Reading, config_of, page_of, read

OFFSET, PAGE, CURSOR = Offset(), PageNumber(), Cursor()

Hint = Callable[[int, int, int], dict[str, JSON]]
"""What an answer says besides its items, from the place of the first one, the place after the last, and the end."""

KNOWING: dict[str, Hint] = {
    "has_more": lambda _start, after, end: {"has_more": after < end},
    "pagination.hasMore": lambda _start, after, end: {"pagination": {"hasMore": after < end}},
    "last": lambda _start, after, end: {"page": {"last": after >= end}},
    "total": lambda _start, _after, end: {"total": end},
    "meta.total_count": lambda _start, _after, end: {"meta": {"total_count": end}},
    "count of this page and total": lambda start, after, end: {"count": after - start, "pagination": {"total": end}},
}
"""Answers that tell the end, so that the size of a page does not matter."""
BY_NAME: dict[str, Hint] = {
    "next": lambda _start, after, end: {"next": f"/{after}" if after < end else None},
    "next_page": lambda _start, after, end: {"next_page": after if after < end else False},
}
"""The same, for page numbers only."""
SILENT: dict[str, Hint] = {
    "nothing": lambda _start, _after, _end: {},
    "null": lambda _start, _after, _end: {"has_more": None, "total": None, "count": None},
    "count of this page": lambda start, after, _end: {"count": after - start},
    "total of -1": lambda _start, _after, _end: {"total": -1},
}
"""Answers that do not."""
TOTALS = ("total", "meta.total_count", "count of this page and total")
CAPS = (10, 16, 20, 25, 30, 40, 50, 64, 75, 100)


@dataclass(frozen=True)
class Server:
    """Numbered records, at most ``cap`` a page, read by offset or page number."""

    records: int
    cap: int
    hint: Hint

    def __call__(self, request: PageRequest) -> Answer:
        asked = request.params or request.body
        size = min(_whole(asked.get("size", asked.get("limit"))), self.cap)
        number = asked.get("page")
        start = _whole(asked.get("offset")) if number is None else (_whole(number) - 1) * size
        after = max(start, min(start + size, self.records))
        return Answer({"items": list(range(start, after)), **self.hint(start, after, self.records)})


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _assert_read_whole(strategy: PaginationStrategy[Any], server: Server, page_size: int, *, told: bool) -> None:
    place = "query" if server.records % 2 else "body"
    config = config_of(strategy, pageSize=page_size, paginationIn=place, lastPagePath="page.last")

    reading = read(strategy, config, server)

    assert reading.items == list(range(server.records))
    assert reading.reason.complete, reading.stop
    size = min(page_size, server.cap)
    assert len(reading.requests) <= -(-server.records // size) + 1
    _check_ahead(strategy, config, reading, told=told)


def _check_ahead(strategy: PaginationStrategy[Any], config: object, reading: Reading, *, told: bool) -> None:
    assert strategy.ahead(config, reading.pages[0], 2) is None
    for index, page in enumerate(reading.pages):
        for steps in (1, 2, 3, 7):
            guess = strategy.ahead(config, page, steps)
            if guess is None:
                continue
            if index + steps < len(reading.requests):
                actual = reading.requests[index + steps]
                assert (guess.params, guess.body, guess.url) == (actual.params, actual.body, actual.url)
            else:
                assert not told, "something is asked for beyond the end that the answer tells"


@given(
    strategy=st.sampled_from([OFFSET, PAGE]),
    records=st.integers(0, 120),
    cap=st.integers(1, 40),
    page_size=st.integers(1, 40),
    hint=st.sampled_from(sorted(KNOWING)),
)
def test_a_server_that_tells_the_end_is_read_whole_whatever_its_page_size(
    strategy: PaginationStrategy[Any], records: int, cap: int, page_size: int, hint: str
) -> None:
    _assert_read_whole(strategy, Server(records, cap, KNOWING[hint]), page_size, told=hint in TOTALS)


@given(
    records=st.integers(0, 120),
    cap=st.integers(1, 40),
    page_size=st.integers(1, 40),
    hint=st.sampled_from(sorted(BY_NAME)),
)
def test_a_server_that_names_the_next_page_is_read_whole_whatever_its_page_size(
    records: int, cap: int, page_size: int, hint: str
) -> None:
    _assert_read_whole(PAGE, Server(records, cap, BY_NAME[hint]), page_size, told=False)


@given(
    strategy=st.sampled_from([OFFSET, PAGE]),
    records=st.integers(0, 400),
    cap=st.sampled_from(CAPS),
    page_size=st.integers(1, 120),
    hint=st.sampled_from(sorted(SILENT)),
)
def test_a_server_that_tells_nothing_is_read_whole_though_it_caps_the_page_size(
    strategy: PaginationStrategy[Any], records: int, cap: int, page_size: int, hint: str
) -> None:
    _assert_read_whole(strategy, Server(records, cap, SILENT[hint]), page_size, told=False)


@given(
    strategy=st.sampled_from([OFFSET, PAGE]),
    count=st.integers(1, 120),
    page_size=st.integers(1, 120),
    hint=st.sampled_from(sorted(KNOWING | BY_NAME | SILENT)),
    end=st.integers(0, 500),
)
def test_a_server_that_ignores_the_parameters_is_asked_twice_at_most(
    strategy: PaginationStrategy[Any], count: int, page_size: int, hint: str, end: int
) -> None:
    said = (KNOWING | BY_NAME | SILENT)[hint](0, count, end)
    config = config_of(strategy, pageSize=page_size, lastPagePath="page.last")

    reading = read(strategy, config, lambda _: Answer({"items": list(range(count)), **said}))

    assert len(reading.requests) <= 2
    assert reading.reason.complete or reading.reason is StopReason.REPEATED_PAGE
    assert reading.items == list(range(count))


@given(records=st.integers(0, 60), cap=st.integers(1, 20), told=st.booleans(), promise=st.booleans())
def test_a_server_with_cursors_is_read_whole(records: int, cap: int, *, told: bool, promise: bool) -> None:
    """``promise``: there is a cursor after the last record too, as APIs have it that cannot look ahead."""

    def server(request: PageRequest) -> Answer:
        start = int(str(request.params.get("cursor", "0")))
        after = min(start + cap, records)
        more = after < records
        cursor: JSON = str(after) if more or (promise and after > start) else None
        return Answer(
            {"items": list(range(start, after)), "next_cursor": cursor, **({"has_more": more} if told else {})}
        )

    reading = read(CURSOR, config_of(CURSOR), server)

    assert reading.items == list(range(records))
    assert reading.reason.complete, reading.stop


@given(stuck=st.integers(1, 5), fresh=st.booleans())
def test_a_cursor_that_sticks_is_noticed_at_once(stuck: int, *, fresh: bool) -> None:
    """From some page on the same one comes again, under the same cursor or (``fresh``) ever new ones."""
    asked: list[object] = []

    def server(request: PageRequest) -> Answer:
        asked.append(request.params.get("cursor"))
        number = min(len(asked), stuck)
        return Answer({"items": [number], "next_cursor": f"c{len(asked) if fresh else number}"})

    reading = read(CURSOR, config_of(CURSOR), server)

    assert reading.reason is (StopReason.REPEATED_PAGE if fresh else StopReason.REPEATED_REQUEST)
    assert len(asked) == stuck + 1
    assert reading.items == [*range(1, stuck + 1)] + ([] if fresh else [stuck])


@pytest.mark.parametrize(
    ("strategy", "settings", "expected"),
    [
        (OFFSET, {}, [{"offset": offset, "limit": 2} for offset in (4, 6, 8)]),
        (PAGE, {}, [{"page": page, "size": 2} for page in (3, 4, 5)]),
        (PAGE, {"startPage": 0}, [{"page": page, "size": 2} for page in (2, 3, 4)]),
    ],
)
def test_requests_are_known_ahead_once_two_pages_have_proven_that_they_differ(
    strategy: PaginationStrategy[Any], settings: dict[str, object], expected: list[JSON]
) -> None:
    config = config_of(strategy, pageSize=2, **settings)
    first = page_of(strategy.first(config), Answer([1, 2]))
    following = strategy.next(config, first)
    assert isinstance(following, PageRequest)
    second = page_of(following, Answer([3, 4]), index=1, previous=first)

    guesses = [strategy.ahead(config, second, steps) for steps in (1, 2, 3)]

    assert strategy.ahead(config, first, 1) is None
    assert [guess and dict(guess.params) for guess in guesses] == expected
    assert guesses[0] == strategy.next(config, second)


@pytest.mark.parametrize(
    ("second", "known"),
    [
        ([3, 4], [True, True, True]),
        ({"items": [3, 4], "total": 5}, [True, False, False]),
        ({"items": [3, 4], "total": 6}, [True, False, False]),
        ({"items": [3, 4], "total": 7}, [True, True, False]),
        ({"items": [3, 4], "has_more": True}, [True, True, True]),
        ({"items": [3, 4], "has_more": False}, [False, False, False]),
        ({"items": [3], "has_more": True}, [False, False, False]),
        ({"items": [], "has_more": True}, [False, False, False]),
        ([3], [False, False, False]),
        ([1, 2], [False, False, False]),
        ({"id": 3, "has_more": True}, [False, False, False]),
    ],
)
@pytest.mark.parametrize("strategy", [OFFSET, PAGE])
def test_nothing_is_known_ahead_beyond_what_the_answer_tells_nor_of_a_short_page(
    strategy: PaginationStrategy[Any], second: JSON, known: list[bool]
) -> None:
    config = config_of(strategy, pageSize=2)
    first = page_of(strategy.first(config), Answer([1, 2]))
    following = strategy.next(config, first)
    assert isinstance(following, PageRequest)
    page = page_of(following, Answer(second), index=1, previous=first)

    assert [strategy.ahead(config, page, steps) is not None for steps in (1, 2, 3)] == known

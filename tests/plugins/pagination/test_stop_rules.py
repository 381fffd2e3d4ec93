"""The stop rules of connection.md section 9 for offset and page, one case after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from penstock import JSON, PaginationStrategy, StopReason
from penstock_pagination.offset import Offset
from penstock_pagination.page import PageNumber
from support.paging import Reading, config_of, read, script

OFFSET, PAGE = Offset(), PageNumber()
BOTH = (OFFSET, PAGE)


def items(count: int, start: int = 0) -> list[JSON]:
    return [{"id": start + index} for index in range(count)]


@dataclass(frozen=True)
class Case:
    """A read of scripted answers with pageSize 2 unless ``settings`` say otherwise."""

    name: str
    answers: list[JSON]
    reason: StopReason
    offsets: list[int] | None = None
    """Offsets asked for; None where the case is not for ``offset``."""
    pages: list[int] | None = None
    """Pages asked for; None where the case is not for ``page``."""
    settings: dict[str, object] = field(default_factory=dict[str, object])


def full(start: int, **others: JSON) -> JSON:
    return {"items": items(2, start), **others}


def _nested(place: tuple[str, ...], value: JSON) -> dict[str, JSON]:
    for name in reversed(place):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def empty(**others: JSON) -> JSON:
    return {"items": [], **others}


RULE_1 = [
    Case("one record and nothing else", [{"id": 1}], StopReason.NO_HINT, [0], [1]),
    Case("one record, a scalar", ["text"], StopReason.NO_HINT, [0], [1]),
    Case("nothing at all (204)", [None], StopReason.NO_HINT, [0], [1]),
    Case(
        "a record that says more follows",
        [{"id": 1, "has_more": True}, {"has_more": False}],
        StopReason.NO_MORE,
        [0, 2],
    ),
    Case("a record with an empty next", [{"id": 1, "next": None}], StopReason.NO_MORE, [0], [1]),
    Case("a record with a next", [{"next": "/2"}, {"id": 2, "next": ""}], StopReason.NO_MORE, [0, 2], [1, 2]),
]
FALSY: list[JSON] = [False, 0, "", [], {}]
TRUTHY: list[JSON] = [True, 1, "cursor", "false", [0], {"after": None}]
HINTS = [(*prefix, name) for prefix in ((), ("meta",), ("pagination",)) for name in ("has_more", "hasMore")]

RULE_2 = [
    Case(f"{'.'.join(place)} is {value!r}", [full(0, **_nested(place, value))], StopReason.NO_MORE, [0], [1])
    for value in FALSY
    for place in HINTS
] + [
    Case("hasMorePath", [full(0, p={"more": False})], StopReason.NO_MORE, [0], [1], {"hasMorePath": ".p.more"}),
    Case("lastPagePath", [full(0, p={"last": True})], StopReason.NO_MORE, [0], [1], {"lastPagePath": "p.last"}),
    Case(
        "hasMorePath counts before lastPagePath",
        [full(0, more=False, last=False)],
        StopReason.NO_MORE,
        [0],
        [1],
        {"hasMorePath": "more", "lastPagePath": "last"},
    ),
    Case(
        "lastPagePath counts before the usual names",
        [full(0, last=True, has_more=True)],
        StopReason.NO_MORE,
        [0],
        [1],
        {"lastPagePath": "last"},
    ),
]
RULE_3 = [
    Case("an empty first page", [empty()], StopReason.EMPTY_PAGE, [0], [1]),
    Case("an empty list", [[]], StopReason.EMPTY_PAGE, [0], [1]),
    Case("an empty page after full ones", [full(0), full(2), empty()], StopReason.EMPTY_PAGE, [0, 2, 4], [1, 2, 3]),
    Case(
        "an empty page that says more follows",
        [full(0, has_more=True), empty(has_more=True), full(4, has_more=False)],
        StopReason.NO_MORE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case(
        "ten empty pages in a row that say more follows",
        [full(0, has_more=True), *[empty(has_more=True)] * 10],
        StopReason.EMPTY_PAGES,
        list(range(0, 22, 2)),
        list(range(1, 12)),
    ),
    Case(
        "ten empty pages, but not in a row",
        [*[empty(has_more=True)] * 9, full(0, has_more=True), *[empty(has_more=True)] * 9, full(2, has_more=False)],
        StopReason.NO_MORE,
        list(range(0, 40, 2)),
        list(range(1, 21)),
    ),
]
RULE_4 = [
    Case("the same items again", [full(0), full(0)], StopReason.REPEATED_PAGE, [0, 2], [1, 2]),
    Case(
        "the same items again, and more is promised",
        [full(0, has_more=True), full(0, has_more=True)],
        StopReason.REPEATED_PAGE,
        [0, 2],
        [1, 2],
    ),
    Case(
        "more items than were asked for, again and again",
        [items(9), items(9)],
        StopReason.REPEATED_PAGE,
        [0, 2],
        [1, 2],
    ),
]
RULE_5 = [
    Case(
        f"{value!r} means that more follows",
        [full(0, has_more=value), full(2, has_more=False)],
        StopReason.NO_MORE,
        [0, 2],
        [1, 2],
    )
    for value in TRUTHY
] + [
    Case(
        "a short page that says more follows",
        [{"items": items(1), "has_more": True}, {"items": items(2, 1), "has_more": False}],
        StopReason.NO_MORE,
        [0, 1],
        [1, 2],
    ),
    Case(
        "a missing hasMorePath says nothing, so the usual names count",
        [full(0, has_more=True), empty(has_more=False)],
        StopReason.NO_MORE,
        [0, 2],
        [1, 2],
        {"hasMorePath": "paging.more"},
    ),
]
RULE_6 = [
    Case(f"{name}: {value!r} ends pages", [full(0, **{name: value})], StopReason.NO_MORE, None, [1])
    for name in ("next", "next_page")
    for value in (None, "", False, 0)
] + [
    Case(
        "next goes on after a short page",
        [{"items": items(1), "next": "/2"}, {"items": items(1, 1), "next": None}],
        StopReason.NO_MORE,
        None,
        [1, 2],
    ),
    Case(
        "one of next and next_page is enough",
        [full(0, next=None, next_page=2), full(2, next=None, next_page=None)],
        StopReason.NO_MORE,
        None,
        [1, 2],
    ),
    Case("offsets do not heed next", [full(0, next=None), empty(next=None)], StopReason.EMPTY_PAGE, [0, 2]),
]
RULE_7 = [
    Case(
        f"{'.'.join(place)} says how many there are",
        [full(0, **_nested(place, 4)), full(2, **_nested(place, 4))],
        StopReason.TOTAL_REACHED,
        [0, 2],
        [1, 2],
    )
    for prefix in ((), ("meta",), ("pagination",))
    for name in ("total", "total_count", "totalCount", "count")
    for place in [(*prefix, name)]
] + [
    Case("all on the first page", [full(0, total=2)], StopReason.TOTAL_REACHED, [0], [1]),
    Case("more than asked for, but all", [{"items": items(5), "total": 5}], StopReason.TOTAL_REACHED, [0], [1]),
    Case(
        "a short page is not the end while the total is not reached",
        [{"items": items(1), "total": 3}, {"items": items(1, 1), "total": 3}, {"items": items(1, 2), "total": 3}],
        StopReason.TOTAL_REACHED,
        [0, 1, 2],
        [1, 2, 3],
    ),
    Case(
        "a total below what came is not believed",
        [full(0, total=1), full(2, total=2), empty(total=0)],
        StopReason.EMPTY_PAGE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case("nor -1", [full(0, total=-1), empty(total=-1)], StopReason.EMPTY_PAGE, [0, 2], [1, 2]),
    Case(
        "a count of just this page is no total",
        [full(0, count=2), full(2, count=2), {"items": items(1, 4), "count": 1}],
        StopReason.SHORT_PAGE,
        [0, 2, 4],
        [1, 2, 3],
    ),
    Case(
        "the next credible number counts",
        [full(0, count=2, meta={"total": 4}), full(2, count=2, meta={"total": 4})],
        StopReason.TOTAL_REACHED,
        [0, 2],
        [1, 2],
    ),
    Case("true is no number", [full(0, total=True), empty()], StopReason.EMPTY_PAGE, [0, 2], [1, 2]),
]
_HUNDRED: dict[str, object] = {"pageSize": 100}
RULE_8 = [
    Case("a short first page", [{"items": items(1)}], StopReason.SHORT_PAGE, [0], [1]),
    Case("a short list", [items(1)], StopReason.SHORT_PAGE, [0], [1]),
    Case("a short page after full ones", [full(0), {"items": items(1, 2)}], StopReason.SHORT_PAGE, [0, 2], [1, 2]),
    Case("37 items instead of 100", [items(37)], StopReason.SHORT_PAGE, [0], [1], _HUNDRED),
    Case("a handful instead of 100", [items(5)], StopReason.SHORT_PAGE, [0], [1], _HUNDRED),
    *[
        Case(
            f"{cap} items instead of 1024 may be a cap, and is none",
            [items(cap), []],
            StopReason.EMPTY_PAGE,
            [0, cap],
            [1, 2],
            {"pageSize": 1024},
        )
        for cap in (10, 16, 20, 25, 30, 50, 64, 75, 100, 200, 250, 256, 500, 1000)
    ],
    Case(
        "a server that gives 50 instead of 100 is read to its end",
        [items(50), items(50, 50), items(50, 100), items(7, 150)],
        StopReason.SHORT_PAGE,
        [0, 50, 100, 150],
        [1, 2, 3, 4],
        _HUNDRED,
    ),
]
RULE_9 = [Case("full pages go on", [full(0), full(2), full(4), empty()], StopReason.EMPTY_PAGE, [0, 2, 4, 6])]
CASES = [
    pytest.param(strategy, case, id=f"{strategy.name}, rule {number}: {case.name}")
    for number, cases in enumerate((RULE_1, RULE_2, RULE_3, RULE_4, RULE_5, RULE_6, RULE_7, RULE_8, RULE_9), start=1)
    for case in cases
    for strategy in BOTH
    if (case.offsets if strategy is OFFSET else case.pages) is not None
]


def _read(strategy: PaginationStrategy[Any], case: Case) -> Reading:
    return read(strategy, config_of(strategy, **{"pageSize": 2, **case.settings}), script(*case.answers))


@pytest.mark.parametrize(("strategy", "case"), CASES)
def test_the_read_asks_for_the_right_pages_and_ends_for_the_right_reason(
    strategy: PaginationStrategy[Any], case: Case
) -> None:
    reading = _read(strategy, case)

    assert reading.reason is case.reason
    assert reading.asked(strategy.name) == (case.offsets if strategy is OFFSET else case.pages)


@pytest.mark.parametrize("strategy", BOTH)
def test_a_document_without_hints_is_the_end_with_a_warning(strategy: PaginationStrategy[Any]) -> None:
    stop = read(strategy, config_of(strategy), script({"id": 1})).stop

    assert stop is not None
    assert stop.warning
    assert "data_path" in stop.detail


@pytest.mark.parametrize("strategy", BOTH)
def test_a_total_that_is_never_reached_is_worth_a_warning(strategy: PaginationStrategy[Any]) -> None:
    stop = read(strategy, config_of(strategy, pageSize=2), script(full(0, total=9), empty(total=9))).stop

    assert stop is not None
    assert (stop.reason, stop.warning) == (StopReason.EMPTY_PAGE, True)
    assert stop.detail == "the answer speaks of 9 records in all, but after 2 come no more"


@pytest.mark.parametrize(
    ("strategy", "answers", "settings"),
    [
        (OFFSET, [items(2), items(2)], ["offset", "paginationParam", "paginationType: none"]),
        (PAGE, [items(2), items(2)], ["page", "paginationParam", "paginationType: none"]),
        (OFFSET, [empty(has_more=True)] * 10, ["hasMorePath", "lastPagePath", "data_path"]),
    ],
)
def test_an_error_says_which_setting_mends_it(
    strategy: PaginationStrategy[Any], answers: list[JSON], settings: list[str]
) -> None:
    stop = read(strategy, config_of(strategy, pageSize=2), script(*answers)).stop

    assert stop is not None
    assert not stop.reason.complete
    assert [name for name in settings if name not in stop.detail] == []


@pytest.mark.parametrize(
    ("strategy", "settings", "expected"),
    [
        (OFFSET, {}, [{"offset": 0, "limit": 100}, {"offset": 100, "limit": 100}]),
        (PAGE, {}, [{"page": 1, "size": 100}, {"page": 2, "size": 100}]),
        (
            OFFSET,
            {"paginationParam": "skip", "sizeParam": "top", "pageSize": 3},
            [{"skip": 0, "top": 3}, {"skip": 3, "top": 3}],
        ),
        (
            PAGE,
            {"pagination_param": "p", "size_param": "per", "start_page": 0, "page_size": "25"},
            [{"p": 0, "per": 25}, {"p": 1, "per": 25}],
        ),
    ],
)
def test_parameters_have_their_types_defaults_unless_set(
    strategy: PaginationStrategy[Any], settings: dict[str, object], expected: list[JSON]
) -> None:
    config = config_of(strategy, **settings)

    reading = read(strategy, config, script(items(config.page_size), []))

    assert [request.params for request in reading.requests] == expected


@pytest.mark.parametrize("strategy", BOTH)
def test_parameters_go_into_the_body_when_told_to(strategy: PaginationStrategy[Any]) -> None:
    reading = read(strategy, config_of(strategy, paginationIn="body", pageSize=2), script(items(2), []))

    assert [request.params for request in reading.requests] == [{}, {}]
    assert [request.body[strategy.name] for request in reading.requests] == ([0, 2] if strategy is OFFSET else [1, 2])


@pytest.mark.parametrize(
    ("strategy", "settings", "message"),
    [
        (OFFSET, {"pageSize": 0}, "greater than or equal to 1"),
        (OFFSET, {"pageSize": "many"}, "valid integer"),
        (OFFSET, {"startPage": 1}, "Extra inputs"),
        (OFFSET, {"paginationParam": "limit"}, 'paginationParam and sizeParam are both "limit"'),
        (PAGE, {"startPage": -1}, "greater than or equal to 0"),
        (PAGE, {"paginationIn": "header"}, "'query' or 'body'"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    strategy: PaginationStrategy[Any], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        strategy.Config.model_validate(settings)


def test_a_spring_page_is_read_to_its_last_one() -> None:
    """The Spring and Harness settings of connection.md 6.3."""
    config = config_of(
        PAGE, paginationParam="page", sizeParam="size", startPage=0, lastPagePath="data.last", pageSize=2
    )
    pages: list[JSON] = [{"data": {"content": items(2), "last": last}} for last in (False, False, True)]

    reading = read(PAGE, config, script(*pages))

    assert reading.reason is StopReason.NO_MORE
    assert [dict(request.params) for request in reading.requests] == [{"page": page, "size": 2} for page in range(3)]

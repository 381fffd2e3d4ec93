"""The stop rules of connection.md section 9 for offset and page, one case after the other."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock import JSON, PaginationStrategy, StopReason
from penstock_pagination.offset import Offset
from penstock_pagination.page import PageNumber
from support.paging import Reading, config_of, read, script
from support.stop_rules import RULES, Case, empty, full, items

OFFSET, PAGE = Offset(), PageNumber()
BOTH = (OFFSET, PAGE)

CASES = [
    pytest.param(strategy, case, id=f"{strategy.name}, rule {number}: {case.name}")
    for number, cases in enumerate(RULES, start=1)
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
@pytest.mark.parametrize("total", [3, 9])
def test_a_total_that_is_never_reached_is_worth_a_warning(strategy: PaginationStrategy[Any], total: int) -> None:
    stop = read(strategy, config_of(strategy, pageSize=2), script(full(0, total=total), empty(total=total))).stop

    assert stop is not None
    assert (stop.reason, stop.warning) == (StopReason.EMPTY_PAGE, True)
    assert stop.detail == f"the answer speaks of {total} records in all, but after 2 come no more"


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

"""Whole syncs over sockets, one of each pagination type, against servers that behave and servers that do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from support.project import Project, resource
from support.server import Received, Reply, serve

RECORDS = 23
CAP = 10
"""Items a page at most, whatever is asked for; a size that a server may well have chosen."""


def _records(start: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"n{number}"} for number in range(start, min(start + CAP, RECORDS))]


def _offset(request: Received) -> Reply:
    return Reply({"items": _records(int(request.param("offset")))})


def _page(request: Received) -> Reply:
    return Reply({"items": _records((int(request.param("page")) - 1) * CAP)})


def _cursor(request: Received) -> Reply:
    start = int(request.param("cursor", "0"))
    return Reply({"items": _records(start), "next_cursor": start + CAP if start + CAP < RECORDS else None})


def _next_link(request: Received) -> Reply:
    start = int(request.param("from", "0"))
    following = f"?from={start + CAP}" if start + CAP < RECORDS else None
    return Reply({"items": _records(start), "@odata.nextLink": following})


def _header_link(request: Received) -> Reply:
    start = int(request.param("from", "0"))
    headers = {"Link": f'</items?from={start + CAP}>; rel="next"'} if start + CAP < RECORDS else {}
    return Reply({"items": _records(start)}, headers=headers)


def _custom(request: Received) -> Reply:
    return Reply({"items": _records(int(request.param("window", "0")) * CAP)})


CUSTOM = {
    "paginationNext": "{params: {window: (.page + 1)}}",
    "paginationStop": "(.items | length) < 10",
}
TYPES: list[tuple[str, Callable[[Received], Reply], dict[str, str], list[str]]] = [
    ("offset", _offset, {}, ["?offset=0&limit=100", "?offset=10&limit=100", "?offset=20&limit=100"]),
    ("page", _page, {}, ["?page=1&size=100", "?page=2&size=100", "?page=3&size=100"]),
    ("cursor", _cursor, {}, ["?limit=100", "?limit=100&cursor=10", "?limit=100&cursor=20"]),
    ("next_link", _next_link, {}, ["", "?from=10", "?from=20"]),
    ("header_link", _header_link, {}, ["", "?from=10", "?from=20"]),
    ("custom", _custom, CUSTOM, ["", "?window=1", "?window=2"]),
]


@pytest.mark.parametrize(("kind", "api", "settings", "queries"), TYPES, ids=[case[0] for case in TYPES])
def test_a_server_that_caps_the_page_size_loses_nothing(
    tmp_path: Path, kind: str, api: Callable[[Received], Reply], settings: dict[str, str], queries: list[str]
) -> None:
    with serve(api) as server:
        items = resource("/items", selector={"data_path": ".items"})
        report = Project(tmp_path, server.url, [items], paginationType=kind, prefetchPages=1, **settings).sync_kind()

        assert (report.status, report.fetched, report.created) == ("complete", RECORDS, RECORDS), report.errors
        assert server.targets() == [f"/items{query}" for query in queries]


STUCK: list[tuple[str, dict[str, str], dict[str, Any], str]] = [
    ("offset", {}, {}, "paginationParam"),
    ("page", {}, {}, "paginationParam"),
    ("page", {}, {"has_more": True}, "paginationParam"),
    ("offset", {}, {"total": 5000}, "paginationParam"),
    ("cursor", {}, {"next_cursor": "same"}, "paginationParam"),
    ("next_link", {}, {"@odata.nextLink": "/items?from=10"}, ""),
    ("next_link", {}, {"@odata.nextLink": "/items"}, ""),
    ("custom", CUSTOM, {}, "paginationNext"),
    ("custom", {"paginationNext": "{params: {a: 1}}"}, {}, ""),
]


@pytest.mark.parametrize(("kind", "settings", "said", "setting"), STUCK)
def test_a_server_that_repeats_itself_ends_in_an_error_after_two_requests(
    tmp_path: Path, kind: str, settings: dict[str, str], said: dict[str, Any], setting: str
) -> None:
    with serve(lambda _: Reply({"items": _records(0), **said})) as server:
        items = resource("/items", selector={"data_path": ".items"})
        report = Project(tmp_path, server.url, [items], paginationType=kind, prefetchPages=8, **settings).sync_kind()

        assert report.status == "incomplete"
        assert len(server.received) <= 2
        assert report.created == CAP, "what came is good"
        [error] = report.errors
        assert setting in error.message
        assert set(report.stop_reasons) <= {"repeated_page", "repeated_request"}


def _empty(number: int) -> dict[str, Any]:
    return {"items": [], "next_cursor": f"c{number}", "has_more": True, "@odata.nextLink": f"/items?from={number}"}


ENDLESS: list[tuple[str, dict[str, str]]] = [
    ("cursor", {}),
    ("next_link", {}),
    ("header_link", {}),
    ("custom", {"paginationNext": "{params: {window: (.page + 1)}}"}),
]


@pytest.mark.parametrize(("most", "set_to"), [(100, {}), (7, {"maxEmptyPages": 7})], ids=["by default", "as told"])
@pytest.mark.parametrize(("kind", "settings"), ENDLESS, ids=[case[0] for case in ENDLESS])
def test_a_list_that_goes_on_for_ever_without_items_ends_in_an_error(
    tmp_path: Path, kind: str, settings: dict[str, str], most: int, set_to: dict[str, int]
) -> None:
    def api(_: Received) -> Reply:
        number = len(server.received)
        if number == 1:
            return Reply({**_empty(number), "items": _records(0)}, headers={"Link": '</items?page=1>; rel="next"'})
        return Reply(_empty(number), headers={"Link": f'</items?from={number}>; rel="next"'})

    with serve(api) as server:
        items = resource("/items", selector={"data_path": ".items"})
        project = Project(tmp_path, server.url, [items], paginationType=kind, maxPages=200, **settings, **set_to)
        report = project.sync_kind()

        assert (report.status, dict(report.stop_reasons)) == ("incomplete", {"empty_pages": 1})
        assert len(server.received) == 1 + most
        assert report.created == CAP, "what came is good"
        [error] = report.errors
        assert "maxEmptyPages" in error.message


def test_empty_pages_before_full_ones_are_no_end(tmp_path: Path) -> None:
    """As where the API filters what it has found."""
    full = {60: _records(0), 130: _records(10)}

    def api(_: Received) -> Reply:
        number = len(server.received)
        return Reply({**_empty(number), "items": full.get(number, []), "has_more": number < 140})

    with serve(api) as server:
        items = resource("/items", selector={"data_path": ".items"})
        report = Project(tmp_path, server.url, [items], paginationType="cursor").sync_kind()

        assert (report.status, report.created, len(server.received)) == ("complete", 2 * CAP, 140), report.errors


def test_a_link_header_that_cannot_be_read_deletes_nothing(tmp_path: Path) -> None:
    unreadable = False

    def api(request: Received) -> Reply:
        if "page" in request.query:
            return Reply(_records(10))
        link = "</items?page=2>; rel='next'"
        return Reply(_records(0), headers={"Link": link.replace("<", "").replace(">", "") if unreadable else link})

    with serve(api) as server:
        project = Project(tmp_path, server.url, [resource("/items")], paginationType="header_link")
        project.config |= {"deleteAfterAbsentRuns": 1, "entityDeletionThreshold": 1}
        assert project.sync_kind().created == 2 * CAP
        unreadable = True
        report = project.sync_kind()

        assert (report.status, dict(report.stop_reasons)) == ("incomplete", {"unreadable_answer": 1})
        assert "/items?***; rel='next'" in report.errors[0].message
        assert len(project.identifiers()) == 2 * CAP


@pytest.mark.parametrize("kind", ["offset", "page"])
def test_pages_in_flight_are_read_in_order_and_not_beyond_a_total(tmp_path: Path, kind: str) -> None:
    """The third to the sixth page are answered only once all four have been asked for."""
    records, size = 40, 2
    together = Barrier(4)

    def api(request: Received) -> Reply:
        start = int(request.param("offset")) if kind == "offset" else (int(request.param("page")) - 1) * size
        if 4 <= start <= 10:
            together.wait(timeout=60)
        return Reply({"items": [{"id": start}, {"id": start + 1}], "total": records})

    with serve(api) as server:
        items = resource("/items", selector={"data_path": ".items"})
        project = Project(tmp_path, server.url, [items], paginationType=kind, prefetchPages=4, pageSize=size)
        report = project.sync_kind()

        assert (report.status, report.fetched, len(server.received)) == ("complete", records, records // size)
        assert server.most_in_flight >= 4
        assert project.identifiers() == {str(number) for number in range(records)}
        assert report.stop_reasons == {"total_reached": 1}

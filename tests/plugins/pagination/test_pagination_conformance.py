"""Every installed pagination passes the kit that its authors are given."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from urllib.parse import parse_qs, urlsplit

from penstock import JSON, PageRequest
from penstock.testing import Answer, PaginationConformance
from penstock_pagination.cursor import Cursor
from penstock_pagination.custom import Custom
from penstock_pagination.header_link import HeaderLink
from penstock_pagination.next_link import NextLink
from penstock_pagination.none import NoPagination
from penstock_pagination.offset import Offset
from penstock_pagination.page import PageNumber

Records = Sequence[dict[str, JSON]]


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


class TestNone(PaginationConformance):
    strategy = NoPagination
    only_one_page = True

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        return Answer({"items": [*records[:cap]]})


class TestOffset(PaginationConformance):
    strategy = Offset
    config = {"pageSize": 4}
    page_size_setting = "pageSize"

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        start, size = _whole(asked.params["offset"], 0), min(_whole(asked.params["limit"], cap), cap)
        return self.said([*records[start : start + size]], start, len(records))

    def said(self, items: list[JSON], start: int, end: int) -> Answer:
        return Answer({"items": items, "has_more": start + len(items) < end})


class TestOffsetWithATotal(TestOffset):
    def said(self, items: list[JSON], start: int, end: int) -> Answer:
        return Answer({"items": items, "meta": {"total": end}})


class TestOffsetInTheBody(TestOffset):
    config = {"pageSize": 4, "paginationIn": "body"}

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        return super().answer(PageRequest(params={**asked.body}), records, cap)  # type: ignore[dict-item]


class TestPage(PaginationConformance):
    strategy = PageNumber
    config = {"pageSize": 4}
    page_size_setting = "page_size"

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        size = min(_whole(asked.params["size"], cap), cap)
        start = (_whole(asked.params["page"], 1) - 1) * size
        items: list[JSON] = [*records[start : start + size]]
        return Answer({"items": items, "next": f"/{start}" if start + size < len(records) else None})


class TestCursor(PaginationConformance):
    strategy = Cursor
    config = {"pageSize": 4}
    page_size_setting = "pageSize"

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        start, size = int(str(asked.params.get("cursor", 0))), min(_whole(asked.params["limit"], cap), cap)
        after = start + size
        following = str(after) if after < len(records) else None
        items: list[JSON] = [*records[start:after]]
        return Answer({"items": items, "next_cursor": following, "meta": {"hasMore": following is not None}})


def _start(asked: PageRequest) -> int:
    return int(parse_qs(urlsplit(asked.url or "").query).get("from", ["0"])[0])


class TestNextLink(PaginationConformance):
    strategy = NextLink
    config = {"nextLinkPath": "links.next"}

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        after = _start(asked) + cap
        links: dict[str, JSON] = {"next": f"/items?from={after}"} if after < len(records) else {}
        return Answer({"items": [*records[_start(asked) : after]], "links": links})


class TestHeaderLink(PaginationConformance):
    strategy = HeaderLink

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        after = _start(asked) + cap
        link = f'</items?from={after}>; rel="next"' if after < len(records) else ""
        return Answer([*records[_start(asked) : after]], {"link": link})


class TestCustom(PaginationConformance):
    strategy = Custom
    config = {
        "paginationNext": "{params: {from: (.request.state // 0) + (.items | length)}, "
        "state: ((.request.state // 0) + (.items | length))}",
        "paginationStop": ".response.body.total == (.request.state // 0) + (.items | length)",
    }

    def answer(self, asked: PageRequest, records: Records, cap: int) -> Answer:
        start = _whole(asked.params.get("from"), 0)
        return Answer({"items": [*records[start : start + cap]], "total": len(records)})


def test_every_installed_pagination_is_tried() -> None:
    kits = [kit for name, kit in globals().items() if name.startswith("Test")]

    assert {kit.strategy.name for kit in kits} == {point.name for point in entry_points(group="penstock.pagination")}

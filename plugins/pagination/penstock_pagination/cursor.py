"""``paginationType: cursor``: hand back what the last answer gave."""

from __future__ import annotations

import json
from typing import Final

from pydantic import Field

from penstock import JSON, Page, PageRequest, PaginationStrategy, Stop, StopReason, hookimpl
from penstock_pagination.hints import has_more
from penstock_pagination.paths import DotPath, look_up, walk
from penstock_pagination.rules import repeated_page
from penstock_pagination.sizes import SizedConfig, placed

_PLACES: Final = (
    ("next_cursor",),
    ("cursor",),
    ("meta", "after_cursor"),
    ("links", "next"),
    ("pagination", "next_cursor"),
    ("response_metadata", "next_cursor"),
    ("paging", "next", "after"),
    ("nextCursor",),
    ("next_page_token",),
    ("nextPageToken",),
)
"""Where cursors usually are (connection.md 6.4), the first that is not empty counts."""
_LAST_ITEM_PARAMETER: Final = "starting_after"
"""Stripe's: the cursor is the id of the last item."""


class CursorConfig(SizedConfig):
    """Settings of ``paginationType: cursor``."""

    pagination_param: str = Field(
        default="cursor",
        min_length=1,
        description="name of the parameter that takes the cursor; with starting_after, the last item's id is the "
        "cursor when the answer has none and says that more follows",
    )
    cursor_path: DotPath | None = Field(
        default=None,
        description="dot path of the cursor, such as meta.next or data[-1].id; null, empty, false and 0 mean the end; "
        "by default next_cursor, cursor, meta.after_cursor, links.next and other usual places",
    )


class Cursor(PaginationStrategy[CursorConfig]):
    """``limit=100``, then ``limit=100&cursor=...`` until there is no cursor."""

    name = "cursor"
    Config = CursorConfig

    def first(self, config: CursorConfig) -> PageRequest:
        """Return the request without a cursor."""
        return placed(config, {config.size_param: config.page_size}, None)

    def next(self, config: CursorConfig, page: Page) -> PageRequest | Stop:
        """Apply the rules of connection.md section 9 for cursors."""
        hint = has_more(config, page.body)
        cursor = _cursor(config, page, hint=hint)
        if not isinstance(cursor, str):
            return cursor
        if hint is False:
            return Stop(StopReason.NO_MORE)
        if page.items is not None and not page.items and not hint:
            return Stop(StopReason.EMPTY_PAGE)
        return _repetition(config, page, cursor) or placed(
            config, {config.size_param: config.page_size, config.pagination_param: cursor}, {"cursor": cursor}
        )


def _cursor(config: CursorConfig, page: Page, *, hint: bool | None) -> str | Stop:
    found = _find(config, page)
    if not found and hint and config.cursor_path is None and config.pagination_param == _LAST_ITEM_PARAMETER:
        found = walk(page.items[-1], ["id"]) if page.items else None
    if isinstance(found, str) and found:
        return found
    if isinstance(found, bool | int | float) and found:
        return json.dumps(found)
    if found and hint is False:
        return Stop(StopReason.NO_MORE)
    if found:
        kind = "an object" if isinstance(found, dict) else "a list"
        return Stop(StopReason.MISSING_CURSOR, f"the cursor is {kind}; set cursorPath to the text or number in it")
    if hint:
        where = config.cursor_path or "the usual places"
        return Stop(
            StopReason.MISSING_CURSOR,
            f"the answer says that more follows, and there is no cursor at {where}; set cursorPath to where it is",
        )
    return Stop(StopReason.NO_CURSOR)


def _find(config: CursorConfig, page: Page) -> JSON:
    if config.cursor_path is not None:
        return look_up(page.body, config.cursor_path)
    return next((found for place in _PLACES if (found := walk(page.body, place))), None)


def _repetition(config: CursorConfig, page: Page, cursor: str) -> Stop | None:
    if page.request.state == {"cursor": cursor}:
        detail = "the answer's cursor is the one that was just used; set "
        if page.repeats_previous:
            detail += "paginationParam to the name that the API knows, or "
        detail += "cursorPath to where the cursor of the next page is"
        return Stop(StopReason.REPEATED_REQUEST, detail)
    return repeated_page(config.pagination_param) if page.repeats_previous else None


@hookimpl
def penstock_pagination() -> Cursor:
    """Offer cursors."""
    return Cursor()

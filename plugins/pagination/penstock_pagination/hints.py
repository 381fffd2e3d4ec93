"""What an answer says of the pages after it, in the words most APIs use (connection.md sections 8 and 9)."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from penstock import JSON, PluginConfig
from penstock_pagination.paths import DotPath, look_up

_HAS_MORE: Final = ("has_more", "hasMore")
_TOTALS: Final = ("total", "total_count", "totalCount", "count")
_NEXT_PAGES: Final = ("next_page", "next")
_INNER: Final = ("meta", "pagination")
"""Objects in which these stand as well as at the top."""


class HintConfig(PluginConfig):
    """Where an answer says whether more follows; shared by the types that ask page by page."""

    has_more_path: DotPath | None = Field(
        default=None,
        description="dot path of a value that is truthy while more pages follow: neither null (which says nothing) nor "
        'false, 0, "" or empty; by default has_more and hasMore at the top, in meta and in pagination',
    )
    last_page_path: DotPath | None = Field(
        default=None, description="dot path of a value that is truthy on the last page; hasMorePath counts first"
    )


def has_more(config: HintConfig, body: JSON) -> bool | None:
    """Return whether the answer says that more follows; None when it says nothing."""
    if config.has_more_path is not None and (value := look_up(body, config.has_more_path)) is not None:
        return bool(value)
    if config.last_page_path is not None and (value := look_up(body, config.last_page_path)) is not None:
        return not value
    for place in _places(body):
        for name in _HAS_MORE:
            if (value := place.get(name)) is not None:
                return bool(value)
    return None


def names_next_page(body: JSON) -> bool | None:
    """Return whether ``next_page`` or ``next`` holds anything; None when the answer has neither key."""
    if not isinstance(body, dict):
        return None
    found = [bool(body[name]) for name in _NEXT_PAGES if name in body]
    return any(found) if found else None


def total(body: JSON, covered: int, count: int, *, first: bool) -> int | None:
    """Return how many records there are in all, or None when the answer does not say so credibly.

    A number below what was read already is not believed: APIs put the number of pages, 0 or -1 there. Nor is a
    ``count`` that equals the items of the first page, which is more likely to mean just them.

    Args:
        body: The answer.
        covered: Records read so far, with this page.
        count: Records on this page.
        first: Whether it is the first page.
    """
    places = _places(body)
    for name in _TOTALS:
        for place in places:
            value = place.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value < covered:
                continue
            if not (first and name == "count" and value == count):
                return value
    return None


def _places(body: JSON) -> list[dict[str, JSON]]:
    if not isinstance(body, dict):
        return []
    places = [body]
    for name in _INNER:
        inner = body.get(name)
        if isinstance(inner, dict):
            places.append(inner)
    return places

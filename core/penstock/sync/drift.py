"""Whether links or cursors count pages or rows from the start of a list, as numbered pages do."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_SIZE: Final = re.compile(r"limit|size|per_?page|count|top|max", re.IGNORECASE)
"""Names of what says how large a page is."""
_FIRST: Final = (1, 2)
"""Numbers of the second page, where the first one is asked for without a number."""


def counts_from_start(url: str, following: str, items: int | None) -> bool:
    """Return whether a number in the query has grown as one does that counts pages (by 1) or rows (by those that came).

    Many APIs lead on by links such as ``?page=2``: a row that comes or goes while the list is read moves others across
    a page's edge, as with ``paginationType: page``. A number that grows so by chance costs no more than another read.

    Args:
        url: What was asked for.
        following: What is asked for next.
        items: How many items came; None where that is not known, and any growth may be theirs.
    """
    before = dict(parse_qsl(urlsplit(url).query))
    for name, value in parse_qsl(urlsplit(following).query):
        former = before.get(name, "")
        if not _is_number(value) or _SIZE.search(name):
            continue
        if _is_number(former):
            grown = int(value) - int(former)
            if grown == 1 or _is_count(grown, items):
                return True
        elif not former and (int(value) in _FIRST or _is_count(int(value), items)):
            return True
    return False


def _is_count(number: int, items: int | None) -> bool:
    return number > 0 if items is None else number == items > 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20  # noqa: PLR2004 - longer ones count nothing

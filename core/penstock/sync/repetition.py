"""Noticing that a source sends what it has sent before, or nothing, again and again."""

from __future__ import annotations

from typing import Final

from penstock.http.client import ApiResponse
from penstock.sync.transform import Extract, Extracted
from penstock.values import JSON, PageRequest, Stop, StopReason

_ROUND: Final = 10
"""Pages that were seen before, one after another, after which a list is taken for a circle."""


class Seen:
    """What is kept of the first page and of the last, to notice a server that sends the same items again."""

    def __init__(self, response: ApiResponse, extracted: Extracted) -> None:
        self.is_list = not extracted.is_record
        self._response = response
        self._count = len(extracted.items)
        self._last = repr(extracted.items[-1]) if extracted.items else ""
        self.fingerprint = hash((self._count, repr(extracted.items[0]), self._last)) if extracted.items else None
        """Equal for pages that look alike; None for one without items."""

    def is_like(self, former: Seen, extract: Extract) -> bool:
        """Whether there are items, and the same ones as on a former page."""
        # only where the last items agree is it worth reading both pages again, whose items may be changed by now
        if not self._count or (self._count, self._last) != (former._count, former._last):
            return False
        return self._items(extract) == former._items(extract)

    def _items(self, extract: Extract) -> list[JSON]:
        return extract(self._response.document()).items


class Circle:
    """Notices a list that leads round and round, though every link or cursor in it is a new one."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._again = 0

    def closes(self, page: Seen) -> bool:
        """Whether so many pages in a row looked like earlier ones that it can be no accident."""
        if page.fingerprint is None:
            return False
        self._again = self._again + 1 if page.fingerprint in self._met else 0
        self._met.add(page.fingerprint)
        return self._again >= _ROUND


class Drought:
    """Notices a list that leads on and on without any items, though every link or cursor in it is a new one.

    Args:
        most: Empty pages in a row, after which nobody believes that more follows.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._empty = 0

    def judge(self, extracted: Extracted, decision: PageRequest | Stop) -> PageRequest | Stop:
        """Return what is to follow after this page: what was decided, unless there were too many empty ones."""
        self._empty = 0 if extracted.items else self._empty + 1
        if isinstance(decision, Stop) or self._empty < self._most:
            return decision
        detail = (
            f"{self._empty} empty pages in a row, and each leads on to another; mend data_path if there are items on "
            "them, or set connection.maxEmptyPages to a larger number if so many are usual there"
        )
        return Stop(StopReason.EMPTY_PAGES, detail)

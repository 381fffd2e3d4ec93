"""When a read by number is at its end: the stop rules of connection.md section 9 for offset and page."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Self

from msgspec import Struct

from penstock import JSON, Page, Stop, StopReason
from penstock_pagination.hints import has_more, names_next_page, total
from penstock_pagination.sizes import SizedConfig

MAX_EMPTY_PAGES: Final = 10
"""Empty pages in a row that promise more, after which nobody believes it."""
_SMALLEST_CAP: Final = 10


class Progress(Struct, frozen=True):
    """What is known before a page is asked for; travels as JSON in ``PageRequest.state``."""

    pages: int = 0
    """Pages read."""
    covered: int = 0
    """Records that they account for; with offsets also the place to go on from."""
    size: int = 0
    """Most records one of them had, but never more than were asked for: less than that is the server's own limit."""
    empty: int = 0
    """Empty pages among the last ones, in a row."""

    @classmethod
    def from_json(cls, state: JSON) -> Self:
        """Return what ``to_json`` gave."""
        members = state if isinstance(state, dict) else {}
        return cls(**{name: value for name, value in members.items() if isinstance(value, int)})

    def to_json(self) -> JSON:
        """Return the progress as JSON."""
        return {"pages": self.pages, "covered": self.covered, "size": self.size, "empty": self.empty}


class Situation(Struct, frozen=True):
    """All that the rules look at."""

    config: SizedConfig
    page: Page
    count: int | None
    """Items on the page; None where the document is itself the one record."""
    hint: bool | None
    """Whether the answer says that more follows; None when it does not say."""
    next_page: bool | None
    """Whether ``next_page`` or ``next`` holds anything; None where there is neither, or they do not matter."""
    before: Progress
    after: Progress
    total: int | None
    """How many records there are in all, as far as the answer says so credibly."""


class Go(Enum):
    """The verdict to go on."""

    ON = "on"


_Verdict = Stop | Go | None
"""None: the rule does not apply, the next one decides."""


def situation(
    config: SizedConfig, page: Page, *, covers: Callable[[int | None, int], int], heeds_next_page: bool
) -> Situation:
    """Look at a page.

    Args:
        config: The settings.
        page: The page.
        covers: Gives the number of records that a page accounts for, from its count and the known page size.
        heeds_next_page: Whether ``next`` and ``next_page`` matter also where the items can be counted.
    """
    before = Progress.from_json(page.request.state)
    count = None if page.items is None else len(page.items)
    size = max(before.size, min(count or 0, config.page_size))
    after = Progress(
        pages=before.pages + 1,
        covered=before.covered + covers(count, size or config.page_size),
        size=size,
        empty=before.empty + 1 if count == 0 else 0,
    )
    return Situation(
        config,
        page,
        count,
        hint=has_more(config, page.body),
        next_page=names_next_page(page.body) if heeds_next_page or count is None else None,
        before=before,
        after=after,
        total=total(page.body, after.covered if count else before.covered, count or 0, first=before.pages == 0),
    )


def stop(case: Situation) -> Stop | None:
    """Return why the read ends after this page, or None if it goes on; the first rule that applies decides."""
    for rule in _RULES:
        verdict = rule(case)
        if verdict is not None:
            return verdict if isinstance(verdict, Stop) else None
    return None


def _says_nothing(case: Situation) -> _Verdict:
    if case.count is None and case.hint is None and case.next_page is None:
        detail = (
            "the answer is one record and says nothing of further pages; "
            "set data_path if it holds a list, or paginationType: none if it does not"
        )
        return Stop(StopReason.NO_HINT, detail, warning=True)
    return None


def _says_end(case: Situation) -> _Verdict:
    return Stop(StopReason.NO_MORE) if case.hint is False else None


def _is_empty(case: Situation) -> _Verdict:
    if case.count != 0:
        return None
    if case.hint is None:
        if case.total is not None and case.total > case.before.covered:
            detail = f"the answer speaks of {case.total} records in all, but after {case.before.covered} come no more"
            return Stop(StopReason.EMPTY_PAGE, detail, warning=True)
        return Stop(StopReason.EMPTY_PAGE)
    if case.after.empty >= MAX_EMPTY_PAGES:
        detail = (
            f"{case.after.empty} empty pages in a row, and each says that more follows; "
            "set hasMorePath or lastPagePath to where the API tells the truth, or mend data_path"
        )
        return Stop(StopReason.EMPTY_PAGES, detail)
    return None


def _repeats(case: Situation) -> _Verdict:
    return repeated_page(case.config.pagination_param) if case.page.repeats_previous else None


def _says_more(case: Situation) -> _Verdict:
    return Go.ON if case.hint else None


def _names_next_page(case: Situation) -> _Verdict:
    if case.next_page is None:
        return None
    return Go.ON if case.next_page else Stop(StopReason.NO_MORE)


def _reaches_total(case: Situation) -> _Verdict:
    known = case.total
    if known is None:
        return None
    all_at_once = case.before.pages == 0 and known == case.count
    return Stop(StopReason.TOTAL_REACHED) if known == case.after.covered or all_at_once else Go.ON


def _is_short(case: Situation) -> _Verdict:
    expected = case.before.size or case.config.page_size
    if case.count is None or case.count >= expected:
        return None
    if not case.before.size and _may_be_a_cap(case.count):
        return Go.ON  # the second page tells: a capped server has one
    return Stop(StopReason.SHORT_PAGE, f"{case.count} items instead of {expected}")


_RULES: Final[tuple[Callable[[Situation], _Verdict], ...]] = (
    _says_nothing,
    _says_end,
    _is_empty,
    _repeats,
    _says_more,
    _names_next_page,
    _reaches_total,
    _is_short,
)
"""Rules 1 to 8; rule 9 is to go on."""


def repeated_page(parameter: str) -> Stop:
    """Return the error for a page with the items of the one before it."""
    detail = (
        f'the page has the same items as one before it: the API seems to ignore "{parameter}"; set paginationParam '
        "(and sizeParam) to the names it knows, or paginationType: none if everything comes at once"
    )
    return Stop(StopReason.REPEATED_PAGE, detail)


def _may_be_a_cap(count: int) -> bool:
    """Whether a server may have this limit for the size of a page.

    Servers choose round numbers: the usual ones (10, 20, 25, 30, 50, 100 ...) and their like are multiples of 10 or 25,
    or powers of two. To ask once more after every short first page would double the requests of small lists.
    """
    return count >= _SMALLEST_CAP and (count % 10 == 0 or count % 25 == 0 or count & (count - 1) == 0)

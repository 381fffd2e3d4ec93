"""What offset and page numbers have in common: every page can be asked for without knowing the one before it."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeVar

from msgspec.structs import replace

from penstock import Page, PageRequest, PaginationStrategy, Stop
from penstock_pagination.rules import Progress, Situation, situation, stop
from penstock_pagination.sizes import SizedConfig

SizedT = TypeVar("SizedT", bound=SizedConfig)


class NumberedPagination(PaginationStrategy[SizedT]):
    """A pagination whose requests follow from how far the read has come."""

    heeds_next_page: ClassVar[bool] = False
    """Whether ``next`` and ``next_page`` in the answer decide (rule 6)."""

    @abstractmethod
    def request(self, config: SizedT, progress: Progress) -> PageRequest:
        """Return the request that goes on from there."""

    @abstractmethod
    def covers(self, config: SizedT, count: int | None, size: int) -> int:
        """Return how far a page of so many items advances ``Progress.covered``, on a server with pages of ``size``."""

    def first(self, config: SizedT) -> PageRequest:
        """Return the request for the start."""
        return self.request(config, Progress())

    def next(self, config: SizedT, page: Page) -> PageRequest | Stop:
        """Apply the stop rules, and go on from where the page ended."""
        case = self._situation(config, page)
        return stop(case) or self.request(config, case.after)

    def ahead(self, config: SizedT, page: Page, steps: int) -> PageRequest | None:
        """Take the pages between for full ones, once a second page has proven that the API heeds the parameters."""
        case = self._situation(config, page)
        if not case.before.pages or not _is_full(case) or stop(case):
            return None
        advance = self.covers(config, case.count, case.after.size) * (steps - 1)
        end = case.total
        covered = case.after.covered + advance
        if end is not None and covered >= end:
            return None
        return self.request(config, replace(case.after, pages=case.after.pages + steps - 1, covered=covered))

    def _situation(self, config: SizedT, page: Page) -> Situation:
        return situation(
            config,
            page,
            covers=lambda count, size: self.covers(config, count, size),
            heeds_next_page=self.heeds_next_page,
        )


def _is_full(case: Situation) -> bool:
    return case.count is not None and case.count >= case.after.size > 0

"""A way to page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from penstock.strategies.settings import PluginConfig
from penstock.values import Page, PageRequest, Stop

ConfigT = TypeVar("ConfigT", bound=PluginConfig)


class PaginationStrategy(ABC, Generic[ConfigT]):
    """One way of asking for the next page: a pure decision, without I/O, clock or memory of its own."""

    name: ClassVar[str]
    """The word a configuration writes after ``paginationType:``; also the entry point's name."""
    Config: type[ConfigT]
    """The only place where the settings are declared."""
    drifts: ClassVar[bool] = False
    """Whether pages are counted from the start of the list: a row that comes or goes while it is being read then moves
    others across a page's edge, and a complete read may miss some."""

    @abstractmethod
    def first(self, config: ConfigT) -> PageRequest:
        """Return the request for the first page."""

    @abstractmethod
    def next(self, config: ConfigT, page: Page) -> PageRequest | Stop:
        """Return the request for the page after this one, or why there is none.

        Called once for every page, in order. ``page.request.state`` is what this strategy put there. Core itself ends
        a read that asks for the same page twice, follows no link to a foreign origin and enforces the page limit.
        """

    def ahead(self, config: ConfigT, page: Page, steps: int) -> PageRequest | None:
        """Guess what ``next`` would return ``steps`` pages after ``page``, or return None when that cannot be known.

        Made so that several pages can be in flight: core uses the guess only where ``next`` then asks for
        exactly that request. Should respect totals in ``page.body``, so that nothing is asked for beyond the end.
        """
        del config, page, steps
        return None

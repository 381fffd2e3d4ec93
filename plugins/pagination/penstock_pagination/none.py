"""``paginationType: none``: the first answer is the whole answer."""

from __future__ import annotations

from typing import Final

from penstock import Page, PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl
from penstock_pagination.hints import HintConfig, has_more

_USUAL_WORDS: Final = HintConfig()


class NoneConfig(PluginConfig):
    """``paginationType: none`` has no settings."""


class NoPagination(PaginationStrategy[NoneConfig]):
    """One request with the resource's own parameters."""

    name = "none"
    Config = NoneConfig

    def first(self, config: NoneConfig) -> PageRequest:
        """Return the resource's request unchanged."""
        del config
        return PageRequest()

    def next(self, config: NoneConfig, page: Page) -> Stop:
        """Stop, and say so where the answer has more: what is not asked for looks as if it were gone."""
        del config
        if not has_more(_USUAL_WORDS, page.body):
            return Stop(StopReason.SINGLE_REQUEST)
        detail = (
            "the answer says that more follows (has_more, hasMore), and paginationType none asks once: "
            "records of later pages are not read; set paginationType, or pagination for this resource"
        )
        return Stop(StopReason.SINGLE_REQUEST, detail, warning=True)


@hookimpl
def penstock_pagination() -> NoPagination:
    """Offer to ask once."""
    return NoPagination()

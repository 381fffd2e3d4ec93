"""``paginationType: none``: the first answer is the whole answer."""

from __future__ import annotations

from penstock import Page, PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl


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
        """Stop."""
        del config, page
        return Stop(StopReason.SINGLE_REQUEST)


@hookimpl
def penstock_pagination() -> NoPagination:
    """Offer to ask once."""
    return NoPagination()

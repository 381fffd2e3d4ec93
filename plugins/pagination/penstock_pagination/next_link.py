"""``paginationType: next_link``: follow the URL in the answer."""

from __future__ import annotations

from pydantic import Field

from penstock import Page, PageRequest, PaginationStrategy, PluginConfig, Stop, hookimpl
from penstock_pagination.links import follow
from penstock_pagination.paths import DotPath, look_up


class NextLinkConfig(PluginConfig):
    """Settings of ``paginationType: next_link``."""

    next_link_path: DotPath = Field(
        default="@odata.nextLink",
        description="key or dot path of the next page's URL; missing or empty on the last one",
    )


class NextLink(PaginationStrategy[NextLinkConfig]):
    """Links are requested as they are: they replace path and query whole, and may be relative."""

    name = "next_link"
    Config = NextLinkConfig

    def first(self, config: NextLinkConfig) -> PageRequest:
        """Return the resource's request unchanged."""
        del config
        return PageRequest()

    def next(self, config: NextLinkConfig, page: Page) -> PageRequest | Stop:
        """Follow the link."""
        return follow(page, look_up(page.body, config.next_link_path), "nextLinkPath")


@hookimpl
def penstock_pagination() -> NextLink:
    """Offer links in the body."""
    return NextLink()

"""``paginationType: page``: count the pages."""

from __future__ import annotations

from pydantic import Field

from penstock import PageRequest, hookimpl
from penstock_pagination.numbered import NumberedPagination
from penstock_pagination.rules import Progress
from penstock_pagination.sizes import SizedConfig, placed


class PageConfig(SizedConfig):
    """Settings of ``paginationType: page``."""

    pagination_param: str = Field(
        default="page", min_length=1, description="name of the parameter that takes the number of the page"
    )
    size_param: str = Field(default="size", min_length=1, description="name of the parameter that takes pageSize")
    start_page: int = Field(default=1, ge=0, description="number of the first page")


class PageNumber(NumberedPagination[PageConfig]):
    """``page=1&size=100``, ``page=2&size=100`` ...; a server with smaller pages counts in its own."""

    name = "page"
    drifts = True
    Config = PageConfig
    heeds_next_page = True

    def request(self, config: PageConfig, progress: Progress) -> PageRequest:
        """Return the request for the page after those that were read."""
        values = {config.pagination_param: config.start_page + progress.pages, config.size_param: config.page_size}
        return placed(config, values, progress.to_json())

    def covers(self, config: PageConfig, count: int | None, size: int) -> int:
        """Return the items that came."""
        del config, size
        return count or 0


@hookimpl
def penstock_pagination() -> PageNumber:
    """Offer page numbers."""
    return PageNumber()

"""``paginationType: offset``: skip what was read."""

from __future__ import annotations

from pydantic import Field

from penstock import PageRequest, hookimpl
from penstock_pagination.numbered import NumberedPagination
from penstock_pagination.rules import Progress
from penstock_pagination.sizes import SizedConfig, placed


class OffsetConfig(SizedConfig):
    """Settings of ``paginationType: offset``."""

    pagination_param: str = Field(
        default="offset", min_length=1, description="name of the parameter that says how many items to skip"
    )


class Offset(NumberedPagination[OffsetConfig]):
    """``offset=0&limit=100``, ``offset=100&limit=100`` ..., by what really came where a server gives less."""

    name = "offset"
    drifts = True
    Config = OffsetConfig

    def request(self, config: OffsetConfig, progress: Progress) -> PageRequest:
        """Return the request that skips what is covered."""
        values = {config.pagination_param: progress.covered, config.size_param: config.page_size}
        return placed(config, values, progress.to_json())

    def covers(self, config: OffsetConfig, count: int | None, size: int) -> int:
        """Return the step: never more than came nor than was asked for, so that nothing is left out."""
        return min(count, config.page_size) if count else size


@hookimpl
def penstock_pagination() -> Offset:
    """Offer offsets."""
    return Offset()

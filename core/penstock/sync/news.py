"""What the sink is told of a run, for catalogs that show how their sources are doing; a failure there harms nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Final

from penstock.config.models import Resource
from penstock.errors import PenstockError
from penstock.strategies import Sink
from penstock.sync.report import KindReport, RunReport, Status
from penstock.values import KindNews, NewsState, RunNews

_LOG: Final = logging.getLogger(__name__)
_STATES: Final[dict[Status, NewsState]] = {
    "complete": "completed",
    "held": "completed",
    "incomplete": "failed",
    "interrupted": "aborted",
}


class News:
    """Tells one sink of one run."""

    def __init__(self, sink: Sink, report: RunReport) -> None:
        self._sink = sink
        self._report = report

    async def begun(self, resources: Iterable[Resource], only: Collection[str]) -> None:
        """Tell that the run has begun, and of which kinds."""
        kinds = [KindNews(one.kind, "pending") for one in resources if not only or one.kind in only]
        await self._tell(RunNews("running", self._report.started_at, 0.0, kinds))

    async def ended(self, seconds: float) -> None:
        """Tell what came of it."""
        kinds = [_news_of(kind) for kind in self._report.kinds]
        await self._tell(RunNews(_STATES[self._report.status], self._report.started_at, seconds, kinds))

    async def failed(self, seconds: float) -> None:
        """Tell that the run cannot go on."""
        kinds = [_news_of(kind)._replace(state="failed") for kind in self._report.kinds]
        await self._tell(RunNews("failed", self._report.started_at, seconds, kinds))

    async def _tell(self, news: RunNews) -> None:
        try:
            await self._sink.tell(news)
        except PenstockError as error:
            _LOG.warning("the catalog could not be told that the run is %s: %s", news.state, error)


def _news_of(kind: KindReport) -> KindNews:
    return KindNews(
        kind.kind,
        _STATES[kind.status],
        fetched=kind.fetched,
        selected=kind.selected,
        filtered=kind.filtered,
        failed=kind.failed - kind.refused,
        written=kind.created + kind.updated,
        unchanged=kind.unchanged,
        refused=kind.refused,
        deleted=kind.deleted,
        seconds=kind.seconds,
        errors=[f"{one.where}: {one.message}" for one in kind.errors],
        warnings=[f"{one.where}: {one.message}" for one in kind.warnings],
    )

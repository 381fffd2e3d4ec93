"""What the sink is told of a run, for catalogs that show how their sources are doing; a failure there harms nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from penstock.config.models import Resource
from penstock.errors import PenstockError
from penstock.strategies import Sink
from penstock.sync.report import Heard, KindReport, Message, RunReport, Status
from penstock.values import KindNews, NewsState, Remark, RemarkLevel, RunNews, Timetable

_LOG: Final = logging.getLogger(__name__)
_STATES: Final[dict[Status, NewsState]] = {
    "complete": "completed",
    "held": "completed",
    "incomplete": "failed",
    "interrupted": "aborted",
}


class News:
    """Tells one sink of one run.

    Args:
        sink: Whom.
        report: What is told.
        redactor: Gives what takes out of a text the secrets known by now.
        timetable: When the next run is due, if there is a schedule.
    """

    def __init__(
        self,
        sink: Sink,
        report: RunReport,
        redactor: Callable[[], Callable[[str], str]],
        timetable: Timetable | None,
    ) -> None:
        self._sink = sink
        self._report = report
        self._redactor = redactor
        self._timetable = timetable
        self._started = time.monotonic()
        self._states: list[NewsState] = []
        """Of the report's kinds, while they are read."""
        self._written: list[tuple[int, Sequence[str]]] = []
        """The same: where it is in the mapping, and what blueprints that writes."""

    async def begun(self, resources: Iterable[Resource], only: Collection[str]) -> None:
        """Tell that the run has begun, and of which kinds."""
        chosen = [(place, one) for place, one in enumerate(resources) if not only or one.kind in only]
        self._written = [(place, self._blueprints_of(one)) for place, one in chosen]
        await self._tell("running", [KindNews(one.kind, "pending") for _, one in chosen])

    async def kind_begun(self) -> None:
        """Tell that the next kind is read."""
        self._states.append("running")
        await self._go_on()

    async def kind_ended(self) -> None:
        """Tell what that kind came to; what of it is to be deleted is known when the run ends."""
        self._states[-1] = _STATES[self._report.kinds[len(self._states) - 1].status]
        await self._go_on()

    def listener(self, kind: str, place: int) -> Heard:
        """Return what tells the messages of one kind, at once; ``place`` is where it is in the mapping."""

        def tell(level: RemarkLevel, message: Message) -> None:
            text = self._redactor()(_text_of(message))  # secrets that were learnt by the last request count as well
            try:
                self._sink.note(Remark(kind, place, level, text))
            except PenstockError as error:
                _LOG.warning("the catalog could not take note of what the report says: %s", error)

        return tell

    async def ended(self) -> None:
        """Tell what came of it."""
        kinds = [_news_of(kind) for kind in self._report.kinds]
        await self._tell(_STATES[self._report.status], kinds)

    async def failed(self) -> None:
        """Tell that the run cannot go on."""
        kinds = [_news_of(kind)._replace(state="failed") for kind in self._report.kinds]
        await self._tell("failed", kinds)

    def _blueprints_of(self, resource: Resource) -> Sequence[str]:
        redacted = self._redactor()
        return list(dict.fromkeys(redacted(entity.blueprint) for entity in resource.entities))

    async def _go_on(self) -> None:
        known = zip(self._report.kinds, self._states, strict=False)
        kinds = [_news_of(kind)._replace(state=state) for kind, state in known]
        kinds += [KindNews(kind.kind, "pending") for kind in self._report.kinds[len(kinds) :]]
        await self._tell("running", kinds)

    async def _tell(self, state: NewsState, kinds: Sequence[KindNews]) -> None:
        timetable = None if self._timetable is None else self._timetable.after(datetime.now(UTC))
        known = zip(kinds, self._written, strict=False)  # a run that fails early has no kinds in its report
        told = [kind._replace(blueprints=blueprints, place=place) for kind, (place, blueprints) in known]
        news = RunNews(state, self._report.started_at, time.monotonic() - self._started, told, timetable)
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
        errors=[_text_of(one) for one in kind.errors],
        warnings=[_text_of(one) for one in kind.warnings],
    )


def _text_of(message: Message) -> str:
    return f"{message.where}: {message.message}"

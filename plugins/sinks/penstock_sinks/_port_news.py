"""How syncs go, for Port's own pages: the state of the integration, and the figures of each kind.

Sources: sync.md section 9, port_api.md sections 4 and 9. Where Port does not know the integration nothing is told.
"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from penstock import VERSION
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, Object, RefusalError
from penstock_sinks._port_heartbeat import Heartbeat
from penstock_sinks._port_integration import find
from penstock_sinks._port_logs import EventLog
from penstock_sinks._port_usage import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock import KindNews, Remark, RunNews
    from penstock.values import JSON

_PATIENCE: Final = 30.0
"""Seconds; what is down may be tried again for longer than the sync itself takes."""
_MINUTE: Final = timedelta(minutes=1)
_RUNTIME: Final = "__runtime__"
_RECONCILIATION: Final = "__reconciliation__"


class Bulletin:
    """What is told of one run.

    Args:
        api: Who writes, and tells of the integration.
        figures: The same, apart: sends figures and beats to where Port takes them in.
        log: Sends the event log, apart from both; None for none.
        run: The id of the run.
        beats: Seconds between two of them; None for none.
    """

    def __init__(self, api: Api, figures: Api, log: Api | None, run: str, *, beats: float | None) -> None:
        self._api = api
        self._figures_api = figures
        self._run = run
        self._log = None if log is None else EventLog(log, run)
        self._heartbeat = None if beats is None else Heartbeat(figures, run, beats)
        self._meter = Meter()
        self._usage: dict[int, Object] = {}
        """What reading each kind has cost, by its place."""
        self._integration: Object | None = None
        self._states: list[str] | None = None
        """Of the kinds, as Port knows them; None before the run has begun."""

    @property
    def is_heard(self) -> bool:
        """Whether Port knows the integration, and the run has begun."""
        return self._integration is not None

    async def tell(self, news: RunNews) -> None:
        """Tell Port; raises SinkError, also where it takes long: a sync has other things to do."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._tell(news)
        except TimeoutError as error:
            raise SinkError(f"Port has not taken it within {_PATIENCE:.0f} seconds") from error
        except RefusalError as error:
            raise SinkError(f"{error.message} ({error.status} {error.code})") from error

    def note(self, remark: Remark) -> None:
        """Have it sent with the next lines of the event log."""
        if self._log is not None:
            self._log.note(remark)

    async def close(self) -> None:
        """Send what is left of the event log, where the run has come to no end, and nothing more."""
        await self._beat_no_more()
        await self._meter.close()
        if self._log is not None:
            await self._log.close()

    async def _beat_no_more(self) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.stop()

    async def _tell(self, news: RunNews) -> None:
        if news.state == "running" and self._states is not None:
            await self._tell_of_changes(news)
        else:
            await self._tell_of_run(news)

    async def _tell_of_changes(self, news: RunNews) -> None:
        """Tell of the kinds that have begun or ended since."""
        before, self._states = self._states or [], [one.state for one in news.kinds]
        if len(before) != len(news.kinds):
            return
        changed = [one for one, state in zip(news.kinds, before, strict=True) if one.state != state]
        if self._log is not None:
            for one in changed:
                self._log.tell_of_kind(one)
        if self._integration is not None and (url := _ingest(self._integration, "metricAttributes")):
            for one in changed:
                await self._tell_of_change(url, one)

    async def _tell_of_change(self, url: str, kind: KindNews) -> None:
        """Tell of a kind that begins or has been read, and measure what is between."""
        if kind.state != "running":
            self._usage[kind.place] = self._meter.end()
        try:
            await self._tell_of_kind(url, self._kind(kind))
        finally:
            if kind.state == "running":
                self._meter.begin()

    async def _tell_of_run(self, news: RunNews) -> None:
        if news.state == "running":
            self._states = [one.state for one in news.kinds]
            self._integration = await find(self._api)
        else:
            await self._beat_no_more()
        if self._integration is None:
            return
        if self._log is not None and (url := _ingest(self._integration, "logAttributes")):
            self._log.tell_of_run(url, news)
        await self._api.call("PATCH", "integration", self._api.owner.identifier, "resync-state", body=_state(news))
        if url := _ingest(self._integration, "metricAttributes"):
            await self._tell_of_kinds(url, news)
        if news.state == "running" and self._heartbeat and (url := _ingest(self._integration, "metricAttributes")):
            self._heartbeat.start(url)

    async def _tell_of_kinds(self, url: str, news: RunNews) -> None:
        kinds = [self._kind(one) for one in news.kinds]
        if news.state == "running":
            whole = self._figures(_RUNTIME, _RUNTIME, 0, "syncing", {})
            await self._figures_api.call_url("POST", f"{url}/syncMetrics", {"syncKindsMetrics": [*kinds, whole]})
            return
        for kind in kinds:
            await self._tell_of_kind(url, kind)
        deleted = sum(one.deleted for one in news.kinds)
        ended: Object = {"resync": {"duration_seconds": news.seconds, "success": int(news.state == "completed")}}
        swept: Object = {**ended, "delete": {"object_count_type": {"deleted": {"object_count": deleted}}}}
        both: list[JSON] = [
            self._figures(_RUNTIME, _RUNTIME, 0, news.state, ended),
            self._figures(_RECONCILIATION, _RECONCILIATION, 0, news.state, swept),
        ]
        await self._figures_api.call_url("POST", f"{url}/syncMetrics", {"syncKindsMetrics": both})

    async def _tell_of_kind(self, url: str, figures: Object) -> None:
        run, kind = self._api.encoded(self._run), self._api.encoded(str(figures["kindIdentifier"]))
        await self._figures_api.call_url(
            "PUT", f"{url}/syncMetrics/resync/{run}/kind/{kind}", {"syncKindMetrics": figures}
        )

    def _kind(self, one: KindNews) -> Object:
        phases: Object = {}
        if one.state not in {"pending", "running"}:
            phases = {
                "extract": _counts(raw_extracted=one.fetched),
                "transform": _counts(transformed=one.selected, filtered_out=one.filtered, failed=one.failed),
                "load": _counts(loaded=one.written, failed=one.refused, skipped=one.unchanged),
                "resync": {"duration_seconds": round(one.seconds, 3), "success": int(one.state == "completed")},
            }
        state = "syncing" if one.state == "running" else one.state
        figures = self._figures(f"{one.kind}-{one.place}", one.kind, one.place, state, phases)
        return {
            **figures,
            "blueprint": _expression(one.blueprints),
            "metrics": {"phase": phases, **self._usage.get(one.place, {})},
        }

    def _figures(self, identifier: str, kind: str, index: int, state: str, phases: Object) -> Object:
        owner = self._api.owner
        return {
            "integrationType": owner.kind,
            "installationType": "OnPrem",
            "executionMode": "single_process",
            "integrationIdentifier": owner.identifier,
            "integrationVersion": VERSION,
            "oceanVersion": VERSION,
            "kindIdentifier": identifier,
            "kind": kind,
            "kindIndex": index,
            "eventId": self._run,
            "syncState": state,
            "metrics": {"phase": phases},
        }


def _expression(blueprints: Sequence[str]) -> str:
    """Return the blueprint as the mapping has it; of several mappings, an expression that gives all of theirs."""
    if len(blueprints) == 1:
        return blueprints[0]
    return ", ".join(f"({one})" for one in blueprints)


def _ingest(integration: Object, name: str) -> str:
    """Return where a sort of report goes; nothing where Port wants none."""
    attributes = integration.get(name)
    url = attributes.get("ingestUrl") if isinstance(attributes, dict) else None
    return url if isinstance(url, str) else ""


def _counts(**counts: int) -> Object:
    return {"object_count_type": {name: {"object_count": count} for name, count in counts.items()}}


def _state(news: RunNews) -> Object:
    """Return the state as Port wants it; one key is misspelt there."""
    table = news.timetable
    state: Object = {
        "status": news.state,
        "nextResync": None if table is None else _text(table.due),
        # whole minutes, as Ocean has no others: a shorter interval is told as one of them
        "intervalInMinuets": None if table is None else math.ceil(table.interval / _MINUTE),
    }
    if news.state == "running":
        return {**state, "lastResyncStart": _text(news.started_at), "lastResyncEnd": None}
    return {**state, "lastResyncEnd": _text(news.started_at + timedelta(seconds=news.seconds))}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What happens in a run, as lines of the event log of Port's page (sync.md section 11, port_api.md section 9).

Lines are sent while the run goes on, by a task of their own: nobody waits for them, and those that Port does not take
are lost, which is said once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from penstock.errors import PenstockError
from penstock_sinks._port_api import Api, RefusalError

if TYPE_CHECKING:
    from penstock import KindNews, Remark, RunNews
    from penstock.values import JSON

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 100
"""Lines in one request; as many are sent at once."""
_ROOM: Final = 512 * 1024
"""Bytes of lines in one request, which may have twice as many."""
_SECONDS: Final = 5.0
"""For how long a line waits for others."""
_PATIENCE: Final = 10.0
"""Seconds for the last lines, when the run has ended."""
_LONGEST: Final = 4000
"""Characters of one line."""
_WAITING: Final = 5000
"""Lines that are kept while Port does not take any; those after them are lost."""
_LEVELS: Final = {"failed": "ERROR", "aborted": "WARNING"}


class EventLog:
    """The lines of one run; sent from the moment on that it is known where to.

    Args:
        api: Who sends.
        run: The id of the run.
    """

    def __init__(self, api: Api, run: str) -> None:
        self._api = api
        self._common: dict[str, JSON] = {
            "eventId": run,
            "event": {"kind": "resync", "id": run},
            "hostName": socket.gethostname(),
        }
        self._lines: deque[bytes] = deque()
        self._url = ""
        self._sending: asyncio.Task[None] | None = None
        self._any = asyncio.Event()
        self._many = asyncio.Event()
        """There are enough lines for a request, or no more will come."""
        self._ended = False
        self._lost = 0
        self._why = f"they were too many to wait for Port, more than {_WAITING:,}"

    def tell_of_run(self, url: str, news: RunNews) -> None:
        """Add what is to be said of a run that begins, or ends; lines go to ``url``."""
        self._url = url
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_on())
        if news.state == "running":
            kinds = ", ".join(one.kind for one in news.kinds)
            self._add("INFO", f"the sync begins: {kinds or 'it has nothing to read'}", self._common)
            return
        for one in news.kinds:
            level = _LEVELS.get(one.state, "INFO")
            self._add(
                level, f"{one.kind} {one.state}: {_read(one)}, {one.deleted} deleted", self._of(one.kind, one.place)
            )
        self._add(_LEVELS.get(news.state, "INFO"), f"the sync {news.state} after {news.seconds:.1f} s", self._common)

    def tell_of_kind(self, kind: KindNews) -> None:
        """Add what is to be said of a kind that begins to be read, or has been read."""
        begins = kind.state == "running"
        text = "begins" if begins else f"read in {kind.seconds:.1f} s: {_read(kind)}"
        self._add("INFO", f"{kind.kind} {text}", self._of(kind.kind, kind.place))

    def note(self, remark: Remark) -> None:
        """Add what the report says."""
        extra = self._of(remark.kind, remark.place) if remark.kind else self._common
        self._add(remark.level.upper(), remark.text, extra)

    async def close(self) -> None:
        """Send what is left, and say whether anything was lost."""
        if self._sending is None:
            return
        self._ended = True
        self._any.set()
        self._many.set()
        await asyncio.wait([self._sending], timeout=_PATIENCE)
        if not self._sending.done():
            self._sending.cancel()
            await asyncio.wait([self._sending])
            self._lost += len(self._lines)
            self._why = f"Port has not taken the last ones within {_PATIENCE:g} seconds"
        self._sending = None
        if self._lost:
            _LOG.warning("the event log at Port lacks %s lines of this run: %s", f"{self._lost:,}", self._why)

    def _of(self, kind: str, index: int) -> Mapping[str, JSON]:
        return {**self._common, "resourceKind": kind, "resourceIndex": index}

    def _add(self, level: str, text: str, extra: Mapping[str, JSON]) -> None:
        if self._sending is None:  # Port does not know the integration, or wants no log
            return
        if len(self._lines) >= _WAITING:
            self._lost += 1
            return
        self._lines.append(_line(level, text, extra))
        self._any.set()
        if len(self._lines) >= _MOST:
            self._many.set()

    async def _send_on(self) -> None:
        while not self._ended or self._lines:
            await self._any.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), _SECONDS)
            await self._send(self._pack())
            if not self._ended:
                self._look()

    def _look(self) -> None:
        """Note what is left after a request."""
        if len(self._lines) < _MOST:
            self._many.clear()
        if not self._lines:
            self._any.clear()

    def _pack(self) -> list[bytes]:
        """Take the lines of one request."""
        pack: list[bytes] = []
        size = 0
        while self._lines and len(pack) < _MOST and (not pack or size + len(self._lines[0]) <= _ROOM):
            pack.append(self._lines.popleft())
            size += len(pack[-1]) + 1
        return pack

    async def _send(self, pack: list[bytes]) -> None:
        if not pack:
            return
        self._lost += len(pack)  # until Port has them
        try:
            await self._api.call_url("POST", self._url, {"logs": [orjson.Fragment(line) for line in pack]})
        except (PenstockError, RefusalError) as error:
            self._why = str(error)
        else:
            self._lost -= len(pack)


def _line(level: str, text: str, extra: Mapping[str, JSON]) -> bytes:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    # what is no Unicode, as a source may send it, becomes question marks
    message = shown.encode(errors="replace").decode()
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"message": message, "level": level, "timestamp": moment, "extra": extra}
    return orjson.dumps(line)


def _read(kind: KindNews) -> str:
    counts = {
        "fetched": kind.fetched,
        "filtered": kind.filtered,
        "written": kind.written,
        "unchanged": kind.unchanged,
        "failed": kind.failed,
        "refused": kind.refused,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items())

"""What a run came to, as lines of the event log of Port's page (sync.md section 11, port_api.md section 9)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from penstock_sinks._port_api import Api

if TYPE_CHECKING:
    from penstock import KindNews, RunNews
    from penstock.values import JSON

_MOST: Final = 100
"""Lines in one request."""
_ROOM: Final = 512 * 1024
"""Bytes of lines in one request, which may have twice as many."""
_LONGEST: Final = 4000
"""Characters of one line."""
_LEVELS: Final = {"failed": "ERROR", "aborted": "WARNING"}


async def send_logs(api: Api, url: str, run: str, news: RunNews) -> None:
    """Send what is to be said of a run that begins or ends; raises RefusalError and SinkError."""
    pack: list[bytes] = []
    size = 0
    for line in _lines(run, news):
        if pack and (len(pack) == _MOST or size + len(line) > _ROOM):
            await _send(api, url, pack)
            pack, size = [], 0
        pack.append(line)
        size += len(line) + 1
    await _send(api, url, pack)


async def _send(api: Api, url: str, lines: list[bytes]) -> None:
    await api.call_url("POST", url, {"logs": [orjson.Fragment(line) for line in lines]})


def _lines(run: str, news: RunNews) -> Iterator[bytes]:
    """Yield the lines as JSON, those of a kind together."""
    common: dict[str, JSON] = {"eventId": run, "event": {"kind": "resync", "id": run}, "hostName": socket.gethostname()}
    if news.state == "running":
        kinds = ", ".join(one.kind for one in news.kinds)
        yield _line("INFO", f"the sync begins: {kinds}", common)
        return
    for index, one in enumerate(news.kinds):
        extra: dict[str, JSON] = {**common, "resourceKind": one.kind, "resourceIndex": index}
        for level, texts in (("ERROR", one.errors), ("WARNING", one.warnings)):
            for text in texts:
                yield _line(level, text, extra)
        yield _line(_LEVELS.get(one.state, "INFO"), f"{one.kind} {one.state}: {_summary(one)}", extra)
    yield _line(_LEVELS.get(news.state, "INFO"), f"the sync {news.state} after {news.seconds:.1f} s", common)


def _line(level: str, text: str, extra: dict[str, JSON]) -> bytes:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    # what is no Unicode, as a source may send it, becomes question marks
    message = shown.encode(errors="replace").decode()
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"message": message, "level": level, "timestamp": moment, "extra": extra}
    return orjson.dumps(line)


def _summary(kind: KindNews) -> str:
    counts = {
        "fetched": kind.fetched,
        "filtered": kind.filtered,
        "written": kind.written,
        "unchanged": kind.unchanged,
        "deleted": kind.deleted,
        "failed": kind.failed,
        "refused": kind.refused,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items())

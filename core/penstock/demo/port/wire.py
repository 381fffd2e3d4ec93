"""HTTP/1.1 over a loopback socket: as little as answers requests fast, one after another on each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    target: str
    """Path and query exactly as sent."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The decoded parts of the path, without ``v1``."""
        parts = [unquote(part) for part in urlsplit(self.target).path.strip("/").split("/")]
        return tuple(parts[1:] if parts[:1] == ["v1"] else parts)

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """The query's values, by name."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def flag(self, name: str) -> bool:
        """Whether a parameter is ``true``."""
        return self.query.get(name, [""])[-1] == "true"


@dataclass(frozen=True)
class Answer:
    """What is said to a request."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    """How long it takes."""
    dropped: bool = False
    """Whether the connection breaks in its place."""


Handler = Callable[[Received], Answer]


@dataclass(slots=True)
class Traffic:
    """What is going on."""

    opened: set[asyncio.Transport] = field(default_factory=set[asyncio.Transport])
    """The connections that are open."""
    in_flight: int = 0
    most_in_flight: int = 0


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, handler: Handler, traffic: Traffic) -> None:
        self._handler = handler
        self._traffic = traffic
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = cast("asyncio.Transport", transport)
        self._traffic.opened.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        del exc
        self._traffic.opened.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived whole."""
        self._buffer += data
        while (request := self._next()) is not None:
            self._traffic.in_flight += 1
            self._traffic.most_in_flight = max(self._traffic.most_in_flight, self._traffic.in_flight)
            self._answer(self._handler(request))

    def _next(self) -> Received | None:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        stop = end + len(_HEAD_END) + int(headers.get("content-length", "0"))
        if len(self._buffer) < stop:
            return None
        body = bytes(self._buffer[end + len(_HEAD_END) : stop])
        del self._buffer[:stop]
        method, target, _ = first.split(" ", 2)
        return Received(method, target, headers, body)

    def _answer(self, answer: Answer) -> None:
        if answer.seconds:
            asyncio.get_running_loop().call_later(answer.seconds, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        self._traffic.in_flight -= 1
        if self._transport.is_closing():
            return
        if answer.dropped:
            self._transport.abort()
            return
        content = orjson.dumps(answer.body)
        status = HTTPStatus(answer.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", "content-type: application/json"]
        lines += [f"content-length: {len(content)}", *(f"{name}: {value}" for name, value in answer.headers.items())]
        self._transport.write("\r\n".join(lines).encode("latin-1") + _HEAD_END + content)

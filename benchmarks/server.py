"""A synthetic API, fast enough not to be what is measured: prebuilt pages behind a raw asyncio protocol.

The first two segments of a path say how the API behaves, so that one server serves every workload:

    /LATENCY_MS/TOTAL/users?offset=200&limit=100     {"total": TOTAL, "items": [...]}, ~600 bytes an item
    /LATENCY_MS/TOTAL/users?page=3&size=100          the same page, by number
    /LATENCY_MS/TOTAL/groups                         {"items": [...]}: TOTAL parents in one answer
    /LATENCY_MS/TOTAL/groups/ID/members              {"items": [...]}: three children of each parent

Run by ``run.py``, or by hand: ``python benchmarks/server.py`` prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import cache
from typing import cast
from urllib.parse import parse_qs, urlsplit

import orjson

CHILDREN = 3
_BIO = (
    "Keeps the lights on, writes things down, answers the pager. "
    "Knows where the water comes from and where it ought to go, and says so, at length, "
    "to everybody who asks and to some who never did. "
)
_CITIES = ("Oslo", "Porto", "Kyoto", "Quito", "Lagos", "Turin", "Perth")
_ROUTE = re.compile(r"/(?P<latency>\d+)/(?P<total>\d+)/(?P<rest>.+)")
_MEMBERS = re.compile(r"groups/(?P<group>g\d+)/members")


def user(number: int) -> dict[str, object]:
    """Return one record of about 600 bytes, the same for the same number on every run."""
    return {
        "id": number,
        "login": f"user{number:06d}",
        "name": f"Given{number % 997} Family{number % 4999}",
        "email": f"user{number:06d}@example.test",
        "active": True,
        "score": number % 1000 / 8,
        "address": {
            "city": _CITIES[number % 7],
            "country": "NO",
            "lines": [f"{number % 300} Penstock Row", "Upper Weir"],
        },
        "team": {"id": number % 50, "slug": f"team-{number % 50}"},
        "manager": None if number % 10 == 0 else {"login": f"user{number // 10:06d}"},
        "tags": ["on-call", f"floor-{number % 9}", "backend"],
        "created_at": f"2024-{number % 12 + 1:02d}-{number % 28 + 1:02d}T08:30:00Z",
        "updated_at": "2025-06-01T12:00:00Z",
        "bio": _BIO,
    }


@cache
def users(start: int, stop: int) -> bytes:
    """Return the records from ``start`` up to ``stop`` as the inside of a JSON list."""
    return b",".join(orjson.dumps(user(number)) for number in range(start, stop))


@cache
def groups(total: int) -> bytes:
    """Return the parents, in one answer."""
    return orjson.dumps({"items": [{"id": f"g{number}", "name": f"Group {number}"} for number in range(total)]})


def answer(target: str) -> tuple[float, bytes]:
    """Return how many seconds to wait, and the body; raise ValueError for a path that is not served."""
    parts = urlsplit(target)
    route = _ROUTE.fullmatch(parts.path)
    if route is None:
        raise ValueError(target)
    return int(route["latency"]) / 1000, _body(route["rest"], int(route["total"]), parts.query)


def _body(rest: str, total: int, query: str) -> bytes:
    if rest == "users":
        start, stop = _window(query)
        return b'{"total":%d,"items":[%s]}' % (total, users(min(start, total), min(stop, total)))
    if rest == "groups":
        return groups(total)
    if members := _MEMBERS.fullmatch(rest):
        return orjson.dumps({"items": [{"id": f"{members['group']}-{n}", "role": "member"} for n in range(CHILDREN)]})
    raise ValueError(rest)


def _window(query: str) -> tuple[int, int]:
    values = {name: int(value[-1]) for name, value in parse_qs(query).items()}
    size = values.get("limit") or values.get("size") or 100
    start = (values["page"] - 1) * size if "page" in values else values.get("offset", 0)
    return start, start + size


class Api(asyncio.Protocol):
    """One connection: GET requests without a body, one after another."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the answers are written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived whole."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        try:
            latency, body = answer(target)
            status = b"200 OK"
        except ValueError:
            latency, body, status = 0.0, b"{}", b"404 Not Found"
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
        if latency:
            asyncio.get_running_loop().call_later(latency, self._write, head + body)
        else:
            self._transport.write(head + body)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def serve() -> None:
    """Listen on a free loopback port, print it, and serve until stopped."""
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())

"""The demo API: a small HTTP server on a loopback port, with the habits that real APIs have.

It wants a bearer token, pages its lists in three ways, nests an endpoint in another, and once answers 429.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from penstock.demo.data import INCIDENTS, MEMBERS, SERVICES, TEAMS, USERS, Record

RETRY_AFTER: Final = 1
"""Seconds the API asks to wait, once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API says to a request."""

    body: object
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Query:
    """The path and query of a request."""

    path: str
    parameters: Mapping[str, str]

    def number(self, name: str, default: int) -> int:
        """Return a positive whole number of the query, or the default when it is none."""
        text = self.parameters.get(name, "")
        return int(text) if text.isdecimal() and int(text) else default


class DemoApi:
    """A running API: reach it at ``url``, with ``Authorization: Bearer <token>``.

    Args:
        host: The address to listen on; by default this machine alone reaches it.
        port: 0 takes a free one.
        token: By default made up.

    Raises:
        OSError: The address is taken, or not one of this machine.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(16)
        self._server = _Server((host, port), self)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._busy_once = threading.Semaphore(1)

    def run(self) -> None:
        """Answer requests until ``close``."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str, authorization: str) -> Answer:
        """Return what to say to a GET of ``target`` (path and query)."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode()):
            return Answer({"error": "a bearer token is needed"}, HTTPStatus.UNAUTHORIZED)
        parts = urlsplit(target)
        query = Query(unquote(parts.path), {name: values[-1] for name, values in parse_qs(parts.query).items()})
        if query.path == "/incidents" and query.number("page", 1) > 1 and self._busy_once.acquire(blocking=False):
            return Answer(
                {"error": "slow down"}, HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(RETRY_AFTER)}
            )
        return _route(query)


def _route(query: Query) -> Answer:
    if query.path in _ROUTES:
        return _ROUTES[query.path](query)
    match query.path.split("/"):
        case ["", "teams", team, "members"] if team in MEMBERS:
            return Answer({"members": MEMBERS[team]})
        case _:
            return Answer({"error": f"there is no {query.path}"}, HTTPStatus.NOT_FOUND)


def _users(query: Query) -> Answer:
    """Page numbers: ``?page=2&per_page=50``, with a total."""
    return Answer({"users": _numbered(USERS, query, size=50), "total": len(USERS)})


def _services(query: Query) -> Answer:
    """Cursors: ``?cursor=<next_cursor of the page before>``; null on the last page."""
    keys = [service["key"] for service in SERVICES]
    cursor = query.parameters.get("cursor")
    if cursor is not None and cursor not in keys:
        return Answer({"error": "unknown cursor"}, HTTPStatus.BAD_REQUEST)
    start = keys.index(cursor) if cursor is not None else 0
    end = start + query.number("limit", 20)
    return Answer({"services": SERVICES[start:end], "next_cursor": keys[end] if end < len(keys) else None})


def _incidents(query: Query) -> Answer:
    """Links: ``Link: <...>; rel="next"``, absent on the last page."""
    page, size = query.number("page", 1), query.number("per_page", 40)
    link = {"Link": f'</incidents?page={page + 1}&per_page={size}>; rel="next"'} if page * size < len(INCIDENTS) else {}
    return Answer(_numbered(INCIDENTS, query, size=size), headers=link)


def _teams(query: Query) -> Answer:
    """One page, unless a smaller one is asked for."""
    return Answer(_numbered(TEAMS, query, size=100))


_ROUTES: Final[Mapping[str, Callable[[Query], Answer]]] = {
    "/users": _users,
    "/services": _services,
    "/incidents": _incidents,
    "/teams": _teams,
}


def _numbered(records: Sequence[Record], query: Query, *, size: int) -> Sequence[Record]:
    page, size = query.number("page", 1), query.number("per_page", size)
    return records[(page - 1) * size : page * size]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], api: DemoApi) -> None:
        super().__init__(address, _Handler)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, as socketserver intends

    def do_GET(self) -> None:
        answer = self.server.api.answer(self.path, self.headers.get("Authorization", ""))
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name http.server gives it
        """Write no log."""


@contextmanager
def demo_api(host: str = "127.0.0.1", port: int = 0, *, token: str = "") -> Generator[DemoApi]:
    """Run the API for the length of a ``with`` block; the arguments are those of ``DemoApi``."""
    api = DemoApi(host, port, token=token)
    thread = threading.Thread(target=api.run, daemon=True, name="demo-api")
    thread.start()
    try:
        yield api
    finally:
        api.close()
        thread.join()

"""A scripted HTTP API on a loopback socket: what it answers is a function of what it is asked.

with serve(routes({"/users": [{"id": 1}]})) as api:
    ...  # api.url is its base URL, api.received what it was asked
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the server got it."""

    method: str
    target: str
    """Path and query exactly as sent."""
    headers: Message
    """Look-up ignores case."""
    body: bytes

    @property
    def path(self) -> str:
        """The path alone, as sent."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, decoded; empty values are kept."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def param(self, name: str, default: str = "") -> str:
        """Return the last value of a query parameter."""
        return self.query.get(name, [default])[-1]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers; ``body`` is sent as JSON unless it is bytes."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def content(self) -> bytes:
        """Return the body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Handler: TypeAlias = Callable[[Received], Reply]
"""Answers requests; called from several threads at once."""


class ApiServer:
    """A running server: its base ``url`` and the requests it ``received``, in order.

    ``handler`` may be replaced at any time.
    """

    def __init__(self, handler: Handler) -> None:
        self.received: list[Received] = []
        self.handler = handler
        self.most_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def targets(self) -> list[str]:
        """Return path and query of every request."""
        return [request.target for request in self.received]

    def answer(self, request: Received) -> Reply:
        """Note a request, and answer it."""
        with self._lock:
            self.received.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            return self.handler(request)
        finally:
            with self._lock:
                self._in_flight -= 1

    def run(self) -> None:
        """Serve until ``close`` is called, from another thread."""
        self._http.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        """Stop, and give the port back."""
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: ApiServer) -> None:
        super().__init__(address, _Handler)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""
        del request, client_address  # a client that hangs up is no news


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http  # pyright: ignore[reportIncompatibleVariableOverride] - narrowed, as socketserver intends

    def handle_one_request(self) -> None:
        """Read a request whatever its method, and answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        reply = self.server.api.answer(Received(self.command, self.path, self.headers, body))
        content = reply.content()
        self.send_response_only(reply.status)
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        headers |= {name.lower(): value for name, value in reply.headers.items()}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serve(handler: Handler) -> Generator[ApiServer]:
    """Run an API for the length of a ``with`` block."""
    server = ApiServer(handler)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def routes(table: Mapping[str, object]) -> Handler:
    """Answer by path: a value is the JSON body, a ``Reply`` the answer, a callable is called; else 404."""

    def handler(request: Received) -> Reply:
        found = table.get(request.path, Reply({"error": "not found"}, 404))
        if callable(found):
            found = found(request)
        return found if isinstance(found, Reply) else Reply(found)

    return handler

"""An API whose lists page in every way, and which misbehaves on demand: each fault has a name."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from support.project import user

PAGE: Final = 5
"""Rows of a page."""
PAGINATIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "offset": {"paginationType": "offset", "pageSize": PAGE},
    "page": {"paginationType": "page", "pageSize": PAGE},
    "cursor": {"paginationType": "cursor", "pageSize": PAGE},
    "next_link": {"paginationType": "next_link", "nextLinkPath": "next"},
    "header_link": {"paginationType": "header_link"},
}
Fault: TypeAlias = Callable[[bytes], bytes | None]
"""From the right JSON document to the bytes of a response; None: hang up without one."""


def response(body: bytes, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole response."""
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **(headers or {})}.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def _longer(body: bytes) -> bytes:
    return response(body, headers={"Content-Length": str(len(body) + 10)})


def _shorter(body: bytes) -> bytes:
    return response(body, headers={"Content-Length": str(len(body) - 10)})


def _deep(body: bytes) -> bytes:
    del body
    return response(b'{"users":' + b"[" * 10_000 + b"]" * 10_000 + b"}")


FAULTS: Final[Mapping[str, Fault]] = {
    "400": lambda _: response(b'{"message": "no"}', "400 Bad Request"),
    "401": lambda _: response(b'{"message": "who?"}', "401 Unauthorized"),
    "403": lambda _: response(b'{"message": "no"}', "403 Forbidden"),
    "404": lambda _: response(b'{"message": "no page"}', "404 Not Found"),
    "429": lambda _: response(b"{}", "429 Too Many Requests"),
    "500": lambda _: response(b"oops", "500 Internal Server Error", {"Content-Type": "text/plain"}),
    "503": lambda _: response(b"{}", "503 Service Unavailable"),
    "redirect to a stranger": lambda _: response(b"", "302 Found", {"Location": "https://elsewhere.test/login"}),
    "no answer": lambda _: None,
    "half a head": lambda _: b"HTTP/1.1 200 OK\r\nContent-Ty",
    "no HTTP": lambda _: b"hello\r\n\r\n",
    "cut off": _longer,
    "longer than it says": _shorter,
    "half the document": lambda body: response(body[: len(body) // 2]),
    "bad gzip": lambda body: response(gzip.compress(body)[:-20] + b"x" * 12, headers={"Content-Encoding": "gzip"}),
    "unknown encoding": lambda body: response(body, headers={"Content-Encoding": "br"}),
    "a login page": lambda _: response(b"<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"}),
    "nothing": lambda _: response(b""),
    "an empty object": lambda _: response(b"{}"),
    "an error in a 200": lambda _: response(b'{"error": "search is down"}'),
    "not ok in a 200": lambda _: response(b'{"ok": false, "users": []}'),
    "errors of GraphQL": lambda _: response(b'{"data": null, "errors": [{"message": "shard 3"}]}'),
    "a list of texts": lambda _: response(b'{"users": ["a", "b"]}'),
    "NaN": lambda body: response(body.replace(b'"id":', b'"score": NaN, "id":', 1)),
    "a lone surrogate": lambda body: response(body.replace(b'"name": "', b'"name": "\\ud83c', 1)),
    "very deep": _deep,
}
"""What makes a page unusable."""

HARMLESS: Final[Mapping[str, Fault]] = {
    "a byte order mark": lambda body: response(b"\xef\xbb\xbf" + body),
    "UTF-16": lambda body: response(body.decode().encode("utf-16")),
    "gzip": lambda body: response(gzip.compress(body), headers={"Content-Encoding": "gzip"}),
    "a member twice": lambda body: response(body.replace(b'"users"', b'"extra": 1, "extra": 2, "users"', 1)),
}
"""What looks odd and says the same."""


@dataclass(slots=True)
class Misbehaving:
    """The API: ``/PAGINATION`` is the list of users, paged that way; the page ``at`` (from 0) shows ``fault``."""

    rows: list[int] = field(default_factory=lambda: list(range(1, 18)))
    fault: Fault | None = None
    at: int = 0
    url: str = ""
    asked: list[str] = field(default_factory=list[str])

    def answer(self, target: str) -> bytes | None:
        """Return the bytes of the answer to a request."""
        self.asked.append(target)
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        start = _START[parts.path[1:]](query)
        document: dict[str, Any] = {"users": [user(number) for number in self.rows[start : start + PAGE]]}
        headers: dict[str, str] = {}
        if start + PAGE < len(self.rows):
            following = f"{parts.path}?at={start + PAGE}"
            match parts.path:
                case "/cursor":
                    document["next_cursor"] = str(start + PAGE)
                case "/next_link":
                    document["next"] = following
                case "/header_link":
                    headers["Link"] = f'<{following}>; rel="next"'
                case _:
                    pass
        body = json.dumps(document).encode()
        if self.fault is not None and start // PAGE == self.at:
            return self.fault(body)
        return response(body, headers=headers)


_START: Final[Mapping[str, Callable[[Mapping[str, str]], int]]] = {
    "offset": lambda query: int(query["offset"]),
    "page": lambda query: (int(query["page"]) - 1) * PAGE,
    "cursor": lambda query: int(query.get("cursor", "0")),
    "next_link": lambda query: int(query.get("at", "0")),
    "header_link": lambda query: int(query.get("at", "0")),
}


@contextmanager
def misbehaving() -> Generator[Misbehaving]:
    """Run the API for the length of a ``with`` block."""
    api = Misbehaving()
    with serve_bytes(lambda head: api.answer(head.split(" ", 2)[1])) as api.url:
        yield api


@contextmanager
def serve_bytes(answer: Callable[[str], bytes | None]) -> Generator[str]:
    """Give the URL of a server that answers, for the length of a ``with`` block; a connection carries one request.

    Args:
        answer: From the head of a request to all that is sent; None: hang up.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=_serve, args=(answer, listener), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(answer: Callable[[str], bytes | None], listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(answer, connection), daemon=True).start()


def _talk(answer: Callable[[str], bytes | None], connection: socket.socket) -> None:
    with connection, suppress(OSError):  # a client that was killed is no news
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return
            received += part
        head, _, body = received.decode("latin-1").partition("\r\n\r\n")
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        while length is not None and len(body) < int(length[1]):
            body += connection.recv(65536).decode("latin-1")
        said = answer(head)
        if said is None:  # a reset, not a polite end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.sendall(said)

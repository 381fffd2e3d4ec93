"""Servers that answer byte by byte, or never: every read ends in time, and nothing is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.misbehaving import response
from support.project import Project, resource
from support.raw import serve_raw

TIMEOUT = 0.3
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
ROWS = b'[{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}]'
Drip = Callable[[socket.socket, threading.Event], None]


def drip(connection: socket.socket, over: threading.Event, what: bytes) -> None:
    """Send for ever, slowly."""
    while not over.wait(0.02):
        connection.sendall(what)


def silence(_: socket.socket, over: threading.Event) -> None:
    over.wait()


def slow_head(connection: socket.socket, over: threading.Event) -> None:
    for byte in HEAD:
        if over.wait(0.02):
            return
        connection.sendall(bytes([byte]))
    drip(connection, over, b"X-More: of it\r\n")


def slow_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n[")
    drip(connection, over, b" ")


def slow_chunks(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    drip(connection, over, b"1\r\n \r\n")


def endless_continue(connection: socket.socket, over: threading.Event) -> None:
    drip(connection, over, b"HTTP/1.1 100 Continue\r\n\r\n")


SLOW: list[Drip] = [silence, slow_head, slow_body, slow_chunks, endless_continue]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("slow", SLOW)
@pytest.mark.parametrize("retries", [0, 2])
def test_an_answer_that_never_ends_costs_its_own_list(tmp_path: Path, slow: Drip, retries: int) -> None:
    over, is_slow = threading.Event(), False

    def answer(head: bytes, connection: socket.socket) -> None:
        if is_slow and head.startswith(b"GET /users"):
            slow(connection, over)
        else:
            connection.sendall(response(ROWS))

    with serve_raw(answer) as api:
        resources = [resource("/users"), resource("/teams", blueprint="team")]
        project = Project(tmp_path, api.url, resources, timeout=TIMEOUT, maxRetries=retries)
        assert project.sync().exit_code == 0
        is_slow = True
        before = len(api.received)
        report = project.sync()
        over.set()
    users, teams = report.kinds
    assert (users.status, dict(users.stop_reasons), teams.status) == ("incomplete", {"request_failed": 1}, "complete")
    assert f"no whole answer within {TIMEOUT:g} s (timeout)" in users.errors[0].message
    assert len(api.received) - before == 1 + retries + 1
    assert project.identifiers() == {"1", "2"}

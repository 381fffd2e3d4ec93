"""A server that answers bytes as they are, right or wrong, for tests of what no HTTP library would send."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[bytes, socket.socket], None]


@dataclass(slots=True)
class RawServer:
    """A running server: its port, and the head of each request it received."""

    port: int
    received: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve_raw(
    answer: bytes | Answer, tls: ssl.SSLContext | None = None, *, greeting: bytes = b""
) -> Generator[RawServer]:
    """Answer the first request of each connection, then close it.

    ``answer`` is sent as it is, or called with the request's head and the connection. Where there is a ``greeting``, it
    is sent at once and nothing else happens.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener.getsockname()[1])

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(plain: socket.socket) -> None:
            try:
                with _secured(plain, tls) if tls else plain as connection:
                    if greeting:
                        connection.sendall(greeting)
                        while connection.recv(65536):  # closing with unread data would reset the connection
                            pass
                        return
                    head = read_head(connection)
                    server.received.append(head.decode())
                    if isinstance(answer, bytes):
                        connection.sendall(answer)
                    else:
                        answer(head, connection)
            except OSError:
                return  # the client hung up

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _secured(plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    connection = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
    try:
        connection.do_handshake()
    except ssl.SSLError:
        with connection:
            while socket.socket.recv(connection, 65536):  # as above: the client is to get the alert
                pass
        raise
    return connection


def read_head(connection: socket.socket) -> bytes:
    """Read up to and including the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return head
        head += part
    return head

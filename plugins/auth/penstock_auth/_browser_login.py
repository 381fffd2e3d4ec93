"""A person logs in with a browser: authorization code with PKCE, the answer caught on the loopback interface.

RFC 6749 section 4.1, RFC 7636 (S256 alone), RFC 8252 section 7.3, RFC 9207.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from penstock import Person
from penstock.errors import AuthError, CredentialsRefusedError
from penstock_auth._answers import shortened

HOST: Final = "127.0.0.1"  # not "localhost", which may be another interface (RFC 8252 section 8.3)
PATH: Final = "/callback"
_PATIENCE: Final = 300.0
_READING: Final = 10.0
"""Seconds for a request: browsers open connections that they never use."""
_PAGE: Final = """<!doctype html>
<meta charset="utf-8"><title>penstock</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto"><h1>{}</h1><p>{}</p>
"""


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What to ask an authorization server for."""

    endpoint: str
    """URL of the authorization endpoint."""
    client_id: str
    parameters: Sequence[tuple[str, str]] = ()
    """What else to say: scope, audience, resource."""
    issuer: str = ""
    """Who has to answer, where that is known."""
    names_issuer: bool = False
    """Whether the server promises to say who it is (``authorization_response_iss_parameter_supported``)."""
    port: int = 0
    """Where to listen; 0: wherever there is room."""


@dataclass(frozen=True, slots=True)
class Code:
    """What came back, to be exchanged for a token."""

    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)

    def parameters(self) -> Mapping[str, str]:
        """Return what the token request says of it (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        return {"code": self.code, "redirect_uri": self.redirect_uri, "code_verifier": self.verifier}


async def ask_for_code(request: CodeRequest, person: Person, *, patience: float = _PATIENCE) -> Code:
    """Send a person to the authorization server, and wait until the browser is back.

    Args:
        request: What to ask for.
        person: Who is shown the URL.
        patience: How many seconds to wait.

    Raises:
        CredentialsRefusedError: The person or the server refuses.
        AuthError: Nobody came back, or not from where they were sent.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    landing = _Landing(request, state, person)
    async with landing.listening() as redirect_uri:
        person.visit(_url(request, redirect_uri, state, verifier))
        try:
            async with asyncio.timeout(patience):
                code = await landing.code
        except TimeoutError:
            message = f"nobody came back from {_place(request.endpoint)} within {patience:g} s"
            raise AuthError(message) from None
    return Code(code, redirect_uri, verifier)


class _Landing:
    """Where the browser comes back to: a server that takes one answer, and knows its own by the state."""

    def __init__(self, request: CodeRequest, state: str, person: Person) -> None:
        self._request = request
        self._state = state
        self._person = person
        self._connections: set[asyncio.Task[None]] = set()
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        """Listen for the length of an ``async with`` block, and return the redirect URI."""
        port = self._request.port
        try:
            server = await asyncio.start_server(self._accept, HOST, port)
        except OSError as error:
            message = f"the port {port} of {HOST} cannot be listened on: {error.strerror}; set another redirectPort"
            raise AuthError(message) from error
        try:
            yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}{PATH}"
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            self.code.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
                async with asyncio.timeout(_READING):
                    head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head, writer)
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        method, _, rest = head.decode("latin-1").partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        if method != "GET" or target.path != PATH:
            await _show(writer, HTTPStatus.NOT_FOUND, "Nothing here", "penstock waits for a login to end.")
            return
        lists = parse_qs(target.query, keep_blank_values=True)
        if not secrets.compare_digest(lists.get("state", [""])[-1].encode(), self._state.encode()):
            self._person.tell("somebody came back from another login; it is ignored, and this one goes on")
            text = "This page belongs to another login. Go on in the window that penstock opened last."
            await _show(writer, HTTPStatus.BAD_REQUEST, "Not this login", text)
            return
        try:
            code = self._code_in(lists)
        except AuthError as error:
            await _show(writer, HTTPStatus.OK, "Not logged in", str(error))
            if not self.code.done():
                self.code.set_exception(error)
        else:
            await _show(writer, HTTPStatus.OK, "Back to the terminal", "You may close this window.")
            if not self.code.done():
                self.code.set_result(code)

    def _code_in(self, lists: Mapping[str, Sequence[str]]) -> str:
        """Return the code of an answer.

        Raises:
            CredentialsRefusedError: It is a refusal.
            AuthError: It is from somebody else, or holds no code.
        """
        if repeated := sorted(name for name, values in lists.items() if len(values) > 1):
            raise self._wrong(f"the answer says {', '.join(repeated)} more than once (RFC 6749 section 3.1)")
        answer = {name: values[0] for name, values in lists.items()}
        self._check_issuer(answer.get("iss"))
        if error := answer.get("error"):
            description = answer.get("error_description")
            told = f"{error}: {description}" if description else error
            message = f"{_place(self._request.endpoint)}: {shortened(told)}"
            raise CredentialsRefusedError(message)
        if not answer.get("code"):
            raise self._wrong(f"the answer holds no code; it has {', '.join(sorted(answer))}")
        return answer["code"]

    def _check_issuer(self, said: str | None) -> None:
        """Refuse an answer of another server (RFC 9207 section 2.4); a slash at the end makes none of it."""
        expected = self._request.issuer
        if said is None:
            if self._request.names_issuer:
                raise self._wrong("the answer does not say whose it is, as its server promised (RFC 9207)")
        elif expected and said.rstrip("/") != expected.rstrip("/"):
            raise self._wrong(f"the answer is that of {shortened(said)}, not of the issuer {expected} (RFC 9207)")

    def _wrong(self, message: str) -> AuthError:
        return AuthError(f"{_place(self._request.endpoint)}: {message}")


async def _show(writer: asyncio.StreamWriter, status: HTTPStatus, title: str, text: str) -> None:
    content = _PAGE.format(escape(title), escape(text)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
        "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def _url(request: CodeRequest, redirect_uri: str, state: str, verifier: str) -> str:
    """Return where to send the person (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    from authlib.common.urls import add_params_to_uri  # noqa: PLC0415 - see _oauth2_requests

    own = [
        ("response_type", "code"),
        ("client_id", request.client_id),
        ("redirect_uri", redirect_uri),
        ("state", state),
        ("code_challenge", urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")),
        ("code_challenge_method", "S256"),
    ]
    return add_params_to_uri(request.endpoint, [*request.parameters, *own])


def _place(url: str) -> str:
    return url.partition("?")[0]

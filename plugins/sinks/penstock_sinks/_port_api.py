"""Port's API: where it is, who we are, and what it says when it refuses (docs.port.io, API reference)."""

from __future__ import annotations

import asyncio
import copy
import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Self, TypeAlias, cast
from urllib.parse import quote

import orjson

from penstock import JSON, VERSION, ClientSettings, SinkAnswer, SinkClient, SinkContext
from penstock.errors import SinkError
from penstock_sinks.port import PortConfig

_LOG: Final = logging.getLogger(__name__)
_EARLY: Final = 60.0
"""Seconds before its end from which a token is replaced."""
_EARLY_SHARE: Final = 0.1
"""The same as a share of a short token's life."""
_DOWN: Final = frozenset({401, 408, 429, 502, 503, 504})
"""Answers that say nothing of what was asked: all else would be answered so as well.

403 is none of them, for permissions can be those of one blueprint.
"""
_IDENTIFIER: Final = re.compile(r"[!-.0-~]+")
_READER: Final = "reader"
"""Who only looks into a catalog."""
_TYPE_ERRORS: Final = {
    "string": "a number becomes text with `| tostring` in the mapping",
    "number": "text becomes a number with `| tonumber` in the mapping",
    "boolean": 'text becomes a boolean with `| . == "true"` in the mapping',
}
"""What mends a value of the wrong type, by the type that Port wants."""
_TYPE_ERROR: Final = re.compile(r"(?:must|should) be (string|number|boolean)\b")
Object: TypeAlias = "dict[str, JSON]"
"""What Port says, and is told: a JSON object."""


class RefusalError(Exception):
    """Port refuses one request for what is in it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        """For a person."""


class Reply(NamedTuple):
    """A success."""

    status: int
    body: dict[str, Any]


class Owner(NamedTuple):
    """Who writes, as data sources tell it."""

    kind: str
    """The integration's type."""
    identifier: str

    @property
    def prefix(self) -> str:
        """What the data source of an entity of ours begins with, whatever version wrote it."""
        return f"port-ocean/{self.kind}/"

    @property
    def suffix(self) -> str:
        """What it ends with."""
        return f"/{self.identifier}/exporter"

    @property
    def housekeeper(self) -> str:
        """What we call ourselves where no entity is concerned."""
        return f"{self.prefix}{VERSION}/{self.identifier}"

    @property
    def agent(self) -> str:
        """What we call ourselves elsewhere, and what becomes the data source."""
        return f"{self.prefix}{VERSION}{self.suffix}"


class _Token:
    """An access token: got when it is needed, replaced early, by one caller at a time."""

    def __init__(self, client: SinkClient, config: PortConfig, context: SinkContext, agent: str) -> None:
        self._client = client
        self._config = config
        self._context = context
        self._headers = {"user-agent": agent, "content-type": "application/json"}
        self._header = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def current(self, refused: str = "") -> str:
        """Return an Authorization header, another one than that which was refused."""
        if self._is_usable(refused):
            return self._header
        async with self._lock:
            if not self._is_usable(refused):  # nobody else has seen to it meanwhile
                await self._renew()
        return self._header

    def _is_usable(self, refused: str) -> bool:
        return bool(self._header) and self._header != refused and self._context.time() < self._until

    async def _renew(self) -> None:
        config = self._config
        url = f"{config.url}/v1/auth/access_token"
        credentials = {
            "clientId": config.client_id.get_secret_value(),
            "clientSecret": config.client_secret.get_secret_value(),
        }
        if "@" in credentials["clientId"]:
            _LOG.warning("sink.clientId looks like a person's: an organisation's credentials outlive those of people")
        answer = await self._client.call("POST", url, self._headers, orjson.dumps(credentials), retry_safe=True)
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            message = (
                f"Port refuses the credentials: {explain(answer)}; set sink.clientId and sink.clientSecret, and "
                f"sink.baseUrl or sink.region if the organisation is elsewhere than at {config.url}"
            )
            raise SinkError(message)
        try:
            granted = cast("dict[str, Any]", orjson.loads(answer.content))
            token, seconds = str(granted["accessToken"]), float(granted["expiresIn"])
        except (ValueError, KeyError, TypeError) as error:
            message = f"{url} gave no token: {explain(answer)}"
            raise SinkError(message) from error
        self._context.conceal(token)
        self._header = f"{granted.get('tokenType', 'Bearer')} {token}"
        self._until = self._context.time() + seconds - min(_EARLY, seconds * _EARLY_SHARE)


class Api:
    """Calls of one organisation, in the name of one owner."""

    def __init__(self, client: SinkClient, config: PortConfig, context: SinkContext) -> None:
        self.owner = Owner(config.integration_type, config.integration_identifier or _named_like(context.source))
        self._client = client
        self._base = f"{config.url}/v1"
        self._context = context
        self._token = _Token(client, config, context, self.owner.housekeeper)
        common = {"content-type": "application/json", "accept": "application/json"}
        self._writing = {"user-agent": self.owner.agent, **common}
        self._reading = {"user-agent": self.owner.housekeeper, **common}

    def over(self, client: SinkClient) -> Self:
        """Return the same over another client: what is not to wait for it, or hold it up, has one of its own."""
        other = copy.copy(self)
        other._client = client  # noqa: SLF001 - it is one of us
        return other

    async def call(self, method: str, *path: str, query: str = "", body: object = None) -> Reply:
        """Ask for something that may be asked for twice, and return the answer.

        Args:
            method: GET, POST ...
            path: Its parts, not encoded.
            query: Encoded.
            body: Bytes, or what is to become JSON.

        Raises:
            RefusalError: Port refuses this request.
            SinkError: Port cannot be reached, is down, or refuses us.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        headers = self._reading if method == "GET" or path[0] == "integration" else self._writing
        return await self._ask(method, _url(self._base, path, query), headers, content)

    async def call_url(self, method: str, url: str, body: object) -> Reply:
        """Do the same at a URL that Port has named, for what is about no entity."""
        return await self._ask(method, url, self._reading, orjson.dumps(body))

    def concealed(self, secret: str) -> str:
        """Return a secret that Port has given, which no message will show."""
        if secret:
            self._context.conceal(secret)
        return secret

    @staticmethod
    def encoded(part: str) -> str:
        """Return one part of a path."""
        return quote(part, safe="")

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Reply:
        token = await self._token.current()
        answer = await self._send(method, url, headers, content, token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            token = await self._token.current(refused=token)
            answer = await self._send(method, url, headers, content, token)
        if is_success(answer):
            return Reply(answer.status, self._decoded(method, url, answer))
        if answer.status in _DOWN:
            message = f"{method} {_shown(url)}: {answer.status} {explain(answer)}"
            raise SinkError(message)
        raise RefusalError(answer.status, _code(answer), explain(answer))

    async def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes, token: str) -> SinkAnswer:
        return await self._client.call(method, url, {**headers, "authorization": token}, content, retry_safe=True)

    @staticmethod
    def _decoded(method: str, url: str, answer: SinkAnswer) -> dict[str, Any]:
        try:
            body: object = orjson.loads(answer.content) if answer.content else {}
        except orjson.JSONDecodeError as error:
            message = f"{method} {_shown(url)}: the answer is no JSON: {error}{_trace(answer)}"
            raise SinkError(message) from error
        if not isinstance(body, dict):
            message = f"{method} {_shown(url)}: the answer is no JSON object{_trace(answer)}"
            raise SinkError(message)
        return cast("dict[str, Any]", body)


def client_settings(config: PortConfig) -> ClientSettings:
    """Return how requests are sent."""
    return ClientSettings(
        base_url=config.url,
        timeout=config.timeout,
        max_concurrent_requests=config.max_concurrent_requests,
        max_retries=config.max_retries,
        max_retry_wait=config.max_retry_wait,
        verify_ssl=config.verify_ssl,
        strict_x509=config.strict_x509,
        ca_bundle=config.ca_bundle,
        proxy=config.proxy,
    )


def _named_like(source: str) -> str:
    """Return the identifier of an integration that is called as its source; raises SinkError."""
    if not source:
        return _READER
    if not _IDENTIFIER.fullmatch(source):
        message = (
            f'the source "{source}" cannot name an integration of Port, which takes visible ASCII characters without '
            "a slash: set sink.integrationIdentifier"
        )
        raise SinkError(message)
    return source


@lru_cache(maxsize=256)
def _url(base: str, path: tuple[str, ...], query: str) -> str:
    """Return a URL that many requests share."""
    url = f"{base}/{'/'.join(map(Api.encoded, path))}"
    return f"{url}?{query}" if query else url


def _shown(url: str) -> str:
    """Return a URL for a message: what it asks about."""
    return url.partition("?")[0]


def is_success(answer: SinkAnswer) -> bool:
    """Whether the status says that all went well."""
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def explain(answer: SinkAnswer) -> str:
    """Return what an error says, and the id by which Port can find it."""
    said = _said(answer).get("message")
    text = said if isinstance(said, str) and said else _phrase(answer.status)
    return f"{hinted(text)}{_trace(answer)}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # one that nobody has registered
        return f"status {status}"


def hinted(text: str) -> str:
    """Return the text of an error, with what may mend it where that is known."""
    wrong = _TYPE_ERROR.search(text)
    return f"{text} ({_TYPE_ERRORS[wrong[1]]})" if wrong else text


def _code(answer: SinkAnswer) -> str:
    code = _said(answer).get("error")
    return code if isinstance(code, str) else ""


def _said(answer: SinkAnswer) -> dict[str, Any]:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _trace(answer: SinkAnswer) -> str:
    traces = (value.decode("latin-1") for name, value in answer.headers if name.lower() == b"x-trace-id")
    trace = next(traces, "")
    return f" (x-trace-id {trace})" if trace else ""

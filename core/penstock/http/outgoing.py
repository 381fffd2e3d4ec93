"""What a request carries: the connection's headers, its body, and what of it is a credential."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
import orjson

from penstock.config.models import HttpSettings
from penstock.http.body import ACCEPT_ENCODING
from penstock.http.pool import Outgoing
from penstock.redaction import credentials_in
from penstock.values import JSON
from penstock.version import VERSION

_PUBLIC_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"}
)


def is_errand(request: httpx.Request, own: httpx.Request) -> bool:
    """Whether the auth sent this on its own account: it goes elsewhere than what we asked for."""
    return request is not own and (request.url.host, request.url.path) != (own.url.host, own.url.path)


def describe(request: Outgoing) -> str:
    """Return ``POST https://id.test/token``, for messages: what an auth sends to has no query worth showing."""
    return f"{request.method} {request.url.copy_with(query=None, fragment=None, userinfo=b'')}"


def connection_headers(settings: HttpSettings) -> httpx.Headers:
    """Return what every request of a connection has: our defaults, replaced by ``customHeaders`` of the same name."""
    headers = httpx.Headers(
        {
            "User-Agent": f"penstock/{VERSION}",
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": ACCEPT_ENCODING,
        }
    )
    headers.update({name: value.get_secret_value() for name, value in settings.custom_headers.items()})
    return headers


def user_info(settings: HttpSettings) -> str:
    """Return what user-info in the base URL comes to as an ``Authorization`` header, or nothing.

    It is below everything else: an auth must not take it for a header that the user set.
    """
    parts = urlsplit(settings.base_url)
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def without_user_info(url: str) -> str:
    """Return the URL without ``user:password@``: credentials come from settings, never from a link."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def to_json(body: JSON) -> bytes:
    """Return the body as sent; integers keep every digit."""
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class Unsigned:
    """What of a request an auth may add its credentials to, as it was before."""

    def __init__(self, request: httpx.Request) -> None:
        self.headers = request.headers.copy()  # an auth changes the request's own
        self.url = request.url


def credentials_added(given: Unsigned, signed: httpx.Request) -> Iterator[str]:
    """Iterate over what the auth put on a request, so that no message repeats it."""
    if signed.headers.raw != given.headers.raw:
        for name, value in signed.headers.items():
            if given.headers.get(name) != value and name not in _PUBLIC_HEADERS:
                yield value
                yield from credentials_in(value)
    if signed.url is not given.url:
        known = set(given.url.params.multi_items())
        yield from (value for name, value in signed.url.params.multi_items() if (name, value) not in known)

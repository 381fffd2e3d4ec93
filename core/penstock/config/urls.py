"""What a configuration must know of URLs before anything is requested."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from penstock.http.urls import is_allowed, origin

_TEMPLATE: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")
_BRACE_IN_PATH: Final = re.compile(r"\{[^{}/]*\}?|[^{}/]*\}")
_MISSPELT_IN_QUERY: Final = re.compile(r"\{\w+(?:[.-]\w+)+\}")
"""A query may hold JSON or GraphQL, whose braces are its own."""
_SCHEMES: Final = frozenset({"http", "https"})


def clean_base_url(text: str) -> str:
    """Return a base URL without trailing slashes.

    Raises:
        ValueError: It is no absolute http or https URL; the message does not repeat it, for it may hold a password.
    """
    parts = _split(text)
    if parts.fragment:
        message = "must not have a fragment (#...)"
        raise ValueError(message)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/")))


def clean_origin(text: str) -> str:
    """Return ``https://host`` or ``https://host:port`` for a URL that has no path.

    Raises:
        ValueError: It is something else.
    """
    parts = _split(text)
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        message = "expected an origin, scheme and host alone, such as https://api.example.com"
        raise ValueError(message)
    return origin(text.strip())


def clean_proxy(text: str) -> str:
    """Return the URL of a proxy; one without scheme is taken for http.

    Raises:
        ValueError: It is no http or https URL, or leads somewhere in the proxy.
    """
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = _split(url)
    except ValueError as error:
        message = "expected the http or https URL of a proxy, such as http://proxy.example.com:3128"
        raise ValueError(message) from error
    if parts.path.strip("/") or parts.query or parts.fragment:
        message = "expected the URL of a proxy without a path"
        raise ValueError(message)
    return url


def _split(text: str) -> SplitResult:
    stripped = text.strip()
    try:
        parts = urlsplit(stripped)
        port_is_sound = parts.port != 0
    except ValueError as error:
        message = "is no URL: host or port are malformed"
        raise ValueError(message) from error
    fit = parts.scheme in _SCHEMES and parts.hostname and port_is_sound
    if not fit or any(character.isspace() for character in stripped):
        message = "expected a URL with scheme and host, such as https://api.example.com"
        raise ValueError(message)
    return parts


def host(url: str) -> str:
    """Return the host of an absolute URL."""
    return urlsplit(url).hostname or ""


def leads_away(endpoint: str, base_url: str, allowed_origins: Collection[str]) -> bool:
    """Return whether an absolute endpoint is on an origin that gets no credentials.

    Raises:
        ValueError: It is malformed.
    """
    _split(_TEMPLATE.sub("x", endpoint))
    return not is_allowed(endpoint, base_url, allowed_origins)


def template_names(endpoint: str) -> list[str]:
    """Return the names of the ``{name}`` templates in the order in which they stand, each once."""
    return list(dict.fromkeys(_TEMPLATE.findall(endpoint)))


def misspelt_templates(endpoint: str) -> list[str]:
    """Return what has braces and is no ``{name}``, as it is written, each once."""
    path, _, query = _TEMPLATE.sub("", endpoint).partition("?")
    return list(dict.fromkeys([*_BRACE_IN_PATH.findall(path), *_MISSPELT_IN_QUERY.findall(query)]))


def repeated_segment(base_url: str, endpoint: str) -> str | None:
    """Return the path segment that ends the base URL and begins the endpoint again, if there is one."""
    last = urlsplit(base_url).path.rpartition("/")[2]
    first = endpoint.partition("?")[0].strip("/").partition("/")[0]
    return last if last and last == first else None

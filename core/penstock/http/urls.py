"""Putting URLs together, and telling whose they are. Pure text work; nothing here knows a client.

A URL made here is spelled one way: user-info and fragment are dropped, a path is at least ``/``, spaces are ``%20``,
and a query keeps ``!$'()*,:@/?`` readable while everything else that is not a letter or digit, brackets included,
is percent-encoded. What a user or an API has already encoded stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, cast
from urllib.parse import SplitResult, quote, unquote_plus, urljoin, urlsplit

from penstock.errors import ReadError
from penstock.http.documents import shorten
from penstock.redaction import mask_url
from penstock.values import JSON, QueryValue, StopReason

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PATH_SAFE: Final = "/%:@!$&'()*+,;="
_QUERY_SAFE: Final = "!$'()*,:@/?"
_RAW_QUERY_SAFE: Final = "%!$&'()*+,;=:@/?"
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LONGEST: Final = 200
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]")
_ABSOLUTE: Final = re.compile(r"https?://", re.IGNORECASE)
_ORDINARY: Final = re.compile(r"[A-Za-z0-9\-._~!$'()*,:@/?&=+;%]*\Z")


class UrlError(ReadError):
    """A URL, or a value that is to be part of one, cannot be used."""

    def __init__(self, message: str, *, reason: StopReason = StopReason.REQUEST_FAILED) -> None:
        super().__init__(message, reason=reason)


class ForeignUrlError(UrlError):
    """A URL leads to an origin that is neither the base URL's nor allowed."""

    def __init__(self, url: str, *, base_url: str) -> None:
        super().__init__(
            f"{origin(url)} is not the origin of baseUrl ({origin(base_url)}), and credentials stay there; "
            "list it in allowedOrigins to trust it",
            reason=StopReason.FOREIGN_LINK,
        )


def build_url(
    base_url: str, endpoint: str, query_params: Mapping[str, QueryValue], *, allowed_origins: Collection[str] = ()
) -> str:
    """Join base URL and endpoint (connection.md section 3).

    The query is the base URL's, then the endpoint's, then ``query_params``; later ones replace earlier ones of the same
    name. The endpoint ``/`` is the base URL itself. An absolute endpoint is used as it is.

    Raises:
        UrlError: The endpoint is empty, or one of the URLs or values cannot be used.
        ForeignUrlError: An absolute endpoint leads to an origin that is not allowed.
    """
    base = _split(base_url)
    if is_absolute(endpoint):
        if not is_allowed(endpoint, base_url, allowed_origins):
            raise ForeignUrlError(endpoint, base_url=base_url)
        target = _split(endpoint)
        before = base.query if origin(endpoint) == origin(base_url) else ""
        return _unsplit(target, target.path, _merge(_merge_raw(before, target.query), query_params))
    if not endpoint.strip():
        message = "the endpoint is empty; write / for the base URL itself"
        raise UrlError(message)
    path, _, query = endpoint.partition("#")[0].partition("?")
    path = path.lstrip("/")
    path = f"{base.path.rstrip('/')}/{path}" if path else base.path
    return _unsplit(base, path, _merge(_merge_raw(base.query, query), query_params))


def with_params(url: str, params: Mapping[str, QueryValue]) -> str:
    """Return the URL with these query parameters, which replace those of the same name."""
    parts = _split(url)
    return _unsplit(parts, parts.path, _merge(parts.query, params))


def resolve_link(current_url: str, link: str) -> str:
    """Return the absolute URL of a link found in the answer of ``current_url``.

    Raises:
        UrlError: It is no ``http`` or ``https`` URL.
    """
    try:
        joined = urljoin(current_url, link.strip())
    except ValueError as error:
        raise _unusable(link) from error
    parts = _split(joined)
    return _unsplit(parts, parts.path, parts.query)


def is_absolute(endpoint: str) -> bool:
    """Return whether an endpoint names its own scheme and host."""
    return _ABSOLUTE.match(endpoint) is not None


def encode_segment(value: JSON) -> str:
    """Return the value percent-encoded as one path segment; booleans and numbers in their JSON spelling.

    Raises:
        UrlError: It is null, a list, an object, empty, ``.`` or ``..``.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return quote(repr(value), safe="")
    if not isinstance(value, str):
        message = f"a path value must be text, a number or a boolean, not {_kind(value)}"
        raise UrlError(message)
    if value in {"", ".", ".."}:
        message = f'"{value}" cannot be a path segment'
        raise UrlError(message)
    return _encode(value, "")


def fill_path(endpoint: str, values: Mapping[str, str]) -> str:
    """Return the endpoint with every ``{name}`` replaced by its value, already encoded by ``encode_segment``.

    Raises:
        UrlError: A name has no value.
    """

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            message = f"no value is known for {match[0]} in the endpoint {endpoint}"
            raise UrlError(message)
        return values[match[1]]

    return _PLACEHOLDER.sub(fill, endpoint)


def origin(url: str) -> str:
    """Return ``scheme://host`` or ``scheme://host:port``: lower case, IDNA, without a default port.

    Raises:
        UrlError: It is no absolute ``http`` or ``https`` URL.
    """
    parts = _split(url)
    return f"{parts.scheme}://{_host_and_port(parts)}"


def is_allowed(url: str, base_url: str, allowed_origins: Collection[str]) -> bool:
    """Whether credentials may go to this URL: its origin is the base URL's or one of ``allowed_origins``."""
    wanted = origin(url)
    return wanted == origin(base_url) or any(wanted == origin(allowed) for allowed in allowed_origins)


def _split(url: str) -> SplitResult:
    if _UNSAFE.search(url):
        raise _unusable(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unusable(url) from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0 or re.search(r"[\\\s]", parts.netloc):
        raise _unusable(url)
    return parts


def _unsplit(parts: SplitResult, path: str, query: str) -> str:
    url = f"{parts.scheme}://{_host_and_port(parts)}{_clean(path, _PATH_SAFE) or '/'}"
    return f"{url}?{_clean(query, _RAW_QUERY_SAFE)}" if query else url


def _host_and_port(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        host = _to_idna(host)
    return host if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{parts.port}"


def _to_idna(host: str) -> str:
    import idna  # noqa: PLC0415 - its tables are large, and few hosts need them

    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError as error:
        raise _unusable(host) from error


def _merge_raw(query: str, later: str) -> str:
    if not query or not later:
        return query or later
    return _without(query, {_name(pair) for pair in later.split("&")}) + later


def _merge(query: str, params: Mapping[str, QueryValue]) -> str:
    if not params:
        return query
    added = "&".join(pair for name, value in params.items() for pair in _pairs(name, value))
    before = _without(query, params.keys()) if query else ""
    return before + added if added else before.rstrip("&")


def _without(query: str, names: Collection[str]) -> str:
    kept = [pair for pair in query.split("&") if pair and _name(pair) not in names]
    return "".join(f"{pair}&" for pair in kept)


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _pairs(name: str, value: QueryValue) -> list[str]:
    key = _encode(name, _QUERY_SAFE)
    values = cast("list[JSON]", value) if isinstance(value, list) else [cast("JSON", value)]
    return [f"{key}={_query_text(name, item)}" for item in values]


def _query_text(name: str, value: JSON) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _encode(repr(value), _QUERY_SAFE)
    if isinstance(value, str):
        return _encode(value, _QUERY_SAFE)
    message = f'the query parameter "{name}" cannot be {_kind(value)} here'
    raise UrlError(message)


def _encode(text: str, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError as error:  # a lone surrogate
        message = "a value for a URL is no valid text"
        raise UrlError(message) from error


def _clean(text: str, safe: str) -> str:
    """Encode what may not stand in a URL and leave alone what is encoded already."""
    if _ORDINARY.match(text) and "%" not in text:
        return text
    return _encode(_LONE_PERCENT.sub("%25", text), safe)


def _unusable(url: str) -> UrlError:
    return UrlError(f"{shorten(mask_url(url), _LONGEST)!r} is no usable http or https URL")


def _kind(value: JSON) -> str:
    return "null" if value is None else "a list" if isinstance(value, list) else "an object"

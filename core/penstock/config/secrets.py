"""Which of the settings are secrets, so that no message repeats them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast
from urllib.parse import unquote_plus

from penstock.config.models import RequestSpec, Settings
from penstock.config.urls import host
from penstock.redaction import looks_secret, secret_parts, secrets_in

_SHORTEST: Final = 8
"""Of a value in the mapping that counts as a secret for its name alone: ``{"key": "id"}`` should not hide every id.

Nor should a page size that a variable holds hide every 100.
"""


def secrets_of(settings: Settings) -> Iterator[str]:
    """Iterate over the secrets of the connection, of sink and token store, and of the requests in the mapping."""
    yield from secrets_in((settings.connection.http, settings.connection.auth.config))
    yield from secrets_in((settings.connection.pagination.config, settings.sink.config, settings.tokens))
    for resource in settings.resources:
        for request in (resource.request, *(parameter.request for parameter in resource.path_parameters)):
            yield from _secrets_of_request(request)
    yield from _put_in(settings)


def _put_in(settings: Settings) -> Iterator[str]:
    """Iterate over what variables have put into requests, whatever it is called there.

    What names the source is none: every message about it would be riddled with holes.
    """
    public = (settings.source, host(settings.connection.http.base_url))
    for secret in settings.put_in:
        parts = (part for part in secret_parts(secret.get_secret_value()) if len(part) >= _SHORTEST)
        yield from (part for part in parts if not any(part in name for name in public))


def _secrets_of_request(request: RequestSpec) -> Iterator[str]:
    yield from secrets_in(request.pagination.config)
    yield from _named(request.headers)
    yield from _named(request.query_params)
    yield from _named(request.body)
    pairs = (pair.partition("=") for pair in request.endpoint.partition("?")[2].split("&"))
    yield from _named({unquote_plus(name): unquote_plus(value) for name, _, value in pairs})


def _named(value: object, *, secret: bool = False) -> Iterator[str]:
    """Iterate over the texts whose name says that they are secret; of ``Bearer x`` also over ``x``."""
    if isinstance(value, Mapping):
        for name, member in cast("Mapping[str, object]", value).items():
            yield from _named(member, secret=looks_secret(name) or name.lower() == "cookie")
    elif isinstance(value, list):
        for element in cast("list[object]", value):
            yield from _named(element, secret=secret)
    elif secret and isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
        rest = value.partition(" ")[2]
        if len(rest) >= _SHORTEST:
            yield rest

"""Changing requests: what is not ours stays as it is, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote, unquote_plus

import httpx

from penstock import JSON


def with_params(url: httpx.URL, params: Mapping[str, Sequence[str]]) -> httpx.URL:
    """Return the URL with these query parameters at its end, in the place of those of the same name.

    The others keep their spelling: a next link may be signed.
    """
    if not params:
        return url
    kept = [
        pair for pair in url.query.decode().split("&") if pair and unquote_plus(pair.partition("=")[0]) not in params
    ]
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, values in params.items() for value in values]
    return url.copy_with(query="&".join([*kept, *added]).encode() or None)


def with_members(request: httpx.Request, members: Mapping[str, JSON]) -> httpx.Request:
    """Return the request with these members in its JSON body, in the place of those of the same name.

    A body that is no JSON object, or none at all, becomes one.
    """
    document = {**_object(request.content), **members}
    headers = request.headers.copy()
    for name in ("content-length", "transfer-encoding"):  # as httpx makes them of the new body
        headers.pop(name, None)
    headers.setdefault("Content-Type", "application/json")
    content = json.dumps(document, separators=(",", ":")).encode()
    return httpx.Request(
        request.method, request.url, headers=headers, content=content, extensions=dict(request.extensions)
    )


def _object(content: bytes) -> dict[str, JSON]:
    try:
        document = cast("object", json.loads(content))
    except ValueError:
        return {}
    return cast("dict[str, JSON]", document) if isinstance(document, dict) else {}

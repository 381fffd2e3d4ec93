"""Credentials in the query, where everything else must keep its spelling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote_plus

import httpx


def with_params(url: httpx.URL, params: Mapping[str, str]) -> httpx.URL:
    """Return the URL with these parameters at its end, in place of those of the same name."""
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items()]
    return url.copy_with(query="&".join([*_kept(url, params), *added]).encode())


def without_params(url: httpx.URL, names: Collection[str]) -> httpx.URL:
    """Return the URL without the parameters of these names."""
    kept = "&".join(_kept(url, names)).encode()
    return url if kept == url.query else url.copy_with(query=kept or None)


def _kept(url: httpx.URL, names: Collection[str]) -> list[str]:
    """Return the other parameters as they are, byte for byte: a next link may be signed."""
    pairs = url.query.decode().split("&")
    return [pair for pair in pairs if pair and unquote_plus(pair.partition("=")[0]) not in names]

"""``{name}`` in texts of the settings: filled in for each request that is signed, from a closed list of names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Final

import httpx

from penstock import JSON

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z]+(?::[^{}\s]+)?)\}")
OF_REQUEST: Final = frozenset({"method", "url", "origin", "host", "path", "query", "target", "bodyHash"})
"""What ``facts_of`` knows."""


def facts_of(request: httpx.Request) -> dict[str, JSON]:
    """Return what can be said of a request, as it is sent.

    ``target`` is path and query as they stand in the request line, ``host`` has a port unless it is the scheme's own,
    ``bodyHash`` is the SHA-256 of the body in hex, that of nothing included.
    """
    target = request.url.raw_path.decode()
    path, _, query = target.partition("?")
    host = request.url.netloc.decode()
    return {
        "method": request.method,
        "url": f"{request.url.scheme}://{host}{target}",
        "origin": f"{request.url.scheme}://{host}",
        "host": host,
        "path": path,
        "query": query,
        "target": target,
        "bodyHash": sha256(request.content).hexdigest(),
    }


def names_in(value: JSON) -> frozenset[str]:
    """Return the placeholders in a text, or in the texts within an object or list."""
    return frozenset(name for text in _texts(value) for name in _PLACEHOLDER.findall(text))


def check_names(value: JSON, known: Collection[str]) -> None:
    """Refuse placeholders that nothing fills; a known ``header:`` allows any ``header:name``.

    Raises:
        ValueError: There is one.
    """
    for name in sorted(names_in(value) - set(known)):
        if f"{name.partition(':')[0]}:" in known:
            continue
        listed = ", ".join(f"{{{each}name}}" if each.endswith(":") else f"{{{each}}}" for each in sorted(known))
        message = f"has {{{name}}}, which nothing fills; known are {listed}"
        raise ValueError(message)


def filled(text: str, facts: Mapping[str, JSON]) -> str:
    """Return the text with every placeholder filled in."""
    return _PLACEHOLDER.sub(lambda match: str(facts[match[1]]), text)


def all_filled(value: JSON, facts: Mapping[str, JSON]) -> JSON:
    """Return a value with its texts filled in; a text that is one placeholder and no more keeps a number a number."""
    if isinstance(value, str):
        alone = _PLACEHOLDER.fullmatch(value)
        return facts[alone[1]] if alone else filled(value, facts)
    if isinstance(value, list):
        return [all_filled(element, facts) for element in value]
    if isinstance(value, dict):
        return {name: all_filled(member, facts) for name, member in value.items()}
    return value


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)

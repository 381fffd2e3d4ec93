"""``${NAME}`` in ``penstock.yml`` is the environment variable NAME; ``$${NAME}`` is the text ``${NAME}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from penstock.config.node import Node, children, to_snake
from penstock.config.problems import Findings
from penstock.errors import did_you_mean

_PATTERN: Final = re.compile(r"(\$?)\$\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUEST_VALUES: Final = frozenset({"query_params", "headers", "body"})
_NO_JQ: Final = frozenset(
    {
        *("kind", "endpoint", "method", "pagination", "items_to_parse_name"),
        *("param", "format", "timezone", "lookback", "full_every"),  # of ``incremental``
    }
)
"""Beside request values: anywhere else below ``resources`` ``${`` is part of a jq expression."""


def interpolate(node: Node, variables: Mapping[str, str], found: Findings, *, skip: Collection[str] = ()) -> Node:
    """Put variables in everywhere but beneath the keys in ``skip`` (snake_case); a missing one is a problem."""
    if isinstance(node.value, dict):
        members = {
            key: child if to_snake(key) in skip else interpolate(child, variables, found, skip=skip)
            for key, child in node.value.items()
        }
        return replace(node, value=members)
    if isinstance(node.value, list):
        return replace(node, value=[interpolate(child, variables, found, skip=skip) for child in node.value])
    return _put_in(node, variables, found)


def interpolate_resources(node: Node, variables: Mapping[str, str], found: Findings) -> Node:
    """Put variables into ``resources``, or a document that holds them, wherever no jq stands.

    What they hold counts as secret where it goes into query parameters, headers and bodies.
    """

    def put(place: Node) -> Node:
        query = place.value.partition("?")[2] if isinstance(place.value, str) else ""
        return noted(place, replace(place, value=query))

    def put_secretly(place: Node) -> Node:
        return noted(place, place)

    def noted(place: Node, secret: Node) -> Node:
        found.put_in_secretly.update(dict.fromkeys(_held_in(secret, variables)))
        return interpolate(place, variables, found)

    return changed_resources(node, put, put_secretly)


def changed_resources(node: Node, plain: Callable[[Node], Node], secret: Callable[[Node], Node]) -> Node:
    """Return ``resources``, or what holds or is part of them, with the places changed where variables may stand.

    Args:
        node: What to change; keys may be in any spelling.
        plain: Changes a place that holds no secret, unless its name says so.
        secret: Changes request values.
    """
    if isinstance(node.value, list):
        return replace(node, value=[changed_resources(child, plain, secret) for child in node.value])
    if not isinstance(node.value, dict):
        return node
    return replace(
        node, value={key: _changed(to_snake(key), child, plain, secret) for key, child in node.fields.items()}
    )


def _changed(key: str, node: Node, plain: Callable[[Node], Node], secret: Callable[[Node], Node]) -> Node:
    if key in _REQUEST_VALUES:
        return secret(node)
    if key in _NO_JQ:
        return plain(node)
    if key == "entity":  # all of it is jq, and its keys may have any name
        return node
    if key == "path_parameters" and isinstance(node.value, dict):
        named = {name: changed_resources(child, plain, secret) for name, child in node.value.items()}
        return replace(node, value=named)
    return changed_resources(node, plain, secret)


def _held_in(node: Node, variables: Mapping[str, str]) -> Iterator[str]:
    """Iterate over what the variables hold that stand in a tree."""
    if isinstance(node.value, str):
        for escaped, name in _PATTERN.findall(node.value):
            if not escaped and name in variables:
                yield variables[name]
    for child in children(node):
        yield from _held_in(child, variables)


def interpolate_headers(node: Node, variables: Mapping[str, str]) -> Node:
    """Put variables into ``customHeaders``; a missing one stays as it is written (connection.md 2.1)."""

    def text(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        return f"${{{name}}}" if escaped else variables.get(name, match.group())

    if not isinstance(node.value, dict):
        return node
    members = {
        key: replace(child, value=_PATTERN.sub(text, child.value)) if isinstance(child.value, str) else child
        for key, child in node.value.items()
    }
    return replace(node, value=members)


def _put_in(node: Node, variables: Mapping[str, str], found: Findings) -> Node:
    if not isinstance(node.value, str) or "${" not in node.value:
        return node

    def text(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return f"${{{name}}}"
        if name not in variables:
            found.spoil(node, _missing(name, variables))
        else:
            found.conceal(variables[name])
        return variables.get(name, match.group())

    return replace(node, value=_PATTERN.sub(text, node.value))


def _missing(name: str, variables: Mapping[str, str]) -> str:
    if not _NAME.fullmatch(name):
        return "expected the name of an environment variable within ${ }; write $${ for the text ${ itself"
    return f"the environment variable {name} is not set{did_you_mean(name, list(variables))}"

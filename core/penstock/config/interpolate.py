"""``${NAME}`` in ``penstock.yml`` is the environment variable NAME; ``$${NAME}`` is the text ``${NAME}``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from penstock.config.node import Node, children, to_snake
from penstock.config.problems import Findings
from penstock.errors import did_you_mean

_PATTERN: Final = re.compile(r"(\$?)\$\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUEST_VALUES: Final = frozenset({"query_params", "headers", "body"})
"""Below ``resources`` only these: anywhere else ``${`` may be part of a jq expression."""


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


def interpolate_requests(node: Node, variables: Mapping[str, str], found: Findings) -> Node:
    """Put variables into the query parameters, headers and bodies of ``resources`` alone: they may all be secrets."""
    if isinstance(node.value, dict):
        members = {
            key: (_secretly if to_snake(key) in _REQUEST_VALUES else interpolate_requests)(child, variables, found)
            for key, child in node.value.items()
        }
        return replace(node, value=members)
    if isinstance(node.value, list):
        return replace(node, value=[interpolate_requests(child, variables, found) for child in node.value])
    return node


def _secretly(node: Node, variables: Mapping[str, str], found: Findings) -> Node:
    found.put_in_secretly.update(dict.fromkeys(_held_in(node, variables)))
    return interpolate(node, variables, found)


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

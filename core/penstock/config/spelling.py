"""One spelling for a whole document: camelCase keys become snake_case, and what is blank is left out."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.config.node import Node, json_of, to_snake
from penstock.config.problems import Findings
from penstock.config.settings import differs

_NAMED_BY_USERS: Final = frozenset({"properties", "relations", "headers", "query_params", "body", "pagination"})
"""Their keys are not ours; ``pagination`` belongs to a plugin."""
_NAMED_MAPPINGS: Final = frozenset({"path_parameters"})
"""Their keys are not ours, the mappings beneath them are."""

_MAY_BE_JSON_TEXT: Final = frozenset({"headers", "query_params", "pagination"})


def with_one_spelling(node: Node, found: Findings) -> Node:
    """Return a mapping document, or a part of it, with its own keys in snake_case.

    Two spellings of one key that differ are a problem. Null and empty text mean that the key is not set.
    """
    if isinstance(node.value, list):
        return replace(node, value=[with_one_spelling(child, found) for child in node.value])
    if not isinstance(node.value, dict):
        return node
    members = keys_in_snake_case(node, found).fields
    return replace(node, value={key: _child(key, child, found) for key, child in members.items()})


def _child(key: str, child: Node, found: Findings) -> Node:
    if key in _MAY_BE_JSON_TEXT:
        child = json_of(child)
    if key in _NAMED_BY_USERS:
        return child
    if key in _NAMED_MAPPINGS:
        named = {name: with_one_spelling(value, found) for name, value in child.fields.items()}
        return replace(child, value=named) if isinstance(child.value, dict) else child
    return with_one_spelling(child, found)


def keys_in_snake_case(node: Node, found: Findings) -> Node:
    """Return a mapping with its direct keys in snake_case, without the blank ones."""
    members: dict[str, Node] = {}
    for key, child in node.fields.items():
        if child.blank:
            continue
        first = members.setdefault(to_snake(key), child)
        if differs(first, child):
            found.problem(child, f"differs from {first.path} ({first.source}), another spelling of this setting")
    return replace(node, value=members)

"""Nodes as YAML that our own reader reads as the same nodes."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from penstock.config.node import Node

_TAG: Final = "tag:yaml.org,2002:"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_WORD: Final = re.compile(r"[A-Za-z_/$@.][\w/$@.-]*\Z")
"""A key that needs no quotes."""


class _Dumper(yaml.SafeDumper):
    """Takes a plain scalar for what our reader takes it for, and quotes text that looks so."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - so PyYAML has it

    def ignore_aliases(self, data: object) -> bool:
        """Write everything out."""
        del data
        return True


_RESOLVERS: Final = {
    "float": (_NUMBER, list("-0123456789")),
    "bool": (re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    "null": (re.compile(r"(null|Null|NULL|~|)\Z"), ["n", "N", "~", ""]),
    "merge": (re.compile(r"<<\Z"), ["<"]),
}
for _name, (_pattern, _first) in _RESOLVERS.items():
    cast("Any", _Dumper).add_implicit_resolver(f"{_TAG}{_name}", _pattern, _first)


def yaml_text(node: Node) -> str:
    """Return the node as a YAML document."""
    text: str = cast("Any", yaml).serialize(_node(node), Dumper=_Dumper, width=10**6, allow_unicode=True, indent=2)
    return text


def _node(node: Node) -> yaml.Node:
    if isinstance(node.value, dict):
        pairs = [(_key(key), _node(child)) for key, child in node.value.items()]
        return MappingNode(f"{_TAG}map", pairs, flow_style=not pairs)
    if isinstance(node.value, list):
        items = [_node(child) for child in node.value]
        return SequenceNode(f"{_TAG}seq", items, flow_style=not items)
    if node.value is None:
        return ScalarNode(f"{_TAG}null", "null")
    if isinstance(node.value, bool):
        return ScalarNode(f"{_TAG}bool", "true" if node.value else "false")
    if isinstance(node.value, str):
        return _text(node.value)
    return ScalarNode(f"{_TAG}float", node.as_text() or "")


def _text(text: str) -> ScalarNode:
    style = None
    if "\n" in text:
        plain = text.isprintable() or all(char.isprintable() or char == "\n" for char in text)
        style = "|" if plain and text[0] not in " \n" else '"'
    return ScalarNode(f"{_TAG}str", text, style=style)


def _key(key: str) -> ScalarNode:
    return ScalarNode(f"{_TAG}str", key, style=None if _WORD.match(key) else '"')

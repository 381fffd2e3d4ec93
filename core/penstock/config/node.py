"""Values that know where they were written: what YAML, JSON text and the environment are read into."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from penstock.values import JSON

Scalar: TypeAlias = "str | int | float | bool | None"
Value: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node] | None"

_WORD_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Node(Struct, frozen=True):
    """A value with its path, ``connection.pageSize``, and its source, ``penstock.yml:4``."""

    value: Value
    path: str
    source: str
    text: str = ""
    """A number exactly as it was written, so that ``1.10`` may be a version."""

    @property
    def fields(self) -> dict[str, Node]:
        """The members of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def blank(self) -> bool:
        """Whether this is null or empty text, which both mean "not set"."""
        return self.value is None or self.value == ""

    def plain(self) -> JSON:
        """Return the value alone."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def as_text(self) -> str | None:
        """Return a scalar as text: booleans in JSON's spelling, numbers as written; None for null and collections."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, bool | int | float):
            return self.text or json.dumps(self.value)
        return None

    def find(self, location: Iterable[str | int]) -> Node:
        """Walk down ``location`` and return the deepest node met.

        Steps that name no child are passed over: pydantic puts the names of union members among them.
        """
        node = self
        for step in location:
            node = _child(node, step) or node
        return node


NOTHING: Final = Node({}, "", "")
"""Stands in for a mapping that was not written."""


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(step, int):
        return node.value[step] if isinstance(node.value, list) and step < len(node.value) else None
    fields = node.fields
    return fields.get(step) or fields.get(to_snake(step))


def join(path: str, step: str | int) -> str:
    """Return the path of a child."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def to_snake(name: str) -> str:
    """Return ``base_url`` for ``baseUrl``, ``baseURL``, ``base_url`` and ``BASE_URL``."""
    if name.isupper():
        return name.lower()
    return _WORD_BOUNDARY.sub("_", name).lower()


def from_json(value: object, path: str, source: str) -> Node:
    """Give every part of a decoded JSON document the same source."""
    if isinstance(value, dict):
        members = cast("Mapping[str, object]", value)
        return Node({key: from_json(item, join(path, key), source) for key, item in members.items()}, path, source)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return Node([from_json(item, join(path, index), source) for index, item in enumerate(items)], path, source)
    return Node(cast("Scalar", value), path, source)


def json_of(node: Node) -> Node:
    """Return the collection that a text holds as JSON, or the node itself."""
    if isinstance(node.value, str) and node.value.lstrip().startswith(("{", "[")):
        try:
            return from_json(json.loads(node.value), node.path, node.source)
        except ValueError:
            return node
    return node


def moved(node: Node, path: str) -> Node:
    """Return the same tree under another path."""
    if isinstance(node.value, dict):
        return replace(node, path=path, value={key: moved(child, join(path, key)) for key, child in node.value.items()})
    if isinstance(node.value, list):
        return replace(
            node, path=path, value=[moved(child, join(path, index)) for index, child in enumerate(node.value)]
        )
    return replace(node, path=path)


def size(node: Node) -> int:
    """Return how many nodes the tree has."""
    return 1 + sum(size(child) for child in children(node))


def children(node: Node) -> Iterator[Node]:
    """Iterate over the direct children."""
    if isinstance(node.value, dict):
        yield from node.value.values()
    elif isinstance(node.value, list):
        yield from node.value

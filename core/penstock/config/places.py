"""Where each expression of a mapping is written: to be shown to whoever asks what gave a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from penstock.config.mapping import written_resources
from penstock.config.node import NOTHING, Node
from penstock.config.problems import Findings
from penstock.config.sources import Inputs, document_with_resources, read_sources


class Place(NamedTuple):
    """Where something is written."""

    path: str
    """``resources[0].port.entity.mappings.identifier``."""
    source: str
    """``penstock.yml:12``; a variable where it stands in the environment."""


def load_places(inputs: Inputs) -> list[Mapping[str, Place]]:
    """Return, for each resource of a mapping, the places of its expressions, by the paths that messages have for them.

    Those are ``selector.query``, ``selector.data_path``, ``itemsToParse``, ``identifier``, ``properties.NAME`` and so
    on, the latter after ``mappings[1].`` where one item becomes several entities.

    Raises:
        ConfigurationError: The mapping cannot be read.
    """
    found = Findings()
    document = document_with_resources(read_sources(inputs, found), found)
    if document is None:
        raise found.error()
    resources = written_resources(document.root.fields["resources"], found)
    return [{name: Place(node.path, node.source) for name, node in _expressions(resource)} for resource in resources]


def _expressions(resource: Node) -> Iterator[tuple[str, Node]]:
    selector = resource.fields.get("selector", NOTHING).fields
    yield from ((f"selector.{name}", selector[name]) for name in ("query", "data_path") if name in selector)
    port = resource.fields.get("port", NOTHING).fields
    if "items_to_parse" in port:
        yield "itemsToParse", port["items_to_parse"]
    mappings = port.get("entity", NOTHING).fields.get("mappings", NOTHING)
    several = mappings.value if isinstance(mappings.value, list) else [mappings]
    for index, mapping in enumerate(several):
        prefix = f"mappings[{index}]." if len(several) > 1 else ""
        for name, node in _fields(mapping):
            yield f"{prefix}{name}", node


def _fields(mapping: Node) -> Iterator[tuple[str, Node]]:
    for name in ("identifier", "blueprint", "title", "icon", "team"):
        if name in mapping.fields:
            yield name, mapping.fields[name]
    for group in ("properties", "relations"):
        for name, node in mapping.fields.get(group, NOTHING).fields.items():
            yield f"{group}.{name}", node

"""Ocean's own file, ``config.yaml``: the settings of its variables, nested and in camelCase (sync.md section 12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from penstock.config.node import Node, to_snake
from penstock.config.problems import Findings
from penstock.config.settings import differs
from penstock.config.yaml_source import read_yaml
from penstock.errors import did_you_mean

_REFERENCE: Final = re.compile(r"\{\{\s*from\s+env\s+([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

Steps: TypeAlias = tuple[str, ...]
"""A variable without ``OCEAN__``, in lower case: ``("port", "client_id")``."""


class Written(NamedTuple):
    """One setting of the file."""

    steps: Steps
    node: Node
    """As it is written; its path is that of the file."""


def settings_of(
    file: Path, text_of: Callable[[Path], str], branches: Collection[Steps], found: Findings
) -> Iterator[Written]:
    """Iterate over what the file sets; null sets nothing, and two spellings of a setting that differ are a problem.

    Args:
        file: Which.
        text_of: Returns what a file holds.
        branches: The variables that have members: a mapping elsewhere is one value.
        found: Takes what is wrong with the file.
    """
    root = read_yaml(file, text_of, found)
    if root is None:
        return
    if not isinstance(root.value, dict):
        found.problem(root, "expected a mapping of settings")
        return
    yield from _leaves(root, (), branches, found)


def _leaves(node: Node, steps: Steps, branches: Collection[Steps], found: Findings) -> Iterator[Written]:
    members: dict[str, Node] = {}
    for name, child in node.fields.items():
        key = to_snake(name)
        first = members.setdefault(key, child)
        if differs(first, child):
            found.problem(child, f"differs from {first.path} ({first.source}), another spelling of this setting")
        if first is not child:
            continue
        here = (*steps, key)
        if isinstance(child.value, dict) and here in branches:
            yield from _leaves(child, here, branches, found)
        elif child.value is not None:
            yield Written(here, child)


def reference_in(node: Node) -> str | None:
    """Return the variable whose value the node is: ``{{ from env NAME }}``."""
    match = _REFERENCE.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    return match[1] if match else None


def resolved(node: Node, variables: Mapping[str, str], found: Findings) -> Node:
    """Return the node with the values of the variables it refers to; that one is not set is a problem."""
    if isinstance(node.value, dict):
        members = {key: resolved(child, variables, found) for key, child in node.value.items()}
        return replace(node, value=members)
    if isinstance(node.value, list):
        return replace(node, value=[resolved(child, variables, found) for child in node.value])
    name = reference_in(node)
    if name is None:
        return node
    if name not in variables:
        found.spoil(node, f"the environment variable {name} is not set{did_you_mean(name, list(variables))}")
        return node
    found.conceal(variables[name])
    return replace(node, value=variables[name])

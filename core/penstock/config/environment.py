"""Settings from environment variables and ``.env``: ``PENSTOCK__...``, and Ocean's ``OCEAN__...``.

``PENSTOCK__A__B=x`` sets ``b`` of ``a``; names ignore case. A JSON object in ``PENSTOCK__A`` is merged with
``PENSTOCK__A__B``, and the longer name wins. A variable with empty text is not set (spec: sync.md 12).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.node import Node, from_json, join, to_snake
from penstock.config.problems import Findings

OURS: Final = "PENSTOCK__"
OCEAN: Final = "OCEAN__"
APPLICATION: Final = "APPLICATION__"
"""How Ocean names the settings of its server."""

_Steps: TypeAlias = tuple[str, ...]

_OUR_BRANCHES: Final = frozenset(
    {("connection",), ("sink",), ("expressions",), ("plugins",), ("tokens",), ("event_listener",), ("service",)}
)
_OCEAN_BRANCHES: Final = frozenset(
    {
        ("actions_processor",),
        ("event_listener",),
        ("integration",),
        ("integration", "config"),
        ("integration", "secrets"),
        ("metrics",),
        ("port",),
        ("ssl",),
        ("ssl", "port"),
        ("ssl", "port", "x509"),
        ("ssl", "third_party"),
        ("ssl", "third_party", "x509"),
        ("streaming",),
    }
)


class Environment(Struct, frozen=True):
    """What the environment says."""

    variables: Mapping[str, str]
    """Every variable by its exact name, for ``${NAME}``; the real environment wins over ``.env``."""
    ours: Node
    """The tree of ``PENSTOCK__`` variables; all names in snake_case."""
    ocean: Node
    """The tree of ``OCEAN__`` variables; what Ocean says of its server stands in it as ``service``."""
    application: Node
    """The tree of ``APPLICATION__`` variables."""
    ocean_file: str = ""
    """What messages call the ``config.yaml`` of which there is something in ``ocean``; empty where there is none."""


class Variable(Struct, frozen=True):
    """One variable as somebody wrote it."""

    name: str
    value: str
    source: str
    """What messages call its place."""


def read_environment(
    environ: Mapping[str, str],
    dotenv: Path | None,
    text_of: Callable[[Path], str],
    found: Findings,
    *,
    given: Sequence[Variable] = (),
    ocean_config: Path | None = None,
) -> Environment:
    """Read the variables of the process and, beneath them, those of a ``.env`` file if it exists.

    ``given`` are others, weaker than both; of two with one name the later counts. The weakest of all is what a
    ``config.yaml`` of Ocean says, if it exists.
    """
    file = _read_dotenv(dotenv, text_of, found) if dotenv is not None and dotenv.is_file() else []
    real = [Variable(name, value, f"environment {name}") for name, value in environ.items()]
    strongest = {variable.name.upper(): variable for variable in [*given, *file, *real]}
    variables = {variable.name: variable.value for variable in [*given, *file]} | dict(environ)
    ours = _tree(strongest, OURS, _OUR_BRANCHES, found)
    ocean = _tree(strongest, OCEAN, _OCEAN_BRANCHES, found)
    file_of_ocean = ""
    if ocean_config is not None and ocean_config.is_file():
        file_of_ocean = str(ocean_config)
        _add_file(ocean, ocean_config, text_of, variables, found)
    application = _tree(strongest, APPLICATION, frozenset(), found)
    return Environment(variables, ours, _with_service(ocean, application), application, file_of_ocean)


def _add_file(
    ocean: Node, file: Path, text_of: Callable[[Path], str], variables: Mapping[str, str], found: Findings
) -> None:
    """Add to the tree what the file says beneath it: what is set by a variable need not be sound there."""
    from penstock.config.ocean_file import resolved, settings_of  # noqa: PLC0415 - most runs have no such file

    for steps, node in settings_of(file, text_of, _OCEAN_BRANCHES, found):
        if _is_free(ocean, steps):
            value = resolved(node, variables, found)
            if not value.blank:
                _hang(ocean, steps, value, found)


def _is_free(root: Node, steps: _Steps) -> bool:
    here = root
    for step in steps:
        child = here.fields.get(step)
        if child is None:
            return isinstance(here.value, dict)
        here = child
    return False


def _hang(root: Node, steps: _Steps, leaf: Node, found: Findings) -> None:
    """Put a value where nothing is; of what should have members and has none, nothing can be said."""
    if steps in _OCEAN_BRANCHES:
        leaf = _as_branch(leaf)
        if not leaf.fields:
            found.warn(leaf, "expected a mapping of settings (ignored)")
            return
    here = root
    for depth, step in enumerate(steps[:-1], start=1):
        here = here.fields.setdefault(step, Node({}, ".".join(steps[:depth]), leaf.source))
    here.fields[steps[-1]] = leaf


def _with_service(ocean: Node, application: Node) -> Node:
    """Gather what is said of the server where our block has it."""
    said = {
        "path_prefix": ocean.fields.get("path_prefix"),
        "port": application.fields.get("port"),
        "log_level": application.fields.get("log_level") or ocean.fields.get("log_level"),
    }
    service = {name: replace(node, path=f"service.{name}") for name, node in said.items() if node is not None}
    return (
        replace(ocean, value={**ocean.fields, "service": Node(service, "service", ocean.source)}) if service else ocean
    )


def _read_dotenv(file: Path, text_of: Callable[[Path], str], found: Findings) -> list[Variable]:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most runs have no such file

    try:
        text = text_of(file)
    except UnicodeDecodeError:
        found.problem(Node(None, "", str(file)), "the file is not UTF-8 text")
        return []
    variables: list[Variable] = []
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        blank_lines = written.count("\n", 0, len(written) - len(written.lstrip()))
        source = f"{file}:{binding.original.line + blank_lines}"
        if binding.error:
            found.warn(Node(None, "", source), "this line is not NAME=VALUE (ignored)")
        elif binding.key is not None and binding.value is not None:
            variables.append(Variable(binding.key, binding.value, f"{source} {binding.key}"))
    return variables


def _tree(variables: Mapping[str, Variable], prefix: str, branches: frozenset[_Steps], found: Findings) -> Node:
    root = Node({}, "", f"environment {prefix}*")
    named = {
        tuple(name.removeprefix(prefix).lower().split("__")): variable
        for name, variable in variables.items()
        if name.startswith(prefix) and variable.value
    }
    for steps in sorted(named, key=lambda steps: (len(steps), steps)):
        _plant(root, steps, named[steps], branches, found)
    return root


def _plant(root: Node, steps: _Steps, variable: Variable, branches: frozenset[_Steps], found: Findings) -> None:
    here = root
    for depth, step in enumerate(steps[:-1], start=1):
        child = here.fields.get(step)
        if child is None or not isinstance(child.value, dict):
            # text of a shorter name that turns out to be a branch: {"a": 1} in X__CONFIG__Y beside X__CONFIG__Y__B
            child = _as_branch(child) if child else Node({}, ".".join(steps[:depth]), variable.source)
            here.fields[step] = child
        here = child
    leaf = Node(variable.value, join(here.path, steps[-1]), variable.source)
    if steps in branches:
        branch = _as_branch(leaf)
        if not branch.fields and variable.value.strip() != "{}":
            found.problem(leaf, "expected a JSON object")
        leaf = branch
    here.fields[steps[-1]] = leaf


def _as_branch(leaf: Node) -> Node:
    """Return the JSON object in a leaf as a mapping with names in snake_case; an empty one if it holds none."""
    try:
        content: object = json.loads(str(leaf.value))
    except ValueError:
        content = None
    node = from_json(content, leaf.path, leaf.source)
    return Node({to_snake(key): child for key, child in node.fields.items()}, leaf.path, leaf.source)


def branches_of_ocean() -> frozenset[_Steps]:
    """Return the variables of Ocean that have members, each as its steps in lower case."""
    return _OCEAN_BRANCHES


def variable_name(steps: Sequence[str], prefix: str = OURS) -> str:
    """Return the variable that sets a setting: ``PENSTOCK__CONNECTION__BASE_URL``."""
    return prefix + "__".join(steps).upper()

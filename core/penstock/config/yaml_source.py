"""YAML read into nodes that know their line.

Built on the parser's events rather than on PyYAML's constructors, which forget lines, drop duplicate keys silently,
make ``no`` false and ``2024-01-01`` a date, and whose C composer can be crashed by deep nesting. Plain scalars
become numbers, true, false and null as JSON spells them (plus ``True``, ``~`` and the like), anything else is text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from penstock.config.node import Node, join, moved, size
from penstock.config.problems import Findings

_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(?P<fraction>(\.[0-9]+)?([eE][-+]?[0-9]+)?)")
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_MOST_DIGITS: Final = 4000
"""Python refuses to read longer integers."""
_DEEPEST: Final = 100
_TOO_DEEP: Final = f"nested deeper than {_DEEPEST} levels"
_MOST_NODES: Final = 200_000
"""Aliases of aliases can make a small file enormous."""


def read_yaml(file: Path, text_of: Callable[[Path], str], found: Findings) -> Node | None:
    """Read a file; None after a problem, or an empty mapping for an empty file."""
    whole = Node(None, "", str(file))
    try:
        text = text_of(file)
    except UnicodeDecodeError:
        found.problem(whole, "the file is not UTF-8 text")
        return None
    except OSError as error:
        found.problem(whole, f"cannot be read: {error.strerror}")
        return None
    return parse_yaml(text, str(file), found)


def parse_yaml(text: str, name: str, found: Findings, *, path: str = "", lines: bool = True) -> Node | None:
    """Parse one document; None after a problem.

    Args:
        text: The document.
        name: What to call it in messages; the line is added.
        found: Takes the problems.
        path: The path of the document's root.
        lines: False where a line says nothing to the user, as in an environment variable.
    """
    try:
        return _Reader(text, name, found, lines=lines).document(path)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _report(found, name, line if lines else None, "the file is not YAML: it contains a control character")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"the file is not YAML: {_said(error)}{_hint(text, mark.line if mark else -1)}"
        if error.problem and "maximum nesting depth" in error.problem:  # newer libyaml has a limit of its own
            message = _TOO_DEEP
        _report(found, name, mark.line + 1 if mark and lines else None, message)
    except _UnfitError as error:
        found.problem(error.node, error.message)
    return None


def _said(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part)


def _hint(text: str, line: int) -> str:
    """Return what is often wrong with a line, counted from 0, that looks like this one."""
    written = "".join(text.splitlines()[line : line + 1])
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "; lines are indented with blanks, not with tabs"
    return "; inside { } and [ ] text such as ${NAME} needs quotes" if "${" in written else ""


def _report(found: Findings, name: str, line: int | None, message: str) -> None:
    found.problem(Node(None, "", name if line is None else f"{name}:{line}"), message)


class _UnfitError(Exception):
    """YAML we do not read; the document is given up."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message


class _Reader:
    """One document on its way from events to nodes."""

    def __init__(self, text: str, name: str, found: Findings, *, lines: bool) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self._found = found
        self._lines = lines
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self, path: str) -> Node:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                root = self._node(next(self._events), path, 0)
                break
        else:
            return Node({}, path, self._name)
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                raise _UnfitError(self._at(event, ""), "a second document starts here; one is expected")
        return root

    def _at(self, event: Event, path: str) -> Node:
        if not self._lines or event.start_mark is None:
            return Node(None, path, self._name)
        return Node(None, path, f"{self._name}:{event.start_mark.line + 1}")

    def _node(self, event: Event, path: str, depth: int) -> Node:
        here = self._at(event, path)
        self._count(here, 1)
        if depth > _DEEPEST:
            raise _UnfitError(self._at(event, ""), _TOO_DEEP)
        if isinstance(event, AliasEvent):
            return self._alias(here, str(event.anchor))
        self._check_tag(event, here)
        if isinstance(event, ScalarEvent):
            node = _scalar(event, here)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(here, depth)
        else:
            node = self._mapping(here, depth)
        anchor = cast("NodeEvent", event).anchor
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _count(self, here: Node, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise _UnfitError(here, f"the document has more than {_MOST_NODES} values")

    def _alias(self, here: Node, anchor: str) -> Node:
        if anchor not in self._anchors:
            raise _UnfitError(here, "the file is not YAML: text that begins with * needs quotes")
        target = self._anchors[anchor]
        self._count(here, size(target))
        return moved(target, here.path)

    def _check_tag(self, event: Event, here: Node) -> None:
        tag = cast("str | None", getattr(event, "tag", None))
        if tag is not None and tag != "!" and not tag.startswith("tag:yaml.org,2002:"):
            raise _UnfitError(here, "YAML tags are not supported; text that begins with ! needs quotes")

    def _sequence(self, here: Node, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, join(here.path, len(items)), depth + 1))
        return Node(items, here.path, here.source)

    def _mapping(self, here: Node, depth: int) -> Node:
        members: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise _UnfitError(self._at(event, here.path), "a key must be text")
            key = str(event.value)
            value = self._node(next(self._events), join(here.path, key), depth + 1)
            name, colon, rest = key.partition(":")
            if event.implicit[0] and value.value is None and colon and rest:  # {apiKey:secret} sets nothing
                message = "a blank is missing after the colon"
                self._found.problem(value, message, path=join(here.path, name))
            elif key == "<<" and event.implicit[0]:
                merged.append(value)
            elif key in members:
                self._found.problem(value, f"written twice; first at {members[key].source}")
            else:
                members[key] = value
        return Node(self._with_merged(members, merged, here.path), here.path, here.source)

    def _with_merged(self, members: dict[str, Node], merged: list[Node], path: str) -> dict[str, Node]:
        for node in merged:
            for source in node.value if isinstance(node.value, list) else [node]:
                if not isinstance(source.value, dict):
                    raise _UnfitError(source, "<< merges mappings only")
                for key, value in source.value.items():
                    members.setdefault(key, moved(value, join(path, key)))
        return members


def _scalar(event: ScalarEvent, here: Node) -> Node:
    text = str(event.value)
    plain = bool(event.implicit[0])
    if not plain:
        return Node(text, here.path, here.source)
    if text in _CONSTANTS:
        return Node(_CONSTANTS[text], here.path, here.source)
    number = _number(text)
    if number is None:
        return Node(text, here.path, here.source)
    return Node(number, here.path, here.source, text)


def _number(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _MOST_DIGITS:
        return None
    if not match["fraction"]:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else None

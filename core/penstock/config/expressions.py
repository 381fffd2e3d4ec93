"""The jq expressions of a mapping: found wherever they stand, and compiled before anything is requested."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from penstock.config.node import NOTHING, Node, children
from penstock.config.problems import Findings
from penstock.errors import ExpressionError

_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def check(resources: Sequence[Node], found: Findings) -> None:
    """Report every expression of these resources (keys in snake_case) that does not compile, and what it may miss."""
    from penstock.expressions import check_expressions  # noqa: PLC0415 - `penstock schema` and others need no jq

    places = [place for resource in resources for place in _places(resource)]
    for place in places:
        if not str(place.value).strip():
            found.problem(place, "expected a jq expression, not empty text")
    texts = {place.value for place in places if isinstance(place.value, str) and place.value.strip()}
    errors = check_expressions(sorted(texts))
    for place in places:
        if isinstance(place.value, str) and place.value in errors:
            found.problem(place, f"jq does not compile: {explain(errors[place.value])}")
        elif variable := _VARIABLE.search(str(place.value)):
            found.warn(place, f"{variable[0]} is the text itself here: no variables are put into jq")


def explain(error: ExpressionError) -> str:
    """Return expression and message on one line."""
    message, expression = (" ".join(text.split()) for text in (str(error), error.expression))
    return message if expression in message else f"`{expression}`: {message}"


def _places(resource: Node) -> Iterator[Node]:
    selector = resource.fields.get("selector", NOTHING).fields
    yield from _texts(selector, "query", "data_path", "fail_when")
    yield from _texts(selector.get("incremental", NOTHING).fields, "field", "request")
    for parameter in selector.get("path_parameters", NOTHING).fields.values():
        yield from _texts(parameter.fields, "data_path", "fail_when", "field", "filter")
    port = resource.fields.get("port", NOTHING).fields
    yield from _texts(port, "items_to_parse")
    mappings = port.get("entity", NOTHING).fields.get("mappings", NOTHING)
    for mapping in mappings.value if isinstance(mappings.value, list) else [mappings]:
        yield from _of_entity(mapping)


def _of_entity(mapping: Node) -> Iterator[Node]:
    for name in ("identifier", "blueprint", "title", "icon", "team"):
        if name in mapping.fields:
            yield from _leaves(mapping.fields[name])
    for name in ("properties", "relations"):
        for child in mapping.fields.get(name, NOTHING).fields.values():
            yield from _leaves(child)


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node.value, str):
        yield node
    for child in children(node):
        yield from _leaves(child)


def _texts(fields: dict[str, Node], *names: str) -> Iterator[Node]:
    yield from (fields[name] for name in names if name in fields and isinstance(fields[name].value, str))

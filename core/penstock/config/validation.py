"""From nodes to pydantic models, with every complaint in our own words and at its place.

What connection.md 1.1 lets people write is put right on the way: numbers where text is meant, JSON text where a
mapping or a list is. No message contains a value that might be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar, cast, get_args

from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from penstock.config.node import Node, from_json, join
from penstock.config.problems import Findings
from penstock.errors import did_you_mean
from penstock.plugins import config_of
from penstock.strategies import NestedAuth

ModelT = TypeVar("ModelT", bound=BaseModel)

_EXPECTED: Final = {
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a whole number of fewer digits",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text",
    "string_too_short": "expected text that is not empty",
    "path_type": "expected a path",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "model_type": "expected a mapping of settings",
    "model_attributes_type": "expected a mapping of settings",
}
_BOUNDS: Final = {
    "greater_than": ("must be greater than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be less than {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
}
_COLLECTIONS: Final = {
    "dict_type": dict,
    "mapping_type": dict,
    "model_type": dict,
    "list_type": list,
    "tuple_type": list,
}
_EXPONENT: Final = re.compile(r"\d+(?:\.\d+)?[eE]\+?\d{1,2}")
"""A number as Helm writes it into a variable when it is large: ``1e+06`` (spec: deploy.md 2, D3)."""
_MISSING: Final = "Field required"
"""What pydantic says of a field that has no default."""
_MOST_REPAIRS: Final = 3
"""A repair may bring the next one to light: JSON text of a mapping with a number where text is meant."""


def validate(
    model: type[ModelT],
    node: Node,
    found: Findings,
    *,
    strict: bool = True,
    json_text: bool = True,
    required: Callable[[str], str] | None = None,
    context: Mapping[str, object] | None = None,
) -> ModelT | None:
    """Return the model, or None when the node cannot be one; after an unknown key alone the rest is still made.

    Args:
        model: What the node should be.
        node: A mapping; its keys in camelCase or snake_case.
        found: Takes problems and warnings.
        strict: Whether an unknown key is a problem, not a warning.
        json_text: Whether collections may be given as text that holds them.
        required: What to say of a required setting that is missing, by its name.
        context: What validators may ask for.
    """
    sound = _without_boolean_numbers(model, node, found)
    refused = sound is not node
    node = sound
    for attempt in range(_MOST_REPAIRS + 1):
        try:
            made = model.model_validate(node.plain(), context=context)
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
        else:
            return None if refused else made
        repaired = _repaired(node, model, details, found, strict=strict, json_text=json_text, context=context or {})
        if repaired is node or attempt == _MOST_REPAIRS:
            for detail in details:
                _report(detail, node, found, required)
            break
        node = repaired
    return None


def known_names(model: type[BaseModel]) -> dict[str, str]:
    """Return every name a setting of the model may be written with, and the field it means."""
    names: dict[str, str] = {}
    for name, field in model.model_fields.items():
        names[name] = name
        if field.alias is not None:
            names[field.alias] = name
    return names


def written_names(model: type[BaseModel]) -> list[str]:
    """Return the settings of a model as documents write them: in camelCase."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _without_boolean_numbers(model: type[BaseModel], node: Node, found: Findings) -> Node:
    """Report booleans where numbers are meant, and leave them out: pydantic takes true for 1."""
    members = dict(node.fields)
    for written, name in known_names(model).items():
        place = members.get(written)
        if place is not None and isinstance(place.value, bool) and _is_number(model.model_fields[name].annotation):
            found.problem(members.pop(written), "expected a number")
    return node if len(members) == len(node.fields) else replace(node, value=members)


def _is_number(annotation: object) -> bool:
    return set(get_args(annotation) or [annotation]) - {type(None)} <= {int, float}


def _repaired(
    node: Node,
    model: type[BaseModel],
    details: Sequence[ErrorDetails],
    found: Findings,
    *,
    strict: bool,
    json_text: bool,
    context: Mapping[str, object],
) -> Node:
    """Return the node with what can be put right put right; the same object when nothing can."""
    for detail in details:
        place = node.find(detail["loc"])
        if detail["type"] == "extra_forbidden":
            names = _names_at(model, node, detail["loc"][:-1], context)
            found.unknown(place, str(detail["loc"][-1]), names, strict=strict)
            node = _with(node, place, None)
        elif detail["type"] == "string_type" and not isinstance(place.value, str) and place.as_text() is not None:
            node = _with(node, place, replace(place, value=place.as_text()))
        elif detail["type"] == "int_parsing" and (number := _whole(place.value)) is not None:
            node = _with(node, place, replace(place, value=number))
        elif json_text and detail["type"] in _COLLECTIONS and isinstance(place.value, str):
            parsed = _from_text(place, _COLLECTIONS[detail["type"]])
            node = _with(node, place, parsed) if parsed else node
    return node


def _whole(text: object) -> int | None:
    """Return the whole number that a text with an exponent stands for."""
    if not isinstance(text, str) or not _EXPONENT.fullmatch(text.strip()):
        return None
    number = Decimal(text.strip())
    return int(number) if number == number.to_integral_value() else None


def _from_text(place: Node, wanted: type) -> Node | None:
    """Read a collection from JSON text; a list may also be written with commas."""
    text = str(place.value)
    try:
        content: object = json.loads(text)
    except ValueError:
        content = [part.strip() for part in text.split(",")] if wanted is list and "[" not in text else None
    return from_json(content, place.path, place.source) if isinstance(content, wanted) else None


def _with(node: Node, old: Node, new: Node | None) -> Node:
    """Return the tree with one node, known by its identity, replaced or left out."""
    if isinstance(node.value, dict):
        pairs = ((key, _with(child, old, new) if child is not old else new) for key, child in node.value.items())
        return replace(node, value={key: child for key, child in pairs if child is not None})
    if isinstance(node.value, list):
        items = (_with(child, old, new) if child is not old else new for child in node.value)
        return replace(node, value=[child for child in items if child is not None])
    return node


def _report(detail: ErrorDetails, node: Node, found: Findings, required: Callable[[str], str] | None) -> None:
    location = detail["loc"]
    if detail["type"] == "missing":
        home = node.find(location[:-1])
        message = required(str(location[0])) if required and len(location) == 1 else "is required"
        if detail["msg"] != _MISSING:  # a validator that misses a setting says what needs it
            message = detail["msg"]
        found.problem(home, message, path=join(home.path, location[-1]))
    else:
        place = node.find(location)
        found.problem(place, _message(detail, place))


def _message(detail: ErrorDetails, place: Node) -> str:
    kind, context = detail["type"], cast("Mapping[str, Any]", detail.get("ctx", {}))
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        limit = context[bound]
        return words.format(int(limit) if limit == int(limit) else limit)
    if kind in {"literal_error", "enum"}:
        choices = [choice.strip("'") for choice in str(context["expected"]).replace(" or ", ", ").split(", ")]
        hint = did_you_mean(place.value, choices) if isinstance(place.value, str) else ""
        return f"expected one of {', '.join(choices)}{hint}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]


def _names_at(
    model: type[BaseModel], node: Node, location: Sequence[str | int], context: Mapping[str, object]
) -> Collection[str]:
    """Return the settings that may stand at a place, walking the model's annotations and what was written."""
    models: list[type[BaseModel]] = [model]
    for step in location:
        node = node.find([step])
        fields = [
            m.model_fields[known_names(m)[step]] for m in models if isinstance(step, str) and step in known_names(m)
        ]
        if fields:
            models = [inner for field in fields for inner in _models_in(field.annotation, node, context)]
    return [name for m in models for name in written_names(m)]


def _models_in(annotation: object, node: Node, context: Mapping[str, object]) -> Iterator[type[BaseModel]]:
    if annotation is NestedAuth:
        yield config_of(NestedAuth.named_in(node.plain(), context))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument, node, context)


def camel(name: str) -> str:
    """Return the documented spelling of a snake_case name."""
    return to_camel(name)

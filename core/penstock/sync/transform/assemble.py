"""The long way from evaluated expressions to an entity: every oddity is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from penstock.errors import ExpressionError, ExpressionTimeoutError
from penstock.expressions.exact import encode, whole
from penstock.sync.transform.coerce import as_label, as_target, as_text, is_search
from penstock.sync.transform.fields import EntityFields, Field
from penstock.sync.transform.notes import Notes
from penstock.values import JSON, UNSET, Entity, Unset

Values: TypeAlias = "Mapping[str, JSON | ExpressionError]"
"""First outputs, or why there is none, by jq text."""


class SkippedError(Exception):
    """The item has no identifier or blueprint; it has been noted."""


class FailedError(Exception):
    """The item broke an expression it needs; it has been noted."""


def assemble(fields: EntityFields, values: Values, label: str, notes: Notes) -> Entity:
    """Return the entity of one item; a field whose expression failed is null.

    Raises:
        SkippedError: There is no identifier or blueprint.
        FailedError: The identifier or blueprint failed, or an expression did not end.
    """
    for field in fields:
        error = values[field.cell.text]
        if isinstance(error, ExpressionTimeoutError):
            raise _failed(field, error, label, notes)
    search = _search(fields.identifier, values, label, notes)
    identifier = encode(search).decode() if search else _needed(fields.identifier, values, label, notes)
    blueprint = _needed(fields.blueprint, values, f'"{identifier}"', notes)

    def value(field: Field, convert: Callable[[JSON], JSON]) -> JSON:
        return _optional(field, values, convert, f'"{identifier}"', notes)

    def label_of(field: Field | None) -> str | Unset | None:
        return UNSET if field is None else cast("str | None", value(field, as_label))

    return Entity(
        blueprint,
        identifier,
        label_of(fields.title),
        label_of(fields.icon),
        UNSET if fields.team is None else value(fields.team, as_target),
        {name: value(field, whole) for name, field in fields.properties.items()},
        {name: value(field, as_target) for name, field in fields.relations.items()},
        search,
    )


def first_line(error: ExpressionError) -> str:
    """Return what went wrong, on one line."""
    lines = str(error).splitlines()
    return lines[0] if lines else "it failed"


def _search(field: Field, values: Values, label: str, notes: Notes) -> dict[str, JSON] | None:
    """Return the search query that names an entity, None where a text does."""
    value = values[field.cell.text]
    if isinstance(value, ExpressionError) or not is_search(value):
        return None
    search = cast("dict[str, JSON]", value)
    if _compares_with_null(search):  # it would find an entity that has nothing there, any of them
        notes.warn(field.path, "null", "a value of the search query is null: the item is skipped", label)
        raise SkippedError
    return search


def _compares_with_null(query: Mapping[str, JSON]) -> bool:
    rules = query["rules"]
    return not isinstance(rules, list) or any(
        not isinstance(rule, dict) or (_compares_with_null(rule) if "rules" in rule else rule.get("value") is None)
        for rule in rules
    )


def _needed(field: Field, values: Values, label: str, notes: Notes) -> str:
    value = values[field.cell.text]
    if isinstance(value, ExpressionError):
        raise _failed(field, value, label, notes)
    try:
        text = as_text(value)
    except ValueError as unfit:
        notes.warn(field.path, "unfit", f"`{field.text}` gave {unfit}: the item is skipped", label)
        raise SkippedError from None
    if text is None:
        gave = "null" if value is None else "empty text"
        notes.warn(field.path, "null", f"`{field.text}` gave {gave}: the item is skipped", label)
        raise SkippedError
    return text


def _failed(field: Field, error: ExpressionError, label: str, notes: Notes) -> FailedError:
    notes.error(field.path, f"`{field.text}`: {first_line(error)}", label)
    return FailedError()


def _optional(field: Field, values: Values, convert: Callable[[JSON], JSON], label: str, notes: Notes) -> JSON:
    value = values[field.cell.text]
    try:
        if not isinstance(value, ExpressionError):
            return convert(value)
        message = first_line(value)
    except ValueError as unfit:
        message = f"gave {unfit}"
    notes.warn(field.path, "error", f"`{field.text}`: {message}; the field is null", label)
    return None

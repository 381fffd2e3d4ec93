"""What may stand for an identifier, a title or a relation, and how it is written (mapping.md section 7.1)."""

from __future__ import annotations

from penstock.expressions.exact import encode, whole
from penstock.sync.transform.items import name_of_type
from penstock.values import JSON


class UnfitError(ValueError):
    """A value that cannot become what the field needs; the message says what it is."""


def is_search(value: JSON) -> bool:
    """Whether a value is a search query, which names its target by what it looks like."""
    return isinstance(value, dict) and "combinator" in value and "rules" in value


def as_text(value: JSON) -> str | None:
    """Return an identifier, or a blueprint's name: scalars as text; None for null and empty text.

    Raises:
        UnfitError: It is an array or an object.
    """
    return None if value is None else _scalar(value) or None


def as_label(value: JSON) -> str | None:
    """Return a title or an icon: scalars as text, arrays and objects as compact JSON, null as it is."""
    if isinstance(value, list | dict):
        return encode(whole(value)).decode()
    return None if value is None else _scalar(value)


def as_target(value: JSON) -> JSON:
    """Return what a relation or a team may be: text, a list of text, null, or a search query.

    Raises:
        UnfitError: It is an object that is no search query, or has one inside a list.
    """
    if isinstance(value, list):
        return [_scalar(element) for element in value if element is not None]
    if value is None or is_search(value):
        return value
    return _scalar(value)


def _scalar(value: JSON) -> str:
    if type(value) is str:
        return value
    if isinstance(value, list | dict):
        message = f"{name_of_type(value)}, not text"
        raise UnfitError(message)
    return encode(whole(value)).decode()

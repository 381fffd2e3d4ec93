"""Find the raw items in a page's document (mapping.md section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.errors import ExpressionError, ReadError
from penstock.expressions import Expression
from penstock.values import JSON, StopReason

_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "an object",
}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_DEPTH: Final = 3
"""How far below the top arrays are looked for, to be suggested."""
_SUGGESTED: Final = 5


class Extracted(Struct, frozen=True):
    """What a page's document holds."""

    items: list[JSON]
    """All of them objects where ``extract_items`` found them."""
    is_record: bool = False
    """Whether the document itself was taken for the one item."""
    matched_nothing: bool = False
    """Whether the data path gave null, or nothing at all."""
    warning: str = ""
    """What is odd and which setting mends it; empty when nothing is."""


Extract: TypeAlias = Callable[[JSON], Extracted]
"""Finds the items in a page's document."""


def extract_items(data_path: Expression | None, document: JSON) -> Extracted:
    """Return the raw items of a document.

    Args:
        data_path: Where they are; None or ``.`` for the document itself.
        document: The answer, decoded; null where there was none.

    Raises:
        ReadError: ``UNEXPECTED_ITEMS``: the data path failed, or gave something that is no object.
    """
    extracted = extract_elements(data_path, document)
    for index, item in enumerate(extracted.items):
        if type(item) is not dict:
            message = f"{_where(data_path)}: item {index} is {name_of_type(item)}, not an object"
            raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)
    return extracted


def extract_elements(data_path: Expression | None, document: JSON) -> Extracted:
    """Return what ``extract_items`` does, whatever the elements of the array are: for those who judge each alone.

    Raises:
        ReadError: ``UNEXPECTED_ITEMS``: the data path failed, or gave neither an array nor an object.
    """
    if data_path is None or data_path.text.strip() == ".":
        return _from_document(data_path, document)
    try:
        outputs = [output for output in data_path.raw_outputs(document) if output is not None]
    except ExpressionError as error:
        raise ReadError(f"data path `{data_path.text}` failed: {error}", reason=StopReason.UNEXPECTED_ITEMS) from error
    if not outputs:
        return Extracted([], matched_nothing=True, warning=_nothing(data_path, document))
    if len(outputs) == 1 and isinstance(outputs[0], dict):
        return Extracted([outputs[0]], warning=_object(data_path, outputs[0]))
    if len(outputs) > 1:
        outputs = [[item for output in outputs for item in (output if isinstance(output, list) else [output])]]
    return Extracted(_elements(outputs[0], data_path))


def name_of_type(value: JSON) -> str:
    """Return what a value is, for a sentence: ``text``, ``an object``."""
    return _NAMES[type(value)]


def _from_document(data_path: Expression | None, document: JSON) -> Extracted:
    if document is None:
        return Extracted([])
    if isinstance(document, dict):
        return Extracted([document], is_record=True, warning=_record(document) if data_path is None else "")
    return Extracted(_elements(document, data_path))


def _elements(items: JSON, data_path: Expression | None) -> list[JSON]:
    if isinstance(items, list):
        return items
    message = f"{_where(data_path)} is {name_of_type(items)}, not an array or an object"
    raise ReadError(message, reason=StopReason.UNEXPECTED_ITEMS)


def _where(data_path: Expression | None) -> str:
    return "the answer" if data_path is None or data_path.text.strip() == "." else f"data path `{data_path.text}`"


def _record(document: dict[str, JSON]) -> str:
    """Return what to say of an object that came where nobody said what to expect."""
    found = "the answer is an object and was taken for one item"
    arrays = _suggested(document, "")
    if arrays:
        return f"{found}; it holds {arrays}: did you mean one of these as selector.data_path?"
    return f"{found}; write selector.data_path: . if it is"


def _object(data_path: Expression, value: dict[str, JSON]) -> str:
    arrays = _suggested(value, data_path.text.strip())
    if not arrays:
        return ""
    return f"data path `{data_path.text}` gave an object, taken for one item; it holds {arrays}"


def _nothing(data_path: Expression, document: JSON) -> str:
    message = f"data path `{data_path.text}` matched nothing"
    if isinstance(document, dict):
        arrays = _suggested(document, "")
        if arrays:
            return f"{message}; the answer holds {arrays}"
    return message if isinstance(document, list | dict) else f"{message}: the answer is {name_of_type(document)}"


def _suggested(value: dict[str, JSON], prefix: str) -> str:
    """Return the arrays inside as jq paths, ``.data, .meta.pages``: those of objects first, as they are likelier."""
    found = list(_arrays(value, prefix, _DEPTH))
    ranked = [path for path, array in found if _has_objects(array)] or [path for path, _ in found]
    listed = ", ".join(ranked[:_SUGGESTED])
    return f"{listed}, ..." if len(ranked) > _SUGGESTED else listed


def _arrays(value: dict[str, JSON], prefix: str, depth: int) -> Iterator[tuple[str, Sequence[JSON]]]:
    for name, member in value.items():
        path = f"{prefix}.{name}" if _PLAIN_NAME.match(name) else f'{prefix or "."}["{name}"]'
        if isinstance(member, list):
            yield path, member
        elif isinstance(member, dict) and depth > 1:
            yield from _arrays(member, path, depth - 1)


def _has_objects(array: Sequence[JSON]) -> bool:
    return bool(array) and isinstance(array[0], dict)

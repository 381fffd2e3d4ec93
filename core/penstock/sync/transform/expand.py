"""One raw item that holds several: ``itemsToParse`` (mapping.md section 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

from penstock.config.models import ItemsToParse
from penstock.errors import ExpressionError
from penstock.expressions import Cell, Evaluator, Expression, Row
from penstock.sync.transform.assemble import first_line
from penstock.sync.transform.coerce import UnfitError
from penstock.sync.transform.items import name_of_type
from penstock.sync.transform.notes import Notes
from penstock.sync.transform.result import MappedItems
from penstock.values import JSON

_STEP: Final = r'\.(?:[A-Za-z_]\w*|"[^"\\]*")|\.?\["[^"\\]*"\]'
_PATH: Final = rf"(?a:(?=\.)(?:(?:{_STEP})\??)+)"
_NAME: Final = r'(?a:\.?\["([^"\\]*)"\]|\."([^"\\]*)"|\.(\w+))'
_SKIPPED: Final = r"[\s(]*\.\s*(?:as\s+\$\w+\s*)?\|"
"""Steps that lead nowhere: ``. |`` and ``. as $root |``."""
_ITERATES: Final = r'(?<=[\w.\])?"])\[\]'
"""``.a[]``, but not the literal of ``.a // []``."""


class Expander:
    """Makes one item of each element: the parent's fields, and the element under its name."""

    def __init__(self, settings: ItemsToParse, evaluator: Evaluator) -> None:
        self._settings = settings
        self._evaluator = evaluator
        self._expression: Expression = evaluator.compile(settings.expression)
        self._source = source_path(settings.expression) if settings.remove_source else ()

    async def expand(self, items: Sequence[dict[str, JSON]], found: MappedItems, notes: Notes) -> list[dict[str, JSON]]:
        """Return the expanded items, in order; what is wrong with an item is noted, and it is left out."""
        expanded: list[dict[str, JSON]] = []
        for index, (item, outputs) in enumerate(zip(items, await self._outputs(items), strict=True)):
            try:
                if isinstance(outputs, ExpressionError):
                    message = f"`{self._settings.expression}`: {first_line(outputs)}"
                    notes.error("itemsToParse", message, f"item {index}")
                    found.failed += 1
                else:
                    expanded += self._joined(item, elements_of(outputs, self._settings.expression))
            except UnfitError as unfit:
                message = f"`{self._settings.expression}` gave {unfit}: the item is skipped"
                notes.warn("itemsToParse", "unfit", message, f"item {index}")
                found.skipped += 1
        return expanded

    def _joined(self, item: dict[str, JSON], elements: Sequence[JSON]) -> list[dict[str, JSON]]:
        parent = without(item, self._source) if self._source else item
        name = self._settings.name
        return [{**parent, name: element} for element in elements]

    async def _outputs(self, items: Sequence[dict[str, JSON]]) -> list[list[JSON] | ExpressionError]:
        outputs: list[list[JSON] | ExpressionError] = []
        asked: dict[int, Row] = {}
        for index, item in enumerate(items):
            quick = self._expression.quick_outputs(item)
            if quick is None:
                asked[index] = Row(item, (Cell(self._expression.jq_text, "all"),))
            outputs.append(quick or [])
        answers = await self._evaluator.evaluate_many(list(asked.values())) if asked else []
        for index, (answer,) in zip(asked, answers, strict=True):
            outputs[index] = answer if isinstance(answer, ExpressionError) else cast("list[JSON]", answer)
        return outputs


def elements_of(outputs: Sequence[JSON], text: str) -> Sequence[JSON]:
    """Return the elements that an expression gave: of the one array, or all of its outputs.

    Raises:
        UnfitError: It gave one thing that is no array.
    """
    if len(outputs) != 1:
        return outputs
    (only,) = outputs
    if isinstance(only, list):
        return only
    if only is not None and re.search(_ITERATES, text):  # `.a[]` on an array of one
        return outputs
    message = f"{name_of_type(only)}, not an array"
    raise UnfitError(message)


def source_path(text: str) -> tuple[str, ...]:
    """Return the first plain path of an expression, ``("a", "b")`` for ``.a.b | map(.c)``; empty if it has none."""
    rest = text
    while skipped := re.match(_SKIPPED, rest):
        rest = rest[skipped.end() :]
    rest = rest.lstrip(" \t\r\n(")
    path = re.match(_PATH, rest)
    if path is None:
        return ()
    return tuple(next(part for part in names if part) for names in re.findall(_NAME, path[0]) if any(names))


def without(item: dict[str, JSON], path: Sequence[str]) -> dict[str, JSON]:
    """Return a copy of an item that lacks what stands at a path; the item itself is not changed."""
    copy = dict(item)
    name, *deeper = path
    inner = copy.get(name)
    if not deeper:
        copy.pop(name, None)
    elif isinstance(inner, dict):
        copy[name] = without(inner, deeper)
    return copy

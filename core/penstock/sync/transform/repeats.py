"""Notice relations whose expression gives several outputs, of which only the first counts (mapping.md 7.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.errors import ExpressionTimeoutError
from penstock.expressions import Cell, Evaluator, Row
from penstock.sync.transform.fields import Field
from penstock.sync.transform.notes import Notes
from penstock.values import JSON

_ITEMS = 100
"""Items looked at before an expression counts as one that gives a single output."""


class RepeatWatch:
    """Looks at the first items of a kind; watches nothing where every expression has exactly one output."""

    def __init__(self, relations: Iterable[Field]) -> None:
        self._watched = [relation for relation in relations if relation.may_repeat]
        self._left = _ITEMS

    @property
    def active(self) -> bool:
        """Whether there is still something to look for."""
        return bool(self._watched) and self._left > 0

    async def look(self, items: Sequence[JSON], evaluator: Evaluator, notes: Notes) -> None:
        """Count the outputs of the watched relations on selected items, and give a hint where there are several."""
        looked = items[: self._left]
        self._left -= len(looked)
        for relation in list(self._watched):
            if await _repeats(relation, looked, evaluator):
                self._watched.remove(relation)
                hint = (
                    f"`{relation.text}` gives several targets, and only the first counts; for all: `[{relation.text}]`"
                )
                notes.warn(relation.path, "repeats", hint, "")


async def _repeats(relation: Field, items: Sequence[JSON], evaluator: Evaluator) -> bool:
    asked: list[Row] = []
    for item in items:
        outputs = relation.expression.quick_outputs(item)
        if outputs is None:
            asked.append(Row(item, (Cell(relation.cell.text, "count"),)))
        elif len(outputs) > 1:
            return True
    for ask in (asked[:1], asked[1:]):  # one first: an expression whose outputs never end is tried once only
        for (count,) in await evaluator.evaluate_many(ask) if ask else []:
            if isinstance(count, ExpressionTimeoutError):
                return False
            if isinstance(count, int) and count > 1:
                return True
    return False

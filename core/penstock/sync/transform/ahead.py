"""Ask libjq ahead: for all items of a page at once, what only it can tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from penstock.errors import ExpressionError
from penstock.expressions import Evaluator, Row
from penstock.expressions.undecided import Undecided
from penstock.sync.transform.fields import HAND_OVER, Evaluate, Field
from penstock.values import JSON

Values: TypeAlias = "dict[str, JSON | ExpressionError]"
"""First outputs, or why there is none, by jq text."""


class Ahead:
    """The fields of a resource that are outside the compiled subset, and what libjq has said of the current item."""

    def __init__(self, selector: Field, fields: Iterable[Field]) -> None:
        self._selector = selector
        self._cells = tuple(dict.fromkeys(field.cell for field in fields if field.quick is None))
        self.current: Values = {}
        """What is known of the item that is being mapped now."""

    @property
    def needed(self) -> bool:
        """Whether there is any such field."""
        return bool(self._cells) or self._selector.quick is None

    def evaluate(self, field: Field) -> Evaluate:
        """Return what gives a field's first output: in Python, or from what libjq has said."""
        return field.quick or self._look_up(field.cell.text)

    async def ask(self, items: Sequence[JSON], evaluator: Evaluator) -> list[Values]:
        """Return what libjq says of each item; of one that is not selected, that is all it says."""
        known: list[Values] = [{} for _ in items]
        asked = [(values, row) for values, item in zip(known, items, strict=True) if (row := self._row(item))]
        answers = await evaluator.evaluate_many([row for _, row in asked])
        for (values, row), answer in zip(asked, answers, strict=True):
            values.update(zip([cell.text for cell in row.cells], answer, strict=False))
        return known

    def _row(self, item: JSON) -> Row | None:
        try:
            if self._selector.quick is not None:
                chosen = self._selector.quick(item)
                return Row(item, self._cells) if chosen is True else None
        except HAND_OVER:
            pass
        return Row(item, (self._selector.cell, *self._cells), guarded=True)

    def _look_up(self, text: str) -> Evaluate:
        def look(_: JSON) -> JSON:
            value = self.current[text]
            if isinstance(value, ExpressionError):
                raise Undecided
            return value

        return look

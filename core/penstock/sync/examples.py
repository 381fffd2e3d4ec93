"""The first raw items of a resource, for a sink that shows what its sources give; no secret goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.errors import PenstockError
from penstock.redaction import Redactor
from penstock.strategies import Sink
from penstock.sync.report import KindReport
from penstock.sync.transform.mapper import with_values
from penstock.values import JSON


class Examples:
    """Keeps as many items as the sink wants, and no more."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._left = sink.wanted_examples
        self._items: list[JSON] = []

    def add(self, items: Sequence[JSON], path_values: Mapping[str, str]) -> None:
        """Look at a page: its items, and the values of its path parameters."""
        if self._left <= 0:
            return
        records = [item for item in items[: self._left] if isinstance(item, dict)]
        self._left -= len(records)
        self._items += with_values(records, path_values)

    async def hand_over(self, report: KindReport, redactor: Redactor) -> None:
        """Give the sink what was kept; if it fails, the report has a warning."""
        if not self._items:
            return
        try:
            await self._sink.examples(report.kind, [redactor.example(item) for item in self._items])
        except PenstockError as error:
            report.warn(report.kind, f"the catalog could not be given examples of records: {error}")

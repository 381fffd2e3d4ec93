"""The first raw items of a resource, for a sink that shows what its sources give; no secret goes with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from penstock.errors import PenstockError
from penstock.redaction import Redactor
from penstock.strategies import Sink
from penstock.sync.report import KindReport
from penstock.sync.transform.mapper import with_values
from penstock.values import JSON

_LONGEST: Final = 128 * 1024
"""Bytes of one item as JSON; nobody reads a larger one, and to look for secrets in it takes long."""
_UNFIT: Final = (
    f"they have more than {_LONGEST:,} bytes, are nested deeply, or have numbers or characters that not every JSON has"
)
_PATIENCE: Final = 30.0
"""Seconds for the sink to take them: a sync has other things to do."""


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
        fit = [item for item in self._items if _fits(item)]
        if not fit:
            if self._items:
                report.warn(report.kind, f"no record can be an example for the catalog: {_UNFIT}")
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._sink.examples(report.kind, [redactor.example(item) for item in fit])
        except (PenstockError, TimeoutError) as error:
            why = str(error) or f"it did not take them within {_PATIENCE:.0f} seconds"
            report.warn(report.kind, f"the catalog could not be given examples of records: {why}")


def _fits(item: JSON) -> bool:
    try:
        return len(orjson.dumps(item)) <= _LONGEST
    except orjson.JSONEncodeError:
        return False

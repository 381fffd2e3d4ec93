"""From the items of a page to entities."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from penstock.config.models import Resource
from penstock.errors import ExpressionError
from penstock.expressions import Cell, Evaluator, Row
from penstock.sync.transform.ahead import Ahead, Values
from penstock.sync.transform.assemble import FailedError, SkippedError, assemble, first_line
from penstock.sync.transform.expand import Expander
from penstock.sync.transform.fields import HAND_OVER, EntityFields, Field, FieldMaker, builder_of
from penstock.sync.transform.items import name_of_type
from penstock.sync.transform.notes import Notes
from penstock.sync.transform.repeats import RepeatWatch
from penstock.sync.transform.result import MappedItems
from penstock.values import JSON, Entity

_AT_A_TIME: Final = 2000
"""Items after which other tasks get their turn."""
_KEYS_SHOWN: Final = 5


class _Case(Struct):
    """An item that takes the long way."""

    place: int
    """Where among the quick entities its own belong."""
    index: int
    item: dict[str, JSON]
    values: Values
    """What is known of it so far."""

    @property
    def label(self) -> str:
        """What messages call it as long as it has no identifier: keys help, values might be private."""
        keys = ", ".join(list(self.item)[:_KEYS_SHOWN])
        return f"item {self.index}, which has {keys or 'no keys'}{', ...' if len(self.item) > _KEYS_SHOWN else ''}"


class Mapper:
    """Maps the items of one resource, page by page; one mapper serves all of its partitions.

    What only libjq can tell is asked first, for all items at once. Items that show nothing unusual then become entities
    in one quick loop; the few others go the long way, where every oddity is named.
    """

    def __init__(self, resource: Resource, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        maker, several = FieldMaker(evaluator), len(resource.entities) > 1
        self._selector = maker.field("selector.query", resource.query)
        self._mappings = [
            EntityFields(mapping, maker, f"mappings[{index}]." if several else "")
            for index, mapping in enumerate(resource.entities)
        ]
        self._fields = [each for mapping in self._mappings for each in mapping]
        self._ahead = Ahead(self._selector, self._fields)
        self._builders = [builder_of(mapping, self._ahead.evaluate) for mapping in self._mappings]
        expansion = resource.items_to_parse
        self._expander = None if expansion is None else Expander(expansion, evaluator)
        self._repeats = RepeatWatch(each for mapping in self._mappings for each in mapping.relations.values())
        self._seen = False
        self._told: set[tuple[str, str]] = set()

    async def map(self, items: Sequence[JSON], path_values: Mapping[str, str]) -> MappedItems:
        """Return the entities of a page's items; the items themselves are not changed.

        Args:
            items: Raw items.
            path_values: Each path parameter's value, seen by the expressions as ``__name``, and as ``name`` where the
                item has no such key.

        Raises:
            ExpressionError: libjq is needed and cannot be used at all. What fails on one item is in the result.
        """
        found, notes = MappedItems(fetched=len(items)), Notes()
        given = with_values(_objects(items, found, notes), path_values)
        if self._expander is not None:
            given = await self._expander.expand(given, found, notes)
        watched: list[JSON] | None = [] if self._repeats.active else None
        cases = await self._quickly(given, found, watched)
        if cases:
            await self._evaluate(cases)
            await self._settle(cases, found, notes, watched)
        if watched:
            await self._repeats.look(watched, self._evaluator, notes)
        if found.entities and not self._seen:
            self._seen = True
            self._warn_of_nulls(found.entities, notes)
        found.errors += notes.errors()
        found.warnings += notes.new_warnings(self._told)
        return found

    async def _quickly(
        self, items: Sequence[dict[str, JSON]], found: MappedItems, watched: list[JSON] | None
    ) -> list[_Case]:
        """Map what can be mapped at once, and return the other items."""
        cases: list[_Case] = []
        known = await self._ahead.ask(items, self._evaluator) if self._ahead.needed else None
        for start in range(0, len(items), _AT_A_TIME):
            if start:
                await asyncio.sleep(0)
            cases += self._quick_part(items[start : start + _AT_A_TIME], start, known, found, watched)
        return cases

    def _quick_part(
        self,
        items: Sequence[dict[str, JSON]],
        start: int,
        known: list[Values] | None,
        found: MappedItems,
        watched: list[JSON] | None,
    ) -> Iterator[_Case]:
        select, builders, entities = self._ahead.evaluate(self._selector), self._builders, found.entities
        for index, item in enumerate(items, start):
            place = len(entities)
            try:
                if known is not None:
                    self._ahead.current = known[index]
                chosen = select(item)
                if chosen is True:
                    for build in builders:
                        entities.append(build(item))
                    found.selected += 1
                    if watched is not None:
                        watched.append(item)
                    continue
                if chosen is False:
                    found.filtered += 1
                    continue
            except HAND_OVER:
                del entities[place:]
            yield _Case(place, index, item, {} if known is None else known[index])

    async def _evaluate(self, cases: Sequence[_Case]) -> None:
        """Evaluate everything that the cases need: what can be in Python, and then the rest in libjq, together."""
        while asked := [(case, row) for case in cases if (row := self._missing(case))]:
            answers = await self._evaluator.evaluate_many([row for _, row in asked])
            for (case, row), answer in zip(asked, answers, strict=True):
                case.values.update((cell.text, value) for cell, value in zip(row.cells, answer, strict=False))

    def _missing(self, case: _Case) -> Row | None:
        """Evaluate in Python what a case lacks, and return what only libjq can tell."""
        selector = self._selector
        if not _try(selector, case):
            return Row(case.item, (selector.cell,))
        if case.values[selector.cell.text] is not True:
            return None
        missing = dict.fromkeys(each.cell for each in self._fields if not _try(each, case))
        return Row(case.item, tuple(missing)) if missing else None

    async def _settle(
        self, cases: Sequence[_Case], found: MappedItems, notes: Notes, watched: list[JSON] | None
    ) -> None:
        """Turn evaluated cases into entities, and put those where they belong."""
        unjudged: list[_Case] = []
        entities: list[Entity] = []
        taken = 0
        for case in cases:
            entities += found.entities[taken : case.place]
            taken = case.place
            chosen = case.values[self._selector.cell.text]
            if chosen is True:
                found.selected += 1
                if watched is not None:
                    watched.append(case.item)
                entities += self._entities(case, found, notes)
            elif chosen is False:
                found.filtered += 1
            else:
                found.failed += 1
                unjudged.append(case)
        found.entities = entities + found.entities[taken:]
        if unjudged:
            example = await self._name_of(unjudged[0])
            for case in unjudged:
                notes.error(self._selector.path, self._judgement(case), example)

    def _entities(self, case: _Case, found: MappedItems, notes: Notes) -> Iterator[Entity]:
        failed = skipped = False
        for mapping in self._mappings:
            try:
                yield assemble(mapping, case.values, case.label, notes)
            except SkippedError:
                skipped = True
            except FailedError:
                failed = True
        found.failed += failed
        found.skipped += skipped and not failed

    def _judgement(self, case: _Case) -> str:
        chosen = case.values[self._selector.cell.text]
        if isinstance(chosen, ExpressionError):
            return f"`{self._selector.text}`: {first_line(chosen)}"
        return f"`{self._selector.text}` gave {name_of_type(chosen)}, neither true nor false"

    async def _name_of(self, case: _Case) -> str:
        """Return the identifier of an item that was not selected, to name it in a message."""
        identifier = self._mappings[0].identifier if self._mappings else None
        if identifier is None or self._mappings[0].searches:
            return case.label
        ((value,),) = await self._evaluator.evaluate_many([Row(case.item, (Cell(identifier.cell.text),))])
        return f'"{value}"' if isinstance(value, str | int) else case.label

    def _warn_of_nulls(self, entities: Sequence[Entity], notes: Notes) -> None:
        """Name the fields that are null on all entities of the first page that has any."""
        for mapping in self._mappings:
            for name, each in mapping.properties.items():
                _warn_of_null(each, [entity.properties.get(name) for entity in entities], notes)
            for name, each in mapping.relations.items():
                _warn_of_null(each, [entity.relations.get(name) for entity in entities], notes)


def _try(wanted: Field, case: _Case) -> bool:
    """Evaluate a field in Python unless its value is known; return whether it is known now."""
    if wanted.cell.text in case.values:
        return True
    if wanted.quick is None:
        return False
    try:
        case.values[wanted.cell.text] = wanted.quick(case.item)
    except HAND_OVER:
        return False
    return True


def _warn_of_null(each: Field, values: Sequence[JSON], notes: Notes) -> None:
    if any(value is not None for value in values) or each.text.strip() == "null" or notes.warned(each.path):
        return
    notes.warn(each.path, "null", f"`{each.text}` gave null on every item of the first page", "")


def _objects(items: Sequence[JSON], found: MappedItems, notes: Notes) -> list[dict[str, JSON]]:
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items):
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                found.failed += 1
                notes.error("", f"an item is {name_of_type(item)}, not an object", f"item {index}")
    return objects


def with_values(items: list[dict[str, JSON]], path_values: Mapping[str, str]) -> list[dict[str, JSON]]:
    """Return the items with each path parameter's value as ``__name``, and as ``name`` where there is no such key."""
    if not path_values:
        return items
    hidden: dict[str, JSON] = {f"__{name}": value for name, value in path_values.items()}
    return [{**path_values, **item, **hidden} for item in items]

"""Follow single items through a mapping, expression by expression: slow, and for a person who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from msgspec import Struct, field

from penstock.config.models import Resource
from penstock.errors import ExpressionError
from penstock.expressions import Evaluator
from penstock.sync.report import Message
from penstock.sync.transform.assemble import FailedError, SkippedError, assemble, first_line
from penstock.sync.transform.coerce import as_text
from penstock.sync.transform.expand import Expander
from penstock.sync.transform.fields import EntityFields, Field, FieldMaker
from penstock.sync.transform.mapper import with_values
from penstock.sync.transform.notes import Notes
from penstock.sync.transform.result import MappedItems
from penstock.values import JSON, Entity, EntityKey


class Step(Struct, frozen=True):
    """One expression and what it gave."""

    path: str
    """As in the mapping: ``properties.mail``."""
    text: str
    """As the user wrote it."""
    value: JSON = None
    """Its first output, before it became text where the field needs some."""
    error: str = ""
    """Why it gave none; empty where it did."""


class Trace(Struct, frozen=True):
    """An item that a mapping names as it is asked for."""

    item: int
    """Which raw item of the page it is, from 0."""
    record: JSON
    """The raw item."""
    selector: Step
    steps: Sequence[Step]
    """In the order of the mapping; none where the item is not selected."""
    entity: Entity | None
    """What it becomes; None where it is not selected, or broke an expression that it needs."""
    notes: Sequence[Message] = field(default_factory=tuple[Message, ...])
    """What is wrong with single fields."""

    @property
    def selected(self) -> bool:
        """Whether the selector lets it through."""
        return self.selector.value is True and not self.selector.error


class Tracer:
    """Finds the items that one resource's mapping gives a certain name."""

    def __init__(self, resource: Resource, evaluator: Evaluator) -> None:
        maker, several = FieldMaker(evaluator), len(resource.entities) > 1
        self._selector = maker.field("selector.query", resource.query)
        self._mappings = [
            EntityFields(mapping, maker, f"mappings[{index}]." if several else "")
            for index, mapping in enumerate(resource.entities)
        ]
        expansion = resource.items_to_parse
        self._expander = None if expansion is None else Expander(expansion, evaluator)

    async def find(self, items: Sequence[JSON], path_values: Mapping[str, str], key: EntityKey) -> list[Trace]:
        """Return the items of a page that are named so, selected or not, in order.

        Args:
            items: Raw items; not changed.
            path_values: Each path parameter's value.
            key: The name.
        """
        return [
            trace
            for index, item in enumerate(items)
            if isinstance(item, dict)
            for inner in await self._expanded(item, path_values)
            for trace in self._named(index, item, inner, key)
        ]

    async def _expanded(self, item: dict[str, JSON], path_values: Mapping[str, str]) -> Sequence[dict[str, JSON]]:
        given = with_values([item], path_values)
        if self._expander is None:
            return given
        return await self._expander.expand(given, MappedItems(), Notes())

    def _named(self, index: int, record: JSON, item: JSON, key: EntityKey) -> Iterator[Trace]:
        for fields in self._mappings:
            if fields.searches or not _names(fields, item, key):
                continue
            selector = _step(self._selector, item)
            if selector.value is not True:
                yield Trace(index, record, selector, (), None)
                continue
            values = {each.cell.text: _evaluated(each, item) for each in fields}
            steps = [_shown(each, values[each.cell.text]) for each in fields]
            notes, entity = Notes(), None
            with suppress(SkippedError, FailedError):  # the notes say why
                entity = assemble(fields, values, f"item {index}", notes)
            yield Trace(index, record, selector, steps, entity, [*notes.errors(), *notes.new_warnings(set())])


def _names(fields: EntityFields, item: JSON, key: EntityKey) -> bool:
    return _text(fields.identifier, item) == key.identifier and _text(fields.blueprint, item) == key.blueprint


def _text(each: Field, item: JSON) -> str | None:
    value = _evaluated(each, item)
    try:
        return None if isinstance(value, ExpressionError) else as_text(value)
    except ValueError:
        return None


def _evaluated(each: Field, item: JSON) -> JSON | ExpressionError:
    try:
        return each.expression.first(item)
    except ExpressionError as error:
        return error


def _step(each: Field, item: JSON) -> Step:
    return _shown(each, _evaluated(each, item))


def _shown(each: Field, value: JSON | ExpressionError) -> Step:
    if isinstance(value, ExpressionError):
        return Step(each.path, each.text, error=first_line(value))
    return Step(each.path, each.text, value)

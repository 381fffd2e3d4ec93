"""Find the partitions of a resource: one for each set of path values, as soon as it is known."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

from msgspec import Struct

from penstock.config.models import PathParameter, Resource
from penstock.config.urls import template_names
from penstock.errors import ExpressionRuntimeError, ReadError
from penstock.expressions import Expression
from penstock.expressions.exact import encode
from penstock.sync.parent_list import ParentList
from penstock.sync.refusals import AnswerCheck, proves_nothing
from penstock.sync.source import Source
from penstock.sync.transform import Extracted, extract_elements, name_of_type
from penstock.sync.transform.notes import Notes
from penstock.values import JSON, StopReason


class Partition(Struct, frozen=True):
    """One concrete endpoint of a resource."""

    values: Mapping[str, str]
    """Path values by parameter name, as text, not yet encoded; empty for an endpoint without parameters."""


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """A record names no path value, and ought to; the text says why."""


class Discovery:
    """Finds the partitions of one resource by reading the endpoints of its path parameters.

    Each list of values is read once, however many combinations need it. A record that cannot be judged costs itself.
    """

    def __init__(self, resource: Resource, source: Source) -> None:
        self._resource = resource
        self._source = source
        self._parameters = [_Compiled(parameter, source) for parameter in resource.path_parameters]
        self._known: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        self.failures: list[ReadError] = []
        """Why partitions may be missing; empty when all were found."""
        self.doubts: list[str] = []
        """Why it is not proven that there are none beyond those that were found."""
        self.pages = 0
        """Pages read so far."""
        self.unsteady = False
        """Whether a list was read in several pages whose edges move when rows come or go."""

    async def partitions(self) -> AsyncGenerator[Partition]:
        """Yield each partition once; a value that cannot be discovered is a failure, and the others go on."""
        async for values in self._combinations({}, self._parameters):
            yield Partition(values)

    async def _combinations(
        self, found: Mapping[str, str], missing: list[_Compiled]
    ) -> AsyncGenerator[Mapping[str, str]]:
        if not missing:
            yield found
            return
        parameter, *later = missing
        try:
            async for value in self._values(parameter, found):
                async for values in self._combinations({**found, parameter.name: value}, later):
                    yield values
        except ReadError as error:
            self.failures.append(_discovering(parameter, found, error))

    async def _values(self, parameter: _Compiled, found: Mapping[str, str]) -> AsyncGenerator[str]:
        key = (parameter.name, tuple(found[name] for name in parameter.needs))
        if key in self._known:
            for known in self._known[key]:
                yield known
            return
        values: dict[str, None] = {}
        candidates = 0
        read = self._source.open_discovery(parameter.request, found, parameter.extract)
        async for page in read.pages():
            self.pages += 1
            self.unsteady |= read.drifts
            await parameter.check.check(page)
            if doubt := proves_nothing(page):
                self.doubts.append(f"{parameter.request.endpoint}: {doubt}")
            notes = Notes()
            for value in parameter.values(page.extracted.items, notes):
                candidates += 1
                if value is not None and value not in values:
                    values[value] = None
                    yield value
            for note in notes.errors():
                error = ReadError(f"page {page.page.index + 1}: {note.message}", reason=StopReason.EXPRESSION_FAILED)
                self.failures.append(_discovering(parameter, found, error))
        if read.stop is not None and not read.stop.reason.complete:
            raise ReadError(read.stop.detail or read.stop.reason.value, reason=read.stop.reason)
        if candidates and not values:
            message = f"`{parameter.field.text}` gave null on all {candidates} records{parameter.advice}"
            raise ReadError(message, reason=StopReason.EXPRESSION_FAILED)
        self._known[key] = list(values)


class _Compiled:
    """A path parameter with its expressions compiled."""

    def __init__(self, parameter: PathParameter, source: Source) -> None:
        evaluator = source.evaluator
        self.name = parameter.name
        self.request = parameter.request
        self.field = evaluator.compile(parameter.field)
        self.check = AnswerCheck(parameter.request, parameter.data_path or ".", source)
        self.needs = template_names(parameter.request.endpoint)
        self._filter = None if parameter.filter is None else evaluator.compile(parameter.filter)
        self._data_path = None if parameter.data_path is None else evaluator.compile(parameter.data_path)
        self._list = ParentList(self.field)
        self.advice = "" if parameter.data_path else "; data_path says where in the answer they are"

    def extract(self, document: JSON) -> Extracted:
        """Return the records of a discovery page; without a data path by the rule of mapping.md 3.4."""
        if self._data_path is None and isinstance(document, dict):
            found = self._list.find(document)
            return extract_elements(None, document if found is None else found)
        return extract_elements(self._data_path, document)

    def values(self, records: Sequence[JSON], notes: Notes) -> Iterator[str | None]:
        """Yield the path value of each record that the filter lets through; null means that it has none.

        A record for which that cannot be told is left out, and noted: a partition may be missing for it.
        """
        for index, record in enumerate(records):
            try:
                if type(record) is not dict:
                    notes.error("", f"the record is {name_of_type(record)}, not an object", f"item {index}")
                elif self._filter is None or self._filter.first(record) is True:
                    yield _as_text(self.field.first(record), self.field)
            except ExpressionRuntimeError as error:
                notes.error(error.expression, f"`{error.expression}` failed on a record: {error}", f"item {index}")
            except _Unfit as error:
                notes.error(self.field.text, str(error), f"item {index}")


def _as_text(value: JSON, field: Expression) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        message = f"`{field.text}` gave {name_of_type(value)}, not one path value"
        raise _Unfit(message)
    return encode(value).decode()


def _discovering(parameter: _Compiled, found: Mapping[str, str], error: ReadError) -> ReadError:
    given = "".join(f" {name}={value}" for name, value in found.items())
    return ReadError(f"discovering {{{parameter.name}}}{given}: {error}", reason=error.reason)

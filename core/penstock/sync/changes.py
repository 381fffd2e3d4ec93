"""Ask one resource for what has changed, and find out up to which change everything of it was read.

The moment to ask from is the data's: the greatest change time among the records of a complete read. Clocks only refuse
values, the source's own (``Date``) wherever it says one: a record that claims to be of 2099 must not hide all that
changes before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from msgspec.structs import replace

from penstock.config.models import RequestSpec, Resource
from penstock.errors import ExpressionError, ReadError
from penstock.expressions import Cell, Evaluator, Row
from penstock.expressions.undecided import Undecided
from penstock.http.documents import shorten
from penstock.http.moments import date_in
from penstock.http.outgoing import to_json
from penstock.journal import Journal
from penstock.journal.extents import Stretch
from penstock.sync.change_times import SECOND, ChangeTimes
from penstock.sync.read import ReadPage
from penstock.values import JSON, QueryValue, StopReason

if TYPE_CHECKING:
    from penstock.config.incremental import Incremental

_TOLERANCE: Final = 300 * SECOND
"""How much later than the source's clock a change may be without a word: clocks differ."""
_PARTS: Final = frozenset({"params", "body", "headers"})
_SHOWN: Final = 80
Warn = Callable[[str], None]


class Changes:
    """The changes of one resource in one run; a stretch is what was read of one partition.

    Args:
        resource: What is read; it has ``incremental`` settings.
        settings: Those.
        evaluator: Compiles expressions.
        journal: Knows up to which change each partition was read.
        run: The run's number.
        whole: Whether everything is to be read.
        warn: Takes what is odd.
    """

    def __init__(
        self,
        resource: Resource,
        settings: Incremental,
        evaluator: Evaluator,
        journal: Journal,
        run: int,
        *,
        whole: bool,
        warn: Warn,
    ) -> None:
        self._spec = resource.request
        self._settings = settings
        self._times = ChangeTimes(settings)
        self._evaluator = evaluator
        self._field = evaluator.compile(settings.field)
        self._request = None if settings.request is None else evaluator.compile(settings.request)
        self._journal = journal
        self._run = run
        self._whole = whole
        self._warn = warn

    def begin(self, partition: int) -> Stretch:
        """Return the stretch of a partition: the one that was begun before the run was broken off, or a new one."""
        begun = self._journal.extents.stretch(self._run, partition)
        if begun is not None:
            return begun
        return Stretch(None if self._whole else self._journal.extents.reach(partition).mark)

    async def spec(self, stretch: Stretch) -> RequestSpec:
        """Return the request for a stretch.

        Raises:
            ReadError: ``EXPRESSION_FAILED``: ``incremental.request`` fails, or gives no request.
        """
        if stretch.since is None:
            return self._spec
        moment = self._times.write(stretch.since)
        if self._settings.param is not None:
            return replace(self._spec, query_params={**self._spec.query_params, self._settings.param: moment})
        parts = await self._parts(moment)
        return replace(
            self._spec,
            query_params={**self._spec.query_params, **cast("dict[str, QueryValue]", parts.get("params", {}))},
            body={**self._spec.body, **parts.get("body", {})},
            headers={**self._spec.headers, **cast("dict[str, str]", parts.get("headers", {}))},
        )

    async def look(self, stretch: Stretch, read: ReadPage, *, drifts: bool) -> Stretch:
        """Return the stretch with one more page.

        Args:
            stretch: What was read before.
            read: The page.
            drifts: Whether rows may have moved across the edges of the pages so far: no beginning counts then.
        """
        said = _date(read)
        bound = now = _now() if said is None else said
        began = stretch.began
        if not stretch.pages:
            began = said
        elif drifts:
            began = None
        elif began is not None:
            bound = min(bound, began)
        moments = await self._moments(read.extracted.items)
        believed = [moment for moment in moments if moment is not None and moment <= bound]
        self._complain(read.extracted.items, moments, now)
        greatest = max(believed, default=None)
        if stretch.greatest is not None:
            greatest = max(stretch.greatest, stretch.greatest if greatest is None else greatest)
        return stretch._replace(began=began, greatest=greatest, pages=stretch.pages + 1)

    def reach(self, partition: int, stretch: Stretch) -> tuple[int | None, int | None]:
        """Return the mark that a complete read of a stretch proves, and the last change that it has shown.

        One answer shows one moment. A list of several pages may change while it is read: what changed on a page that
        was read before must not be passed by what changed on one that was read after. So a change counts if it is not
        later than the beginning, where the source says when that was; and else, or where rows may have moved across the
        edges of pages, only if an earlier read has shown it, too.
        """
        steady = stretch.pages <= 1 or stretch.began is not None
        mark = stretch.greatest if steady else self._journal.extents.reach(partition).reached
        return mark, stretch.greatest

    async def _moments(self, items: Sequence[JSON]) -> list[int | None]:
        """Return when each record was changed; None where it does not say so in a way that is understood."""
        values: list[JSON | ExpressionError] = []
        left: list[int] = []
        compiled = self._field.compiled
        for index, item in enumerate(items):
            try:
                if compiled is None:
                    raise Undecided  # noqa: TRY301 - libjq is to tell
                values.append(compiled.first(item))
            except (Undecided, RecursionError):
                left.append(index)
                values.append(None)
            except ExpressionError as error:
                values.append(error)
        if left:
            rows = [Row(items[index], (Cell(self._field.jq_text),)) for index in left]
            for index, (answer,) in zip(left, await self._evaluator.evaluate_many(rows), strict=True):
                values[index] = answer
        return [None if isinstance(value, ExpressionError) else self._times.read(value) for value in values]

    def _complain(self, items: Sequence[JSON], moments: Sequence[int | None], now: int) -> None:
        """Say what does not tell when it was changed: such records are delivered like all others."""
        unknown = sum(moment is None for moment in moments)
        if unknown:
            of = "none of the records of a page tells" if unknown == len(items) else "some records do not tell"
            self._warn(
                f"incremental.field `{self._field.text}`: {of} when it was changed in a way that is understood; they "
                "were delivered, and where the source does not tell of their changes these come with the next full read"
            )
        if any(moment is not None and moment > now + _TOLERANCE for moment in moments):
            self._warn(
                f"incremental.field `{self._field.text}`: some records claim to be changed in the future; they were "
                "delivered, and such a time is no moment to ask from (incremental.timezone says of which zone times "
                "without an offset are)"
            )

    async def _parts(self, moment: str | int) -> Mapping[str, dict[str, JSON]]:
        if self._request is None:
            return {}
        text = self._request.text
        try:
            found = await self._request.first_async(moment)
        except ExpressionError as error:
            message = f"incremental.request `{text}` failed: {error}"
            raise ReadError(message, reason=StopReason.EXPRESSION_FAILED) from error
        if (
            not isinstance(found, dict)
            or not found.keys() <= _PARTS
            or not all(isinstance(part, dict) for part in found.values())
            or not all(isinstance(value, str) for value in cast("dict[str, JSON]", found.get("headers", {})).values())
        ):
            shown = shorten(to_json(found).decode(), _SHOWN)
            message = (
                f"incremental.request `{text}` gave {shown}; it must give an object with params, body or headers, "
                "each of them an object, headers of text"
            )
            raise ReadError(message, reason=StopReason.EXPRESSION_FAILED)
        return cast("dict[str, dict[str, JSON]]", found)


def _date(read: ReadPage) -> int | None:
    """Return the source's own time when it answered, in microseconds; None where it does not say."""
    moment = date_in(read.response.headers.get("date", ""))
    return None if moment is None else round(moment) * SECOND


def _now() -> int:
    return time.time_ns() // 1000

"""Evaluate expressions in libjq: a few worker processes, watched and restarted."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from msgspec import Struct

from penstock.errors import (
    ExpressionError,
    ExpressionRuntimeError,
    ExpressionSyntaxError,
    ExpressionTimeoutError,
)
from penstock.expressions.exact import decode, encode
from penstock.expressions.messages import explain
from penstock.expressions.process import Worker, WorkerDiedError, WorkerTimeoutError
from penstock.values import JSON

if TYPE_CHECKING:
    from penstock.config.models import ExpressionLimits

Mode: TypeAlias = Literal["first", "all", "count"]
"""The first output or null, all outputs in a list, or how many there are: 0, 1 or 2 (for more)."""
Answer: TypeAlias = "list[JSON | ExpressionError]"
"""What each cell of a row gave, or why it gave nothing."""

_REQUEST_BYTES: Final = 4 * 1024 * 1024
_PATIENCE: Final = 0.02
_FIRST_TRY: Final = 1.0
"""Seconds a row may take while rows go together; beyond, the rest of them is evaluated cell by cell."""
_MAX_STRIKES: Final = 10


class Cell(Struct, frozen=True):
    """One expression to evaluate."""

    text: str
    """As libjq is to see it: with jq's own quotes."""
    mode: Mode = "first"


class Row(Struct, frozen=True):
    """One value, and what to evaluate on it."""

    value: JSON
    cells: tuple[Cell, ...]
    guarded: bool = False
    """Whether the other cells are evaluated only if the first one gives true; the answer is then one cell long."""


class Pool:
    """Worker processes; none is started before it is needed.

    An expression that does not end, or breaks its worker, is an error of the one value on which it does so. After ten
    such errors it is not tried again. The methods may be called from any thread.
    """

    def __init__(self, limits: ExpressionLimits, workers: int | None = None) -> None:
        self._limits = limits
        self._size = workers or min(2, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._strikes: Counter[str] = Counter()
        self._threads: ThreadPoolExecutor | None = None
        self._closed = False
        self._finalizer = weakref.finalize(self, _close_all, self._all)

    @property
    def workers(self) -> int:
        """How many worker processes there are now."""
        return len(self._all)

    async def evaluate_async(self, rows: Sequence[Row]) -> list[Answer]:
        """Evaluate rows while the event loop goes on."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="penstock-jq")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.evaluate, rows)

    def evaluate(self, rows: Sequence[Row]) -> list[Answer]:
        """Return one answer for each row, in order.

        Raises:
            ExpressionError: There is no libjq to evaluate with.
        """
        answers: list[Answer | None] = [None] * len(rows)
        quick: list[_Encoded] = []
        careful: list[_Encoded] = []
        for index, row in enumerate(rows):
            try:
                encoded = _Encoded(index, row, encode(row.value))
            except ValueError as error:
                answers[index] = [_failed(cell, f"the value cannot be given to jq: {error}") for cell in row.cells]
                continue
            (careful if any(cell.text in self._strikes for cell in row.cells) else quick).append(encoded)
        if len(quick) == 1 and len(quick[0].row.cells) == 1:  # it would only be tried twice
            careful.append(quick.pop())
        for chunk in _chunks(quick):
            careful += self._together(chunk, answers)
        for encoded in careful:
            answers[encoded.position] = self._one_by_one(encoded)
        return [answer for answer in answers if answer is not None]

    def check(self, texts: Sequence[str]) -> list[str | None]:
        """Return jq's message for each expression that does not compile, None for the others.

        Raises:
            ExpressionError: There is no libjq, or an expression broke it.
        """
        try:
            with self._worker() as worker:
                return worker.check(texts)
        except (WorkerTimeoutError, WorkerDiedError) as error:
            if len(texts) > 1:
                return [message for text in texts for message in self.check([text])]
            return [f"jq cannot compile it ({error or 'no answer'})"]

    def close(self) -> None:
        """End all workers; what they are evaluating fails."""
        self._closed = True
        with self._lock:
            for worker in self._all:
                worker.kill()
        if self._threads is not None:
            self._threads.shutdown()
        with self._lock:
            _close_all(self._all)
            self._idle.clear()

    def _together(self, chunk: Sequence[_Encoded], answers: list[Answer | None]) -> Sequence[_Encoded]:
        """Evaluate rows in one go; return those without an answer, since one of them takes too long, or worse."""
        done = 0
        unreadable: list[_Encoded] = []
        limit = min(self._limits.timeout, _FIRST_TRY)
        try:
            with self._worker() as worker:
                for payload in worker.run(
                    _request(chunk), [row.text for row in chunk], limit=limit, patience=_PATIENCE
                ):
                    row = chunk[done]
                    done += 1
                    try:
                        answers[row.position] = _answer(row.row, payload)
                    except ValueError:
                        unreadable.append(row)
        except (WorkerTimeoutError, WorkerDiedError):
            self._refuse_when_closed()
        return [*unreadable, *chunk[done:]]

    def _one_by_one(self, encoded: _Encoded) -> Answer:
        answer: Answer = []
        for cell in encoded.row.cells:
            answer.append(self._single(cell, encoded))
            if encoded.row.guarded and len(answer) == 1 and answer[0] is not True:
                break
        return answer

    def _single(self, cell: Cell, encoded: _Encoded) -> JSON | ExpressionError:
        if self._strikes[cell.text] >= _MAX_STRIKES:
            message = f"not tried: it has broken its limits on {_MAX_STRIKES} values before"
            return ExpressionTimeoutError(message, expression=cell.text)
        alone = _Encoded(0, Row(encoded.row.value, (cell,)), encoded.text)
        try:
            with self._worker() as worker:
                (payload,) = worker.run(_request([alone]), [encoded.text], limit=self._limits.timeout, patience=0)
            return _answer(alone.row, payload)[0]
        except ValueError as error:
            return _failed(cell, f"its result cannot be read: {error}")
        except WorkerTimeoutError:
            message = f"it did not end within {self._limits.timeout:g} seconds"
        except WorkerDiedError as died:
            self._refuse_when_closed()
            message = f"it broke jq ({died})"
            if died.out_of_memory:
                message = f"it needs more memory than {self._limits.memory_bytes >> 20} MiB"
        self._strikes[cell.text] += 1
        return ExpressionTimeoutError(message, expression=cell.text)

    @contextmanager
    def _worker(self) -> Generator[Worker]:
        """Lend a worker, a new one if all others are busy; one that fails is closed."""
        self._refuse_when_closed()
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = Worker(self._limits.memory_bytes)
            with self._lock:
                self._all.add(worker)
                if self._closed:
                    worker.kill()
        try:
            yield worker
        except BaseException:
            with self._lock:
                self._all.discard(worker)
            worker.close()
            raise
        with self._lock:
            self._idle.append(worker)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            message = "the evaluation of expressions has been closed"
            raise ExpressionError(message, expression="")


class _Encoded(Struct, frozen=True):
    """A row on its way to a worker."""

    position: int
    row: Row
    text: bytes


def _request(rows: Sequence[_Encoded]) -> dict[str, object]:
    columns: dict[tuple[bool, tuple[Cell, ...]], int] = {}
    placed = [[columns.setdefault((row.row.guarded, row.row.cells), len(columns)), len(row.text)] for row in rows]
    return {
        "columns": [[guarded, [[cell.mode, cell.text] for cell in cells]] for guarded, cells in columns],
        "rows": placed,
    }


def _chunks(rows: Sequence[_Encoded]) -> Iterator[Sequence[_Encoded]]:
    """Yield the rows in requests of a few megabytes, so that a large page needs no large worker."""
    start = size = 0
    for position, row in enumerate(rows):
        size += len(row.text)
        if size > _REQUEST_BYTES:
            yield rows[start : position + 1]
            start, size = position + 1, 0
    if start < len(rows):
        yield rows[start:]


def _answer(row: Row, payload: bytes) -> Answer:
    cells = cast("list[JSON]", decode(payload))
    return [_result(cell, gathered) for cell, gathered in zip(row.cells, cells, strict=False)]


def _result(cell: Cell, gathered: JSON) -> JSON | ExpressionError:
    """Return what a cell gave; see worker.py for the forms."""
    if isinstance(gathered, list):
        return gathered[0] if gathered else None
    if isinstance(gathered, dict) and "s" in gathered:
        return ExpressionSyntaxError(explain(str(gathered["s"]), cell.text), expression=cell.text)
    return _failed(cell, str(gathered["e"]) if isinstance(gathered, dict) else "it gave no result")


def _failed(cell: Cell, message: str) -> ExpressionRuntimeError:
    if message.startswith("parse error: "):  # of the value, not of the expression
        message = f"the value cannot be read by jq: {message.removeprefix('parse error: ')}"
    return ExpressionRuntimeError(message, expression=cell.text)


def _close_all(workers: set[Worker]) -> None:
    for worker in workers:
        worker.close()
    workers.clear()

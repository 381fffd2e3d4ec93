"""jq expressions: compiled to Python where that is exact, libjq for all others. Which one never shows in a result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, cast

from penstock.errors import ExpressionError, ExpressionRuntimeError, ExpressionSyntaxError
from penstock.expressions.exact import whole
from penstock.expressions.messages import explain
from penstock.expressions.pool import Answer, Cell, Pool, Row
from penstock.expressions.quotes import normalise_quotes
from penstock.expressions.undecided import Undecided
from penstock.values import JSON

if TYPE_CHECKING:
    from penstock.config.models import ExpressionLimits
    from penstock.expressions.compiler import Compiled

CompileSubset: TypeAlias = "Callable[[str], Compiled | None]"


class Expression:
    """One jq expression, to be evaluated as often as needed. The methods may wait for libjq, up to its time limit."""

    def __init__(self, text: str, *, jq_text: str, compiled: Compiled | None, pool: Pool) -> None:
        self.text = text
        """As the user wrote it."""
        self.jq_text = jq_text
        """As libjq is to see it."""
        self.compiled = compiled
        """None where only libjq will do."""
        self._pool = pool

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def first(self, value: JSON) -> JSON:
        """Return the first output, or null if there is none.

        Raises:
            ExpressionRuntimeError: It failed on this value.
            ExpressionTimeoutError: It did not end in time.
        """
        try:
            return self._quick_first(value)
        except (Undecided, RecursionError):
            return self._whole(self._ask(Cell(self.jq_text), value))

    async def first_async(self, value: JSON) -> JSON:
        """Return what ``first`` does, while the event loop goes on, and raise what it does."""
        try:
            return self._quick_first(value)
        except (Undecided, RecursionError):
            ((answer,),) = await self._pool.evaluate_async([Row(value, (Cell(self.jq_text),))])
            return self._whole(self._sound(answer))

    def _quick_first(self, value: JSON) -> JSON:
        if self.compiled is None:
            raise Undecided
        return self._whole(self.compiled.first(value))

    def outputs(self, value: JSON) -> list[JSON]:
        """Return all outputs.

        Raises:
            ExpressionRuntimeError: It failed on this value.
            ExpressionTimeoutError: It did not end in time.
        """
        return [self._whole(output) for output in self.raw_outputs(value)]

    def raw_outputs(self, value: JSON) -> list[JSON]:
        """Return all outputs as ``outputs`` does, except that ``1.0`` stays what it was.

        For outputs that are themselves evaluated again.
        """
        outputs = self.quick_outputs(value)
        return cast("list[JSON]", self._ask(Cell(self.jq_text, "all"), value)) if outputs is None else outputs

    def quick_outputs(self, value: JSON) -> list[JSON] | None:
        """Return what ``raw_outputs`` does, or None where only libjq can tell."""
        if self.compiled is None:
            return None
        try:
            return self.compiled.outputs(value)
        except (Undecided, RecursionError):
            return None

    def _whole(self, value: JSON) -> JSON:
        try:
            return whole(value)
        except ValueError as error:
            raise ExpressionRuntimeError(str(error), expression=self.text) from None

    def _ask(self, cell: Cell, value: JSON) -> JSON:
        ((answer,),) = self._pool.evaluate([Row(value, (cell,))])
        return self._sound(answer)

    def _sound(self, answer: JSON | ExpressionError) -> JSON:
        if isinstance(answer, ExpressionError):
            answer.expression = self.text
            raise answer
        return answer


class Evaluator:
    """Compiles expressions, and owns the worker processes that those outside the compiled subset need.

    ``with`` ends them. They are started on first need: a mapping that is all in the subset starts none.

    Args:
        limits: What one evaluation may cost.
        workers: How many processes at most; default: two, or one on a machine with one processor.
        compile_subset: Takes the place of the compiler; ``lambda text: None`` gives everything to libjq.
    """

    def __init__(
        self,
        limits: ExpressionLimits | None = None,
        *,
        workers: int | None = None,
        compile_subset: CompileSubset | None = None,
    ) -> None:
        self._compile_subset = compile_subset or _compiler()
        self._pool = Pool(limits or _default_limits(), workers)

    @property
    def workers(self) -> int:
        """How many worker processes there are now."""
        return self._pool.workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def compile(self, text: str) -> Expression:
        """Return an expression; one that is no jq at all fails when it is evaluated (see ``check``)."""
        jq_text = normalise_quotes(text)
        return Expression(text, jq_text=jq_text, compiled=self._compile_subset(jq_text), pool=self._pool)

    async def evaluate_many(self, rows: Sequence[Row]) -> list[Answer]:
        """Evaluate many cells in libjq at once, while the event loop goes on; one answer for each row, in order.

        Raises:
            ExpressionError: There is no libjq to evaluate with. What fails on one value is in that row's answer.
        """
        return await self._pool.evaluate_async(rows)

    def check(self, texts: Iterable[str]) -> dict[str, ExpressionSyntaxError]:
        """Return the error of each expression that does not compile; nothing is evaluated."""
        found: dict[str, str] = {}
        doubtful: dict[str, str] = {}
        for text in dict.fromkeys(texts):
            problem = _refusal(text)
            if problem:
                found[text] = problem
                continue
            expression = self.compile(text)
            if expression.compiled is None:
                doubtful[text] = expression.jq_text
        messages = self._pool.check(list(doubtful.values())) if doubtful else []
        for (text, jq_text), message in zip(doubtful.items(), messages, strict=True):
            if message is not None:
                found[text] = explain(message, jq_text)
        return {text: ExpressionSyntaxError(f"`{text}`: {found[text]}", expression=text) for text in found}

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()


def compile_expression(text: str) -> Expression:
    """Return an expression that stands alone: should it need a worker process, that ends with it."""
    return Evaluator(workers=1).compile(text)


def _refusal(text: str) -> str:
    """Return why a text cannot be an expression at all, or nothing."""
    if not text.strip():
        return "it is empty"
    if "\0" in text:
        return "it has a null character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it has half of a surrogate pair"
    return ""


def _default_limits() -> ExpressionLimits:
    from penstock.config.models import ExpressionLimits  # noqa: PLC0415 - a plugin that has an expression needs no more

    return ExpressionLimits()


def _compiler() -> CompileSubset:
    from penstock.expressions.compiler import compile_subset  # noqa: PLC0415 - not needed where a test replaces it

    return compile_subset

"""Many cells at once: one that hangs or dies takes no other with it."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from penstock.config.models import ExpressionLimits
from penstock.errors import ExpressionError, ExpressionRuntimeError, ExpressionSyntaxError, ExpressionTimeoutError
from penstock.expressions import Cell, Evaluator, Row, compile_expression
from penstock.expressions.pool import Answer
from penstock.values import JSON


def evaluate(rows: Sequence[Row], *, timeout: float = 0.5) -> list[Answer]:
    with Evaluator(ExpressionLimits(timeout=timeout, memory_bytes=256 * 1024 * 1024)) as evaluator:
        return asyncio.run(evaluator.evaluate_many(rows))


def row(value: JSON, *texts: str, guarded: bool = False) -> Row:
    return Row(value, tuple(map(Cell, texts)), guarded)


def test_each_row_gets_its_own_cells_in_order() -> None:
    rows = [row({"a": index}, ".a", ".a + 1") if index % 2 else row([index], ".[0]") for index in range(200)]
    assert evaluate(rows) == [[index, index + 1] if index % 2 else [index] for index in range(200)]


@pytest.mark.parametrize("bomb", ["last(range(1e12))", ".[5e8] = 1 | 1"])
def test_only_the_cell_that_hangs_or_dies_fails(bomb: str) -> None:
    text = f"if . == 3 then null | {bomb} else . end"
    answers = evaluate([row(index, text, ". * 2") for index in range(6)])
    assert [answer[1] for answer in answers] == [0, 2, 4, 6, 8, 10]
    assert [answer[0] for answer in answers if answer is not answers[3]] == [0, 1, 2, 4, 5]
    assert isinstance(answers[3][0], ExpressionTimeoutError)


def test_a_failing_cell_leaves_the_others_of_its_row() -> None:
    answers = evaluate([row({"a": 1}, ".a", ".a.b", "empty", ".c"), row(3, ".", ". +", "halt")])
    assert (answers[0][0], answers[0][2:]) == (1, [None, None])
    assert isinstance(answers[0][1], ExpressionRuntimeError)
    assert answers[1][0] == 3
    assert isinstance(answers[1][1], ExpressionSyntaxError)
    assert str(answers[1][2]) == "halt is not allowed in a mapping"


def test_a_value_that_jq_cannot_read_fails_alone() -> None:
    answers = evaluate([row(1, "."), row("\ud83c", ".", ". + 1"), row(2, ".")])
    assert (answers[0], answers[2]) == ([1], [2])
    assert len(answers[1]) == 2
    assert all(isinstance(cell, ExpressionRuntimeError) for cell in answers[1])


def test_a_result_that_cannot_be_read_back_fails_alone() -> None:
    answers = evaluate([row(1, ".", "reduce range(12000) as $i (1; [.])"), row(2, ".", ".")])
    assert answers[0][0] == 1
    assert isinstance(answers[0][1], ExpressionRuntimeError)
    assert answers[1] == [2, 2]


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        ("true", [True, 5]),
        ("false", [False]),
        ("null", [None]),
        ("empty", [None]),
        ("1", [1]),
        ("true, false", [True, 5]),
    ],
)
def test_a_guarded_row_goes_on_only_if_its_first_cell_is_true(guard: str, expected: list[JSON]) -> None:
    assert evaluate([row(5, guard, ".", guarded=True)]) == [expected]
    also_slow = evaluate([row(5, guard, ".", "error", guarded=True)])[0]
    assert also_slow[: len(expected)] == expected
    assert len(also_slow) == (3 if expected[1:] else 1)


def test_a_guard_keeps_an_endless_expression_from_starting() -> None:
    rows = [row(index, ". > 0", "if . == 0 then last(range(1e12)) else . end", guarded=True) for index in range(3)]
    assert evaluate(rows) == [[False], [True, 1], [True, 2]]


def test_a_guard_that_fails_is_the_whole_answer() -> None:
    ((failed,), (fine, value)) = evaluate([row({}, ".a | keys", ".", guarded=True), row(1, "true", ".", guarded=True)])
    assert isinstance(failed, ExpressionRuntimeError)
    assert (fine, value) == (True, 1)


def test_outputs_can_be_counted_without_waiting_for_the_last_one() -> None:
    cells = [Cell(text, "count") for text in ("empty", ".", "., .", "repeat(.)")]
    assert evaluate([Row(1, tuple(cells))]) == [[0, 1, 2, 2]]


def test_pages_larger_than_a_request_are_split() -> None:
    values = [f"{index}" + "x" * 700_000 for index in range(20)]
    assert evaluate([row(value, ".[0:2]") for value in values]) == [[value[:2]] for value in values]


def test_pages_are_evaluated_beside_each_other() -> None:
    async def several() -> list[list[Answer]]:
        with Evaluator(ExpressionLimits(), workers=2) as evaluator:
            pages = [[row(page * 10 + index, ". + 1") for index in range(10)] for page in range(8)]
            found = await asyncio.gather(*map(evaluator.evaluate_many, pages))
            assert 1 <= evaluator.workers <= 2
            return found

    assert [answer[0] for page in asyncio.run(several()) for answer in page] == list(range(1, 81))


def test_an_expression_in_the_subset_starts_no_process() -> None:
    with Evaluator() as evaluator:
        assert evaluator.compile('.a // "none"').first({}) == "none"
        assert evaluator.check(['.a // "none"']) == {}
        assert evaluator.workers == 0
        assert evaluator.compile('.a | test("x")').first({"a": "x"}) is True
        assert evaluator.workers == 1


def test_a_closed_evaluator_ends_what_still_runs() -> None:
    async def interrupted() -> None:
        evaluator = Evaluator(ExpressionLimits(timeout=60), compile_subset=lambda _: None)
        endless = asyncio.create_task(evaluator.evaluate_many([row(1, "last(range(1e12))", ".")]))
        while not evaluator.workers:  # noqa: ASYNC110 - it starts in a thread, which sets no event
            await asyncio.sleep(0.01)
        evaluator.close()
        with pytest.raises(ExpressionError, match="has been closed"):
            await endless
        assert evaluator.workers == 0

    asyncio.run(interrupted())


def test_an_expression_that_stands_alone_needs_no_evaluator() -> None:
    expression = compile_expression('test("^a")')
    assert expression.first("abc") is True
    with pytest.raises(ExpressionRuntimeError):
        expression.first(5)
    del expression
    gc.collect()  # an unclosed process would be a ResourceWarning, which is an error here

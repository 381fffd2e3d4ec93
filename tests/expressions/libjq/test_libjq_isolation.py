"""Whatever an expression does, it reaches nothing outside, and only its own item fails."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.config.models import ExpressionLimits
from penstock.errors import ExpressionRuntimeError, ExpressionSyntaxError, ExpressionTimeoutError
from penstock.expressions import Evaluator
from penstock.expressions.compiler import Compiled
from penstock.expressions.process import Worker
from penstock.values import JSON

LIMITS = ExpressionLimits(timeout=0.5, memory_bytes=256 * 1024 * 1024)


def nothing(_: str) -> Compiled | None:
    return None


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(LIMITS, compile_subset=nothing) as opened:
        yield opened


@pytest.mark.parametrize(
    "text",
    [
        "env",
        "env.PATH",
        "halt",
        "halt_error",
        "halt_error(3)",
        "input",
        "[inputs]",
        "input_line_number",
        "modulemeta",
        "get_search_list",
        '"\\(env)"',
        "path(env)",
        "[.[]? | env]",
        "def f: env; f",
    ],
)
def test_what_reaches_out_of_an_expression_is_an_error(evaluator: Evaluator, text: str) -> None:
    with pytest.raises(ExpressionRuntimeError, match="is not allowed in a mapping"):
        evaluator.compile(text).first([1])


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("$ENV", None, {}),
        ("$ENV.PATH", None, None),
        ("try halt catch .", None, "halt is not allowed in a mapping"),
        ("debug", 1, 1),
        ('debug("seen")', 1, 1),
        ("stderr", 1, 1),
        ("input_filename", 1, None),
        (".env", {"env": "test"}, "test"),
        ("{env}", {"env": "test"}, {"env": "test"}),
        ("def halt: 5; halt", None, 5),
        ("now | type", None, "number"),
        (". # comment", 1, 1),
    ],
)
def test_harmless_uses_of_those_names_work(evaluator: Evaluator, text: str, value: JSON, expected: JSON) -> None:
    assert evaluator.compile(text).first(value) == expected


def test_import_reads_no_file(evaluator: Evaluator, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('"hidden"')
    text = f'import "secret" as $d {{search: {json.dumps(str(tmp_path))}}}; $d'
    with pytest.raises(ExpressionSyntaxError, match="import, include and module are not allowed"):
        evaluator.compile(text).first(None)


@pytest.mark.parametrize("text", [".) | env | (.", ".] | env | [.", "1); def _p0: 2; (3"])
def test_brackets_do_not_lead_out_of_an_expression(evaluator: Evaluator, text: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match="syntax error"):
        evaluator.compile(text).outputs(None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cret")
    worker = Worker(LIMITS.memory_bytes)
    try:
        assert Path(f"/proc/{worker.pid}/environ").read_bytes() == b""
    finally:
        worker.close()


@pytest.mark.parametrize(
    "text",
    ["last(range(1e12))", "def f: f; f", "until(false; .)", "[repeat(.)] | length", "[limit(1e9; repeat(1))]"],
)
def test_an_endless_expression_is_an_error_that_names_its_limit(text: str) -> None:
    with (
        Evaluator(LIMITS, compile_subset=nothing) as evaluator,
        pytest.raises(ExpressionTimeoutError, match=r"did not end within 0.5 seconds|more memory than 256 MiB"),
    ):
        evaluator.compile(text).first(1)


@pytest.mark.parametrize("text", [".[5e8] = 1", '"a" * 1e9 | length'])
def test_a_memory_bomb_is_an_error_that_names_its_limit(evaluator: Evaluator, text: str) -> None:
    with pytest.raises(ExpressionTimeoutError, match="it needs more memory than 256 MiB"):
        evaluator.compile(text).first(None)
    assert evaluator.compile(".").first("alive") == "alive"


def test_an_expression_is_not_tried_for_ever() -> None:
    with Evaluator(ExpressionLimits(timeout=0.05), compile_subset=nothing) as evaluator:
        endless = evaluator.compile("last(range(1e12))")
        for _ in range(10):
            with pytest.raises(ExpressionTimeoutError, match="did not end"):
                endless.first(1)
        with pytest.raises(ExpressionTimeoutError, match="not tried: it has broken its limits on 10 values before"):
            endless.first(1)


def nested(depth: int) -> JSON:
    value: JSON = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        (".", "\ud83c", "the value cannot be read by jq: Invalid"),
        ("length", nested(20_000), "the value cannot be given to jq: it is nested too deeply"),
        ("reduce range(8000) as $i (1; [.])", None, "the result is nested too deeply"),
        ("reduce range(12000) as $i (1; [.])", None, "its result cannot be read"),
        (".a.b", {"a": 1}, "Cannot index number"),
        ("error(null)", None, "null"),
        ("error({a: 1})", None, '{"a":1}'),
    ],
    ids=["half a surrogate pair", "deep value", "deep result", "deeper result", "index", "null", "object"],
)
def test_what_jq_cannot_do_is_an_error(evaluator: Evaluator, text: str, value: JSON, message: str) -> None:
    with pytest.raises(ExpressionRuntimeError) as caught:
        evaluator.compile(text).first(value)
    assert message in str(caught.value)
    assert caught.value.expression == text


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (".", 12345678901234567890123, 12345678901234567890123),
        (".id | tostring", {"id": 9007199254740993}, "9007199254740993"),
        (".", -(2**63) - 1, -(2**63) - 1),
        (".", 1.0, 1),
        ("tostring", 1.0, "1.0"),
        (".", 1e300, 1e300),
        (".", {"a": [1.0, 2.5, {"b": 3.0}]}, {"a": [1, 2.5, {"b": 3}]}),
        ("nan", None, None),
        (".", float("nan"), None),
        ("infinite", None, sys.float_info.max),
        ("1e400", None, sys.float_info.max),
        ("empty", None, None),
        (".[]", [7, 8], 7),
        ('"\\u0000é"', None, "\0é"),
    ],
)
def test_values_come_back_with_every_digit(evaluator: Evaluator, text: str, value: JSON, expected: JSON) -> None:
    found = evaluator.compile(text).first(value)
    assert (found, type(found)) == (expected, type(expected))


def test_all_outputs_come_in_order(evaluator: Evaluator) -> None:
    assert evaluator.compile(".[], 1.0, empty, null").outputs([2.0]) == [2, 1, None]
    assert str(evaluator.compile(".[]").raw_outputs([2.0])) == "[2.0]"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_ends_with_its_owner() -> None:
    script = (
        "import os; from penstock.expressions.process import Worker\n"
        "worker = Worker(2**28); print(worker.pid, flush=True); os._exit(0)"
    )
    owner = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    process = Path(f"/proc/{owner.stdout.strip()}")
    deadline = time.monotonic() + 30
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process.exists()

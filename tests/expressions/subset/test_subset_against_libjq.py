"""The compiled tier against libjq, on programs and documents nobody thought of.

``PENSTOCK_FUZZ=100000`` draws so many programs, other ones each time; the default is a small, fixed choice.
"""

import os
from random import Random

import orjson
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from penstock.expressions.compiler import Compiled, Undecided, compile_subset
from penstock.values import JSON
from support.jq_oracle import Oracle, agrees, libjq
from support.jq_programs import Choose, document, flat_program, program

EXAMPLES = int(os.environ.get("PENSTOCK_FUZZ", "800"))
DOCUMENTS = 5


def check(compiled: Compiled, oracle: Oracle, record: JSON) -> None:
    """Compare all outputs, and the first alone, which libjq may give before it fails."""
    source = orjson.dumps(record)
    note(f"document: {source.decode()}")
    try:
        outputs = compiled.outputs(record)
    except Undecided:
        outputs = None
    if outputs is not None:
        texts = list(oracle.input_text(source.decode()))
        assert len(outputs) == len(texts)
        assert all(map(agrees, outputs, texts)), (outputs, texts)
        assert len(outputs) == 1 or not compiled.exact_one
    try:
        first = compiled.first(record)
    except Undecided:
        return
    finally:
        assert orjson.dumps(record) == source
    text = next(iter(oracle.input_text(source.decode())), "null")
    assert agrees(first, text), (first, text)


def check_program(text: str, choose: Choose) -> None:
    note(f"program: {text}")
    compiled = compile_subset(text)
    if compiled is None:
        return
    oracle = libjq(text)
    for _ in range(DOCUMENTS):
        check(compiled, oracle, document(choose))


fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PENSTOCK_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
chances = st.randoms(use_true_random=False)
"""Randomness that hypothesis chooses, so that it shrinks what fails."""


@fuzz
@given(chances)
def test_what_the_compiled_tier_decides_is_what_libjq_says(chance: Random) -> None:
    depth = chance.choice((1, 2, 3))
    check_program(program(chance.choice, depth), chance.choice)


@fuzz
@given(chances)
def test_precedence_is_that_of_libjq_and_nothing_is_accepted_that_libjq_refuses(chance: Random) -> None:
    check_program(flat_program(chance.choice), chance.choice)

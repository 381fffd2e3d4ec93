"""What the compiled tier does not take on: it runs in the event loop, where nothing can stop it."""

import pytest

from penstock.expressions.compiler import Undecided, compile_subset
from penstock.values import JSON

LEFT_TO_LIBJQ = [
    'test("a")', 'sub("a"; "b")', "now", 'strptime("%Y")', "@base64", '@json "x"', "$ENV.HOME", "env", "input",
    "debug", "..", "reduce .[] as $x (0; . + $x)", "foreach .[] as $x (0; .)", "def f: .; f", "try .a",
    "label $f | break $f", ".a = 1", ".a |= 1", ".a += 1", ". as [$x] | $x", ". as {a: $x} | $x",
    ". as $x ?// [$x] | $x", "$__loc__", "limit(1; .[])", "path(.a)", "paths", "error", "1e3", "1.10", "1.", ".5",
    "recurse", "walk(.)", "fromjson", "todate", 'import "a" as a; .', "a::b", "input_line_number",
]  # fmt: skip
NO_JQ = [
    "", "# only a comment", ".a.", ".[", "(.a", ".a)", "{a: 1", "[1,]", "{,}", "{a:1,,}", "1 == 1 == 1",
    "1 < 2 < 3", ".a ? // 1 ? ?//", ".a?//1", "user", "nosuch(1)", "map", "map(.;.)", "length(1)", "true(1)", "$x",
    ". as $x | $y", "(. as $x | $x) | $x", "{$x}", "empty | $x", "empty | nosuch", "{1: 2}", "{(1): 2}",
    "{([]): 2}", "{(1 + 2): 3}", "{(null): 1}", "{a: 1 as $x | 2}", ".a.[1:2]", ".[:]", "..a", ". a", ".a. b",
    "1..2", "1.2.3", "0x10", "01a", '"\\x"', '"\\ud800"', '"\\u12"', '"open', "'open", "if . then 1",
    "if . then 1 else 2", ".a as $x", "1 as $x", "and", ".a and", "| .a", ".a |", "// 1", "a b", '"a" "b"', ".é",
    "\u00a0.", "&", "!", "$", "@", "not()", ".[1;2]", ".\0", "{a b}",
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT_TO_LIBJQ)
def test_what_is_outside_the_subset_is_not_compiled(text: str) -> None:
    assert compile_subset(text) is None


@pytest.mark.parametrize("text", NO_JQ)
def test_what_is_no_jq_is_not_compiled(text: str) -> None:
    assert compile_subset(text) is None


def nested(levels: int) -> JSON:
    value: JSON = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text", ["tojson", "tostring", '"\\(.)"', "flatten", "[.] == [[.]]", ". < [.]", "contains([.])"]
)
def test_a_value_that_is_nested_too_deeply_is_left_to_libjq(text: str) -> None:
    program = compile_subset(text)
    assert program is not None
    with pytest.raises(Undecided):
        program.first(nested(100_000))


@pytest.mark.parametrize(
    "text", ["(" * 5_000 + "." + ")" * 5_000, "." + ".a" * 9_000, "[" * 900 + "]" * 900, "-" * 9_000 + "1"]
)
def test_a_text_that_is_nested_too_deeply_is_not_compiled(text: str) -> None:
    assert compile_subset(text) is None


@pytest.mark.parametrize(
    "text",
    [
        " | ".join(["[., .]"] * 30),
        " | ".join(["{a: ., b: .}"] * 30),
        " | ".join([". + ."] * 30),
        " | ".join(['"\\(.)\\(.)"'] * 30),
        " | ".join(["[.[], .[]]"] * 30),
        " | ".join(["tojson"] * 40),
        ". as $a | [.[] | [$a[] | [$a[] | $a]]]",
        "[.[] as $x | .[] as $y | .[] as $z | [$x, $y, $z]]",
    ],
)
def test_a_text_whose_result_could_be_many_times_its_input_is_not_compiled(text: str) -> None:
    assert compile_subset(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[range(1000000)]", None),
        ("[range(9000) | range(9000)] | length", None),
        ("any(.[]; . as $x | any(range(5000); . == $x))", ["a"] * 100),
        (". - .", ["a"] * 1_000),
        ("contains(.)", [["a", "b"] * 500] * 500),
        (". * 1000000", "text"),
    ],
)
def test_long_work_is_handed_over_to_libjq_which_can_be_stopped(text: str, value: JSON) -> None:
    program = compile_subset(text)
    assert program is not None
    with pytest.raises(Undecided):
        program.outputs(value)


def test_a_large_but_honest_document_is_no_long_work() -> None:
    program = compile_subset("[.rows[] | {id, tags: [.tags[] | ascii_downcase]}] | map(.tags | length) | add")
    assert program is not None
    assert program.first({"rows": [{"id": number, "tags": ["A", "B", "C"]} for number in range(20_000)]}) == 60_000


@pytest.mark.parametrize(
    "text", ["\"__import__('os')\"", '."\\"] + [1"', "{\"'''\": 1} | keys", '"\\\\" + "\\n\\u0000\\u2028{}%s"']
)
def test_no_text_of_a_program_becomes_code(text: str) -> None:
    program = compile_subset(text)
    assert program is not None
    program.outputs({})

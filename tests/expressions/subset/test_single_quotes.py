"""Strings in single quotes: mapping.md, section 5.1."""

import pytest

from penstock.expressions.compiler import compile_subset
from penstock.expressions.quotes import normalise_quotes


@pytest.mark.parametrize(
    ("text", "jq"),
    [
        ("'x'", '"x"'),
        (".a == 'x'", '.a == "x"'),
        (".a == 'two words' and .b", '.a == "two words" and .b'),
        ("startswith('a')", 'startswith("a")'),
        ("['x','y']", '["x","y"]'),
        ("{'k':'v'}", '{"k":"v"}'),
        ("'a'|'b'", '"a"|"b"'),
        (".a=='x'|not", '.a=="x"|not'),
        ("''", '""'),
        (".a // '-'", '.a // "-"'),
    ],
)
def test_a_single_quoted_string_may_stand_wherever_a_string_may(text: str, jq: str) -> None:
    assert normalise_quotes(text) == jq


@pytest.mark.parametrize(
    ("text", "jq"),
    [
        ("'it's'", '"it\'s"'),
        ("'don't, won't'", "\"don't, won't\""),
        ("'dogs', cats'", '"dogs\', cats"'),
        (r"'it\'s'", '"it\'s"'),
        ("'say \"hi\"'", r'"say \"hi\""'),
        (r"'say \"hi\"'", r'"say \"hi\""'),
        (r"'a\n\u00e9\\'", r'"a\n\u00e9\\"'),
    ],
)
def test_quotes_and_escapes_inside_keep_their_meaning(text: str, jq: str) -> None:
    assert normalise_quotes(text) == jq


@pytest.mark.parametrize(
    ("text", "jq"),
    [
        (r"'a \(.b) c'", r'"a \(.b) c"'),
        (r"'a \(.b | join('y')) c'", r'"a \(.b | join("y")) c"'),
        (r"""'a \(.b | join("'")) c'""", r'''"a \(.b | join("'")) c"'''),
        (r"""'\((.b) // ("x"))'""", r'''"\((.b) // ("x"))"'''),
        (r""""a \('b')" """, r""""a \("b")" """),
    ],
)
def test_code_within_a_string_is_code(text: str, jq: str) -> None:
    assert normalise_quotes(text) == jq


@pytest.mark.parametrize(
    "text",
    [
        '.a == "it\'s"',
        "\"'x'\" + .b",
        ". # it's a comment",
        "# 'a' \\\n 'b'\n.",
        '"\\"\'x\'"',
        r""""\(.a | split("'"))" """,
        ".a",
        "",
    ],
)
def test_double_quotes_and_comments_stay_as_they_are(text: str) -> None:
    assert normalise_quotes(text) == text


@pytest.mark.parametrize("text", ["'", "'a", ".a == 'x' and 'y", "\"it's", r"'\(.a'", "'a' + 'b"])
def test_quotes_that_do_not_match_up_are_left_for_jq_to_complain_about(text: str) -> None:
    assert normalise_quotes(text) == text
    assert compile_subset(text) is None


def test_many_unfinished_quotes_take_no_long_time() -> None:
    text = "'a', " * 3_000 + "'"
    assert normalise_quotes(text) == text


def test_the_compiled_tier_takes_single_quotes() -> None:
    compiled = compile_subset("select(.kind == 'it's') | .name | split(' ')[0] + 's'")
    assert compiled is not None
    assert compiled.first({"kind": "it's", "name": "dog house"}) == "dogs"

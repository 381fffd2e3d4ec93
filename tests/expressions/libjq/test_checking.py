"""Expressions that do not compile are found before anything is evaluated."""

import pytest
from pydantic import BaseModel, ValidationError

from penstock.errors import ExpressionSyntaxError
from penstock.expressions import JqSyntax, JqText, check_expression, check_expressions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".a |", "`.a |`: syntax error, unexpected end of file (line 1, column 4)"),
        ("1\n| foo(2)", "`1\n| foo(2)`: foo/1 is not defined (line 2, column 3)"),
        ("nope + $x", "`nope + $x`: nope/0 is not defined (line 1, column 1); $x is not defined (line 1, column 8)"),
        ("", "``: it is empty"),
        (" \n", "` \n`: it is empty"),
        (".a\0", "`.a\0`: it has a null character"),
        ('"\ud83c"', '`"\ud83c"`: it has half of a surrogate pair'),
        ("import", "`import`: import, include and module are not allowed"),
        ('include "a"; .', '`include "a"; .`: import, include and module are not allowed'),
    ],
)
def test_the_message_has_the_expression_and_the_place(text: str, message: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        check_expression(text)
    assert str(caught.value) == message
    assert caught.value.expression == text


@pytest.mark.parametrize("word", ["service", "my-service", "_x"])
def test_a_bare_word_gets_the_hint_that_text_needs_quotes(word: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        check_expression(word)
    assert str(caught.value).endswith(f"a text constant needs jq's quotes inside YAML's: '\"{word}\"'")


@pytest.mark.parametrize(
    "text",
    [".", ".a.b?", "'text'", ".a == 'x'", "now", 'test("^a")', "env", "# why\n.a", ".import", "def f: 1; f", "@base64"],
)
def test_what_compiles_in_either_tier_is_fine(text: str) -> None:
    check_expression(text)


def test_many_are_checked_together_and_each_wrong_one_is_named() -> None:
    errors = check_expressions([".ok", "bad(", 'test("x")', "worse)", "bad("])
    assert list(errors) == ["bad(", "worse)"]
    assert all(isinstance(error, ExpressionSyntaxError) for error in errors.values())


def test_nothing_is_evaluated() -> None:
    check_expression("last(range(1e12))")


class Settings(BaseModel):
    stop: JqText


def test_a_setting_that_is_jq_is_text_and_not_empty() -> None:
    assert Settings(stop=" .done ").stop == ".done"
    for wrong in ("", "  ", 5):
        with pytest.raises(ValidationError):
            Settings.model_validate({"stop": wrong})


def test_a_setting_that_is_jq_can_be_found_and_shows_in_the_schema() -> None:
    assert any(isinstance(mark, JqSyntax) for mark in Settings.model_fields["stop"].metadata)
    assert Settings.model_json_schema()["properties"]["stop"]["format"] == "jq"

"""From bytes to JSON: exact, or an error that says what came."""

import pytest

from penstock.http.documents import DocumentError, decode
from penstock.values import JSON, StopReason


def read(content: bytes, content_type: str = "application/json") -> JSON:
    return decode(content, url="https://a.test/u?api_key=s3cret&page=2", content_type=content_type)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 9007199254740993),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616),
        ("-9223372036854775809", -9223372036854775809),
        ("12345678901234567890123", 12345678901234567890123),
        ("1" * 400, int("1" * 400)),
        ('{"n":[12345678901234567890123,1.5,"é"]}', {"n": [12345678901234567890123, 1.5, "é"]}),
        ('"12345678901234567890123"', "12345678901234567890123"),
        ("0.1234567890123456789012", 0.1234567890123456789012),
    ],
)
def test_integers_keep_every_digit(text: str, value: JSON) -> None:
    decoded = read(text.encode())
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize("content", [b"", b" \r\n"])
def test_an_empty_answer_is_null(content: bytes) -> None:
    assert read(content, "") is None


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'\xef\xbb\xbf{"a":"\xc3\xa9"}', "application/json"),
        ('{"a":"é"}'.encode("utf-16"), "application/json"),
        ('{"a":"é"}'.encode("utf-16-le"), ""),
        ('{"a":"é"}'.encode("utf-16-be"), ""),
        ('{"a":"é"}'.encode("utf-32"), ""),
        ('{"a":"é"}'.encode("latin-1"), "application/json; charset=iso-8859-1"),
        ('{"a":"é"}'.encode("cp1252"), 'text/json; CharSet="windows-1252"'),
        ('{"a":"é"}'.encode(), "application/json; charset=iso-8859-1"),
        ('{"a":"é"}'.encode(), "application/json; charset=nonsense"),
    ],
)
def test_text_in_other_encodings_is_understood(content: bytes, content_type: str) -> None:
    assert read(content, content_type) == {"a": "é"}


def test_of_equal_keys_the_last_one_counts() -> None:
    assert read(b'{"a":1,"a":2}') == {"a": 2}
    assert read(b'{"a":1,"a":12345678901234567890123}') == {"a": 12345678901234567890123}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!doctype html><title>Sign in</title>", "it looks like HTML or XML"),
        (b'{"data":[{"id":1},{"id"', "it is cut off after 23 bytes"),
        (b'{"data":[12345678901234567890123,', "it is cut off after 33 bytes"),
        (b'{"id":1}\n{"id":2}\n', "it is several documents, such as JSON lines, not one"),
        (b"[NaN]", "unexpected character"),
        (b"[Infinity, 12345678901234567890123]", "unexpected character"),
        (b"[1e400]", "number is infinity"),
        (b"[1e400, 12345678901234567890123]", "is too large"),
        (b"1" * 5000, "4300 digits"),
        (b'"\\ud83c"', "surrogate"),
        (b'["\\ud83c", 12345678901234567890123]', "surrogate"),
        (b"[" + b"1" * 400 + b',"\\ud83c"]', "surrogate"),
        (b"[" + b"1" * 400 + b",NaN]", "NaN is not JSON"),
        (b"[" + b"1" * 400 + b",1]]", "Extra data"),
        (b"[" * 2000 + b"]" * 2000, "depth limit exceeded"),
        (b"[" * 200_000 + b"1" * 400 + b"]" * 200_000, "depth limit exceeded"),
        (b"[" + b"1" * 400 + b"," + b"[" * 200_000 + b"]" * 200_000 + b"]", "depth limit exceeded"),
        (b'{"a":"\xe9"}', "not valid UTF-8"),
        (b"\xff\xfe[\x00\x00\xd8]\x00", "not valid UTF-8"),
        (b"not found", "invalid literal"),
        (b"{'a':1}", "expected a string key"),
        (b"{}x", "unexpected content after document"),
    ],
)
def test_what_is_not_one_json_document_is_an_error_that_says_why(content: bytes, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(content)
    assert caught.value.reason is StopReason.UNREADABLE_ANSWER
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"v":1e400}', "a number is larger than a double can be (number is infinity when parsed as double: line 1"),
        (
            b"[1e400, 12345678901234567890123]",
            "a number is larger than a double can be (the number 1e400 is too large)",
        ),
        (b"9" * 6000, "an integer has more than 4,300 digits (Exceeds the limit (4300 digits) for integer string conv"),
        (b'"\\ud83c"', "a text holds half of a surrogate pair (no low surrogate in string: line 1"),
        (b'["\\udc00", 12345678901234567890123]', "a text holds half of a surrogate pair ("),
        (b"[" * 2000 + b"]" * 2000, "it is nested more than 1,024 levels deep (depth limit exceeded"),
    ],
)
def test_sound_json_that_is_beyond_us_is_not_called_something_else(content: bytes, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(content)
    assert f" answered JSON that is beyond us: {why}" in str(caught.value)


@pytest.mark.parametrize("content", [b'{"a":"\xe9"}', b"[NaN]", b'{"a":[1,'])
def test_what_no_reader_would_take_is_not_called_json(content: bytes) -> None:
    with pytest.raises(DocumentError, match="answered something that is not JSON: "):
        read(content)


def test_the_error_names_url_and_content_type_and_shows_how_the_answer_begins() -> None:
    with pytest.raises(DocumentError) as caught:
        read(b"<html>\n\n  <body>\tPlease\x07 sign in</body>", "text/html; charset=utf-8")
    assert str(caught.value) == (
        "https://a.test/u?api_key=***&page=2 answered something that is not JSON: it looks like HTML or XML "
        "(content type text/html; charset=utf-8); it begins with: <html> <body> Please sign in</body>"
    )


def test_the_error_shows_no_more_than_200_characters_of_the_answer() -> None:
    with pytest.raises(DocumentError) as caught:
        read("é".encode() * 5000)
    shown = str(caught.value).partition("begins with: ")[2]
    assert shown == "é" * 199 + "…"


def test_the_error_is_never_longer_than_500_characters() -> None:
    with pytest.raises(DocumentError) as caught:
        decode(b"x" * 5000, url="https://a.test/" + "u" * 5000, content_type="t" * 5000)
    assert len(str(caught.value)) == 500

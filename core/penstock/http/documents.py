"""From the bytes of an answer to a JSON document, exactly: every digit of an integer, or an error."""

from __future__ import annotations

import codecs
import json
from email.message import Message
from typing import Final, NoReturn, cast

import orjson

from penstock.errors import ReadError
from penstock.redaction import mask_url
from penstock.values import JSON, StopReason

EXCERPT_CHARACTERS: Final = 200
MESSAGE_CHARACTERS: Final = 500
URL_CHARACTERS: Final = 240
_DIGITS_TO_ZERO: Final = bytes(ord("0") if ord("0") <= byte <= ord("9") else ord(" ") for byte in range(256))
_MANY_DIGITS: Final = b"0" * 19
"""The shortest run of digits that may be an integer beyond 64 bits, which orjson would turn into a float."""
_NO_UTF_8: Final = "str is not valid UTF-8"
_LIMITS: Final = {
    "infinity": "a number is larger than a double can be",
    "is too large": "a number is larger than a double can be",
    "digits)": "an integer has more than 4,300 digits",
    "surrogate": "a text holds half of a surrogate pair",
    "depth limit": "it is nested more than 1,024 levels deep",
}
"""What sound JSON may have and we cannot hold, by a part of what the parsers say of it."""
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class DocumentError(ReadError):
    """An answer with a success status is no JSON document, or one that is beyond us."""

    def __init__(self, url: str, content_type: str, content: bytes, what: str) -> None:
        message = (
            f"{shorten(mask_url(url), URL_CHARACTERS)} answered {what} "
            f"(content type {content_type or 'not given'}); it begins with: {excerpt(content, content_type)}"
        )
        super().__init__(shorten(message, MESSAGE_CHARACTERS), reason=StopReason.UNREADABLE_ANSWER)


def decode(content: bytes, *, url: str, content_type: str) -> JSON:
    """Return the document; None for an empty answer.

    Integers keep every digit. Of an object's equal keys the last one counts. A byte order mark is skipped, and UTF-16,
    UTF-32 or what the content type's ``charset`` names is understood where the answer is not UTF-8.

    Args:
        content: The whole body, decompressed.
        url: Where it came from, for the error's message.
        content_type: The header's value; may be empty.

    Raises:
        DocumentError: It is not one JSON document (RFC 8259): HTML, cut off, several documents, NaN. Or it is one, and
            nested too deeply, or has a number or text that we cannot hold.
    """
    try:
        return _parse(content)
    except ValueError as error:
        if not content.strip():
            return None
        text = _to_utf8(content, content_type)
        if text is None:
            raise DocumentError(url, content_type, content, _explain(content, error)) from error
    try:
        return _parse(text)
    except ValueError as error:
        raise DocumentError(url, content_type, content, _explain(text, error)) from error


def excerpt(content: bytes, content_type: str = "") -> str:
    """Return the first 200 characters of a body on one line, for a message."""
    charset = _charset(content) or _declared(content_type) or "utf-8"
    text = content[: EXCERPT_CHARACTERS * 8].decode(charset, errors="replace")
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shorten(line, EXCERPT_CHARACTERS)


def shorten(text: str, characters: int) -> str:
    """Return the text, cut where it is longer than ``characters``."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _parse(content: bytes) -> JSON:
    if _MANY_DIGITS in content.translate(_DIGITS_TO_ZERO):
        return _parse_every_digit(content)
    return cast("JSON", orjson.loads(content))


def _parse_every_digit(content: bytes) -> JSON:
    """Parse with the standard library, which keeps long integers, what orjson, which is strict, accepts."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "infinity" not in str(error):  # it says so of an integer with hundreds of digits, too
            raise
    try:
        document: JSON = json.loads(content.decode(), parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        message = "depth limit exceeded"
        raise ValueError(message) from error
    if b"\\u" in content:
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is a ValueError
    return document


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is not JSON"
    raise ValueError(message)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        message = f"the number {text[:40]} is too large"
        raise ValueError(message)
    return number


def _to_utf8(content: bytes, content_type: str) -> bytes | None:
    charset = _charset(content) or _declared(content_type)
    if charset is None:
        return None
    try:
        return content.decode(charset).encode()
    except ValueError:
        return None


def _charset(content: bytes) -> str | None:
    """Return what the first bytes prove: a byte order mark, or the zeros between the ASCII of UTF-16 and UTF-32."""
    for mark, charset in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return charset
    guess = json.detect_encoding(content)
    return None if guess == "utf-8" else guess


def _declared(content_type: str) -> str | None:
    if "charset" not in content_type.lower():
        return None
    header = Message()
    header["Content-Type"] = content_type
    charset = header.get_content_charset()
    try:
        "".encode(charset or "")
    except LookupError:  # unknown, or no text encoding
        return None
    return charset


def _explain(content: bytes, error: ValueError) -> str:
    """Return what an answer is."""
    reason = str(error)
    beyond = next((why for part, why in _LIMITS.items() if part in reason and not reason.startswith(_NO_UTF_8)), None)
    if beyond is not None:
        return f"JSON that is beyond us: {beyond} ({reason.partition('; use ')[0]})"
    return f"something that is not JSON: {_defect(content, reason)}"


def _defect(content: bytes, reason: str) -> str:
    if content.lstrip().startswith(b"<"):
        return "it looks like HTML or XML"
    if "unexpected end of data" in reason:
        return f"it is cut off after {len(content)} bytes"
    if "unexpected content after" in reason and _is_json_lines(content):
        return "it is several documents, such as JSON lines, not one"
    return reason


def _is_json_lines(content: bytes) -> bool:
    first = content.lstrip().partition(b"\n")[0]
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return True

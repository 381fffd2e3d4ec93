"""jq's builtins on texts, and its JSON texts."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Final, cast

from penstock.expressions.runtime.arithmetic import LONGEST
from penstock.expressions.undecided import Undecided
from penstock.values import JSON

_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_BLANKS: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_DEEPEST: Final = 100
_INTEGER_DIGITS: Final = 300


def tostring(value: JSON) -> str:
    """``value | tostring``."""
    if type(value) is str:
        return value
    if type(value) is int:
        return _integer_text(value)
    return tojson(value)


def tojson(value: JSON) -> str:
    """``value | tojson``."""
    pieces: list[str] = []
    _write(value, pieces, 0)
    text = "".join(pieces)
    if len(text) > LONGEST:
        raise Undecided
    return text


def ascii_downcase(value: JSON) -> str:
    """``value | ascii_downcase``: only A to Z change."""
    text = _text(value)
    return text.lower() if text.isascii() else text.translate(_LOWER)


def ascii_upcase(value: JSON) -> str:
    """``value | ascii_upcase``: only a to z change."""
    text = _text(value)
    return text.upper() if text.isascii() else text.translate(_UPPER)


def trim(value: JSON) -> str:
    """``value | trim``."""
    return _text(value).strip(_BLANKS)


def ltrim(value: JSON) -> str:
    """``value | ltrim``."""
    return _text(value).lstrip(_BLANKS)


def rtrim(value: JSON) -> str:
    """``value | rtrim``."""
    return _text(value).rstrip(_BLANKS)


def startswith(value: JSON, start: JSON) -> bool:
    """Jq's ``startswith``."""
    return _text(value).startswith(_text(start))


def endswith(value: JSON, end: JSON) -> bool:
    """Jq's ``endswith``."""
    return _text(value).endswith(_text(end))


def ltrimstr(value: JSON, start: JSON) -> str:
    """Jq's ``ltrimstr``."""
    return _text(value).removeprefix(_text(start))


def rtrimstr(value: JSON, end: JSON) -> str:
    """Jq's ``rtrimstr``."""
    return _text(value).removesuffix(_text(end))


def trimstr(value: JSON, affix: JSON) -> str:
    """Jq's ``trimstr``."""
    return rtrimstr(ltrimstr(value, affix), affix)


def join(value: JSON, separator: JSON) -> str:
    """Jq's ``join``, of an array: null counts as the empty text."""
    if type(value) is not list:
        raise Undecided
    between = _text(separator)
    try:
        text = between.join(cast("list[str]", value))
    except TypeError:
        text = between.join(map(_joined, value))
    if len(text) > LONGEST:
        raise Undecided
    return text


def first_position(value: JSON, wanted: JSON) -> JSON:
    """Jq's ``index``, of texts."""
    return _position(_text(value).find(_text(wanted)), wanted)


def last_position(value: JSON, wanted: JSON) -> JSON:
    """Jq's ``rindex``, of texts."""
    return _position(_text(value).rfind(_text(wanted)), wanted)


def tonumber(value: JSON) -> JSON:
    """``value | tonumber``."""
    if type(value) is int or type(value) is float:
        return value
    text = _text(value)
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _INTEGER_DIGITS:
        number = int(text)
        if number == 0 and text != digits:  # jq keeps the sign of "-0"
            raise Undecided
        return number
    return _decimal(text)


def utf8bytelength(value: JSON) -> int:
    """``value | utf8bytelength``."""
    return len(_text(value).encode())


def _position(found: int, wanted: JSON) -> JSON:
    return found if found >= 0 and wanted else None


def _text(value: JSON) -> str:
    if type(value) is str:
        return value
    raise Undecided


def _joined(value: JSON) -> str:
    if value is None:
        return ""
    if type(value) is list or type(value) is dict:
        raise Undecided
    return tostring(value)


def _integer_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python converts
        raise Undecided from None


def _write(value: JSON, pieces: list[str], depth: int) -> None:
    """Add the JSON text of ``value``, as jq prints it, to ``pieces``."""
    if depth > _DEEPEST or len(pieces) > LONGEST:
        raise Undecided
    if type(value) is list:
        opening = "["
        for element in value:
            pieces.append(opening)
            _write(element, pieces, depth + 1)
            opening = ","
        pieces.append("]" if value else "[]")
    elif type(value) is dict:
        opening = "{"
        for name, member in value.items():
            pieces.append(f"{opening}{_quoted(name)}:")
            _write(member, pieces, depth + 1)
            opening = ","
        pieces.append("}" if value else "{}")
    else:
        pieces.append(_scalar_text(value))


def _scalar_text(value: JSON) -> str:
    if type(value) is str:
        return _quoted(value)
    if type(value) is int:
        return _integer_text(value)
    if type(value) is float:
        return _float_text(value)
    return "null" if value is None else "true" if value else "false"


def _quoted(text: str) -> str:
    return encode_basestring(text).replace("\x7f", "\\u007f")


def _float_text(value: float) -> str:
    """Return the digits of a float where jq's spelling and Python's are the same."""
    if value == 0 or 1e-3 <= abs(value) < 1e15:  # noqa: PLR2004 - neither writes an exponent here
        return repr(value)
    raise Undecided


def _decimal(text: str) -> float:
    """Read a number with a decimal point, if jq would print it as Python does."""
    whole, point, fraction = text.removeprefix("-").partition(".")
    if point and whole.isascii() and whole.isdecimal() and fraction.isascii() and fraction.isdecimal():
        number = float(text)
        if repr(number) == text and _float_text(number):
            return number
    raise Undecided

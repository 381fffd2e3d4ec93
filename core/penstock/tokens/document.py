"""What a token's file says: ``{"format": 1, "label": ..., "token": {...}}``, or ``"sealed"`` in place of the token."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from penstock.errors import AuthError
from penstock.tokens.keys import Seal
from penstock.values import Token

FORMAT: Final = 1


class DamagedError(AuthError):
    """It holds no token that anybody could use."""


class OutOfReachError(AuthError):
    """It holds a token for which this program is too old, or which it has no key for: never to be written over."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content, as far as it is for everybody's eyes."""

    label: str
    token: Token | None
    """None where it is sealed."""
    sealed: str = ""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What is encrypted: the label too, so that nobody can put one grant in the place of another."""

    label: str
    token: Token


_TOKEN: Final = TypeAdapter(Token)
_SEALED: Final = TypeAdapter(_Sealed)


def encode(label: str, token: Token, seal: Seal | None) -> bytes:
    """Return the content of a file, encrypted where there is a key."""
    public = {"format": FORMAT, "label": label}
    if seal is None:
        content = {**public, "token": asdict(token)}
    else:
        content = {**public, "sealed": seal.close(orjson.dumps({"label": label, "token": asdict(token)}))}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def decode(content: bytes) -> Document:
    """Return what a file says without any key.

    Raises:
        DamagedError: It is no such file.
        OutOfReachError: It is of a newer format.
    """
    try:
        document = cast("object", orjson.loads(content))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DamagedError("it holds no token")
    members = cast("dict[str, object]", document)
    written, label, sealed = members.get("format"), members.get("label"), members.get("sealed", "")
    if isinstance(written, int) and written > FORMAT:
        message = f"it is of format {written}, written by a newer penstock; this one reads up to format {FORMAT}"
        raise OutOfReachError(message)
    if written != FORMAT or not isinstance(label, str) or not isinstance(sealed, str):
        raise DamagedError("it holds no token")
    return Document(label, None if sealed else _token(members.get("token")), sealed)


def unseal(document: Document, seal: Seal | None) -> Token:
    """Return a document's token, decrypted if need be.

    Raises:
        DamagedError: What was sealed is no token, or another label's.
        OutOfReachError: There is no key, or not the right one.
    """
    if document.token is not None:
        return document.token
    if seal is None:
        raise OutOfReachError("it is encrypted; set tokens.key or tokens.keyFile")
    opened = seal.open(document.sealed)
    if opened is None:
        raise OutOfReachError("it is encrypted with another key than those of tokens.key or tokens.keyFile, or damaged")
    try:
        inner = _SEALED.validate_json(opened)
    except ValidationError:
        raise DamagedError("it holds no token") from None
    if inner.label != document.label:
        raise DamagedError("it holds another label's token")
    return inner.token


def _token(value: object) -> Token:
    try:
        return _TOKEN.validate_python(value)
    except ValidationError:
        raise DamagedError("it holds no token") from None

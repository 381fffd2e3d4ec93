"""Keeping secrets out of everything a person or a log may see: URLs, messages, tracebacks."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Final, cast
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

MASK: Final = "***"
_WHOLE_WORD_BELOW: Final = 4
"""A shorter secret is replaced only where it stands alone: masking every ``a`` would leave no message readable."""
_LONG: Final = 8
_SECRET_WORDS: Final = frozenset(
    {"auth", "authorization", "code", "jwt", "key", "otp", "pass", "passwd", "pin", "pwd", "session", "sid", "sig"}
)
_SECRET_ENDINGS: Final = (
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "signature",
    "credential",
    "credentials",
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_USER_INFO: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:)?//[^/?#]*@")
_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>]+")
_PLAIN_FORMATTER: Final = logging.Formatter()


def looks_secret(name: str) -> bool:
    """Whether a parameter or header of this name probably holds a secret."""
    words = _NO_WORD.split(_HUMP.sub("_", name).lower())
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words)


def mask_url(url: str, *, also: Collection[str] = ()) -> str:
    """Return the URL with ``***`` for its user-info and for the values of parameters that look secret.

    Takes any text, never raises, and keeps nothing of what it masks.

    Args:
        url: Absolute or relative.
        also: Names of further parameters to mask.
    """
    front, hash_mark, fragment = url.partition("#")
    path, question_mark, query = front.partition("?")
    path = _USER_INFO.sub(lambda match: f"{match[1] or ''}//{MASK}@", path)
    return path + question_mark + _mask_pairs(query, also) + hash_mark + _mask_pairs(fragment, also)


def mask_base_url(url: str) -> str:
    """Return the URL with its user-info and its whole query masked: whatever a base URL carries is for the API only."""
    path, question_mark, _ = url.partition("?")
    return mask_url(path) + (f"?{MASK}" if question_mark else "")


def _mask_pairs(query: str, also: Collection[str]) -> str:
    if "=" not in query:
        return query
    return "&".join(_mask_pair(pair, also) for pair in query.split("&"))


def _mask_pair(pair: str, also: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    plain = unquote_plus(name)
    return f"{name}={MASK}" if equals and value and (plain in also or looks_secret(plain)) else pair


def secrets_in(value: object) -> Iterator[str]:
    """Iterate over the secrets in settings, however deep: every ``SecretStr``, and what URLs carry.

    Walks pydantic models, dataclasses, mappings and sequences.
    """
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
        yield from url_secrets(value.get_secret_value())
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode(errors="replace")
    elif isinstance(value, str):
        yield from url_secrets(value)
    else:
        for part in _parts(value):
            yield from secrets_in(part)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, BaseModel):
        return [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value).values()
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return cast("Sequence[object]", value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return ()


def url_secrets(url: str) -> Iterator[str]:
    """Iterate over what a URL gives away: the password, and query values that look secret by name or by length."""
    if "://" not in url:
        return
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return
    if password:
        yield unquote(password)
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if value and (looks_secret(unquote_plus(name)) or len(value) >= _LONG):
            yield unquote_plus(value)


class Redactor:
    """Replaces known secrets in any text: as they are, URL-encoded, JSON-escaped and base64-encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more secrets, such as tokens obtained while running."""
        for secret in secrets:
            if stripped := secret.strip():
                self._spellings.update(_patterns(secret), _patterns(stripped))
        if self._spellings:
            longest_first = sorted(self._spellings, key=lambda spelling: (-len(spelling), spelling))
            self._pattern = re.compile("|".join(longest_first))

    def __call__(self, text: str) -> str:
        """Return the text with ``***`` for every secret, known or recognised in a URL."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _URL.sub(lambda match: mask_url(match[0]), text) if "://" in text else text


def _patterns(secret: str) -> Iterator[str]:
    if len(secret) < _WHOLE_WORD_BELOW:
        yield rf"(?<!\w){re.escape(secret)}(?!\w)"
        return
    escaped = quote(secret, safe="")
    plain = {secret, escaped, escaped.lower(), quote(secret), quote_plus(secret)}
    plain |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    yield from map(re.escape, plain)
    for inner in _base64_inner(secret.encode(errors="surrogatepass")):
        # The whole run of base64 is masked, for the characters next to the inner part hold a few of its bits.
        yield rf"[A-Za-z0-9+/_-]*{re.escape(inner)}[A-Za-z0-9+/_=-]*"


def _base64_inner(secret: bytes) -> Iterator[str]:
    """Iterate over what the secret looks like within base64, at each of the three alignments."""
    for shift in range(3):
        encoded = b64encode(bytes(shift) + secret).decode()
        start = (0, 2, 3)[shift]
        rest = (len(secret) + shift) % 3
        inner = encoded[start : len(encoded) - (0, 3, 2)[rest]]
        if len(inner) >= _WHOLE_WORD_BELOW:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


class RedactingFilter(logging.Filter):
    """Redacts log records: message with its arguments, traceback and stack. Belongs on every handler."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it is always kept."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: logging would print them as they are
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._redact(message), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _PLAIN_FORMATTER.formatException(record.exc_info)
        record.exc_info = None
        record.exc_text = record.exc_text and self._redact(record.exc_text)
        record.stack_info = record.stack_info and self._redact(record.stack_info)
        return True

"""What of settings and headers is a secret, and what of a secret the other side may repeat alone."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Final, cast
from urllib.parse import unquote, unquote_plus, urlsplit

from msgspec import Struct
from pydantic import BaseModel, SecretBytes, SecretStr

from penstock.redaction.names import PUBLIC_NAMES, looks_secret

WHOLE_WORD_BELOW: Final = 4
"""A shorter secret is replaced only where it stands alone: masking every ``a`` would leave no message readable."""
_LONG: Final = 8
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_SCHEME: Final = re.compile(r"[A-Za-z][\w-]* .+")
_FORM: Final = re.compile(r"[^\s=&?]+=[^\s&]*(?:&[^\s=&]+=[^\s&]*)*")


def secrets_in(value: object) -> Iterator[str]:
    """Iterate over the secrets in settings, however deep: every ``SecretStr``, what it holds, and what URLs carry.

    Walks pydantic models, dataclasses, mappings and sequences.
    """
    if isinstance(value, SecretStr):
        yield from secret_parts(value.get_secret_value())
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
        members = cast("Mapping[object, object]", value).items()
        return [member for name, member in members if str(name).lower() not in PUBLIC_NAMES]
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return cast("Sequence[object]", value)
    if isinstance(value, Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return ()


def secret_parts(secret: str) -> Iterator[str]:
    """Iterate over a secret and over what of it the other side may repeat alone.

    That is what follows the scheme of a header and what base64 hides there, what a URL gives away, the values of a
    form, the lines of a PEM key, and the long members of JSON, such as a JWK.
    """
    yield from _words_of(secret)
    if _SCHEME.fullmatch(secret):
        yield from (part for part in credentials_in(secret) if len(part) >= WHOLE_WORD_BELOW)
    yield from url_secrets(secret)
    if _FORM.fullmatch(secret):
        yield from _pair_secrets(secret, WHOLE_WORD_BELOW)


def credentials_in(header: str) -> Iterator[str]:
    """Iterate over the secrets after the scheme of a header: the whole of it, and what base64 hides."""
    credentials = header.partition(" ")[2]
    yield credentials
    try:
        pair = b64decode(credentials, validate=True).decode()
    except ValueError:
        return
    user, _, password = pair.partition(":")
    yield pair
    yield password or user  # some APIs take their key for a user name


def _words_of(secret: str) -> Iterator[str]:
    """Iterate over the secret and its long words, or over the lines of a PEM key alone.

    Who finds every line of a PEM key finds the whole, in half the time.
    """
    pem = "PRIVATE KEY-----" in secret
    if not pem:
        yield secret
    if pem or secret.lstrip().startswith(("{", "[")):
        # PEM within JSON or a .env file has its line breaks as two characters
        yield from _LONG_WORD.findall(secret.replace("\\n", "\n"))
        yield from _members_of(secret)


def _members_of(text: str) -> Iterator[str]:
    """Iterate over the texts within JSON whose name, or that of what they are in, is one of a secret."""
    try:
        document = cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return
    waiting = [(document, False)]
    while waiting:
        value, secret = waiting.pop()
        if isinstance(value, dict):
            members = cast("dict[str, object]", value).items()
            waiting += [(member, secret or looks_secret(name)) for name, member in members if name not in PUBLIC_NAMES]
        elif isinstance(value, list):
            waiting += [(element, secret) for element in cast("list[object]", value)]
        elif secret and isinstance(value, str) and len(value) >= _LONG and "PRIVATE KEY-----" not in value:
            yield value


def url_secrets(url: str) -> Iterator[str]:
    """Iterate over what a URL gives away: the password, and query values that look secret by name or by length.

    A user without a password is a secret: some APIs take their key so. A path with a query is a URL, too.
    """
    if "://" not in url and not url.startswith("/"):
        return
    try:
        parts = urlsplit(url)
        secret = parts.password or parts.username
    except ValueError:
        return
    if secret:
        yield unquote(secret)
    yield from _pair_secrets(parts.query, _LONG)


def _pair_secrets(query: str, long: int) -> Iterator[str]:
    """Iterate over the values whose name is that of a secret, and those that are long, unless the name is public."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name)
        if value and (looks_secret(name) or len(value) >= long) and name not in PUBLIC_NAMES:
            yield unquote_plus(value)

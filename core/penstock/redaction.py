"""Keeping secrets out of everything a person or a log may see: URLs, messages, tracebacks."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from string import ascii_letters, digits
from typing import Final, cast
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from msgspec import Struct
from pydantic import BaseModel, SecretBytes, SecretStr

from penstock.values import JSON

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
_PUBLIC_NAMES: Final = frozenset(
    {"accept", "accept-encoding", "content-type", "user-agent", "grant_type", "token_type", "token_uri"}
)
"""Of headers and members whose values are words of a standard: messages need them."""
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_USER_INFO: Final = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:)?//[^/?#]*@")
_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s\"'<>]+")
_PLAIN: Final = frozenset(ascii_letters + digits)
_UNRESERVED: Final = frozenset("-._~")
"""Of RFC 3986 section 2.3; nobody else has to encode them."""
_BASE64: Final = frozenset(f"{ascii_letters}{digits}+/_-=")
_BASE64_RUN: Final = re.compile(r"(?:[A-Za-z0-9+/_=-]|%2[bBfF]|%3[dD]|\\/)*")
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_CUT: Final = re.compile(r"…|\.\.\.")
_WORD_END: Final = re.compile(r"[\s\"'<>]")
_TO_URLSAFE: Final = str.maketrans("+/", "-_")
_LONGEST_WORD: Final = 8192
_PARTIAL_ESCAPE: Final = re.compile(
    r"(?:%(?:25)*[0-9a-fA-F]{2}){0,3}(?:%(?:25)*[0-9a-fA-F]?|\\*[u0-9a-fA-F]{0,5}|&(?:amp;)*[a-z#0-9]{0,6})?\Z"
)
_SCHEME: Final = re.compile(r"[A-Za-z][\w-]* .+")
_FORM: Final = re.compile(r"[^\s=&?]+=[^\s&]*(?:&[^\s=&]+=[^\s&]*)*")
_PARTS: Final = re.compile(r"\\+|[^\\]", re.DOTALL)
_BACKSLASH: Final = r"(?:\\|(?i:%(?:25)*5c|&(?:amp;)*#(?:0*92|x0*5c);))"
"""There may be any number before what JSON escapes, for JSON within JSON has many."""
_PLAIN_FORMATTER: Final = logging.Formatter()
_MASKED: Final = re.compile(r"\*\*\*[:;,.)\]]*")
"""A value that was masked before, with what a sentence puts behind a URL: messages may be redacted twice."""
_LEARNT: Final = 32
"""Secrets obtained while running that are remembered: tokens change, and old ones are worth nothing."""


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
    if not equals or not value or not (plain in also or looks_secret(plain)) or _MASKED.fullmatch(value):
        return pair
    return f"{name}={MASK}"


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
        return [member for name, member in members if str(name).lower() not in _PUBLIC_NAMES]
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
        yield from (part for part in credentials_in(secret) if len(part) >= _WHOLE_WORD_BELOW)
    yield from url_secrets(secret)
    if _FORM.fullmatch(secret):
        yield from _pair_secrets(secret, _WHOLE_WORD_BELOW)


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
            waiting += [(member, secret or looks_secret(name)) for name, member in members if name not in _PUBLIC_NAMES]
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
        if value and (looks_secret(name) or len(value) >= long) and name not in _PUBLIC_NAMES:
            yield unquote_plus(value)


class Redactor:
    """Replaces known secrets in any text: as they are, URL-encoded, JSON- or HTML-escaped, base64-encoded, cut off."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self._plain: list[re.Pattern[str]] = []
        self._encoded: list[re.Pattern[str]] = []
        self._beginnings: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more secrets, such as tokens obtained while running."""
        for secret in secrets:
            if stripped := secret.strip():
                self._secrets |= dict.fromkeys((secret, stripped))
        if self._secrets:
            longest_first = sorted(self._secrets, key=lambda secret: (-len(secret), secret))
            inner = dict.fromkeys(text for secret in longest_first for text in _base64_inner(secret))
            self._plain = [_compiled(secret) for secret in longest_first]
            self._encoded = [pattern for secret in longest_first if (pattern := _compiled_base64(secret)) is not None]
            either = (*longest_first, *inner, *(text.translate(_TO_URLSAFE) for text in inner))
            self._beginnings = [text for text in dict.fromkeys(either) if len(text) >= _WHOLE_WORD_BELOW]

    def __call__(self, text: str) -> str:
        """Return the text with ``***`` for every secret, known or recognised in a URL."""
        for encoded in self._encoded:
            text = _without_base64(text, encoded)
        for plain in self._plain:
            text = plain.sub(MASK, text)
        if self._beginnings:
            text = self._without_beginnings(text)
        return _URL.sub(lambda match: mask_url(match[0]), text) if "://" in text else text

    def json(self, value: JSON) -> JSON:
        """Return a JSON value with every text in it redacted, names of members included."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.json(element) for element in value]
        if isinstance(value, dict):
            return {self(name): self.json(member) for name, member in value.items()}
        return value

    def example(self, value: JSON) -> JSON:
        """Return a record for strangers: as ``json`` does, and masked is whatever has the name of a secret."""
        if isinstance(value, list):
            return [self.example(element) for element in value]
        if isinstance(value, dict):
            return {
                self(name): _masked(member) if looks_secret(name) else self.example(member)
                for name, member in value.items()
            }
        return self.json(value)

    def _without_beginnings(self, text: str) -> str:
        """Mask what is left of a secret where somebody cut the text, and said so with dots."""
        done, parts = 0, list[str]()
        for cut in _CUT.finditer(text):
            head = text[done : cut.start()]
            start = self._beginning(head)
            parts += [head[:start], MASK if start < len(head) else "", cut[0]]
            done = cut.end()
        return "".join(parts) + text[done:]

    def _beginning(self, head: str) -> int:
        """Return where the beginning of a secret starts with which a text ends; its length when there is none."""
        start = max(0, len(head) - _LONGEST_WORD)
        return min((_beginning_at(head, secret, start) for secret in self._beginnings), default=len(head))


def _masked(value: JSON) -> JSON:
    """Return a value with every text and number in it masked; what it is made of still shows."""
    if isinstance(value, list):
        return [_masked(element) for element in value]
    if isinstance(value, dict):
        return {name: _masked(member) for name, member in value.items()}
    return value if value is None or isinstance(value, bool) else MASK


def _beginning_at(text: str, secret: str, start: int) -> int:
    """Return where a text begins to spell a secret and ends before it is done; its length where it does not."""
    for match in _compiled_start(secret).finditer(text, start):
        if _breaks_off(text, match.end(), _PARTS.findall(secret)[_WHOLE_WORD_BELOW:]):
            return match.start()
    return len(text)


def _breaks_off(text: str, at: int, parts: Sequence[str]) -> bool:
    """Whether a text ends while it spells these parts of a secret, perhaps amid an escape."""
    for part in parts:
        match = _compiled_part(part).match(text, at)
        if match is None:
            return _PARTIAL_ESCAPE.match(text, at) is not None
        at = match.end()
    return at == len(text)


@lru_cache(maxsize=1024)
def _compiled(secret: str) -> re.Pattern[str]:
    """Return what finds a secret however it is spelt."""
    if len(secret) < _WHOLE_WORD_BELOW:
        return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
    return re.compile("".join(map(_spellings, _PARTS.findall(secret))))


@lru_cache(maxsize=1024)
def _compiled_start(secret: str) -> re.Pattern[str]:
    """Return what finds the first characters of a secret, as few as can be told from other text."""
    return re.compile("".join(map(_spellings, _PARTS.findall(secret)[:_WHOLE_WORD_BELOW])))


@lru_cache(maxsize=1024)
def _compiled_part(part: str) -> re.Pattern[str]:
    return re.compile(_spellings(part))


@lru_cache(maxsize=1024)
def _spellings(character: str) -> str:
    """Return a pattern for one character as URLs, JSON, Python and HTML spell it, even several times over."""
    if character in _PLAIN:
        return character
    if character.startswith("\\"):
        return f"{_BACKSLASH}++"
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    if character in _UNRESERVED:
        return rf"(?:{re.escape(character)}|(?i:{encoded}))"
    number = rf"&(?:amp;)*#(?:0*{ord(character)}|x0*{ord(character):x});|u{ord(character):04x}"
    texts = {character, json.dumps(character)[1:-1], repr(character)[1:-1]}
    if character == " ":  # a plus sign in a form, which may be encoded in its turn
        texts.add("+")
        encoded = f"{encoded}|%(?:25)*2b"
    longest_first = sorted({text.lstrip("\\") for text in texts}, key=lambda text: (-len(text), text))
    escaped = _html_escaped(character)
    named = "|&(?:amp;)*" + re.escape(escaped[1:]) if escaped != character else ""
    return rf"{_BACKSLASH}*+(?:(?i:{encoded}|{number}{named})|{'|'.join(map(re.escape, longest_first))})"


def _html_escaped(text: str) -> str:
    from html import escape  # noqa: PLC0415 - it takes 1 ms, and some sources have no secrets

    return escape(text)


@lru_cache(maxsize=1024)
def _compiled_base64(secret: str) -> re.Pattern[str] | None:
    """Return what finds a secret within base64 in either alphabet, perhaps in a URL or JSON; None if it is short."""
    patterns = [
        re.escape(inner).replace(r"\+", r"(?:[+-]|%2[bB])").replace("/", r"(?:\\?/|_|%2[fF])")
        for inner in dict.fromkeys(_base64_inner(secret))
    ]
    return re.compile("|".join(patterns)) if patterns else None


def _base64_inner(secret: str) -> Iterator[str]:
    """Iterate over what the secret, perhaps spelt as in a URL or JSON, looks like within base64."""
    if len(secret) >= _WHOLE_WORD_BELOW:
        for spelling in _plain_spellings(secret):
            yield from _aligned(spelling.encode(errors="surrogatepass"))


def _plain_spellings(secret: str) -> Iterable[str]:
    """Return the secret as it is, and as one encoding spells it."""
    quoted = quote(secret, safe="", errors="surrogatepass")
    return dict.fromkeys(
        (
            secret,
            quoted,
            quoted.replace("%20", "+"),
            quote(secret, errors="surrogatepass"),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
        )
    )


def _aligned(content: bytes) -> Iterator[str]:
    """Iterate over what bytes look like within base64, at each of the three alignments."""
    for shift in range(3):
        encoded = b64encode(bytes(shift) + content).decode()
        start = (0, 2, 3)[shift]
        rest = (len(content) + shift) % 3
        inner = encoded[start : len(encoded) - (0, 3, 2)[rest]]
        if len(inner) >= _WHOLE_WORD_BELOW:
            yield inner


@lru_cache(maxsize=256)
def _needles(secret: str) -> tuple[bytes, ...]:
    """Return the usual spellings of a secret, to be looked for in much text."""
    inner = list(_aligned(secret.encode(errors="surrogatepass")))
    texts = (*_plain_spellings(secret), _html_escaped(secret), *inner, *(text.translate(_TO_URLSAFE) for text in inner))
    return tuple(dict.fromkeys(text.encode(errors="surrogatepass") for text in texts))


def _innermost(secrets: Iterable[str]) -> list[str]:
    """Return the secrets that hold no other: who finds ``x`` finds ``Bearer x``, too."""
    found: list[str] = []
    for secret in sorted(secrets, key=len):
        if len(secret) >= _WHOLE_WORD_BELOW and not any(other in secret for other in found):
            found.append(secret)
    return found


def _without_base64(text: str, encoded: re.Pattern[str]) -> str:
    """Mask the whole run of base64 around each match, for the characters next to it hold a few of its bits."""
    done, parts = 0, list[str]()
    for match in encoded.finditer(text):
        if match.start() < done:
            continue
        start = match.start()
        while start > done and text[start - 1] in _BASE64:
            start -= 1
        rest = _BASE64_RUN.match(text, match.end())
        parts += [text[done:start], MASK]
        done = rest.end() if rest else match.end()
    return "".join(parts) + text[done:]


class Secrets:
    """What no message may show: the secrets of the settings, and the latest of those obtained while running.

    Calling it takes them out of a text. Cheap to tell, for a token may change with every third request.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = tuple(known)
        self._learnt: deque[str] = deque(maxlen=_LEARNT)
        self._redactor: Redactor | None = None
        self._needles: tuple[bytes, ...] | None = None

    def learn(self, *secrets: str) -> None:
        """Keep these out of every message from now on."""
        for secret in filter(None, secrets):
            if secret in self._learnt:
                self._learnt.remove(secret)  # the latest use counts: what is in use is not to be forgotten
            else:
                self._redactor = self._needles = None
            self._learnt.append(secret)

    @property
    def redactor(self) -> Redactor:
        """What takes out of a text all that is known by now."""
        if self._redactor is None:
            self._redactor = Redactor((*self._known, *self._learnt))
        return self._redactor

    def __call__(self, text: str) -> str:
        """Return the text with ``***`` for every secret known by now."""
        return self.redactor(text)

    def are_in(self, *contents: bytes) -> bool:
        """Whether there are secrets in what is to be kept: quicker than taking them out, and sees usual spellings."""
        if self._needles is None:
            secrets = _innermost((*self._known, *self._learnt))
            self._needles = tuple(needle for secret in secrets for needle in _needles(secret))
        return any(needle in content for content in contents for needle in self._needles)


def scrub(error: BaseException, redact: Callable[[str], str]) -> None:
    """Take secrets out of what an exception says, and those behind it: whoever gets it may log all of them.

    What Python keeps beyond the arguments, such as the title of a group, stays as it is.
    """
    waiting, met = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        one.args = tuple(_scrubbed(argument, redact) for argument in one.args)
        if notes := getattr(one, "__notes__", None):
            notes[:] = map(redact, notes)
        waiting += [each for each in (one.__cause__, one.__context__) if each is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", one).exceptions


def _scrubbed(argument: object, redact: Callable[[str], str]) -> object:
    if isinstance(argument, str):
        return redact(argument)
    shown = repr(argument)
    return argument if redact(shown) == shown else redact(shown)


class RedactingFilter(logging.Filter):
    """Redacts log records: message with its arguments, traceback and stack. Belongs on every handler."""

    def __init__(self, redactor: Callable[[str], str]) -> None:
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

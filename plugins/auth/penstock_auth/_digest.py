"""Digest access authentication (RFC 7616) as arithmetic: a challenge read, an answer computed. Nothing here waits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from penstock.errors import AuthError

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - of RFC 9110's grammar
_PART: Final = re.compile(
    rf'[\s,]*(?:(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,]*))|(?P<scheme>[^\s,=]+))'
)
_HASHES: Final[Mapping[str, str]] = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256", "SHA": "sha1"}
"""RFC 7616 section 6.1; SHA is not of the RFC, but servers of the time before it have it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """Of ``_HASHES``, perhaps with ``-sess``."""
    qop: str = ""
    """``auth``, ``auth-int``, or nothing where the server knows no more than RFC 2069."""
    opaque: str | None = None
    named_algorithm: bool = False
    """Whether the server named it: then the answer does."""
    userhash: bool = False
    stale: bool = field(default=False, compare=False)
    """Whether only the nonce of the request was wrong."""


@dataclass(frozen=True, slots=True)
class Target:
    """The request to sign."""

    method: str
    uri: str
    body: bytes


def read_challenge(headers: Sequence[str]) -> Challenge | None:
    """Return the first Digest challenge in ``WWW-Authenticate`` headers that we can answer (section 3.7).

    None where the server asks for no Digest at all.

    Raises:
        AuthError: It asks for a Digest that we cannot compute.
    """
    refused: list[str] = []
    for scheme, params in _challenges(headers):
        if scheme.lower() != "digest":
            continue
        algorithm = _algorithm(params.get("algorithm", "MD5"))
        qops = [part.strip().lower() for part in params.get("qop", "").split(",") if part.strip()]
        qop = next((each for each in ("auth", "auth-int") if each in qops), "")
        if algorithm is None or (qops and not qop) or not params.get("nonce"):
            refused.append(f"algorithm {params.get('algorithm', 'MD5')}, qop {params.get('qop', 'none')}")
            continue
        return Challenge(
            params.get("realm", ""),
            params["nonce"],
            algorithm,
            qop,
            params.get("opaque"),
            "algorithm" in params,
            params.get("userhash", "").lower() == "true",
            params.get("stale", "").lower() == "true",
        )
    if refused:
        message = f"the server asks for a Digest that cannot be computed: {'; '.join(refused)}"
        raise AuthError(message)
    return None


def schemes_in(headers: Sequence[str]) -> list[str]:
    """Return the names of the schemes that ``WWW-Authenticate`` headers offer."""
    return [scheme for scheme, _ in _challenges(headers)]


def read_next_nonce(header: str) -> str | None:
    """Return the nonce that ``Authentication-Info`` asks us to use from now on (section 3.5)."""
    return next((params.get("nextnonce") for _, params in _challenges([f"info {header}"])), None)


def answer(challenge: Challenge, credentials: Credentials, target: Target, count: int, cnonce: str) -> str:
    """Return the ``Authorization`` header (section 3.4).

    Args:
        challenge: What the server asked for.
        credentials: User and password.
        target: The request.
        count: How many requests with this nonce this one makes.
        cnonce: Chosen by us, at random.
    """
    digest = _hash(challenge.algorithm)
    user, realm = credentials.username, challenge.realm
    secret = digest(f"{user}:{realm}:{credentials.password.get_secret_value()}".encode())
    if challenge.algorithm.endswith("-sess"):
        secret = digest(f"{secret}:{challenge.nonce}:{cnonce}".encode())
    what = f"{target.method}:{target.uri}"
    if challenge.qop == "auth-int":
        what = f"{what}:{digest(target.body)}"
    middle = f"{count:08x}:{cnonce}:{challenge.qop}:" if challenge.qop else ""
    response = digest(f"{secret}:{challenge.nonce}:{middle}{digest(what.encode())}".encode())
    parts = [
        _username(user, digest, challenge),
        f"realm={_quoted(realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(target.uri)}",
        f'response="{response}"',
    ]
    if challenge.named_algorithm:
        parts.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    if challenge.qop:
        parts += [f"qop={challenge.qop}", f"nc={count:08x}"]
    if challenge.qop or challenge.algorithm.endswith("-sess"):
        parts.append(f'cnonce="{cnonce}"')
    if challenge.userhash:
        parts.append("userhash=true")
    return f"Digest {', '.join(parts)}"


def _username(user: str, digest: Callable[[bytes], str], challenge: Challenge) -> str:
    if challenge.userhash:  # section 3.4.4
        return f'username="{digest(f"{user}:{challenge.realm}".encode())}"'
    if user.isascii():
        return f"username={_quoted(user)}"
    return f"username*=UTF-8''{quote(user, safe='')}"  # RFC 8187


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _algorithm(name: str) -> str | None:
    """Return the name as we know it, None when we do not."""
    base, sess = name.upper().removesuffix("-SESS"), name.upper().endswith("-SESS")
    if base not in _HASHES or _HASHES[base] not in hashlib.algorithms_available:
        return None
    return f"{base}-sess" if sess else base


def _hash(algorithm: str) -> Callable[[bytes], str]:
    name = _HASHES[algorithm.removesuffix("-sess")]
    return lambda content: hashlib.new(name, content, usedforsecurity=False).hexdigest()


def _challenges(headers: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Iterate over schemes and their parameters (RFC 9110 section 11.6.1); names are in lower case."""
    for header in headers:
        found: list[tuple[str, dict[str, str]]] = []
        for part in _PART.finditer(header):
            if part["scheme"] is not None:
                found.append((part["scheme"], {}))
            elif found:
                quoted = part["quoted"]
                value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                found[-1][1].setdefault(part["name"].lower(), value)
        yield from found

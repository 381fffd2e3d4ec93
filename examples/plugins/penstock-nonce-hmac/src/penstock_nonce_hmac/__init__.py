"""``authType: nonce_hmac``: each request is signed with a shared secret and a nonce of a nonce service."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator

import httpx
from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock.errors import AuthError, CredentialsRefusedError
from pydantic import Field, SecretStr

_REFUSED = frozenset({400, 401, 403})
_MARGIN = 10.0
"""Seconds before its end at which a nonce is not used any more."""


class NonceHmacConfig(PluginConfig):
    """Settings of ``authType: nonce_hmac``."""

    nonce_hmac_key_id: str = Field(min_length=1, description="which secret it is, sent with each request")
    nonce_hmac_secret: SecretStr = Field(min_length=16, description="shared with the API, at least 16 characters")
    nonce_hmac_path: str = Field(default="/nonces", description="the nonce service: a path of the connection, or a URL")


class _Nonce:
    """One nonce, and how many requests have used it."""

    def __init__(self, text: str, ends: float) -> None:
        self.text, self.ends, self._count = text, ends, 0

    def next_count(self) -> int:
        self._count += 1
        return self._count


class _NonceHmac(httpx.Auth):
    """Signs all requests of one connection with one nonce, as long as that is good."""

    def __init__(self, config: NonceHmacConfig, context: AuthContext) -> None:
        self._config = config
        self._context = context
        self._lock = asyncio.Lock()
        self._nonce = _Nonce("", 0)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        nonce = await self._good(refused=None)
        self._sign(request, nonce)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._sign(request, await self._good(refused=nonce))
            yield request

    def _sign(self, request: httpx.Request, nonce: _Nonce) -> None:
        count = str(nonce.next_count())
        secret = self._config.nonce_hmac_secret.get_secret_value().encode()
        request.headers["X-Key-Id"] = self._config.nonce_hmac_key_id
        request.headers["X-Nonce"] = nonce.text
        request.headers["X-Count"] = count
        request.headers["X-Signature"] = signature(
            secret, nonce.text, count, request.method, request.url.raw_path, request.content
        )

    async def _good(self, refused: _Nonce | None) -> _Nonce:
        """Return a nonce that has not expired and is not the one that was refused."""
        async with self._lock:
            if self._nonce is refused or self._nonce.ends - _MARGIN <= self._context.time():
                self._nonce = await self._context.to_the_end(self._obtained())
            return self._nonce

    async def _obtained(self) -> _Nonce:
        url = self._context.url(self._config.nonce_hmac_path)
        request = httpx.Request("POST", url, json={"keyId": self._config.nonce_hmac_key_id})
        request.extensions["retry_safe"] = True  # a nonce that nobody uses expires
        answer = await self._context.send(request)
        if answer.status_code in _REFUSED:
            raise CredentialsRefusedError(f"the nonce service answered {answer.status_code}: check nonceHmacKeyId")
        nonce, seconds = _read(answer)
        self._context.conceal(nonce)
        return _Nonce(nonce, self._context.time() + seconds)


def signature(secret: bytes, nonce: str, count: str, method: str, target: bytes, body: bytes) -> str:
    """Return the signature of a request, as the API computes it."""
    digest = hashlib.sha256(body).hexdigest()
    message = "\n".join((nonce, count, method, target.decode("ascii"), digest))
    return hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()


def _read(answer: httpx.Response) -> tuple[str, float]:
    """Return a nonce, and for how many seconds it is good.

    Raises:
        AuthError: There is none in the answer.
    """
    try:
        document = answer.json()
    except ValueError:
        document = None
    members = document if isinstance(document, dict) else {}
    nonce, seconds = members.get("nonce"), members.get("expires_in", 300)
    usable = isinstance(nonce, str) and nonce.isascii() and nonce.isprintable() and nonce
    if not usable or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        expected = 'expected {"nonce": text, "expires_in": seconds}'
        raise AuthError(f"the nonce service answered {answer.status_code}, without a nonce: {expected}")
    return str(nonce), float(seconds)


class NonceHmac(AuthStrategy[NonceHmacConfig]):
    """HMAC-SHA256 over nonce, count, method, target and body."""

    name = "nonce_hmac"
    Config = NonceHmacConfig

    def build(self, config: NonceHmacConfig, context: AuthContext) -> httpx.Auth:
        """Return what signs the requests of one connection."""
        return _NonceHmac(config, context)


@hookimpl
def penstock_auth() -> NonceHmac:
    """Offer it."""
    return NonceHmac()

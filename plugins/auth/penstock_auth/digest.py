"""``authType: digest``: user name and password that never travel (RFC 7616)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, replace
from http import HTTPStatus
from secrets import token_hex
from typing import Final, NoReturn

import httpx
from pydantic import Field, SecretStr, field_validator

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock.errors import AuthError
from penstock_auth._digest import (
    Challenge,
    Credentials,
    Target,
    answer,
    read_challenge,
    read_next_nonce,
    schemes_in,
)
from penstock_auth.checks import without_control

_RESPONSE: Final = re.compile(r'response="(\w+)"')
"""What proves that we know the password, within the header."""
_ATTEMPTS: Final = 4
"""Without a nonce, with one that others use too, and with one of its own, which may be stale already once."""


class DigestConfig(PluginConfig):
    """Settings of ``authType: digest``."""

    username: str = Field(min_length=1, repr=False, description="who we are")
    password: SecretStr = Field(description="proves it; the server gets a hash of it")

    @field_validator("username")
    @classmethod
    def _is_a_user_id(cls, name: str) -> str:
        if ":" in name:
            message = "must not contain a colon: it parts user name and realm (RFC 7616 section 3.4.2)"
            raise ValueError(message)
        return without_control(name)

    @field_validator("password")
    @classmethod
    def _is_one_line(cls, password: SecretStr) -> SecretStr:
        without_control(password.get_secret_value())
        return password


@dataclass(slots=True)
class _Nonce:
    """A challenge, and how often it was answered."""

    challenge: Challenge
    uses: int = 0


class DigestAuth(httpx.Auth):
    """Answers challenges; one that the server has accepted serves all requests until it is stale.

    httpx's own counts wrongly when several requests are under way, and knows neither auth-int nor userhash. Here the
    first request fetches the challenge while the others wait. A refusal is final once it concerns a nonce that no other
    request has used: then user and password are wrong.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials, context: AuthContext) -> None:
        self._credentials = credentials
        self._context = context
        self._shared: _Nonce | None = None
        self._begun = False
        self._first_answered = asyncio.Event()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, NoReturn]:
        """Refuse: several requests wait for one challenge in an asynchronous client only."""
        del request
        message = "DigestAuth needs an asynchronous client"
        raise RuntimeError(message)
        yield  # what makes it a generator, as httpx wants it

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request, and again while the server asks for another nonce."""
        if self._begun:
            await self._first_answered.wait()
        self._begun = True
        nonce, own = self._shared, False
        try:
            for _ in range(_ATTEMPTS):
                response = yield self._signed(request, nonce)
                if response.status_code != HTTPStatus.UNAUTHORIZED:
                    self._accepted(nonce, response, own=own)
                    return
                challenge = self._challenge(response, nonce)
                if challenge is None or (own and not challenge.stale):
                    return
                nonce, own = _Nonce(challenge), True
        finally:
            self._first_answered.set()

    def _signed(self, request: httpx.Request, nonce: _Nonce | None) -> httpx.Request:
        if nonce is not None:
            nonce.uses += 1
            target = Target(request.method, request.url.raw_path.decode(), request.content)
            header = answer(nonce.challenge, self._credentials, target, nonce.uses, token_hex(16))
            self._context.conceal(header, *_RESPONSE.findall(header))
            request.headers["Authorization"] = header
        return request

    def _accepted(self, nonce: _Nonce | None, response: httpx.Response, *, own: bool) -> None:
        if nonce is None:
            return
        if own:  # a late answer to an older one must not bring that back
            self._shared = nonce
        if following := read_next_nonce(response.headers.get("authentication-info", "")):
            self._shared = _Nonce(replace(nonce.challenge, nonce=following))

    @staticmethod
    def _challenge(response: httpx.Response, nonce: _Nonce | None) -> Challenge | None:
        offered = response.headers.get_list("www-authenticate")
        challenge = read_challenge(offered)
        if challenge is None and nonce is None:
            message = f"401 without a Digest challenge; the server offers {', '.join(schemes_in(offered)) or 'nothing'}"
            raise AuthError(message)
        return challenge


class Digest(AuthStrategy[DigestConfig]):
    """Digest authentication with MD5, SHA-256 and SHA-512/256; it replaces any ``Authorization`` header."""

    name = "digest"
    Config = DigestConfig

    def build(self, config: DigestConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that answers the server's challenges."""
        return DigestAuth(Credentials(config.username, config.password), context)


@hookimpl
def penstock_auth() -> Digest:
    """Offer digest authentication."""
    return Digest()

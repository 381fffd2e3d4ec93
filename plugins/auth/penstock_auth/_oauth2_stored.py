"""Grants that outlive the process: a refresh token, renewed under a lock and on the disk before anything uses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final

from penstock import AuthContext, Token, TokenSlot
from penstock.errors import AuthError, CredentialsRefusedError
from penstock_auth._oauth2_requests import GrantRefusedError, TokenRequests
from penstock_auth._oauth2_settings import OAuth2Config, words

_DIGEST: Final = 16
_LOG_IN: Final = "run `penstock auth login`"


def label_of(config: OAuth2Config, context: AuthContext) -> str:
    """Return what a grant is kept under: where it is from, whose it is, and what was asked for; no secret.

    A grant that began with a configured ``refreshToken`` carries a digest of it: another one begins anew.
    """
    place = config.issuer or context.url(config.token_endpoint or config.auth_endpoint)
    parts = ["oauth2", config.grant_type, place.partition("?")[0], f"client {config.client_id or '-'}"]
    if config.refresh_token is not None:
        seed = sha256(config.refresh_token.get_secret_value().encode()).hexdigest()[:_DIGEST]
        return " ".join([*parts, f"seed {seed}"])
    wanted = {name: words(getattr(config, name)) for name in ("scope", "audience", "resource")}
    return " ".join([*parts, *(f"{name} {_sorted(values)}" for name, values in wanted.items() if values)])


def _sorted(values: Iterable[str]) -> str:
    return " ".join(sorted(" ".join(values).split()))


class StoredGrant:
    """The access token of a grant that is kept in the token store, and renewed there."""

    def __init__(self, config: OAuth2Config, context: AuthContext) -> None:
        self._config = config
        self._context = context
        self._requests = TokenRequests(config, context)
        self._label = label_of(config, context)
        self._given = ""
        """The access token that was handed out last: to be asked again means that its time is over."""

    async def token(self, refused: str | None) -> Token:
        """Return a token that is on the disk: one that another process renewed meanwhile, or a new one.

        A renewal that has begun goes on to its end where the caller is cancelled, for its answer may hold the only
        refresh token that is still good.

        Raises:
            CredentialsRefusedError: The grant is no longer good.
            AuthError: There is none, it could not be renewed now, or the store cannot be used.
        """
        token = await self._context.to_the_end(self._kept_or_renewed(refused))
        self._given = token.access_token
        return token

    async def _kept_or_renewed(self, refused: str | None) -> Token:
        async with self._context.tokens.locked(self._label) as slot:
            kept = slot.read()
            if kept is not None:
                self._context.conceal(kept.access_token, kept.refresh_token)
                if self._is_usable(kept, refused):
                    return kept
            return await self._renewed(slot, kept)

    def _is_usable(self, kept: Token, refused: str | None) -> bool:
        if not kept.access_token or kept.access_token in {refused, self._given}:
            return False
        return kept.expires_at is None or kept.expires_at > self._context.time()

    async def _renewed(self, slot: TokenSlot, kept: Token | None) -> Token:
        refresh_token = kept.refresh_token if kept is not None else self._seed()
        if not refresh_token:
            raise self._nothing(kept)
        try:
            token = await self._requests.token("refresh_token", {"refresh_token": refresh_token})
        except GrantRefusedError as error:
            message = f"{error}; the grant is no longer good: {self._way_out()}"
            raise GrantRefusedError(message) from error
        if not token.refresh_token:  # RFC 6749 section 6: then the old one stays good
            token = replace(token, refresh_token=refresh_token)
        slot.write(token)
        return token

    def _seed(self) -> str:
        return self._config.refresh_token.get_secret_value() if self._config.refresh_token else ""

    def _nothing(self, kept: Token | None) -> AuthError:
        if kept is None:
            return CredentialsRefusedError(f"nobody has logged in yet ({self._label}): {_LOG_IN}")
        message = f"the stored token has expired, and the server gave no refresh token with it: {self._way_out()}"
        return CredentialsRefusedError(message)

    def _way_out(self) -> str:
        return _LOG_IN if self._config.refresh_token is None else "set a new refreshToken"

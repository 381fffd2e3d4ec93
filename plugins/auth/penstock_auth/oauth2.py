"""``authType: oauth2``: a bearer token from an authorization server, by any of the usual grants."""

from __future__ import annotations

import httpx

from penstock import AuthContext, AuthStrategy, Person, Token, hookimpl
from penstock_auth._oauth2_grants import GRANTS, Grant
from penstock_auth._oauth2_login import WAYS, Login
from penstock_auth._oauth2_settings import OAuth2Config
from penstock_auth._oauth2_stored import StoredGrant, label_of
from penstock_auth._token import Obtained, TokenAuth, TokenSource


class _Source(TokenSource[str]):
    """Bearer tokens as RFC 6750 section 2.1 sends them."""

    def apply(self, request: httpx.Request, value: str) -> httpx.Request:
        """Set the header; it wins over one that the user set, as that of ``custom`` does (connection.md 4)."""
        request.headers["Authorization"] = f"Bearer {value}"
        return request


class _FreshSource(_Source):
    """Tokens that are asked for again, and never kept."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    async def obtain(self, refused: str | None) -> Obtained[str]:
        """Return a new token."""
        del refused
        return _obtained(await self._grant.token())


class _StoredSource(_Source):
    """Tokens of a grant that is kept."""

    def __init__(self, grant: StoredGrant) -> None:
        self._grant = grant

    async def obtain(self, refused: str | None) -> Obtained[str]:
        """Return what is kept, renewed if need be."""
        return _obtained(await self._grant.token(refused))


def _obtained(token: Token) -> Obtained[str]:
    return Obtained(token.access_token, token.expires_at)


class OAuth2(AuthStrategy[OAuth2Config]):
    """OAuth 2.0 (RFC 6749), with token logic of authlib."""

    name = "oauth2"
    Config = OAuth2Config

    def build(self, config: OAuth2Config, context: AuthContext) -> httpx.Auth:
        """Return what signs with a token that is obtained before the first request, and renewed in time."""
        grant = GRANTS.get(config.grant_type)
        source = _FreshSource(grant(config, context)) if grant else _StoredSource(StoredGrant(config, context))
        return TokenAuth(source, context)

    def login_label(self, config: OAuth2Config, context: AuthContext) -> str | None:
        """Return what a person's grant is kept under; None where nobody is needed."""
        return label_of(config, context) if config.grant_type in WAYS else None

    async def login(self, config: OAuth2Config, context: AuthContext, person: Person) -> None:
        """Let a person log in, and keep what comes of it."""
        if config.grant_type not in WAYS:
            await super().login(config, context, person)
        await Login(config, context, person).run()


@hookimpl
def penstock_auth() -> OAuth2:
    """Offer OAuth 2.0."""
    return OAuth2()

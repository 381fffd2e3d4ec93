"""``authType: bearer_token``: a fixed token in the ``Authorization`` header."""

from __future__ import annotations

from collections.abc import Generator

import httpx
from pydantic import Field

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock_auth.checks import HeaderSecret


class BearerTokenConfig(PluginConfig):
    """Settings of ``authType: bearer_token``."""

    api_token: HeaderSecret = Field(description="the token alone, without the word Bearer")


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # a default below the headers that connection and resource set (connection.md section 4)
        request.headers.setdefault("Authorization", self._header)
        yield request  # a 401 is final: there is nothing to refresh


class BearerToken(AuthStrategy[BearerTokenConfig]):
    """Bearer tokens as RFC 6750 section 2.1 sends them."""

    name = "bearer_token"
    Config = BearerTokenConfig

    def build(self, config: BearerTokenConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that adds the token to every request that has no ``Authorization`` yet."""
        del context
        return _Bearer(config.api_token.get_secret_value())


@hookimpl
def penstock_auth() -> BearerToken:
    """Offer bearer tokens."""
    return BearerToken()

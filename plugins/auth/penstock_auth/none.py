"""``authType: none``: requests go out as they are."""

from __future__ import annotations

import httpx

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl


class NoneConfig(PluginConfig):
    """``authType: none`` has no settings."""


class NoAuth(AuthStrategy[NoneConfig]):
    """No credentials; the connection's own headers are sent all the same."""

    name = "none"
    Config = NoneConfig

    def build(self, config: NoneConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that changes nothing."""
        del config, context
        return httpx.Auth()


@hookimpl
def penstock_auth() -> NoAuth:
    """Offer to go without credentials."""
    return NoAuth()

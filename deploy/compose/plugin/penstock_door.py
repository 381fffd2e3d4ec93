"""``authType: door``: the key of the demo's door."""

from __future__ import annotations

from collections.abc import Generator

import httpx
from pydantic import Field, SecretStr

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl


class DoorConfig(PluginConfig):
    """Settings of ``authType: door``."""

    door_key: SecretStr = Field(description="opens the door")


class _Door(httpx.Auth):
    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


class Door(AuthStrategy[DoorConfig]):
    """The key of the demo's door, in the header that it looks at."""

    name = "door"
    Config = DoorConfig

    def build(self, config: DoorConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that shows the key."""
        del context  # a key needs nothing fetched
        return _Door(config.door_key)


@hookimpl
def penstock_auth() -> Door:
    """Offer the key."""
    return Door()

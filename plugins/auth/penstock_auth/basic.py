"""``authType: basic``: user name and password in the ``Authorization`` header."""

from __future__ import annotations

from typing import Annotated, Self

import httpx
from pydantic import Field, PlainSerializer, SecretStr, field_validator, model_validator

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock_auth.checks import masked, without_control


class BasicConfig(PluginConfig):
    """Settings of ``authType: basic``; one of the two may be empty, as APIs that take a key for a user name want it."""

    # some APIs take their key for it
    username: Annotated[str, PlainSerializer(masked)] = Field(
        default="", repr=False, description="sent also when the password is empty"
    )
    password: SecretStr = Field(default=SecretStr(""), description="sent also when the user name is empty")

    @field_validator("username")
    @classmethod
    def _is_a_user_id(cls, name: str) -> str:
        if ":" in name:
            message = "must not contain a colon: it parts user name and password (RFC 7617 section 2)"
            raise ValueError(message)
        return without_control(name)

    @field_validator("password")
    @classmethod
    def _is_one_line(cls, password: SecretStr) -> SecretStr:
        without_control(password.get_secret_value())
        return password

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if not self.username and not self.password.get_secret_value():
            message = "authType basic needs a username, a password or both"
            raise ValueError(message)
        return self


class Basic(AuthStrategy[BasicConfig]):
    """Basic authentication as RFC 7617 has it, in UTF-8; it replaces any ``Authorization`` header."""

    name = "basic"
    Config = BasicConfig

    def build(self, config: BasicConfig, context: AuthContext) -> httpx.Auth:
        """Return httpx's own basic authentication."""
        del context
        return httpx.BasicAuth(config.username, config.password.get_secret_value())


@hookimpl
def penstock_auth() -> Basic:
    """Offer basic authentication."""
    return Basic()

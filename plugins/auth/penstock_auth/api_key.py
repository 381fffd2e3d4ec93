"""``authType: api_key``: a fixed key in a header, or in a query parameter."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal, Self

import httpx
from pydantic import Field, model_validator

from penstock import AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock_auth._requests import with_params
from penstock_auth.checks import HeaderName, Secret, check_ascii


class ApiKeyConfig(PluginConfig):
    """Settings of ``authType: api_key``."""

    api_key: Secret = Field(description="sent as it is, without a prefix")
    api_key_in: Literal["header", "query"] = Field(default="header", description="where the key is sent")
    api_key_header: HeaderName = Field(default="X-API-Key", description="name of the header, for apiKeyIn: header")
    api_key_param: str = Field(
        default="api_key", min_length=1, description="name of the query parameter, for apiKeyIn: query"
    )

    @model_validator(mode="after")
    def _fits_its_place(self) -> Self:
        if self.api_key_in == "header":
            try:
                check_ascii(self.api_key.get_secret_value())
            except ValueError as error:
                message = f"apiKey {error}"
                raise ValueError(message) from None
        return self


class _HeaderKey(httpx.Auth):
    def __init__(self, name: str, key: str) -> None:
        self._name, self._key = name, key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # a default below the headers that connection and resource set (connection.md section 4)
        request.headers.setdefault(self._name, self._key)
        yield request  # a 401 is final: there is nothing to refresh


class _QueryKey(httpx.Auth):
    def __init__(self, name: str, key: str) -> None:
        self._params = {name: [key]}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = with_params(request.url, self._params)
        yield request


class ApiKey(AuthStrategy[ApiKeyConfig]):
    """API keys; one in the query replaces a parameter of the same name, one in a header leaves what the user set."""

    name = "api_key"
    Config = ApiKeyConfig

    def build(self, config: ApiKeyConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that adds the key to every request."""
        del context
        key = config.api_key.get_secret_value()
        if config.api_key_in == "query":
            return _QueryKey(config.api_key_param, key)
        return _HeaderKey(config.api_key_header, key)


@hookimpl
def penstock_auth() -> ApiKey:
    """Offer API keys."""
    return ApiKey()

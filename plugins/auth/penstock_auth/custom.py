"""``authType: custom``: a token request and where its answer goes, both by configuration (connection.md section 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx

from penstock import JSON, AuthContext, AuthStrategy, hookimpl
from penstock.errors import AuthError, PenstockError
from penstock_auth._answers import keys_of, lifetime, read_answer, what
from penstock_auth._custom_settings import CustomConfig, check_header
from penstock_auth._requests import with_members, with_params
from penstock_auth._secret_json import reveal
from penstock_auth._templates import Filling, Template, UnfilledError, as_text
from penstock_auth._token import Obtained, TokenAuth, TokenSource

_TIME_LIMIT: Final = 30.0
"""Seconds of a token request, whatever the connection's ``timeout`` (connection.md 5.1)."""
_SHORTEST_CONCEALED: Final = 4
"""A shorter value of the answer is hardly a secret, and may be part of any message."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """What one answer adds to requests."""

    headers: Mapping[str, str] = field(repr=False)
    params: Mapping[str, list[str]] = field(repr=False)
    members: Mapping[str, JSON] = field(repr=False)


class _TokenRequest(TokenSource[_Filled]):
    def __init__(self, config: CustomConfig, context: AuthContext) -> None:
        self._config = config.custom_auth_request
        self._template = config.custom_auth_request_template
        self._context = context
        self._auth = None if self._config.auth is None else self._config.auth.build(context)

    def request(self) -> httpx.Request:
        """Return the token request.

        Raises:
            AuthError: The settings make none.
        """
        config = self._config
        headers = httpx.Headers({name: value.get_secret_value() for name, value in config.headers.items()})
        if config.content_type():
            headers.setdefault("Content-Type", config.content_type())
        params = {name: _query_texts(reveal(value)) for name, value in config.query_params.items()}
        extensions = {"retry_safe": True, "time_limit": _TIME_LIMIT}
        try:
            url = with_params(httpx.URL(self._context.url(config.endpoint)), params)
            return httpx.Request(config.method, url, headers=headers, content=config.content(), extensions=extensions)
        except (PenstockError, httpx.InvalidURL) as error:
            message = f"customAuthRequest.endpoint: {error}"
            raise AuthError(message) from error

    async def obtain(self, refused: _Filled | None) -> Obtained[_Filled]:
        """Send the token request, and put its answer into the templates."""
        del refused  # every answer is a new one
        asked_at = self._context.time()
        response = await self._context.send(self.request(), auth=self._auth)
        answer = read_answer(response)
        filling = Filling(answer)
        try:
            filled = await asyncio.to_thread(self._filled, filling)
        except UnfilledError as error:
            message = f"{what(response)}: customAuthRequestTemplate.{error}; {keys_of(answer)}"
            raise AuthError(message) from None
        self._context.conceal(*(text for text in filling.obtained if len(text) >= _SHORTEST_CONCEALED))
        seconds = self._life(answer)
        return Obtained(filled, None if seconds is None else asked_at + seconds)

    def apply(self, request: httpx.Request, value: _Filled) -> httpx.Request:
        """Set headers, replace parameters, merge members (connection.md 5.2)."""
        request.headers.update(value.headers)
        request.url = with_params(request.url, value.params)
        return with_members(request, value.members) if value.members else request

    def _life(self, answer: JSON) -> float | None:
        if self._config.reauthenticate_interval_seconds is not None:
            return self._config.reauthenticate_interval_seconds
        return lifetime(answer.get("expires_in")) if isinstance(answer, dict) else None

    def _filled(self, filling: Filling) -> _Filled:
        template = self._template
        return _Filled(
            headers={name: _header(name, text, filling) for name, text in template.headers.items()},
            params={
                name: _query_texts(filling.tree(value, f"queryParams.{name}"))
                for name, value in template.query_params.items()
            },
            members={name: filling.tree(value, f"body.{name}") for name, value in template.body.items()},
        )


def _header(name: str, template: Template, filling: Filling) -> str:
    text = filling.text(template, f"headers.{name}")
    try:
        check_header(name, text)
    except ValueError as error:
        message = f"headers.{name}: {error}"
        raise UnfilledError(message) from None
    return text


def _query_texts(value: JSON) -> list[str]:
    """Return what a query parameter is sent as; null is empty text, and a list several (connection.md section 4)."""
    return ["" if element is None else as_text(element) for element in (value if isinstance(value, list) else [value])]


class Custom(AuthStrategy[CustomConfig]):
    """A token from any endpoint, put into headers, query or body of every request; it replaces what the user set."""

    name = "custom"
    Config = CustomConfig

    def build(self, config: CustomConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that obtains the token before the first request, and renews it.

        Raises:
            AuthError: The endpoint makes no URL.
        """
        source = _TokenRequest(config, context)
        source.request()
        return TokenAuth(source, context)


@hookimpl
def penstock_auth() -> Custom:
    """Offer token requests."""
    return Custom()

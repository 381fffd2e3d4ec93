"""Grants that a person gives once: by a browser, or by another device."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx

from penstock import AuthContext, Person, Token
from penstock.errors import AuthError
from penstock_auth._browser_login import CodeRequest, ask_for_code
from penstock_auth._device_login import ask_device
from penstock_auth._oauth2_requests import TokenRequests, form, wanted
from penstock_auth._oauth2_settings import OAuth2Config
from penstock_auth._oauth2_stored import label_of


class Login:
    """One login, for the settings of one connection."""

    def __init__(self, config: OAuth2Config, context: AuthContext, person: Person) -> None:
        self._config = config
        self._context = context
        self._person = person
        self._requests = TokenRequests(config, context)

    async def run(self) -> None:
        """Let the person log in, and keep what comes of it.

        Raises:
            AuthError: It was refused, could not be obtained, or cannot be kept.
        """
        await self._look_at_store()
        token = await WAYS[self._config.grant_type](self)
        async with self._context.tokens.locked(self._label) as slot:
            slot.write(token)
        if not token.refresh_token and token.expires_at is not None:
            self._person.tell(
                "the server gave no refresh token, so that somebody has to log in again when this token expires; "
                "it may want another scope for that, such as offline_access"
            )

    async def by_browser(self) -> Token:
        """RFC 6749 section 4.1, with PKCE."""
        config, endpoints = self._config, self._requests.endpoints
        request = CodeRequest(
            await endpoints.find("authorization_endpoint"),
            config.client_id,
            wanted(config),
            config.issuer or "",
            endpoints.promise_issuer,
            config.redirect_port,
        )
        code = await ask_for_code(request, self._person)
        self._context.conceal(code.code, code.verifier)
        return await self._requests.token(config.grant_parameter, code.parameters())

    async def by_device(self) -> Token:
        """RFC 8628."""
        response = await ask_device(self._announced, self._asked, self._context, self._person)
        return self._requests.token_in(response)

    async def _announced(self) -> httpx.Response:
        from authlib.common.urls import add_params_to_qs  # noqa: PLC0415 - see _oauth2_requests

        return await self._requests.post("device_authorization_endpoint", add_params_to_qs("", wanted(self._config)))

    async def _asked(self, device_code: str) -> httpx.Response:
        body = form(self._config, self._config.grant_parameter, {"device_code": device_code})
        return await self._requests.post("token_endpoint", body)

    @property
    def _label(self) -> str:
        return label_of(self._config, self._context)

    async def _look_at_store(self) -> None:
        """Find out before anybody is asked whether what they grant can be kept."""
        async with self._context.tokens.locked(self._label) as slot:
            try:
                slot.read()
            except AuthError as error:  # a login may mend it
                self._person.tell(str(error))


WAYS: Final[Mapping[str, Callable[[Login], Awaitable[Token]]]] = {
    "authorization_code": Login.by_browser,
    "device_code": Login.by_device,
}
"""By ``grantType``; the others need nobody."""

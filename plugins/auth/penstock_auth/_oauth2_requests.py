"""Asking a token endpoint.

authlib is imported where it is used: a twentieth of a second that a run without OAuth should not pay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

import httpx

from penstock import AuthContext, Token
from penstock.errors import CredentialsRefusedError
from penstock_auth._answers import error_of, read_token_answer, what
from penstock_auth._oauth2_answers import token_of
from penstock_auth._oauth2_client_auth import ClientAuthentication
from penstock_auth._oauth2_discovery import Endpoint, Endpoints
from penstock_auth._oauth2_settings import OAuth2Config, words

_LOGINS: Final = frozenset({"authorization_code", "device_code"})
"""Grants whose scope was settled when somebody logged in."""
_FORM: Final = "application/x-www-form-urlencoded"


class GrantRefusedError(CredentialsRefusedError):
    """What was granted once is no longer good: ``invalid_grant`` (RFC 6749 section 5.2)."""


class TokenRequests:
    """Sends the requests of one client to its authorization server."""

    def __init__(self, config: OAuth2Config, context: AuthContext) -> None:
        self.endpoints = Endpoints(config, context)
        self._config = config
        self._context = context

    async def token(self, grant_type: str, parameters: Mapping[str, str]) -> Token:
        """Ask for a token, which no message shows from then on.

        Raises:
            GrantRefusedError: The server refuses the grant.
            CredentialsRefusedError: The server refuses the credentials.
            AuthError: There is no answer, or none that holds a token.
        """
        return self.token_in(await self.post("token_endpoint", form(self._config, grant_type, parameters)))

    def token_in(self, response: httpx.Response) -> Token:
        """Return the token in an answer; raises as ``token`` does."""
        try:
            answer = read_token_answer(response)
        except CredentialsRefusedError as error:
            if error_of(response) == "invalid_grant":
                raise GrantRefusedError(str(error)) from error
            raise
        token = token_of(answer, now=self._context.time(), where=what(response), path=self._config.token_path)
        self._context.conceal(token.access_token, token.refresh_token)
        return token

    async def post(self, endpoint: Endpoint, body: str) -> httpx.Response:
        """Send a form to an endpoint, with the client's credentials, and return the answer, whatever it says.

        Raises:
            AuthError: There is no answer, or the endpoint is not known.
        """
        url = await self.endpoints.find(endpoint)
        audience = await self.endpoints.find("token_endpoint")
        headers = httpx.Headers({"Content-Type": _FORM, "Accept": "application/json"})
        headers.update({name: value.get_secret_value() for name, value in self._config.token_headers.items()})
        # To ask again after no answer harms nobody: if the first was heard, what it gave is lost to us anyway.
        request = httpx.Request("POST", url, headers=headers, content=body, extensions={"retry_safe": True})
        return await self._context.send(request, auth=ClientAuthentication(self._config, self._context, audience))


def wanted(config: OAuth2Config) -> list[tuple[str, str]]:
    """Return what every request for a grant says: for what, and for whom."""
    pairs = [(name, item) for name in ("audience", "resource") for item in words(getattr(config, name))]
    scope = " ".join(words(config.scope))
    return [("scope", scope), *pairs] if scope else pairs


def form(config: OAuth2Config, grant_type: str, parameters: Mapping[str, str]) -> str:
    """Return the body of a token request: the grant's parameters, what every grant may say, and the user's own."""
    from authlib.common.urls import add_params_to_qs  # noqa: PLC0415 - see above
    from authlib.oauth2.rfc6749.parameters import prepare_token_request  # noqa: PLC0415

    own = {name: value.get_secret_value() for name, value in config.token_parameters.items()}
    scope = () if config.grant_type in _LOGINS else words(config.scope)
    body = prepare_token_request(grant_type, scope=" ".join(scope), **parameters)
    repeated = [pair for pair in wanted(config) if pair[0] != "scope"]
    pairs: Sequence[tuple[str, str]] = [*parse_qsl(body, keep_blank_values=True), *repeated]
    return add_params_to_qs("", [*(pair for pair in pairs if pair[0] not in own), *own.items()])

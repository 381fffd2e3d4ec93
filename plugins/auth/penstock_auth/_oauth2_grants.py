"""What each grant says to the token endpoint, where nobody needs to be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from penstock import JSON, AuthContext, Token
from penstock.errors import AuthError
from penstock_auth._oauth2_client_auth import signed_assertion
from penstock_auth._oauth2_requests import TokenRequests
from penstock_auth._oauth2_settings import OAuth2Config, token_type


class Grant(ABC):
    """One way to a token that can be gone again and again."""

    def __init__(self, config: OAuth2Config, context: AuthContext) -> None:
        self.config = config
        self.context = context
        self.requests = TokenRequests(config, context)

    async def token(self) -> Token:
        """Obtain a token; raises as ``TokenRequests.token`` does."""
        return await self.requests.token(self.config.grant_parameter, await self.parameters())

    @abstractmethod
    async def parameters(self) -> Mapping[str, str]:
        """Return what belongs to the grant alone.

        Raises:
            AuthError: It cannot be had.
        """


class ClientCredentials(Grant):
    """RFC 6749 section 4.4: the client's own credentials are all there is."""

    async def parameters(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}


class Password(Grant):
    """RFC 6749 section 4.3: a person's name and password."""

    async def parameters(self) -> Mapping[str, str]:
        """Return name and password."""
        return {"username": self.config.username, "password": _text(self.config.password)}


class JwtBearer(Grant):
    """RFC 7523 section 2.1: an assertion that we sign."""

    async def parameters(self) -> Mapping[str, str]:
        """Return a new assertion."""
        config = self.config
        key = config.signing_key
        if key is None:  # the settings were checked for that
            message = "there is no private key to sign with"
            raise RuntimeError(message)
        claims: dict[str, JSON] = {"iss": config.assertion_issuer or config.client_id}
        if config.assertion_subject:
            claims["sub"] = config.assertion_subject
        audience = config.assertion_audience or await self.requests.endpoints.find("token_endpoint")
        assertion = signed_assertion(config, key, audience, self.context, {**claims, **config.assertion_claims})
        return {"assertion": assertion}


class TokenExchange(Grant):
    """RFC 8693: a token of somebody else for one that the API takes."""

    def __init__(self, config: OAuth2Config, context: AuthContext) -> None:
        super().__init__(config, context)
        self._nested = config.subject_auth.build(context) if config.subject_auth else None

    async def token(self) -> Token:
        """Exchange; where that fails, once more with a newer token of ``subjectAuth``, if it has one."""
        if self._nested is None:
            return await super().token()
        async with aclosing(bearers_of(self._nested, self.context)) as subjects:
            subject = await anext(subjects)
            try:
                return await self._exchanged(subject)
            except AuthError:
                newer = await anext(subjects, subject)
                if newer == subject:
                    raise
                return await self._exchanged(newer)

    async def parameters(self) -> Mapping[str, str]:
        """Return the tokens to exchange, as they are now."""
        return self._parameters(self._given(self.config.subject_token, self.config.subject_token_file))

    async def _exchanged(self, subject: str) -> Token:
        self.context.conceal(subject)
        return await self.requests.token(self.config.grant_parameter, self._parameters(subject))

    def _parameters(self, subject: str) -> Mapping[str, str]:
        config = self.config
        usual = "access_token" if config.subject_auth else "jwt"
        parameters = {
            "subject_token": subject,
            "subject_token_type": config.subject_token_type or token_type(usual),
            "requested_token_type": config.requested_token_type or "",
        }
        if config.actor_token or config.actor_token_file:
            parameters["actor_token"] = self._given(config.actor_token, config.actor_token_file)
            parameters["actor_token_type"] = config.actor_token_type or token_type("jwt")
        return parameters

    def _given(self, token: SecretStr | None, file: Path | None) -> str:
        if file is None:
            return _text(token)
        content = _content(file)
        self.context.conceal(content)
        return content


async def bearers_of(auth: httpx.Auth, context: AuthContext) -> AsyncGenerator[str]:
    """Give the bearer token that an auth puts on a request, then the one it has after that was refused, if any.

    Raises:
        AuthError: It puts none there, or could not obtain it.
    """
    request = httpx.Request("GET", context.base_url)
    async with aclosing(auth.async_auth_flow(request)) as flow:
        response: httpx.Response | None = None
        with suppress(StopAsyncIteration):
            while True:
                signed = await anext(flow) if response is None else await flow.asend(response)
                if (signed.url.host, signed.url.path) != (request.url.host, request.url.path):
                    response = await context.send(signed)  # the auth's own way to its token
                    continue
                yield _bearer(signed)
                response = httpx.Response(HTTPStatus.UNAUTHORIZED, request=signed)


def _bearer(request: httpx.Request) -> str:
    header: str = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = "subjectAuth puts no bearer token on requests, so there is nothing to exchange"
        raise AuthError(message)
    return token


def _content(file: Path) -> str:
    try:
        content = file.read_text("utf-8").strip()
    except OSError as error:
        message = f"the token file {file} cannot be read: {error.strerror}"
        raise AuthError(message) from error
    except UnicodeDecodeError:
        message = f"the token file {file} holds no text"
        raise AuthError(message) from None
    if not content:
        message = f"the token file {file} is empty"
        raise AuthError(message)
    return content


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


GRANTS: Final[Mapping[str, type[Grant]]] = {
    "client_credentials": ClientCredentials,
    "password": Password,
    "jwt_bearer": JwtBearer,
    "token_exchange": TokenExchange,
}
"""By ``grantType``; the others live on what is stored."""

"""How a client proves to the authorization server who it is (RFC 6749 section 2.3, RFC 7523 section 2.2)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from typing import Final, Protocol, TypeAlias, cast
from urllib.parse import quote
from uuid import uuid4

import httpx

from penstock import JSON, AuthContext
from penstock_auth._keys import SigningKey
from penstock_auth._oauth2_settings import OAuth2Config

Prepared: TypeAlias = tuple[str, dict[str, str], str]
"""URL, headers and body of a request."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW: Final = 60
"""Seconds that the server's clock may be behind ours."""


class _Client(Protocol):
    """``authlib.oauth2.ClientAuth``, whose stub has no types."""

    client_id: str
    client_secret: str

    def prepare(self, method: str, uri: str, headers: dict[str, str], body: str) -> Prepared: ...


_Method: TypeAlias = Callable[[_Client, str, str, dict[str, str], str], Prepared]


class ClientAuthentication(httpx.Auth):
    """Adds the client's credentials to a token request, an assertion being signed for each attempt."""

    requires_request_body = True

    def __init__(self, config: OAuth2Config, context: AuthContext, audience: str) -> None:
        """Take the settings.

        Args:
            config: Who the client is, and how it proves it.
            context: Keeps what is signed out of messages.
            audience: The token endpoint, which assertions are for unless the settings say otherwise.
        """
        from authlib.oauth2 import ClientAuth  # noqa: PLC0415 - see _oauth2_requests

        self._config = config
        self._context = context
        self._audience = config.assertion_audience or audience
        secret = config.client_secret.get_secret_value() if config.client_secret else ""
        own: dict[str, _Method] = {
            "client_secret_basic": self._basic,  # authlib's does not encode what RFC 6749 section 2.3.1 wants encoded
            "private_key_jwt": self._assertion,
            "client_secret_jwt": self._assertion,
        }
        name = config.client_authentication
        self._client = cast("_Client", ClientAuth(config.client_id, secret, own.get(name, name)))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the credentials on it."""
        if self._config.client_authentication == "none" and not self._config.client_id:
            yield request  # nobody in particular, as the grant allows
            return
        url, added, body = self._client.prepare(request.method, str(request.url), {}, request.content.decode())
        headers = request.headers.copy()
        headers.pop("Content-Length", None)  # the body may have grown
        headers.update(added)
        yield httpx.Request(request.method, url, headers=headers, content=body, extensions=request.extensions)

    def _basic(self, client: _Client, method: str, url: str, headers: dict[str, str], body: str) -> Prepared:
        del method
        pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
        credentials = b64encode(pair.encode()).decode()
        self._context.conceal(credentials)
        return url, {**headers, "Authorization": f"Basic {credentials}"}, body

    def _assertion(self, client: _Client, method: str, url: str, headers: dict[str, str], body: str) -> Prepared:
        """Add a signed assertion as OpenID Connect Core section 9 has it: who, for whom, until when, and only once."""
        from authlib.common.urls import add_params_to_qs  # noqa: PLC0415 - see _oauth2_requests

        del method
        claims: dict[str, JSON] = {"iss": client.client_id, "sub": client.client_id}
        assertion = signed_assertion(self._config, self._key(), self._audience, self._context, claims)
        pairs = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
        return url, headers, add_params_to_qs(body, pairs)

    def _key(self) -> SigningKey:
        key = self._config.secret_key or self._config.signing_key
        if key is None:  # the settings were checked for that
            message = "there is no key to sign with"
            raise RuntimeError(message)
        return key


def signed_assertion(
    config: OAuth2Config, key: SigningKey, audience: str, context: AuthContext, claims: Mapping[str, JSON]
) -> str:
    """Return a JWT that may be used once (RFC 7523 section 3), and keep it out of all messages."""
    issued = int(context.time()) - _SKEW
    times: dict[str, JSON] = {
        "aud": audience,
        "iat": issued,
        "exp": issued + config.assertion_lifetime,
        "jti": str(uuid4()),
    }
    assertion = key.sign({**times, **claims})
    context.conceal(assertion)
    return assertion

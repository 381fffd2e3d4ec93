"""Where an authorization server's endpoints are: as configured, else as its metadata say (RFC 8414, OpenID Connect)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit

import httpx

from penstock import JSON, AuthContext
from penstock.errors import AuthError
from penstock_auth._answers import keys_of, shortened, what
from penstock_auth._oauth2_settings import OAuth2Config

Endpoint: TypeAlias = Literal["token_endpoint", "authorization_endpoint", "device_authorization_endpoint"]


class Endpoints:
    """The endpoints of one authorization server; its metadata are read once, when they are first needed."""

    def __init__(self, config: OAuth2Config, context: AuthContext) -> None:
        self._context = context
        self._issuer = config.issuer
        self._configured: dict[Endpoint, str] = {
            "token_endpoint": config.token_endpoint or config.auth_endpoint,
            "authorization_endpoint": config.authorization_endpoint,
            "device_authorization_endpoint": config.device_authorization_endpoint,
        }
        self._metadata: dict[str, JSON] | None = None

    async def find(self, name: Endpoint) -> str:
        """Return the URL of an endpoint.

        Raises:
            AuthError: It is neither configured nor in the metadata, or these cannot be had or trusted.
        """
        if configured := self._configured[name]:
            return self._context.url(configured)
        if self._issuer is None:
            message = f"oauth2 needs {name}, or issuer, to know where to go"
            raise AuthError(message)
        if self._metadata is None:
            self._metadata = await self._discover(self._issuer)
        url = self._metadata.get(name)
        if not isinstance(url, str):
            message = f"the metadata of {self._issuer} name no {name}; {keys_of(self._metadata)}"
            raise AuthError(message)
        return _safe(url, name, self._issuer)

    @property
    def promise_issuer(self) -> bool:
        """Whether the metadata, if they were read, promise that answers say whose they are (RFC 9207 section 3)."""
        return (self._metadata or {}).get("authorization_response_iss_parameter_supported") is True

    async def _discover(self, issuer: str) -> dict[str, JSON]:
        """Return the metadata: RFC 8414 section 3, then OpenID Connect Discovery section 4."""
        failures: list[str] = []
        for url in well_known(issuer):
            response = await self._context.send(httpx.Request("GET", url))
            metadata = _document(response)
            if metadata is None:
                failures.append(what(response))
                continue
            _check_issuer(metadata, issuer, response)
            return metadata
        message = f"the issuer {issuer} has no metadata: {'; '.join(failures)}; set tokenEndpoint instead of issuer"
        raise AuthError(message)


def well_known(issuer: str) -> tuple[str, str]:
    """Return where an issuer's metadata may be, the first place first."""
    from authlib.oauth2.rfc8414 import get_well_known_url  # noqa: PLC0415 - see _oauth2_requests

    plain = issuer.rstrip("/")
    return str(get_well_known_url(plain, external=True)), f"{plain}/.well-known/openid-configuration"


def _document(response: httpx.Response) -> dict[str, JSON] | None:
    if response.status_code != HTTPStatus.OK:
        return None
    try:
        document = cast("object", response.json())
    except ValueError:
        return None
    return cast("dict[str, JSON]", document) if isinstance(document, dict) else None


def _check_issuer(metadata: dict[str, JSON], issuer: str, response: httpx.Response) -> None:
    """Refuse the metadata of another server (RFC 8414 section 3.3); a slash at the end makes none of it."""
    named = metadata.get("issuer")
    if not isinstance(named, str):
        message = f"{what(response)}: these are no metadata, for they name no issuer; {keys_of(metadata)}"
        raise AuthError(message)
    if named.rstrip("/") != issuer.rstrip("/"):
        message = f"{what(response)}: these are the metadata of {shortened(named)}, not of the issuer {issuer}"
        raise AuthError(message)


def _safe(url: str, name: str, issuer: str) -> str:
    """Return a URL out of metadata that credentials may be sent to."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        message = f"the metadata of {issuer} name a {name} that is no http or https URL"
        raise AuthError(message)
    if parts.scheme == "http" and urlsplit(issuer).scheme == "https":
        message = f"the metadata of {issuer} name a {name} without TLS ({shortened(url)}); it is not used"
        raise AuthError(message)
    return url

"""``authType: jwt``: tokens that we sign ourselves (RFC 7519), afresh for each request or for a while."""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import Final, Self
from uuid import uuid4

import httpx
from pydantic import Field, JsonValue, SecretStr, ValidationInfo, field_validator, model_validator

from penstock import JSON, AuthContext, AuthStrategy, hookimpl
from penstock_auth._encoding import SecretEncoding, secret_bytes
from penstock_auth._keys import KeyConfig, SigningKey
from penstock_auth._placeholders import OF_REQUEST, all_filled, check_names, facts_of, filled, names_in
from penstock_auth._token import Obtained, TokenAuth, TokenSource
from penstock_auth.checks import HeaderName, check_ascii, without_control

_ALWAYS: Final = frozenset({"now"})


class JwtConfig(KeyConfig):
    """Settings of ``authType: jwt``; it needs ``privateKey``, ``privateKeyFile`` or ``jwtSecret``."""

    jwt_secret_encoding: SecretEncoding = Field(default="text", description="how jwtSecret is written")
    jwt_secret: SecretStr | None = Field(default=None, description="signs with HS256, HS384 or HS512")
    jwt_issuer: str | None = Field(default=None, description="the claim iss")
    jwt_subject: str | None = Field(default=None, description="the claim sub")
    jwt_audience: str | tuple[str, ...] | None = Field(default=None, description="the claim aud, or several")
    jwt_claims: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="further claims; they replace those of the same name, and null leaves one out. {now} is the time "
        "in seconds; with jwtPerRequest also {method}, {url}, {origin}, {host}, {path}, {query}, {target}, {bodyHash}",
    )
    jwt_lifetime: int = Field(default=300, ge=1, description="seconds from signing to the claim exp")
    jwt_clock_skew: int = Field(
        default=60,
        ge=0,
        description="seconds that iat and nbf lie back, and that a token is renewed early: the server's clock may be "
        "that much behind ours, or ahead",
    )
    jwt_per_request: bool = Field(
        default=False, description="a new token for each request; otherwise one serves until it is about to expire"
    )
    jose_headers: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description="further headers of the token itself, such as typ or x5t"
    )
    jwt_header: HeaderName = Field(default="Authorization", description="the HTTP header; it replaces one that is set")
    jwt_header_value: str = Field(default="Bearer {token}", description="what the HTTP header says")

    @field_validator("jwt_secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is not None:
            encoding = info.data.get("jwt_secret_encoding", "text")
            SigningKey.of_secret(secret_bytes(secret, encoding), info.data.get("algorithm"))
        return secret

    @field_validator("jose_headers")
    @classmethod
    def _leaves_the_algorithm(cls, headers: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, setting in (("alg", "algorithm"), ("kid", "keyId")):
            if name in headers:
                message = f"must not contain {name}: set {setting}"
                raise ValueError(message)
        return headers

    @field_validator("jwt_header_value")
    @classmethod
    def _holds_the_token(cls, value: str) -> str:
        check_names(value, {"token"})
        check_ascii(without_control(value))
        if "{token}" not in value:
            message = "must contain {token}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        keys = [key for key in (self.private_key, self.private_key_file, self.jwt_secret) if key]
        if len(keys) != 1:
            message = "authType jwt needs one of privateKey, privateKeyFile and jwtSecret"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _claims_can_be_filled(self) -> Self:
        if "iss" in self.jwt_claims and not isinstance(self.jwt_claims["iss"], str | None):
            message = "the claim iss must be text (RFC 7519 section 4.1.1)"
            raise ValueError(message)
        check_names(self.claims, _ALWAYS | OF_REQUEST)
        of_request = sorted(names_in(self.claims) & OF_REQUEST)
        if of_request and not self.jwt_per_request:
            message = f"a claim with {{{of_request[0]}}} differs from request to request: set jwtPerRequest"
            raise ValueError(message)
        return self

    @cached_property
    def key(self) -> SigningKey:
        """What signs."""
        if self.signing_key is not None:
            return self.signing_key
        secret = secret_bytes(self.jwt_secret or SecretStr(""), self.jwt_secret_encoding)
        return SigningKey.of_secret(secret, self.algorithm, self.key_id)

    @cached_property
    def claims(self) -> dict[str, JSON]:
        """The claims that do not depend on the time; None is left out."""
        audience = list[JSON](self.jwt_audience) if isinstance(self.jwt_audience, tuple) else self.jwt_audience
        named: dict[str, JSON] = {"iss": self.jwt_issuer, "sub": self.jwt_subject, "aud": audience}
        return {**{name: value for name, value in named.items() if value is not None}, **self.jwt_claims}


class _Signer:
    """Makes tokens, and puts them on requests."""

    def __init__(self, config: JwtConfig, context: AuthContext) -> None:
        self._config = config
        self._context = context

    def sign(self, request: httpx.Request | None, now: int) -> str:
        """Return a token; for a request of its own where the claims are to speak of it."""
        config = self._config
        facts: dict[str, JSON] = {**({} if request is None else facts_of(request)), "now": now}
        claims: dict[str, JSON] = {
            "iat": now - config.jwt_clock_skew,
            "nbf": now - config.jwt_clock_skew,
            "exp": now + config.jwt_lifetime,
            "jti": str(uuid4()),
        }
        claims |= {name: all_filled(value, facts) for name, value in config.claims.items()}
        token = config.key.sign(
            {name: value for name, value in claims.items() if value is not None}, config.jose_headers
        )
        self._context.conceal(token)
        return token

    def apply(self, request: httpx.Request, token: str) -> httpx.Request:
        request.headers[self._config.jwt_header] = filled(self._config.jwt_header_value, {"token": token})
        return request


class _PerRequest(httpx.Auth):
    def __init__(self, signer: _Signer, context: AuthContext) -> None:
        self._signer = signer
        self._context = context

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._signer.sign(request, int(self._context.time()))
        yield self._signer.apply(request, token)  # a 401 is final: another token would say the same


class _Kept(TokenSource[str]):
    def __init__(self, signer: _Signer, config: JwtConfig, context: AuthContext) -> None:
        self._signer = signer
        self._config = config
        self._context = context

    async def obtain(self, refused: str | None) -> Obtained[str]:
        """Sign another one; it counts as expired as soon as a clock that is ahead may say so."""
        del refused
        now = int(self._context.time())
        return Obtained(self._signer.sign(None, now), now + self._config.jwt_lifetime - self._config.jwt_clock_skew)

    def apply(self, request: httpx.Request, value: str) -> httpx.Request:
        return self._signer.apply(request, value)


class Jwt(AuthStrategy[JwtConfig]):
    """Self-signed JSON Web Tokens: GitHub Apps, Google's self-signed access, App Store Connect, Kong and their like."""

    name = "jwt"
    Config = JwtConfig

    def build(self, config: JwtConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that signs for each request, or keeps a token until it is about to expire."""
        signer = _Signer(config, context)
        if config.jwt_per_request:
            return _PerRequest(signer, context)
        return TokenAuth(_Kept(signer, config, context), context)


@hookimpl
def penstock_auth() -> Jwt:
    """Offer self-signed tokens."""
    return Jwt()

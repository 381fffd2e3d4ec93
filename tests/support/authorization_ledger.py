"""What an authorization server knows: its clients, what people granted them, and every token it issued."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from time import time
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin
from authlib.oauth2.rfc8628 import DeviceCredentialDict

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
EVERY_GRANT = (
    "client_credentials",
    "password",
    "refresh_token",
    "authorization_code",
    DEVICE_CODE,
    JWT_BEARER,
    TOKEN_EXCHANGE,
)


class Rotation(Enum):
    """What becomes of a refresh token that is used."""

    KEPT = auto()
    """It is good for ever."""
    SINGLE_USE = auto()
    """It is replaced at once; whoever presents it again loses the grant."""
    GRACE = auto()
    """It is replaced as soon as anything of what replaces it is used; from then on as ``SINGLE_USE``."""


def public_jwk(private: str) -> dict[str, Any]:
    """Return what a private JWK gives away: the members of RFC 7518 section 6 that are public."""
    members = json.loads(private)
    return {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e", "kid") if name in members}


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A registered client."""

    client_id: str = "penstock"
    secret: str = "s3cret-of-penstock"
    auth_method: str = "client_secret_basic"
    grants: Collection[str] = EVERY_GRANT
    public_key: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """A JWK: what checks its assertions (RFC 7523)."""
    scopes: Collection[str] = ()
    """What it may ask for; anything where it is empty."""

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: Collection[str] | str) -> str:
        wanted = scope.split() if isinstance(scope, str) else list(scope or ())
        return " ".join(name for name in wanted if not self.scopes or name in self.scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith(("http://127.0.0.1:", "http://[::1]:", "http://localhost:"))  # RFC 8252, 7.3

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint != "token" or method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grants


@dataclass(eq=False, slots=True)
class Grant:
    """What somebody allowed a client to do; all tokens that come of it share it."""

    client_id: str
    subject: str
    revoked: bool = False


@dataclass(eq=False, slots=True)
class Issued(TokenMixin):
    """An access token, and the refresh token that came with it."""

    access_token: str
    refresh_token: str
    scope: str
    expires_at: float | None
    grant: Grant
    parent: Issued | None = None
    """What was refreshed to get it."""
    spent: bool = False
    """Whether its refresh token was replaced for good."""
    uses: int = 0
    """Requests to the API that its access token signed."""

    def check_client(self, client: Client) -> bool:
        return self.grant.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time()

    def is_revoked(self) -> bool:
        return self.grant.revoked

    def get_user(self) -> str:
        return self.grant.subject


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """An authorization code (RFC 6749 section 4.1), bound to a PKCE challenge (RFC 7636)."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    subject: str
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(slots=True)
class Ledger:
    """Everything that an authorization server remembers."""

    clients: dict[str, Client]
    rotation: Rotation = Rotation.SINGLE_USE
    issued: list[Issued] = field(default_factory=list[Issued])
    codes: dict[str, Code] = field(default_factory=dict[str, Code])
    token_life: int = 3600
    """Seconds that an access token is good for."""
    uses_per_token: int | None = None
    """Requests to the API that one access token is good for; None: any number."""
    slow_down_at: int = 0
    """The poll of a device that is told to slow down (RFC 8628 section 3.5); the first is 1."""
    people: dict[str, str] = field(default_factory=lambda: {"ada": "pw of ada"})
    """Passwords by name."""
    subject_tokens: dict[str, str] = field(default_factory=dict[str, str])
    """Whom the tokens of other servers speak of, for exchanges."""
    anybody: Client | None = None
    """Who a client is that exchanges a token and says nothing of itself."""
    jwt_ids: set[str] = field(default_factory=set[str])
    """Of the assertions that were presented; none is good twice."""
    devices: dict[str, DeviceCredentialDict] = field(default_factory=dict[str, DeviceCredentialDict])
    """By device code."""
    polls: dict[str, int] = field(default_factory=dict[str, int])
    """How often each device asked."""
    verdicts: dict[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    """Who said what to a user code."""

    def seed(self, *, client_id: str = "penstock", subject: str = "ada", scope: str = "") -> str:
        """Return a refresh token as somebody got it in a browser, long ago."""
        token = f"seed-{secrets.token_urlsafe(24)}"
        self.issued.append(Issued(secrets.token_urlsafe(24), token, scope, 0.0, Grant(client_id, subject)))
        return token

    def of_access_token(self, token: str) -> Issued | None:
        return next((issued for issued in self.issued if issued.access_token == token), None)

    def present(self, refresh_token: str) -> Issued | None:
        """Return what a refresh token stands for, if it is good; punish whoever presents a replaced one."""
        found = next(
            (issued for issued in self.issued if refresh_token and issued.refresh_token == refresh_token), None
        )
        if found is None or found.grant.revoked:
            return None
        if found.spent:
            found.grant.revoked = True
            return None
        self.first_use(found)
        return found

    def replace(self, old: Issued) -> None:
        """Note that a refresh token was answered with a new one."""
        if self.rotation is Rotation.SINGLE_USE:
            old.spent = True

    def polled(self, device: DeviceCredentialDict) -> int:
        """Count a device's question whether it was approved, and return which one it is."""
        code = str(device["device_code"])
        self.polls[code] = self.polls.get(code, 0) + 1
        return self.polls[code]

    def first_use(self, issued: Issued) -> None:
        """Note that something of a pair is being used: what it replaces is replaced for good."""
        if issued.parent is not None and self.rotation is not Rotation.KEPT:
            issued.parent.spent = True

    def spend(self, issued: Issued) -> bool:
        """Count a use of an access token; whether it is good for that."""
        self.first_use(issued)
        issued.uses += 1
        return self.uses_per_token is None or issued.uses <= self.uses_per_token

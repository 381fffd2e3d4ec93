"""The grants and client authentications of the authorization server: authlib's server side over a ``Ledger``."""

# pyright: basic
# mypy: allow-untyped-calls
# The stubs of authlib leave half of the types of its server side open.

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, Protocol, cast

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import BaseGrant, ClientMixin, OAuth2Request, TokenEndpointMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialDict
from joserfc import jwk

from support.authorization_ledger import TOKEN_EXCHANGE, Client, Code, Issued, Ledger, Rotation

CLIENT_AUTHENTICATIONS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt", "none")
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


class Settings(Protocol):
    """What grants want to know of the server they belong to."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def audiences(self) -> list[str]: ...
    @property
    def verification_uri(self) -> str: ...


class InvalidTargetError(OAuth2Error):
    """RFC 8693 section 2.2.2."""

    error = "invalid_target"


class _Ours(BaseGrant):
    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = CLIENT_AUTHENTICATIONS

    @property
    def settings(self) -> Settings:
        return cast("Settings", self.server)

    @property
    def ledger(self) -> Ledger:
        return self.settings.ledger

    def text(self, name: str) -> str:
        return self.request.form.get(name, "")


class ClientCredentials(_Ours, grants.ClientCredentialsGrant):
    """RFC 6749 section 4.4."""


class Password(_Ours, grants.ResourceOwnerPasswordCredentialsGrant):
    """RFC 6749 section 4.3."""

    def authenticate_user(self, username: str, password: str) -> str:
        if self.ledger.people.get(username) != password:
            raise InvalidGrantError(description="wrong user name or password")  # section 5.2; authlib's is another
        return username


class RefreshToken(_Ours, grants.RefreshTokenGrant):
    """RFC 6749 section 6, with rotation as RFC 9700 section 4.14 wants it."""

    def authenticate_refresh_token(self, refresh_token: str) -> TokenMixin:
        found = self.ledger.present(refresh_token)
        if found is None:
            raise InvalidGrantError(description="the refresh token is unknown, used or revoked")
        return found

    def authenticate_user(self, refresh_token: Issued) -> str:
        return refresh_token.grant.subject

    def issue_token(self, user: str, refresh_token: TokenMixin) -> dict[str, str | int]:
        scope = self.request.payload.scope if self.request.payload else ""
        rotated = self.ledger.rotation is not Rotation.KEPT
        return self.generate_token(user=user, scope=scope or refresh_token.get_scope(), include_refresh_token=rotated)

    def revoke_old_credential(self, refresh_token: TokenMixin) -> None:
        self.ledger.replace(cast("Issued", refresh_token))


class AuthorizationCode(_Ours, grants.AuthorizationCodeGrant):
    """RFC 6749 section 4.1."""

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        payload = request.payload
        assert payload is not None
        assert request.client is not None
        self.ledger.codes[code] = Code(
            code,
            request.client.get_client_id(),
            payload.redirect_uri,
            request.scope,
            str(request.user),
            payload.data.get("code_challenge"),
            payload.data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: ClientMixin) -> Code | None:
        found = self.ledger.codes.get(code)
        return found if found and found.client_id == client.get_client_id() else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del self.ledger.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.subject


class DeviceCode(_Ours, DeviceCodeGrant):
    """RFC 8628 section 3.4."""

    def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
        return self.ledger.devices.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        return self.ledger.verdicts.get(user_code)

    def should_slow_down(self, credential: DeviceCredentialDict) -> bool:
        return self.ledger.polled(credential) == self.ledger.slow_down_at


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """RFC 8628 section 3.1."""

    CLIENT_AUTH_METHODS = CLIENT_AUTHENTICATIONS
    INTERVAL = 1

    def get_verification_uri(self) -> str:
        return cast("Settings", self.server).verification_uri

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        ledger = cast("Settings", self.server).ledger
        ledger.devices[data["device_code"]] = DeviceCredentialDict(client_id=client_id, scope=scope, **data)


class JwtBearer(_Ours, JWTBearerGrant):
    """RFC 7523 section 2.1: the issuer of the assertion is a client, its subject a person or the client itself."""

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        return self.ledger.clients.get(issuer)

    def resolve_client_public_key(self, client: Client) -> jwk.Key:
        return jwk.import_key(dict(client.public_key))

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject in self.ledger.people or subject in self.ledger.clients else None

    def get_audiences(self) -> list[str]:
        return self.settings.audiences

    def has_granted_permission(self, client: Client, user: str) -> bool:
        return bool(client and user)


class TokenExchange(_Ours, TokenEndpointMixin):
    """RFC 8693: a token of another server, or one of our own, for one that suits the audience."""

    GRANT_TYPE = TOKEN_EXCHANGE
    AUDIENCES: ClassVar[Collection[str]] = ("", "api", "//iam.test/pools/builders")

    def validate_token_request(self) -> None:
        self.request.client = self._client()
        self._check_types()
        if self.text("audience") not in self.AUDIENCES:
            raise InvalidTargetError(description="this audience is not served")
        self.request.user = self._subject(self.text("subject_token"), "subject_token")
        if actor := self.text("actor_token"):
            self.request.user += f" by {self._subject(actor, 'actor_token')}"

    def create_token_response(self) -> tuple[int, Any, Any]:
        scope = self.request.payload.scope if self.request.payload else None
        token = self.generate_token(user=self.request.user, scope=scope, include_refresh_token=False)
        self.save_token(token)
        issued_type = self.text("requested_token_type") or ACCESS_TOKEN_TYPE
        return 200, {**token, "issued_token_type": issued_type}, self.TOKEN_RESPONSE_HEADER

    def _client(self) -> ClientMixin:
        """Authenticate the client; a workload that says nothing of itself may be known by its subject token alone."""
        named = (
            "Authorization" in (self.request.headers or {}) or self.text("client_id") or self.text("client_assertion")
        )
        client = self.authenticate_token_endpoint_client() if named else self.ledger.anybody
        if client is None or not client.check_grant_type(TOKEN_EXCHANGE):
            raise UnauthorizedClientError
        return client

    def _check_types(self) -> None:
        for name in ("subject_token", "actor_token"):
            if bool(self.text(name)) != bool(self.text(f"{name}_type")):
                raise InvalidRequestError(f"{name} and {name}_type come together")
        if not self.text("subject_token"):
            raise InvalidRequestError("Missing 'subject_token' in request.")

    def _subject(self, token: str, name: str) -> str:
        ours = self.ledger.of_access_token(token)
        subject = ours.grant.subject if ours else self.ledger.subject_tokens.get(token)
        if subject is None:
            raise InvalidRequestError(f"{name} is unknown or expired")
        return subject


class _ClientAssertion(JWTBearerClientAssertion):
    def __init__(self, settings: Settings) -> None:
        super().__init__(None)
        self._settings = settings

    def __call__(self, query_client: Callable[[str], Client | None], request: OAuth2Request) -> Client | None:
        """Leave an assertion to the method that its client is registered with."""
        if assertion := request.form.get("client_assertion"):
            _, claims = self.extract_assertion(assertion)
            client = query_client(str(claims.get("sub")))
            if client is not None and client.auth_method != self.CLIENT_AUTH_METHOD:
                return None
        return cast("Client | None", super().__call__(query_client, request))

    def get_audiences(self) -> list[str]:
        return self._settings.audiences

    def validate_jti(self, claims: dict[str, Any], jti: str) -> bool:
        del claims
        fresh = jti not in self._settings.ledger.jwt_ids
        self._settings.ledger.jwt_ids.add(jti)
        return fresh


class PrivateKeyJwt(_ClientAssertion):
    """RFC 7523 section 2.2, signed with a key pair (OpenID Connect Core section 9)."""

    CLIENT_AUTH_METHOD = "private_key_jwt"  # type: ignore[misc]

    def resolve_client_public_key(self, client: Client) -> jwk.Key:
        return jwk.import_key(dict(client.public_key))


class ClientSecretJwt(_ClientAssertion):
    """The same, signed with the client's secret."""

    CLIENT_AUTH_METHOD = "client_secret_jwt"  # type: ignore[misc]

    def resolve_client_public_key(self, client: Client) -> jwk.Key:
        return jwk.OctKey.import_key(client.secret)


class Bearer(BearerTokenValidator):
    """RFC 6750: what guards the API."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def authenticate_token(self, token_string: str) -> Issued | None:
        found = self._ledger.of_access_token(token_string)
        if found is None or not self._ledger.spend(found):
            return None
        return found


def new_token(**of: object) -> str:
    """Return a token; what it is for is in the ledger."""
    del of
    return generate_token(42)

"""The settings of ``authType: oauth2``, and which grant needs which of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from penstock import NestedAuth
from penstock_auth._keys import KeyConfig, SigningKey
from penstock_auth.checks import HeaderName, Secret

GrantName: TypeAlias = Literal[
    "client_credentials",
    "refresh_token",
    "password",
    "jwt_bearer",
    "token_exchange",
    "authorization_code",
    "device_code",
]
ClientAuthMethod: TypeAlias = Literal[
    "client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt", "none"
]

GRANT_TYPES: Final[Mapping[str, str]] = {
    "jwt_bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",  # RFC 7523 section 2.1
    "token_exchange": "urn:ietf:params:oauth:grant-type:token-exchange",  # RFC 8693 section 2.1
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",  # RFC 8628 section 3.4
}
"""What is sent as ``grant_type`` where that is not the name itself."""
TOKEN_TYPES: Final = frozenset({"access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt"})
"""Of RFC 8693 section 3, without the prefix they share."""
_SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})

_NEEDS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "client_credentials": (("client_id",),),
    "refresh_token": (("refresh_token",),),
    "password": (("username",), ("password",)),
    "jwt_bearer": (("private_key", "private_key_file"), ("assertion_issuer", "client_id")),
    "token_exchange": (("subject_token", "subject_token_file", "subject_auth"),),
    "authorization_code": (("client_id",), ("authorization_endpoint", "issuer")),
    "device_code": (("client_id",), ("device_authorization_endpoint", "issuer")),
}
"""What each grant needs: one of each group."""
_KEYS: Final = frozenset({"private_key", "private_key_file"})
_SERVES: Final[Mapping[str, Collection[str]]] = {
    "refresh_token": {"refresh_token"},
    "username": {"password"},
    "password": {"password"},
    "assertion_issuer": {"jwt_bearer"},
    "assertion_subject": {"jwt_bearer"},
    "assertion_claims": {"jwt_bearer"},
    "subject_token": {"token_exchange"},
    "subject_token_file": {"token_exchange"},
    "subject_auth": {"token_exchange"},
    "subject_token_type": {"token_exchange"},
    "actor_token": {"token_exchange"},
    "actor_token_file": {"token_exchange"},
    "actor_token_type": {"token_exchange"},
    "requested_token_type": {"token_exchange"},
    "authorization_endpoint": {"authorization_code"},
    "redirect_port": {"authorization_code"},
    "device_authorization_endpoint": {"device_code"},
}
"""The grants that a setting is for; the others are for all."""
_ONE_OF: Final = (
    ("token_endpoint", "auth_endpoint"),
    ("subject_token", "subject_token_file", "subject_auth"),
    ("actor_token", "actor_token_file"),
)
"""Settings that exclude each other."""


def _grant_name(value: object) -> object:
    for name, full in GRANT_TYPES.items():
        if value == full:
            return name
    return value


def token_type(value: str) -> str:
    """Return the URI of a token type that RFC 8693 section 3 names, or a URI as it is.

    Raises:
        ValueError: It is neither.
    """
    if value in TOKEN_TYPES:
        return f"urn:ietf:params:oauth:token-type:{value}"
    if ":" not in value:
        message = f"expected a URI, or one of {', '.join(sorted(TOKEN_TYPES))}"
        raise ValueError(message)
    return value


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        message = "expected an http or https URL without query and fragment (RFC 8414 section 2)"
        raise ValueError(message)
    return _without_user(text)


def _without_user(text: str) -> str:
    if "@" in urlsplit(text).netloc:
        message = "must not contain a user name or password: set clientId and clientSecret"
        raise ValueError(message)
    return text


def _without_dot(path: str) -> str:
    return path.removeprefix(".")


Place: TypeAlias = Annotated[str, AfterValidator(_without_user)]
TokenType: TypeAlias = Annotated[str, AfterValidator(token_type)]


class OAuth2Config(KeyConfig):
    """Settings of ``authType: oauth2``."""

    grant_type: Annotated[GrantName, BeforeValidator(_grant_name)] = Field(
        default="client_credentials", description="how a token is obtained; the URN of a grant is its name too"
    )
    token_endpoint: Place = Field(default="", description="URL of the token endpoint; a path belongs to baseUrl")
    auth_endpoint: Place = Field(
        default="", description="another name of tokenEndpoint; client id and secret are then sent in the form"
    )
    issuer: Annotated[str, AfterValidator(_issuer)] | None = Field(
        default=None, description="URL of the authorization server, whose metadata name the endpoints (RFC 8414, OIDC)"
    )
    client_id: str = Field(default="", description="the name under which the client is registered")
    client_secret: Secret | None = Field(default=None, description="the secret of the client")
    client_auth_method: ClientAuthMethod | None = Field(
        default=None,
        description="how the client proves who it is; by default client_secret_basic, "
        "client_secret_post with authEndpoint, and none without a clientSecret",
    )
    scope: str | tuple[str, ...] = Field(default=(), description="what is asked for: a list, or names parted by blanks")
    audience: str | tuple[str, ...] = Field(default=(), description="whom the token is for, once or several times")
    resource: str | tuple[str, ...] = Field(default=(), description="URI of the API, once or several times (RFC 8707)")
    token_parameters: dict[str, Secret] = Field(
        default_factory=dict[str, Secret],
        description="further parameters of token requests; they replace those of the same name",
    )
    token_headers: dict[HeaderName, Secret] = Field(
        default_factory=dict[HeaderName, Secret], description="further headers of token requests"
    )
    token_path: Annotated[str, AfterValidator(_without_dot)] = Field(
        default="access_token", min_length=1, description="dot path to the token in the answer"
    )
    username: str = Field(default="", repr=False, description="of the person, for grantType: password")
    password: Secret | None = Field(default=None, description="of the person, for grantType: password")
    refresh_token: Secret | None = Field(
        default=None,
        description="the one to begin with, for grantType: refresh_token; those that replace it are kept on disk",
    )
    assertion_audience: str = Field(
        default="", description="the claim aud of signed assertions; by default the URL of the token endpoint"
    )
    assertion_lifetime: int = Field(
        default=300, ge=120, le=3600, description="seconds between iat and exp; iat is a minute ago"
    )
    assertion_issuer: str = Field(default="", description="the claim iss, for grantType: jwt_bearer; default clientId")
    assertion_subject: str = Field(default="", description="the claim sub, for grantType: jwt_bearer")
    assertion_claims: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], repr=False, description="further claims, for grantType: jwt_bearer"
    )
    subject_token: Secret | None = Field(default=None, description="what is exchanged, for grantType: token_exchange")
    subject_token_file: Path | None = Field(default=None, description="file that holds it, read for every exchange")
    subject_auth: NestedAuth | None = Field(
        default=None, description="an auth with its settings, whose bearer token is exchanged"
    )
    subject_token_type: TokenType | None = Field(
        default=None, description="what sort of token it is; by default access_token with subjectAuth, else jwt"
    )
    actor_token: Secret | None = Field(default=None, description="who acts for the subject (RFC 8693 section 2.1)")
    actor_token_file: Path | None = Field(default=None, description="file that holds it, read for every exchange")
    actor_token_type: TokenType | None = Field(default=None, description="what sort of token it is; by default jwt")
    requested_token_type: TokenType | None = Field(default=None, description="what sort of token is wanted")
    authorization_endpoint: Place = Field(
        default="", description="where a person logs in, for grantType: authorization_code"
    )
    device_authorization_endpoint: Place = Field(
        default="", description="where a device announces itself, for grantType: device_code"
    )
    redirect_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="port of 127.0.0.1 to which the browser comes back, where the client is registered with one; "
        "by default any that is free",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _with_what_it_needs(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        """Report what is missing or too much together with what is wrong in itself."""
        found = list(_unfit(_written(cls, cast("Mapping[str, object]", value)))) if isinstance(value, Mapping) else []
        try:
            made = handler(value)
            found += _unfit_secret(made)
        except ValidationError as error:
            if not found:
                raise
            found = [*map(_again, error.errors(include_url=False)), *found]
        else:
            if not found:
                return made
        raise ValidationError.from_exception_data(cls.__name__, found, hide_input=True)

    @property
    def client_authentication(self) -> ClientAuthMethod:
        """How the client proves who it is: as set, else by what there is."""
        written = {name for name in ("client_secret", "auth_endpoint") if getattr(self, name)}
        return self.client_auth_method or _usual_method(self.grant_type, written)

    @cached_property
    def secret_key(self) -> SigningKey | None:
        """What signs with the client's secret; None where nothing does.

        Raises:
            ValueError: It is too short for that (RFC 7518 section 3.2).
        """
        if self.client_authentication != "client_secret_jwt" or self.client_secret is None:
            return None
        algorithm = self.algorithm if self.algorithm and self.algorithm.startswith("HS") else None
        return SigningKey.of_secret(self.client_secret.get_secret_value().encode(), algorithm, self.key_id)

    @property
    def grant_parameter(self) -> str:
        """What is sent as ``grant_type``."""
        return GRANT_TYPES.get(self.grant_type, self.grant_type)


def words(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return a setting that is one text or several as several."""
    return ((value,) if value else ()) if isinstance(value, str) else value


def _usual_method(grant: str, written: Collection[str]) -> ClientAuthMethod:
    if "client_secret" not in written and grant != "client_credentials":
        return "none"
    return "client_secret_post" if "auth_endpoint" in written else "client_secret_basic"


def _written(model: type[OAuth2Config], value: Mapping[str, object]) -> dict[str, object]:
    """Return what was set, by the fields' own names; empty text is not set (connection.md 1.1)."""
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    return {names.get(key, key): item for key, item in value.items() if item is not None and item != ""}


def _unfit(written: Mapping[str, object]) -> Iterator[InitErrorDetails]:
    """Give what is missing, excludes something else or has no effect."""
    grant = str(_grant_name(written.get("grant_type", "client_credentials")))
    if not {"token_endpoint", "auth_endpoint", "issuer"} & written.keys():
        yield _missing("token_endpoint", "is required by authType oauth2, or issuer")
    for group in _NEEDS.get(grant, ()):
        if not any(name in written for name in group):
            yield _missing(group[0], f"is required by grantType {grant}{_or(group[1:])}")
    yield from _unfit_method(written, grant)
    for group in _ONE_OF:
        given = [name for name in group if name in written]
        if len(given) > 1:
            yield _wrong(given[1], f"{to_camel(given[0])} is set, too: they exclude each other")
    for name in written.keys() & _SERVES.keys():
        if grant not in _SERVES[name] and grant in _NEEDS:
            yield _wrong(name, f"has no effect with grantType {grant}, only with {' and '.join(_SERVES[name])}")


def _unfit_method(written: Mapping[str, object], grant: str) -> Iterator[InitErrorDetails]:
    method = str(written.get("client_auth_method") or _usual_method(grant, written.keys()))
    needed: list[tuple[str, ...]] = [("client_secret",)] if method in _SECRET_METHODS else []
    if method == "private_key_jwt" and grant != "jwt_bearer":  # which says so itself
        needed.append(("private_key", "private_key_file"))
    if method != "none" and not any("client_id" in group for group in _NEEDS.get(grant, ()) if len(group) == 1):
        needed.append(("client_id",))
    for group in needed:
        if not any(name in written for name in group):
            other = " or another clientAuthMethod" if "client_auth_method" not in written else ""
            yield _missing(group[0], f"is required by clientAuthMethod {method}{_or(group[1:])}{other and ',' + other}")
    if written.keys() & _KEYS and method != "private_key_jwt" and grant in _NEEDS.keys() - {"jwt_bearer"}:
        name = "private_key" if "private_key" in written else "private_key_file"
        yield _wrong(name, "has no effect without clientAuthMethod private_key_jwt or grantType jwt_bearer")


def _unfit_secret(config: OAuth2Config) -> Iterator[InitErrorDetails]:
    try:
        config.secret_key  # noqa: B018 - made here, so that it fails here
    except ValueError as error:
        yield _wrong("client_secret", str(error))


def _or(names: Collection[str]) -> str:
    return "".join(f", or {to_camel(name)}" for name in names)


def _missing(name: str, message: str) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("missing", "{why}", {"why": message}), loc=(to_camel(name),), input={}
    )


def _wrong(name: str, message: str) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("value_error", "{why}", {"why": message}), loc=(to_camel(name),), input={}
    )


def _again(error: Mapping[str, Any]) -> InitErrorDetails:
    """Return an error that was raised as one that can be raised together with others."""
    kind, context = error["type"], error.get("ctx", {})
    try:
        ValidationError.from_exception_data("", [InitErrorDetails(type=kind, loc=(), input=None, ctx=context)])
    except (KeyError, TypeError):  # a validator's own type
        kind = PydanticCustomError(kind, "{why}", {"why": error["msg"]})
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)

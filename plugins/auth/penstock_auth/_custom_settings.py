"""Settings of ``authType: custom`` (connection.md 5.1 to 5.3); whatever may be a secret is hidden."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, model_validator

from penstock import NestedAuth, PluginConfig
from penstock_auth._secret_json import SecretJson, reveal
from penstock_auth._templates import Template, TemplateJson
from penstock_auth.checks import HEADER_NAME, check_ascii, without_control

_HOST: Final = re.compile(r"[^\s\\@]+")
ParamsT = TypeVar("ParamsT", bound=Mapping[str, Any])


def _without_blanks(settings: object) -> object:
    """Drop what is not set: null and empty text (connection.md 1.1)."""
    if not isinstance(settings, dict):
        return settings
    return {name: setting for name, setting in cast("dict[str, object]", settings).items() if setting not in (None, "")}


def check_header(name: str, *texts: str) -> None:
    """Check the name of a header, and texts that are to be in its value (RFC 9110 sections 5.1 and 5.5).

    Raises:
        ValueError: One cannot be sent; says which header and shows no value.
    """
    if not HEADER_NAME.fullmatch(name):
        message = "the name of a header is letters, digits and hyphens"  # what was written may hold its value
        raise ValueError(message)
    for text in texts:
        try:
            check_ascii(without_control(text))
        except ValueError as error:
            message = f"the header {name} {error}"
            raise ValueError(message) from None


def _sendable(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in headers.items():
        check_header(name, value.get_secret_value())
    return headers


def _sendable_when_filled(headers: dict[str, Template]) -> dict[str, Template]:
    for name, template in headers.items():
        check_header(name, *template.literals)
    return headers


def _flat(params: ParamsT) -> ParamsT:
    """Refuse what has no form in a query string (connection.md section 4)."""
    for name, value in params.items():
        elements = cast("list[object]", value) if isinstance(value, list) else [value]
        if any(isinstance(element, dict | list) for element in elements):
            message = f"{name}: expected text, a number, a boolean, null or a list of them"
            raise ValueError(message)
    return params


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        message = "expected a whole number"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _endpoint(text: str) -> str:
    text = text.strip()
    if not text:
        message = "expected a path, or an absolute URL"
        raise ValueError(message)
    if "://" not in text.partition("?")[0]:
        return f"/{text.lstrip('/')}"
    if not _is_url(text):
        message = "expected a path, or an http or https URL without user-info"
        raise ValueError(message)
    return text


def _without_query(endpoint: str) -> str:
    return endpoint.partition("?")[0]


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc) is not None and parts.port != 0
    except ValueError:
        return False


class CustomAuthRequest(PluginConfig):
    """``customAuthRequest``: the request whose answer holds the token."""

    endpoint: Annotated[str, AfterValidator(_endpoint), PlainSerializer(_without_query)] = Field(
        repr=False,  # its query may hold a key
        description="absolute URL, or a path that is joined to baseUrl",
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", description="HTTP method")
    headers: Annotated[dict[str, SecretStr], AfterValidator(_sendable)] = Field(
        default_factory=dict[str, SecretStr], description="request headers; customHeaders are not sent here"
    )
    body: dict[str, SecretJson] | None = Field(default=None, repr=False, description="object that is sent as JSON")
    body_form: SecretStr | None = Field(
        default=None, description="text that is sent as it is, as a form unless headers say otherwise: `user=ada&pw=x`"
    )
    query_params: Annotated[dict[str, SecretJson], AfterValidator(_flat)] = Field(
        default_factory=dict[str, SecretJson], repr=False, description="query parameters; a list repeats the name"
    )
    reauthenticate_interval_seconds: Annotated[int, BeforeValidator(_no_boolean)] | None = Field(
        default=None,
        ge=1,
        description="life of a token in seconds; by default expires_in of the answer, and without that a token is "
        "renewed when the API answers 401",
    )
    auth: NestedAuth | None = Field(
        default=None, description="another auth that signs this request: authType and its settings"
    )

    @model_validator(mode="before")
    @classmethod
    def _take_blanks_out(cls, settings: object) -> object:
        return _without_blanks(settings)

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body is not None and self.body_form is not None:
            message = "body and bodyForm exclude each other"
            raise ValueError(message)
        return self

    def content_type(self) -> str:
        """Return the content type that the body has by default; empty without a body."""
        if self.body_form is not None:
            return "application/x-www-form-urlencoded"
        return "" if self.body is None else "application/json"

    def content(self) -> bytes | None:
        """Return the body as it is sent."""
        if self.body_form is not None:
            return self.body_form.get_secret_value().encode()
        return None if self.body is None else json.dumps(reveal(self.body), separators=(",", ":")).encode()


class CustomAuthRequestTemplate(PluginConfig):
    """``customAuthRequestTemplate``: where the answer goes; ``{{ .path }}`` is jq on the answer, in any text."""

    headers: Annotated[dict[str, Template], AfterValidator(_sendable_when_filled)] = Field(
        default_factory=dict[str, Template], description="headers of every API request; they replace all others"
    )
    query_params: Annotated[dict[str, TemplateJson], AfterValidator(_flat)] = Field(
        default_factory=dict[str, TemplateJson],
        repr=False,
        description="query parameters; they replace those of the same name",
    )
    body: dict[str, TemplateJson] = Field(
        default_factory=dict[str, TemplateJson],
        repr=False,
        description="members of the JSON body; they replace those of the same name, and make a body where none is",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_blanks_out(cls, settings: object) -> object:
        return _without_blanks(settings)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.headers or self.query_params or self.body):
            message = "expected headers, queryParams or body: at least one that is not empty"
            raise ValueError(message)
        return self


class CustomConfig(PluginConfig):
    """Settings of ``authType: custom``."""

    custom_auth_request: CustomAuthRequest = Field(
        description="the token request: endpoint, method, headers, body or bodyForm, queryParams, "
        "reauthenticateIntervalSeconds, auth"
    )
    custom_auth_request_template: CustomAuthRequestTemplate = Field(
        description="what its answer adds to API requests: headers, queryParams, body; `{{ .path }}` is jq on it"
    )

"""``authType: hmac``: each request is signed with a shared secret, over a text that the settings describe."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Final, Literal, Self, TypeAlias
from urllib.parse import unquote_plus
from uuid import uuid4

import httpx
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from penstock import JSON, AuthContext, AuthStrategy, PluginConfig, hookimpl
from penstock_auth._encoding import HashEncoding, SecretEncoding, secret_bytes, written
from penstock_auth._placeholders import OF_REQUEST, check_names, facts_of, filled, names_in
from penstock_auth._requests import with_params, without_params
from penstock_auth.checks import HeaderName, Secret, check_ascii, without_control

Hash: TypeAlias = Literal["sha1", "sha256", "sha384", "sha512"]
BodyHash: TypeAlias = Literal["md5", "sha1", "sha256", "sha384", "sha512"]
TimeFormat: TypeAlias = Literal["seconds", "milliseconds", "iso8601", "basic", "http_date"]
_SIGNED: Final = frozenset({"signature", "basic"})
_ALWAYS: Final = OF_REQUEST | {"methodLower", "queryLines", "headers", "header:", "timestamp", "nonce", "keyId"}


def _header_text(text: str) -> str:
    check_ascii(without_control(text))
    check_names(text, _ALWAYS | _SIGNED)
    return text


_HeaderText: TypeAlias = Annotated[str, AfterValidator(_header_text)]


class HmacConfig(PluginConfig):
    """Settings of ``authType: hmac``."""

    hmac_key_encoding: SecretEncoding = Field(default="text", description="how hmacKey is written")
    hmac_key: Secret = Field(description="the shared secret")
    hmac_key_id: str = Field(default="", description="names the key: {keyId}")
    hmac_message: str = Field(
        min_length=1,
        description="what is signed. {method}, {methodLower}, {url}, {origin}, {host}, {path}, {query}, {target} (path "
        "and query), {queryLines}, {headers}, {header:NAME}, {body}, {bodyHash}, {timestamp}, {nonce} and {keyId} are "
        "filled in",
    )
    hmac_hash: Hash = Field(default="sha256", description="of the signature")
    hmac_encoding: HashEncoding = Field(default="hex", description="how the signature is written")
    hmac_query: Literal["as_is", "sorted"] = Field(default="as_is", description="the order of {query}")
    hmac_signed_headers: tuple[str, ...] = Field(
        default=(),
        description="headers that {headers} lists, `x-acme-*` for all that begin so: sorted lines of name:value, each "
        "with a line break at its end",
    )
    hmac_timestamp: TimeFormat = Field(
        default="seconds",
        description="{timestamp}: since the epoch, or 2026-01-31T12:00:00Z, 20260131T120000Z, or as in Date headers",
    )
    hmac_body_hash: BodyHash | None = Field(default=None, description="{bodyHash}: which; by default as hmacHash")
    hmac_body_hash_encoding: HashEncoding = Field(default="hex", description="how {bodyHash} is written")
    hmac_headers: dict[HeaderName, _HeaderText] = Field(
        default_factory=dict[str, str],
        description="headers to send, with the above except {body}, and {signature} or {basic} (base64 of "
        "keyId:signature) filled in; those without a signature can be signed themselves",
    )
    hmac_params: dict[str, _HeaderText] = Field(
        default_factory=dict[str, str], description="the same for query parameters, put at the end of the query"
    )

    @field_validator("hmac_key")
    @classmethod
    def _is_written_so(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        secret_bytes(key, info.data.get("hmac_key_encoding", "text"))
        return key

    @field_validator("hmac_key_id")
    @classmethod
    def _fits_a_header(cls, name: str) -> str:
        check_ascii(without_control(name))
        return name

    @field_validator("hmac_message")
    @classmethod
    def _can_be_filled(cls, text: str) -> str:
        check_names(text, _ALWAYS | {"body"})
        return text

    @model_validator(mode="after")
    def _sends_the_signature(self) -> Self:
        texts = (*self.hmac_headers.values(), *self.hmac_params.values())
        if not any(names_in(text) & _SIGNED for text in texts):
            message = "nothing carries the signature: hmacHeaders or hmacParams needs {signature} or {basic}"
            raise ValueError(message)
        return self

    @cached_property
    def key(self) -> bytes:
        """The secret's bytes."""
        return secret_bytes(self.hmac_key, self.hmac_key_encoding)

    @cached_property
    def headers_named(self) -> tuple[str, ...]:
        """The headers that ``{header:NAME}`` means somewhere."""
        texts = (self.hmac_message, *self.hmac_headers.values(), *self.hmac_params.values())
        names = (name.partition(":") for text in texts for name in names_in(text))
        return tuple(name for _, colon, name in names if colon)


class _Hmac(httpx.Auth):
    requires_request_body = True

    def __init__(self, config: HmacConfig, context: AuthContext) -> None:
        self._config = config
        self._context = context

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        config = self._config
        moment: dict[str, JSON] = {
            "timestamp": _time_text(self._context.time(), config.hmac_timestamp),
            "nonce": uuid4().hex,
            "keyId": config.hmac_key_id,
        }
        if config.hmac_params:  # a next link may repeat those of the page before
            request.url = without_params(request.url, config.hmac_params)
        self._put(request, moment, signed=False)
        facts = {**moment, **self._facts(request)}
        message = filled(config.hmac_message, facts).encode(errors="surrogateescape")
        signature = written(hmac.digest(config.key, message, config.hmac_hash), config.hmac_encoding)
        basic = b64encode(f"{config.hmac_key_id}:{signature}".encode()).decode()
        self._context.conceal(signature, basic)
        self._put(request, {**facts, "signature": signature, "basic": basic}, signed=True)
        yield request  # a 401 is final: another signature would say the same

    def _put(self, request: httpx.Request, facts: Mapping[str, JSON], *, signed: bool) -> None:
        """Set the headers and parameters that hold a signature, or those that do not and may be signed."""
        config = self._config
        facts = facts if signed else {**facts, **self._facts(request)}
        params = _filled_texts(config.hmac_params, facts, signed=signed)
        if params:
            request.url = with_params(request.url, {name: [text] for name, text in params.items()})
        request.headers.update(_filled_texts(config.hmac_headers, facts, signed=signed))

    def _facts(self, request: httpx.Request) -> dict[str, JSON]:
        """Return what can be said of the request as it is now."""
        config = self._config
        facts = facts_of(request)
        pairs = [pair for pair in str(facts["query"]).split("&") if pair]
        if config.hmac_query == "sorted":
            facts["query"] = "&".join(sorted(pairs))
        digest = hashlib.new(config.hmac_body_hash or config.hmac_hash, request.content, usedforsecurity=False).digest()
        return {
            **facts,
            "methodLower": request.method.lower(),
            "queryLines": _query_lines(pairs),
            "headers": _header_lines(request.headers, config.hmac_signed_headers),
            **{f"header:{name}": _header(request.headers, name) for name in config.headers_named},
            "body": request.content.decode(errors="surrogateescape"),
            "bodyHash": written(digest, config.hmac_body_hash_encoding),
        }


def _filled_texts(texts: Mapping[str, str], facts: Mapping[str, JSON], *, signed: bool) -> dict[str, str]:
    return {name: filled(text, facts) for name, text in texts.items() if bool(names_in(text) & _SIGNED) == signed}


def _time_text(seconds: float, form: TimeFormat) -> str:
    moment = datetime.fromtimestamp(int(seconds), UTC)
    match form:
        case "seconds":
            return str(int(seconds))
        case "milliseconds":
            return str(int(seconds * 1000))
        case "iso8601":
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "basic":
            return moment.strftime("%Y%m%dT%H%M%SZ")
        case "http_date":
            return format_datetime(moment, usegmt=True)


def _query_lines(pairs: list[str]) -> str:
    r"""Return a ``\nname:value`` for each parameter, decoded and sorted; values of one name are joined by commas."""
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        values.setdefault(unquote_plus(name).lower(), []).append(unquote_plus(value))
    return "".join(f"\n{name}:{','.join(sorted(values[name]))}" for name in sorted(values))


def _header_lines(headers: httpx.Headers, patterns: tuple[str, ...]) -> str:
    wanted = [pattern.lower() for pattern in patterns]
    names = sorted({name for name in headers if any(fnmatchcase(name, pattern) for pattern in wanted)})
    return "".join(f"{name}:{_header(headers, name)}\n" for name in names)


def _header(headers: httpx.Headers, name: str) -> str:
    return ",".join(value.strip() for value in headers.get_list(name))


class Hmac(AuthStrategy[HmacConfig]):
    """Requests signed with a shared secret, for the many APIs that each do it in their own way."""

    name = "hmac"
    Config = HmacConfig

    def build(self, config: HmacConfig, context: AuthContext) -> httpx.Auth:
        """Return an auth that signs every attempt anew."""
        return _Hmac(config, context)


@hookimpl
def penstock_auth() -> Hmac:
    """Offer signed requests."""
    return Hmac()

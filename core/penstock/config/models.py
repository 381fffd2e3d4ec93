"""What a run is told: the connection, the mapping and where entities go, all validated.

The stages get these values and nothing else. How they are written (files, environment, other spellings) is the business
of the other modules in this folder.
"""

# not "from __future__ import annotations": pydantic would compile the text of each annotation, 1 ms of a start

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, NamedTuple, Self, TypeAlias, TypeVar

from msgspec import Struct
from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    SecretStr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from penstock.config.headers import check_headers
from penstock.config.pem import Identity, Pem
from penstock.config.urls import clean_base_url, clean_origin, clean_proxy
from penstock.errors import Problem
from penstock.jq_text import JqText
from penstock.listening import Listening
from penstock.plugin_calls import BLOCKING_SECONDS, WAITING_SECONDS
from penstock.redaction import mask_base_url
from penstock.strategies import AuthStrategy, PaginationStrategy, PluginConfig, SinkStrategy
from penstock.values import JSON, QueryValue, Timetable
from penstock.veiled import Veiled

if TYPE_CHECKING:
    from penstock.config.incremental import Incremental

StrategyT = TypeVar("StrategyT")
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Model(BaseModel):
    """The base of all settings: camelCase or snake_case, nothing unknown, never changed after validation."""

    model_config = {
        **PluginConfig.model_config,
        "allow_inf_nan": False,
        "defer_build": True,  # most commands need few of them
    }


class Place(NamedTuple):
    """Where a setting of a plugin is written."""

    field: str
    path: str
    """``sink.path``."""
    source: str
    """``penstock.yml:12``."""


class Chosen(Struct, Generic[StrategyT], frozen=True):
    """A strategy with its validated settings."""

    strategy: StrategyT
    config: PluginConfig


class HttpSettings(Model):
    """How requests are sent: the part of ``connection`` that belongs to no plugin."""

    base_url: Annotated[str, PlainSerializer(mask_base_url, when_used="json")] = Field(
        repr=False,  # it may carry a password
        description="URL of the API; a path and a query in it are kept for every request, trailing slashes are not",
        examples=["https://api.example.com/v1"],
    )
    timeout: float = Field(default=30, gt=0, description="seconds one request may take, from sending to the last byte")
    verify_ssl: bool = Field(default=True, description="false turns certificate checks off")
    strict_x509: bool = Field(default=True, description="false relaxes strict X.509 checks (RFC 5280)")
    max_concurrent_requests: int = Field(default=10, ge=1, description="requests in flight at once")
    requests_per_second: float | None = Field(
        default=None, gt=0, description="most requests begun in a second, whatever they are for; fractions are fine"
    )
    requests_per_minute: float | None = Field(
        default=None, gt=0, description="most requests begun in a minute; with both, both hold"
    )
    burst: int = Field(
        default=1,
        ge=1,
        description="requests begun at once after a rest, where a rate is set: 1 spreads them evenly; with both rates "
        "it is of the slower one",
    )
    rate_limit_headers: bool = Field(
        default=True,
        description="slow down and pause as `RateLimit` headers of good answers say; false waits only where a request "
        "was refused",
    )
    rate_limit_when: JqText | None = Field(
        default=None,
        description="jq expression on {status, headers, body}; true where an answer of the source is a rate limit "
        "although its status says otherwise: it is waited for and asked again",
    )
    prefetch_pages: int = Field(default=4, ge=1, description="pages in flight at once of one read that can look ahead")
    max_pages: int = Field(default=100_000, ge=1, description="pages of one read, after which it ends in an error")
    max_empty_pages: int = Field(
        default=100,
        ge=1,
        description="pages in a row without items that lead on to another, after which a read ends in an error; "
        "`offset` and `page` give up after 10 in any case",
    )
    conditional_requests: bool = Field(
        default=True,
        description="ask for a page that has not changed since an earlier run by its `ETag` or `Last-Modified` only; "
        "false asks for the whole of it each time",
    )
    max_retries: int = Field(default=10, ge=0, description="attempts after the first one")
    max_retry_wait: float = Field(
        default=900, ge=0, description="longest wait in seconds a server may ask for; a longer one ends the run"
    )
    retry_post: bool = Field(
        default=True,
        description="repeat a POST that was answered with 429 or 503 and Retry-After, or a rate limit told otherwise",
    )
    max_response_bytes: int = Field(default=64 * 1024 * 1024, ge=1, description="largest answer, after decompression")
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="other origins, such as https://files.example.com, that endpoints and next links may lead to; "
        "they get the credentials too",
    )
    custom_headers: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description="headers for every request; `${NAME}` in a value is the environment variable NAME, if it exists",
    )
    proxy: SecretStr | None = Field(
        default=None, description="URL of a proxy; by default HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide"
    )
    ca_bundle: Pem | None = Field(
        default=None,
        description="certificates of authorities to trust beside the usual ones: PEM text, or the path of a file",
    )
    client_key_password: SecretStr | None = Field(default=None, description="of an encrypted clientKey")
    client_certificate: Pem | None = Field(
        default=None,
        description="certificate to show to servers that ask for one (mTLS), and those that vouch for it: PEM text, "
        "or the path of a file",
    )
    client_key: Pem | None = Field(
        default=None, description="its private key, where that is not with it: PEM text, or the path of a file"
    )

    @field_validator("base_url")
    @classmethod
    def _clean_base_url(cls, text: str) -> str:
        return clean_base_url(text)

    @field_validator("allowed_origins")
    @classmethod
    def _clean_origins(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean_origin(text) for text in texts)

    @field_validator("custom_headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        check_headers({name: value.get_secret_value() for name, value in headers.items()})
        return headers

    @field_validator("proxy")
    @classmethod
    def _clean_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        return None if proxy is None else SecretStr(clean_proxy(proxy.get_secret_value()))

    @field_validator("ca_bundle")
    @classmethod
    def _check_bundle(cls, bundle: Pem | None) -> Pem | None:
        if bundle is not None:
            _check_authorities(bundle)
        return bundle

    @field_validator("client_certificate")
    @classmethod
    def _check_certificate(cls, certificate: Pem | None, info: ValidationInfo) -> Pem | None:
        if certificate is not None:
            _check_validity(certificate)
            _check_identity(certificate, certificate.key, info.data)
        return certificate

    @field_validator("client_key")
    @classmethod
    def _check_key(cls, key: Pem | None, info: ValidationInfo) -> Pem | None:
        if key is not None:
            if key.key is None:
                message = "no private key is in it"
                raise ValueError(message)
            _check_identity(info.data.get("client_certificate"), key.key, info.data)
        return key

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if self.client_certificate is None and self.client_key is not None:
            message = "clientKey needs clientCertificate"
            raise ValueError(message)
        if self.client_certificate is not None and self.identity is None:
            message = "clientCertificate holds no private key: set clientKey"
            raise ValueError(message)
        return self

    @property
    def identity(self) -> Identity | None:
        """What to show to servers that ask for a certificate."""
        if self.client_certificate is None:
            return None
        key = self.client_key.key if self.client_key else self.client_certificate.key
        if key is None:
            return None
        return Identity(self.client_certificate.certificates, key, self.client_key_password)


# cryptography takes a twentieth of a second, which only those who have a certificate should pay


def _check_authorities(bundle: Pem) -> None:
    from penstock.config.identity import check_certificates  # noqa: PLC0415

    check_certificates(bundle.certificates)


def _check_validity(certificate: Pem) -> None:
    from penstock.config.identity import check_validity  # noqa: PLC0415

    check_validity(certificate.certificates)


def _check_identity(certificate: Pem | None, key: SecretStr | None, settings: Mapping[str, Any]) -> None:
    """Refuse a key that does not fit; a certificate that was refused is not there."""
    from penstock.config.identity import check_identity  # noqa: PLC0415

    if certificate is not None and key is not None:
        check_identity(Identity(certificate.certificates, key, settings.get("client_key_password")))


class Connection(Struct, frozen=True):
    """One source: how to reach it, prove who we are, and page unless a resource says otherwise."""

    http: HttpSettings
    auth: Chosen[AuthStrategy[Any]]
    pagination: Chosen[PaginationStrategy[Any]]


def _search_part(value: object) -> str:
    """Tell the conditions of a search query from queries within it."""
    if isinstance(value, dict):
        return "query" if value.keys() & {"combinator", "rules"} else "rule"
    return "query" if isinstance(value, SearchQuery) else "rule"


def _text_or_query(value: object) -> str:
    return "query" if isinstance(value, dict | SearchQuery) else "text"


class SearchRule(Model):
    """One condition of a search query."""

    property: str = Field(description="name of the property to look at, in jq: '\"email\"'")
    operator: str = Field(description="comparison, in jq: '\"=\"', '\"in\"' or '\"contains\"'")
    value: str = Field(description="what to compare with, in jq")


class SearchQuery(Model):
    """A query that names its target by what it looks like; every leaf is a jq expression (mapping.md 7.2, 7.3)."""

    combinator: str = Field(description="how the rules are joined, in jq: '\"and\"' or '\"or\"'")
    rules: tuple[
        Annotated[
            Annotated[SearchRule, Tag("rule")] | Annotated["SearchQuery", Tag("query")], Discriminator(_search_part)
        ],
        ...,
    ] = Field(description="conditions, or queries within the query")


TextOrQuery: TypeAlias = Annotated[
    Annotated[str, Tag("text")] | Annotated[SearchQuery, Tag("query")], Discriminator(_text_or_query)
]


def _jq_or_constant(value: object) -> object:
    if isinstance(value, str | bool | int | float):
        return value
    message = "expected a jq expression, or a number or boolean as a constant"
    raise ValueError(message)


PropertyValue: TypeAlias = Annotated[str | bool | int | float, BeforeValidator(_jq_or_constant)]


class EntityMapping(Model):
    """How one item becomes one entity; texts are jq expressions."""

    identifier: TextOrQuery = Field(description="what names the entity within its blueprint")
    blueprint: str = Field(description="what sort of entity it becomes; a constant needs jq quotes: '\"service\"'")
    title: str | None = Field(default=None, description="what people call it")
    icon: str | None = Field(default=None, description="name of an icon; a constant needs jq quotes")
    team: TextOrQuery | None = Field(default=None, description="owning team or list of teams")
    properties: dict[str, PropertyValue] = Field(
        default_factory=dict[str, PropertyValue],
        description="property name to jq expression; numbers and booleans are constants",
    )
    """A text is a jq expression, anything else a constant."""
    relations: dict[str, TextOrQuery] = Field(
        default_factory=dict[str, TextOrQuery], description="relation name to jq expression or search query"
    )


class RequestSpec(Veiled, frozen=True):
    """A request as the mapping writes it, before path values are put in."""

    _VEILED: ClassVar[frozenset[str]] = frozenset({"endpoint", "query_params", "headers", "body"})

    endpoint: str
    """Path with ``{param}`` templates, or an absolute URL of an allowed origin; may carry a query."""
    method: Method
    query_params: dict[str, QueryValue]
    headers: dict[str, str]
    body: dict[str, JSON]
    """Sent as JSON when not empty."""
    pagination: Chosen[PaginationStrategy[Any]]
    fail_when: str | None = None
    """A jq expression that is true on a success that is none."""


class PathParameter(Struct, frozen=True):
    """Where the values of one ``{param}`` come from."""

    name: str
    request: RequestSpec
    data_path: str | None
    """None: the default rule of mapping.md 3.4 decides on the answer."""
    field: str
    filter: str | None


class ItemsToParse(Struct, frozen=True):
    """One item holds several: expand it into one per element (mapping.md 6)."""

    expression: str
    name: str = "item"
    remove_source: bool = True


class Resource(Struct, frozen=True):
    """One entry of ``resources``: a request, and how its items become entities."""

    index: int
    """Position in the mapping, from 0."""
    kind: str
    """The label in reports."""
    request: RequestSpec
    path_parameters: tuple[PathParameter, ...]
    """In the order in which they stand in the endpoint."""
    query: str
    """The selector: a jq expression that gives a boolean."""
    data_path: str | None
    items_to_parse: ItemsToParse | None
    entities: tuple[EntityMapping, ...]
    incremental: "Incremental | None" = None
    """How to ask for what has changed; None: everything is read, each time."""


def _limit(value: object) -> object:
    return None if value == "none" else value


class MappingFlags(Model):
    """The top level of a mapping, without its resources."""

    create_missing_related_entities: bool = Field(
        default=True, description="create bare entities for the targets of relations that are missing in the catalog"
    )
    delete_dependent_entities: bool = Field(
        default=True, description="deleting an entity deletes those that require it"
    )
    enable_merge_entity: bool = Field(
        default=True, description="true changes mapped fields only, false replaces the entity"
    )
    entity_deletion_threshold: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="largest share of a kind's entities that one run may delete without asking; more is held until it "
        "is approved; 0 asks for every deletion, 1 never",
    )
    entity_deletion_limit: Annotated[
        int | None, BeforeValidator(_limit, json_schema_input_type=int | Literal["none"])
    ] = Field(
        default=1000,
        ge=0,
        description="largest number of a kind's entities that one run may delete without asking, whatever their share; "
        "`none` is no limit",
    )
    delete_after_absent_runs: int | None = Field(
        default=None,
        ge=1,
        description="complete reads in a row that must miss an entity before it is deleted; by default 2 where its "
        "list was read in several pages counted from the start (offset, page number), for rows that move may be missed "
        "there, else 1",
    )


class ExpressionLimits(Model):
    """What one evaluation of a jq expression may cost."""

    timeout: float = Field(default=5, gt=0, description="seconds of one expression on one item")
    memory_bytes: int = Field(default=512 * 1024 * 1024, ge=64 * 1024 * 1024, description="of a worker process")


class PluginLimits(Model):
    """How long a call of a plugin may take, before it counts as failed."""

    timeout: float = Field(
        default=WAITING_SECONDS,
        gt=0,
        description="seconds a call may wait for something; of an auth or a sink, only while none of the requests that "
        "it waits for is under way",
    )
    blocking_timeout: float = Field(
        default=BLOCKING_SECONDS,
        gt=0,
        description="seconds an auth or a pagination may compute without giving way to others; of a sink, `timeout`",
    )


class TokenStorage(Struct, frozen=True):
    """Where the grants are kept that must outlive the process."""

    path: Path
    """A folder; it need not exist."""
    keys: tuple[SecretStr, ...] = ()
    """What encrypts them: the first encrypts, all decrypt. Without any they are not encrypted."""


class Access(Struct, frozen=True):
    """What proving who we are needs to know, without a mapping or a sink."""

    connection: Connection
    tokens: TokenStorage
    warnings: tuple[Problem, ...]
    """What was accepted and deserves a word."""


class Settings(Struct, frozen=True):
    """Everything one run needs to know."""

    source: str
    """Who owns what this run writes."""
    connection: Connection
    sink: Chosen[SinkStrategy[Any]]
    resources: tuple[Resource, ...]
    flags: MappingFlags
    expressions: ExpressionLimits
    tokens: TokenStorage
    plugins: PluginLimits
    state_dir: Path
    """Where the run journal lives."""
    resume_within: float
    """Seconds after its start in which a run that was broken off is taken up."""
    warnings: tuple[Problem, ...]
    """What was accepted and deserves a word."""
    mapping_is_kept: bool = False
    """Whether no resources are written, and the catalog is to be asked for them."""
    listening: Listening = Listening()
    """How the service learns that somebody asks for a sync at the catalog."""
    sink_places: tuple[Place, ...] = ()
    """Where the settings of the sink are written; nothing of those that are not."""
    put_in: tuple[SecretStr, ...] = ()
    """What variables hold that were put into the requests of the mapping."""
    anew: bool = False
    """Whether to read everything, whatever earlier runs know: ``--full``."""
    timetable: Timetable | None = None
    """When the next run is due, where a service has a schedule for it."""

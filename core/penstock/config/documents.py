"""The written form: what may stand in our file and under ``resources``, once the spellings are made one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag

from penstock.config.headers import check_headers
from penstock.config.interval import Interval
from penstock.config.models import EntityMapping, MappingFlags, Method, Model


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _one_or_many(value: object) -> str:
    return "many" if isinstance(value, list | tuple) else "one"


WrittenMethod: TypeAlias = Annotated[Method, BeforeValidator(_upper)]
"""Lower case is accepted."""
EntityMappings: TypeAlias = Annotated[
    Annotated[EntityMapping, Tag("one")] | Annotated[tuple[EntityMapping, ...], Tag("many")],
    Discriminator(_one_or_many),
]


def _object_or_text(value: object) -> object:
    if value is not None and not isinstance(value, dict | str):
        message = "expected an object, its JSON text, or jq that makes one"
        raise ValueError(message)
    return cast("object", value)


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers)
    return headers


class GeneralDocument(MappingFlags):
    """The settings at the top level that are no blocks."""

    source: str | None = Field(
        default=None,
        min_length=1,
        description="who owns what is written: two configurations that share a catalog need two names; "
        "by default the host of `baseUrl`",
    )
    state_dir: Path | None = Field(
        default=None, description="where the run journal lives; by default `.penstock` beside the file"
    )
    resume_within: float = Field(
        default=3600,
        ge=0,
        description="seconds after its start in which a run that was killed or stopped is taken up where it was; "
        "0 always begins anew",
    )
    scheduled_resync_interval: Interval | None = Field(
        default=None,
        description="how often `penstock serve` syncs: minutes, or a text such as 30m, 1h or 1d; by default never",
    )


class TokensDocument(Model):
    """The ``tokens`` block."""

    path: Path | None = Field(
        default=None, description="folder in which tokens are kept; by default `tokens` in `stateDir`"
    )
    key: SecretStr | None = Field(
        default=None,
        description="encrypts what is kept: 32 bytes in base64, as `openssl rand -base64 32` prints them; of several "
        "with blanks between them the first encrypts, and all decrypt",
    )
    key_file: Path | None = Field(default=None, description="file that holds the key, in place of `key`")


class RequestDocument(Model):
    """What every request may say."""

    method: WrittenMethod = Field(default="GET", description="HTTP method")
    query_params: dict[str, object] | None = Field(
        default=None, description="query parameters; a list repeats the name; `{{ ... }}` is jq, evaluated once per run"
    )
    headers: Annotated[dict[str, str], AfterValidator(_sendable)] | None = Field(
        default=None, description="request headers"
    )
    body: Annotated[dict[str, object] | str | None, BeforeValidator(_object_or_text)] = Field(
        default=None, description="request body: an object, its JSON text, or jq that makes one from null"
    )
    data_path: str | None = Field(default=None, description="jq: where in the answer the items are")
    fail_when: str | None = Field(
        default=None,
        description="jq on {request, response: {status, headers, body}, items, page}, as for `paginationType: custom`; "
        "true where an answer is an error although its status is a success",
    )
    pagination: dict[str, object] | None = Field(
        default=None, description="pagination settings of `connection`, for this request only"
    )


class PathParameterDocument(RequestDocument):
    """Where the values of one ``{name}`` in an endpoint come from."""

    endpoint: str = Field(description="discovery endpoint; may contain parameters that stand further left")
    field: str = Field(description="jq: the value of a record")
    filter: str | None = Field(default=None, description="jq: a record counts only if this gives true")


class SelectorDocument(RequestDocument):
    """Which request to send, and which of its items count."""

    query: str = Field(
        default="true", description="jq: an item counts only if this gives true; anything but a boolean is an error"
    )
    endpoint: str | None = Field(default=None, description="path to request; by default the kind")
    path_parameters: dict[str, PathParameterDocument] | None = Field(
        default=None, description="for each `{name}` in the endpoint, where its values come from"
    )
    export_env_variables: tuple[str, ...] | None = Field(default=None, description="accepted and ignored")


class EntityDocument(Model):
    """The entity block."""

    mappings: EntityMappings = Field(description="how an item becomes an entity, or a list: one entity for each")


class PortDocument(Model):
    """What becomes of the items."""

    entity: EntityDocument = Field(description="the entities")
    items_to_parse: str | None = Field(
        default=None, description="jq: a list in the item; each element becomes an item of its own"
    )
    items_to_parse_name: str = Field(default="item", description="the name under which the element is placed")
    items_to_parse_top_level_transform: bool = Field(
        default=True, description="remove the list from the item that its elements are merged into"
    )


class ResourceDocument(Model):
    """One entry of ``resources``."""

    kind: str = Field(description="endpoint, with `{name}` templates; also the label in reports")
    selector: SelectorDocument = Field(default_factory=SelectorDocument, description="which request, which items")
    port: PortDocument = Field(description="what becomes of the items")

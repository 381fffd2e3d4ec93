"""``sink: {type: port}``: a Port organisation, written through its API.

Entities are written in bulk, those that Port has already are not sent. What a source owns is told, as by Port's own
Ocean, by the ``User-Agent`` of whoever wrote an entity last: ``port-ocean/<type>/<version>/<identifier>/exporter``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from pydantic import Field, SecretStr, field_validator

from penstock import (
    JSON,
    Listener,
    OceanVariable,
    Ownership,
    PluginConfig,
    Sink,
    SinkContext,
    SinkStrategy,
    hookimpl,
)

if TYPE_CHECKING:
    from penstock_sinks._port_api import Api

Origin: TypeAlias = Literal["Empty", "Default", "Port"]
"""Who makes the resources of an integration: nobody, we from a folder, or Port itself (sync.md 8.2)."""

_BULK: Final = 20
"""Entities that Port takes in one request."""
_BULK_BYTES: Final = 1024 * 1024
_REGIONS: Final = {"eu": "https://api.getport.io", "us": "https://api.us.getport.io"}


class PortConfig(PluginConfig):
    """Settings of ``sink: {type: port}``."""

    client_id: Annotated[SecretStr, OceanVariable("PORT__CLIENT_ID", chooses=True)] = Field(
        min_length=1, description="of the organisation's credentials, as Port shows it"
    )
    client_secret: Annotated[SecretStr, OceanVariable("PORT__CLIENT_SECRET", chooses=True)] = Field(
        min_length=1, description="of the same credentials"
    )
    region: Literal["eu", "us"] = Field(default="eu", description="where the organisation lives, unless baseUrl says")
    base_url: Annotated[str | None, OceanVariable("PORT__BASE_URL")] = Field(
        default=None, description="URL of Port's API, without /v1", examples=["https://api.getport.io"]
    )
    integration_identifier: Annotated[
        str | None, OceanVariable("INTEGRATION__IDENTIFIER", otherwise="my-custom-integration")
    ] = Field(
        default=None,
        min_length=1,
        pattern=r"^[!-.0-~]+$",
        description="whose the entities are, unique in the organisation; by default the source's name",
    )
    integration_type: Annotated[str, OceanVariable("INTEGRATION__TYPE")] = Field(
        default="custom", pattern=r"^[!-.0-~]+$", description="what Ocean calls the type of the integration"
    )
    initialize_port_resources: Annotated[bool | None, OceanVariable("INITIALIZE_PORT_RESOURCES", otherwise="true")] = (
        Field(
            default=None,
            description="where Port keeps the mapping: whether to make, once, what is to be there from the first sync "
            "on; by default only if `createPortResourcesOrigin` is written",
        )
    )
    create_port_resources_origin: Annotated[
        Literal["Empty", "Default", "Ocean", "Port"] | None, OceanVariable("CREATE_PORT_RESOURCES_ORIGIN")
    ] = Field(
        default=None,
        description="what that is. Default, of old Ocean: the missing blueprints of `resourcesPath`, and its "
        "port-app-config as the mapping if Port has none; Empty: a mapping without resources; Port: what Port itself "
        "makes when an integration is registered, which is waited for. By default Default, or Port in organisations "
        "where Port makes the resources of this `integrationType`",
    )
    resources_path: Annotated[Path, OceanVariable("RESOURCES_PATH")] = Field(
        default=Path(".port/resources"), description="folder with blueprints and port-app-config, JSON or YAML"
    )
    send_raw_data_examples: Annotated[bool, OceanVariable("SEND_RAW_DATA_EXAMPLES")] = Field(
        default=True,
        description="where Port knows the integration: send it the first five records of each resource, without "
        "secrets, for its page on which mappings are tried",
    )
    send_logs: Annotated[bool, OceanVariable("APPLICATION__ENABLE_HTTP_LOGGING")] = Field(
        default=True,
        description="where Port knows the integration: send it what happens in each run, for its event log",
    )
    heartbeat_seconds: Annotated[float, OceanVariable("STATUS_HEARTBEAT_INTERVAL_SECONDS")] = Field(
        default=10.0,
        ge=0,
        allow_inf_nan=False,
        description="where Port knows the integration: how often it is told that a run goes on; 0 for never",
    )
    create_missing_related_entities: bool | None = Field(
        default=None, description="in place of what the mapping says: whether targets of relations are made"
    )
    delete_dependent_entities: bool | None = Field(
        default=None, description="in place of what the mapping says: whether what requires an entity goes with it"
    )
    enable_merge_entity: bool | None = Field(
        default=None, description="in place of what the mapping says: whether what is not mapped stays"
    )
    shared_entities: bool = Field(
        default=True,
        description="write to entities that somebody else wrote last, which are ours from then on, as Port's own "
        "integrations do; false refuses them",
    )
    bulk_entities: Annotated[int, OceanVariable("UPSERT_ENTITIES_BATCH_MAX_LENGTH", least=1, most=_BULK)] = Field(
        default=_BULK, ge=1, le=_BULK, description="most entities in one request"
    )
    bulk_bytes: Annotated[
        int, OceanVariable("UPSERT_ENTITIES_BATCH_MAX_SIZE_IN_BYTES", least=1024, most=_BULK_BYTES)
    ] = Field(default=_BULK_BYTES, ge=1024, le=_BULK_BYTES, description="most bytes in one request")
    max_concurrent_requests: int = Field(default=5, ge=1, description="requests in flight at once")
    timeout: float = Field(default=60, gt=0, description="seconds one request may take")
    max_retries: int = Field(default=10, ge=0, description="attempts after the first one")
    max_retry_wait: float = Field(default=900, ge=0, description="longest wait in seconds that Port may ask for")
    verify_ssl: Annotated[bool, OceanVariable("SSL__PORT__VERIFY")] = Field(
        default=True, description="false turns certificate checks off"
    )
    strict_x509: Annotated[bool, OceanVariable("SSL__PORT__X509__STRICT")] = Field(
        default=True, description="false relaxes strict X.509 checks (RFC 5280)"
    )
    ca_bundle: str | None = Field(
        default=None, description="certificates of authorities to trust beside the usual ones: PEM text, or a file"
    )
    proxy: SecretStr | None = Field(
        default=None, description="URL of a proxy; by default HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide"
    )

    @field_validator("base_url")
    @classmethod
    def _clean_base_url(cls, text: str | None) -> str | None:
        if text is None or not text.strip():
            return None
        clean = text.strip().rstrip("/").removesuffix("/v1").rstrip("/")
        if not clean.startswith(("https://", "http://")) or "@" in clean or "?" in clean:
            message = "expected a URL such as https://api.getport.io"
            raise ValueError(message)
        return clean

    @field_validator("integration_type")
    @classmethod
    def _lower_type(cls, text: str) -> str:
        return text.lower()

    @property
    def makes_resources(self) -> bool:
        """Whether what is missing is made at Port: as it is written, else if it is written what."""
        if self.initialize_port_resources is None:
            return self.create_port_resources_origin is not None
        return self.initialize_port_resources

    @property
    def resources_origin(self) -> Origin | None:
        """Who makes that, by the word of today; None where it is not written."""
        word = self.create_port_resources_origin
        return "Default" if word == "Ocean" else word

    @property
    def url(self) -> str:
        """Of the API, without ``/v1``."""
        return self.base_url or _REGIONS[self.region]


class Port(SinkStrategy[PortConfig]):
    """A Port organisation."""

    name = "port"
    Config = PortConfig
    searches = True
    keeps_mappings = True
    listens = True

    def ownership(self, config: PortConfig, source: str) -> Ownership:
        """Return the integration: entities of Port know no other owner."""
        place = f"{config.url}\n{config.client_id.get_secret_value()}\n{config.integration_type}"
        name = config.integration_identifier or source
        return Ownership(sha256(place.encode()).hexdigest(), name, "sink.integrationIdentifier")

    def open(self, config: PortConfig, context: SinkContext) -> Sink:
        """Return the sink; Port is asked for nothing before it is needed."""
        from penstock_sinks._port_sink import PortSink  # noqa: PLC0415 - it imports httpx

        return PortSink(config, context)

    def rehearse(self, config: PortConfig, context: SinkContext, folder: Path) -> Sink:
        """Return a sink that asks Port what a sync would ask, and sends nothing that changes anything."""
        from penstock_sinks._port_rehearsal import RehearsedSink  # noqa: PLC0415 - it imports httpx

        return RehearsedSink(config, context, folder)

    async def make_ready(self, config: PortConfig, context: SinkContext) -> None:
        """Register the integration, and make what is to be there from the first start on."""
        from penstock_sinks._port_integration import make_ready  # noqa: PLC0415 - as above
        from penstock_sinks._port_resyncs import destination_of  # noqa: PLC0415

        async with opened(config, context) as api:
            await make_ready(api, config, destination_of(context.listening), context.sleep)

    def listener(self, config: PortConfig, context: SinkContext) -> Listener:
        """Return what hears the button of Port's page, and of a mapping that was changed there."""
        from penstock_sinks._port_listener import PortListener  # noqa: PLC0415 - as above

        return PortListener(config, context)

    async def mapping(self, config: PortConfig, context: SinkContext) -> Mapping[str, JSON] | None:
        """Return the mapping of the integration, as Port's page shows it."""
        from penstock_sinks._port_integration import kept_mapping  # noqa: PLC0415 - as above

        async with opened(config, context) as api:
            return await kept_mapping(api)


@asynccontextmanager
async def opened(config: PortConfig, context: SinkContext) -> AsyncGenerator[Api]:
    """Have Port's API for the length of a block."""
    from penstock_sinks._port_api import Api, client_settings  # noqa: PLC0415 - it imports httpx

    async with context.client(client_settings(config)) as client:
        yield Api(client, config, context)


@hookimpl
def penstock_sink() -> Port:
    """Offer Port."""
    return Port()

"""What ``penstock serve`` is told: what asks for a sync beside the schedule, and how the service is reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias, cast

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from penstock.config.interval import Interval
from penstock.config.models import Model
from penstock.listening import KafkaSettings, Listening

ListenerType: TypeAlias = Literal["POLLING", "ONCE", "WEBHOOK", "KAFKA", "WEBHOOKS_ONLY", "ACTIONS_ONLY"]

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_LEVELS: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _level(value: object) -> object:
    """Return a level by its name of today: Python's logging still takes others."""
    name = _upper(value)
    return _LEVELS.get(name, name) if isinstance(name, str) else name


def _joined(value: object) -> object:
    if isinstance(value, list):
        return ",".join(str(one) for one in cast("list[object]", value))
    return value


AT_START: Final = frozenset({"POLLING", "KAFKA"})
"""Listeners that begin with a sync, and have one when the configuration changes."""
_OTHERS_ONLY: Final = frozenset({"WEBHOOKS_ONLY", "ACTIONS_ONLY"})
"""For what integrations of Ocean do beside syncs."""
_WAYS: Final[Mapping[ListenerType, Literal["none", "poll", "call", "kafka"]]] = {
    "POLLING": "poll",
    "KAFKA": "kafka",
    "WEBHOOK": "call",
    "ONCE": "none",
    "WEBHOOKS_ONLY": "none",
    "ACTIONS_ONLY": "none",
}


class EventListener(Model):
    """The ``eventListener`` block."""

    model_config = ConfigDict(extra="ignore")  # Ocean has more of them than we do

    type: Annotated[ListenerType, BeforeValidator(_upper)] = Field(
        default="POLLING",
        description="POLLING: a sync at the start, whenever the configuration changes, and when somebody asks for one "
        "at the catalog, which is asked every `interval`; KAFKA: the same, but the catalog tells by Kafka; WEBHOOK: "
        "only when asked by a signed request; ONCE: a single sync, whose exit code is that of the process; "
        "WEBHOOKS_ONLY and ACTIONS_ONLY are taken for WEBHOOK",
    )
    resync_on_start: bool = Field(default=True, description="whether POLLING and KAFKA begin with a sync")
    interval: float = Field(
        default=60, gt=0, le=86_400, description="seconds between two looks of POLLING whether somebody asks for a sync"
    )
    app_host: SecretStr | None = Field(
        default=None,
        description="WEBHOOK: URL of the service as the catalog reaches it, which is told to call `/resync` there",
    )
    brokers: Annotated[str | None, BeforeValidator(_joined, json_schema_input_type=str | list[str])] = Field(
        default=None, description="KAFKA: `host:port` of the brokers, separated by commas; without it, POLLING"
    )
    kafka_security_enabled: bool = Field(default=True, description="KAFKA: false for brokers without TLS and log-in")
    security_protocol: str = Field(default="SASL_SSL", description="KAFKA: how the brokers are reached")
    authentication_mechanism: str = Field(default="SCRAM-SHA-512", description="KAFKA: how we log in at the brokers")
    consumer_poll_timeout: float = Field(
        default=1, gt=0, le=60, description="KAFKA: seconds for which one look for a message lasts"
    )

    @field_validator("app_host")
    @classmethod
    def _clean_app_host(cls, url: SecretStr | None) -> SecretStr | None:
        text = url.get_secret_value().strip().rstrip("/") if url is not None else ""
        if not text:
            return None
        if not text.startswith(("https://", "http://")):
            raise ValueError("expected a URL such as https://penstock.acme.test")
        return SecretStr(text)

    @property
    def listening(self) -> Listening:
        """How it is learned that somebody asks for a sync at the catalog."""
        host = self.app_host
        return Listening(
            way=_WAYS[self.type],
            interval=self.interval,
            callback=None if host is None else SecretStr(f"{host.get_secret_value()}/resync"),
            kafka=self._kafka if self.type == "KAFKA" and self.brokers else None,
            begins_with_sync=self.type in AT_START and self.resync_on_start,
        )

    @property
    def _kafka(self) -> KafkaSettings:
        return KafkaSettings(
            brokers=self.brokers or "",
            secured=self.kafka_security_enabled,
            security_protocol=self.security_protocol,
            authentication_mechanism=self.authentication_mechanism,
            poll_timeout=self.consumer_poll_timeout,
        )

    @property
    def doubt(self) -> str:
        """Why somebody may want another type; empty for most."""
        if self.type in _OTHERS_ONLY:
            return f"{self.type} has no use here: a sync comes only of the schedule and of signed requests"
        return ""


class ServiceDocument(Model):
    """The ``service`` block."""

    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - it is made for containers
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one and says which")
    path_prefix: str = Field(
        default="", pattern=r"^(/[\w.~-]+)*$", description="stands before every path: `/hr` makes `/hr/metrics`"
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what requests for a sync (`POST /sync`) are signed with; without one they are refused",
    )
    log_level: Annotated[LogLevel, BeforeValidator(_level)] = Field(
        default="INFO", description="which lines of its log the service writes: this level and above"
    )
    concurrent_runs: int = Field(default=2, ge=1, description="sources that are synced at once; the others wait")
    longest_run: Interval = Field(
        default=timedelta(days=1), description="a sync that takes longer is stopped when the next one is due"
    )


class Calendar(NamedTuple):
    """When one source is synced; what a sync needs to know, the sync reads."""

    source: str
    """Who owns what is written."""
    interval: timedelta | None
    """Between the starts of two scheduled syncs; None: there is no schedule."""
    listener: EventListener

    @property
    def begins_with_sync(self) -> bool:
        """Whether there is a sync at the start."""
        return self.listener.listening.begins_with_sync

"""What ``penstock serve`` is told: what asks for a sync beside the schedule, and how the service is reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from penstock.config.interval import Interval
from penstock.config.models import Model

ListenerType: TypeAlias = Literal["POLLING", "ONCE", "WEBHOOK", "KAFKA", "WEBHOOKS_ONLY", "ACTIONS_ONLY"]

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class EventListener(Model):
    """The ``eventListener`` block."""

    model_config = ConfigDict(extra="ignore")  # charts leave the brokers of Kafka in it whatever the type

    type: Annotated[ListenerType, BeforeValidator(_upper)] = Field(
        default="POLLING",
        description="POLLING: a sync at the start and whenever the configuration changes; WEBHOOK: only when asked by "
        "a signed request; ONCE: a single sync, whose exit code is that of the process; KAFKA is taken for POLLING, "
        "and WEBHOOKS_ONLY and ACTIONS_ONLY for WEBHOOK",
    )
    resync_on_start: bool = Field(default=True, description="whether POLLING begins with a sync")


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
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = Field(
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

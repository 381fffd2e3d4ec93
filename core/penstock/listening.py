"""How a service learns that somebody asks for a sync at the catalog, and what learns it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Literal, NamedTuple, Self

from pydantic import SecretStr

from penstock.values import Silence, SyncRequest


class KafkaSettings(NamedTuple):
    """How the Kafka is reached on which a catalog tells what happens in it; who we are there, the catalog says."""

    brokers: str
    """``host:port``, separated by commas."""
    secured: bool = True
    """Whether the two below hold; otherwise text in the clear, and no log-in."""
    security_protocol: str = "SASL_SSL"
    authentication_mechanism: str = "SCRAM-SHA-512"
    poll_timeout: float = 1.0
    """Seconds for which one look for a message lasts."""


class Listening(NamedTuple):
    """How it is learned that somebody asks for a sync at the catalog: the ``eventListener`` of a service."""

    way: Literal["none", "poll", "call", "kafka"] = "poll"
    """Not at all; by asking the catalog; by being called by it; by reading what it writes to Kafka."""
    interval: float = 60.0
    """Seconds between two looks of ``poll``."""
    callback: SecretStr | None = None
    """URL of ``call``, by which the catalog reaches the service; None: it is told none."""
    kafka: KafkaSettings | None = None
    """None: nobody has said where the brokers are."""
    begins_with_sync: bool = False
    """Whether a sync begins once the listener is open: what was asked for before needs none of its own."""


class Listener(ABC):
    """Learns whether somebody asks for a sync at the catalog: ``async with`` opens and closes what it holds."""

    secret: SecretStr | None = None
    """What the catalog signs its calls with, once it is open: HMAC-SHA256, as docs/service.md has it. Calls are refused
    without one."""

    async def __aenter__(self) -> Self:
        """Reach the catalog, log in, and take note of what was asked for already.

        Raises:
            SinkError: It cannot be reached, or refuses us.
        """
        return self

    async def __aexit__(  # noqa: B027 - it may hold nothing
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of everything."""

    @abstractmethod
    def heard(self) -> AsyncIterator[SyncRequest | Silence]:
        """Iterate, for as long as the service runs, over what is asked for, and over why it cannot be told.

        A call that fails is a ``Silence``, told once, and the next one is made regardless.

        Raises:
            SinkError: There is no use in going on; the listener is then opened anew.
        """

    def asks(self, body: bytes) -> bool:
        """Return whether a call of the catalog, genuine by its signature, asks for a sync: any does, by default."""
        del body
        return True

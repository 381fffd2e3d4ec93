"""Reads what Port writes to Kafka (sync.md section 2); needs the extra ``penstock[kafka]``."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from penstock import KafkaSettings, Silence
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, Object, RefusalError
from penstock_sinks._port_resyncs import topic_of

ResultT = TypeVar("ResultT")
_LOG: Final = logging.getLogger(__name__)
_ALONE: Final = (
    "no part of the topic is left for us: another service with the same type and identifier of the integration reads "
    "it, and two installations must have different identifiers"
)


async def consumed(api: Api, kafka: KafkaSettings) -> AsyncIterator[Object | Silence]:
    """Iterate over the messages that are written from now on; one is committed when the next is asked for.

    Raises:
        SinkError: Port does not say who we are there, or the library refuses the settings.
    """
    try:
        topic, settings = await _joined(api, kafka)
    except RefusalError as error:
        why = f"{error.message} ({error.status} {error.code})"
        raise SinkError(f"Port does not say how its Kafka is read: {why}") from error
    reader = _Reader(settings, kafka.poll_timeout)
    try:
        reader.begin(topic)
        while True:
            message = await _whole(reader.next)
            while reader.news:
                yield Silence(reader.news.popleft())
            if message is None:
                continue
            content = _content(message)
            if content is not None:
                yield content
            await _whole(partial(reader.done, message))
    finally:
        await _whole(reader.close)


async def _joined(api: Api, kafka: KafkaSettings) -> tuple[str, dict[str, Any]]:
    """Return the topic, and who we are for the library."""
    organisation = cast("Object", (await api.call("GET", "organization")).body.get("organization") or {})
    name, flags = organisation.get("id"), organisation.get("featureFlags")
    if not isinstance(name, str) or not name:
        message = "Port does not say which organisation this is, which names the topic of Kafka"
        raise SinkError(message)
    owner = api.owner
    settings: dict[str, Any] = {
        "bootstrap.servers": kafka.brokers,
        "group.id": f"{name}.{owner.kind}.{owner.identifier}",
        "client.id": owner.housekeeper.replace("/", "-"),
        "enable.auto.commit": False,
        "auto.offset.reset": "latest",
        "partition.assignment.strategy": "cooperative-sticky",
    }
    if kafka.secured:
        answer = (await api.call("GET", "kafka-credentials")).body
        credentials = cast("Object", answer.get("credentials") or {})
        settings |= {
            "security.protocol": kafka.security_protocol,
            "sasl.mechanism": kafka.authentication_mechanism,
            "sasl.username": str(credentials.get("username") or ""),
            "sasl.password": api.concealed(str(credentials.get("password") or "")),
        }
    return topic_of(name, [str(one) for one in flags] if isinstance(flags, list) else []), settings


class _Reader:
    """A consumer; its calls block, and are made one at a time."""

    def __init__(self, settings: dict[str, Any], patience: float) -> None:
        self.news: deque[str] = deque()
        """Why nothing can be read, or "" once it can."""
        self._patience = patience
        self._trouble = ""
        try:
            self._consumer = Consumer({**settings, "error_cb": self._failed}, logger=_LOG)
        except KafkaException as error:
            raise SinkError(f"Kafka cannot be read: {_said(error)}") from error

    def begin(self, topic: str) -> None:
        self._consumer.subscribe([topic], on_assign=self._assigned)

    def next(self) -> Message[bytes, bytes] | None:
        message = self._consumer.poll(self._patience)
        error = None if message is None else message.error()
        if error is None:
            return message
        self._failed(error)
        return None

    def done(self, message: Message[bytes, bytes]) -> None:
        try:
            self._consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            self._tell(f"Kafka cannot note what was read: {_said(error)}")

    def close(self) -> None:
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        del consumer
        self._tell("" if partitions else _ALONE)

    def _failed(self, error: KafkaError) -> None:
        self._tell(f"Kafka cannot be read: {error.str()}")

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self.news.append(trouble)


async def _whole(work: Callable[[], ResultT]) -> ResultT:
    """Do in a thread what blocks, and wait for it even when cancelled: the consumer is for one thread at a time."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _content(message: Message[bytes, bytes]) -> Object | None:
    """Return what a message says, None where it is no JSON object: others write there, too."""
    try:
        content: object = orjson.loads(message.value() or b"")
    except orjson.JSONDecodeError:
        return None
    return cast("Object", content) if isinstance(content, dict) else None


def _said(error: KafkaException) -> str:
    found: object = error.args[0] if error.args else error
    return found.str() if isinstance(found, KafkaError) else str(found)

"""A Kafka broker on a loopback port: that of librdkafka, which keeps what is written in memory."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import orjson
from confluent_kafka import Producer

PATIENCE = 20.0


class Broker:
    """One broker; it lives as long as this object."""

    def __init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
        [found] = self._producer.list_topics(timeout=PATIENCE).brokers.values()
        self.address = f"{found.host}:{found.port}"

    def write(self, topic: str, content: object) -> None:
        self._producer.produce(topic, orjson.dumps(content))
        assert self._producer.flush(PATIENCE) == 0


@contextmanager
def broker() -> Generator[Broker]:
    yield Broker()

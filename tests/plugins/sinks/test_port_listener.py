"""Somebody asks for a sync at Port: what is heard of it, by asking, by calls, by Kafka."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from fakes.port import port, settings
from penstock.config.service import EventListener
from penstock.demo.port.faults import Fault
from penstock.demo.port.server import PortStandIn
from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.listening import KafkaSettings, Listener, Listening
from penstock.redaction import Secrets
from penstock.values import Silence, SyncRequest
from penstock_sinks._port_resyncs import ResyncRequests, asks_for_sync, destination_of, last_sync, moment, topic_of
from penstock_sinks.port import Port, PortConfig
from support.kafka import Broker, broker

OURS = "ocean-custom"
MAPPING: dict[str, Any] = {"resources": [{"kind": "/users"}]}
OFTEN = Listening(interval=0.02)
PATIENCE = 20.0
PRESSED = SyncRequest("somebody asks for it at Port")
CHANGED = SyncRequest("the mapping was changed at Port")


@pytest.fixture
def standin() -> Iterator[PortStandIn]:
    with port() as running:
        running.integrations.create({"installationId": OURS, "config": MAPPING}, running.url)
        yield running


@asynccontextmanager
async def listening(standin: PortStandIn, how: Listening = OFTEN, **more: object) -> AsyncGenerator[Listener]:
    config = PortConfig.model_validate(settings(standin, integrationIdentifier=OURS, maxRetries=0, **more))
    async with Port().listener(config, Lent("test", Secrets(()), listening=how)) as listener:
        yield listener


async def first(heard: AsyncIterator[SyncRequest | Silence]) -> SyncRequest | Silence:
    return await asyncio.wait_for(anext(heard), PATIENCE)


async def nothing(standin: PortStandIn, heard: asyncio.Future[Any]) -> bool:
    """Wait until Port was asked twice more, and return whether nothing came of it."""
    asked = len(standin.requests("resync-request"))
    while not heard.done() and len(standin.requests("resync-request")) < asked + 3:
        await asyncio.wait([heard], timeout=0.005)
    return not heard.done()


def test_a_button_that_is_pressed_is_heard_once(standin: PortStandIn) -> None:
    async def scenario() -> None:
        async with listening(standin) as listener:
            heard = listener.heard()
            standin.integrations.ask_for_resync(OURS)
            assert await first(heard) == PRESSED
            following = asyncio.ensure_future(anext(heard))
            assert await nothing(standin, following)
            standin.integrations.change(OURS, {})
            assert await asyncio.wait_for(following, PATIENCE) == PRESSED

    asyncio.run(scenario())


def test_a_mapping_that_is_changed_is_heard_once_with_or_without_a_request(standin: PortStandIn) -> None:
    async def scenario() -> None:
        async with listening(standin) as listener:
            heard = listener.heard()
            standin.integrations.change(OURS, {"config": {"resources": []}})
            assert await first(heard) == CHANGED
            standin.integrations.all[OURS]["config"] = MAPPING
            standin.integrations.ask_for_resync(OURS)
            one = await first(heard)
            following = asyncio.ensure_future(anext(heard))
            if await nothing(standin, following):  # else a look fell between the two
                assert one == PRESSED
            following.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("state", "begins_with_sync", "is_heard"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"updatedAt": "2020-01-01T00:00:00Z"}, False, True),
        ({"updatedAt": "2100-01-01T00:00:00Z"}, False, False),
        ({"updatedAt": "2100-01-01T00:00:00Z", "lastResyncStart": "2020-01-01T00:00:00Z"}, False, True),
    ],
)
def test_a_request_from_before_is_heard_unless_a_sync_has_seen_it_or_begins_now(
    standin: PortStandIn, state: dict[str, str], *, begins_with_sync: bool, is_heard: bool
) -> None:
    standin.integrations.all[OURS]["resyncState"] = state
    standin.integrations.ask_for_resync(OURS)

    async def scenario() -> None:
        async with listening(standin, OFTEN._replace(begins_with_sync=begins_with_sync)) as listener:
            one = asyncio.ensure_future(anext(listener.heard()))
            assert await nothing(standin, one) is not is_heard
            one.cancel()

    asyncio.run(scenario())


def test_port_that_fails_is_told_once_and_asked_again(standin: PortStandIn) -> None:
    async def scenario() -> None:
        async with listening(standin) as listener:
            heard = listener.heard()
            standin.faults.pending.append(Fault("unavailable", "resync-request", times=3))
            silence = await first(heard)
            assert isinstance(silence, Silence)
            assert "Port cannot be asked for requests for a sync" in silence.why
            assert await first(heard) == Silence("")
            standin.integrations.ask_for_resync(OURS)
            assert await first(heard) == PRESSED

    asyncio.run(scenario())


def test_moments_that_are_none_are_ignored_and_told_once(
    standin: PortStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with listening(standin) as listener:
            standin.integrations.resync_requests[OURS] = {"id": "x", "updatedAt": "yesterday"}
            heard = listener.heard()
            one = asyncio.ensure_future(anext(heard))
            assert await nothing(standin, one)
            standin.integrations.ask_for_resync(OURS)
            assert await asyncio.wait_for(one, PATIENCE) == PRESSED

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "a request for a sync is ignored, for Port gives no moment for it but 'yesterday'"
    ]


def test_an_older_port_without_requests_still_tells_of_a_changed_mapping(standin: PortStandIn) -> None:
    async def scenario() -> None:
        standin.faults.pending.append(Fault("missing", "resync-request", times=1_000_000))
        async with listening(standin) as listener:
            standin.integrations.change(OURS, {"config": {"resources": []}})
            assert await first(listener.heard()) == CHANGED

    asyncio.run(scenario())


def test_wrong_credentials_are_told_when_it_is_opened(standin: PortStandIn) -> None:
    async def scenario() -> None:
        async with listening(standin, clientSecret="wrong"):
            pass

    with pytest.raises(SinkError, match="Port refuses the credentials"):
        asyncio.run(scenario())


AFTER = {
    "identifier": OURS,
    "changelogDestination": {"type": "KAFKA"},
    "updatedAt": "2026-01-02T00:00:00Z",
    "resyncState": {"updatedAt": "2026-01-01T00:00:00Z"},
}
ASKS: dict[str, tuple[dict[str, Any], bool]] = {
    "requests topic, ours": ({"context": {"integrationId": OURS}}, True),
    "requests topic, by number": ({"context": {"integrationId": "number"}}, True),
    "requests topic, another's": ({"context": {"integrationId": "other"}}, False),
    "the button": ({"action": "RESYNC", "context": {"integrationId": OURS}}, True),
    "the button of another": ({"action": "RESYNC", "context": {"integrationId": "other"}}, False),
    "the button of another, with our diff": (
        {"action": "RESYNC", "context": {"integrationId": "other"}, "diff": {"after": AFTER}},
        False,
    ),
    "a changed mapping": ({"action": "UPDATE", "diff": {"before": {}, "after": AFTER}}, True),
    "the mapping of another": ({"action": "UPDATE", "diff": {"after": {**AFTER, "identifier": "other"}}}, False),
    "a sync tells how it goes": (
        {"action": "UPDATE", "diff": {"after": {**AFTER, "resyncState": {"updatedAt": AFTER["updatedAt"]}}}},
        False,
    ),
    "told elsewhere": (
        {"action": "UPDATE", "diff": {"after": {**AFTER, "changelogDestination": {"type": "WEBHOOK"}}}},
        False,
    ),
    "told nowhere": ({"action": "UPDATE", "diff": {"after": {**AFTER, "changelogDestination": None}}}, False),
    "deleted": ({"action": "DELETE", "diff": {"before": AFTER, "after": None}}, False),
    "no diff": ({"action": "UPDATE", "context": {"integrationId": OURS}}, False),
    "strange": ({"action": 1, "diff": [1], "context": "x"}, False),
    "empty": ({}, False),
}


@pytest.mark.parametrize(("message", "asks"), ASKS.values(), ids=ASKS)
def test_what_a_message_asks_for(message: dict[str, Any], *, asks: bool) -> None:
    assert asks_for_sync(message, OURS, {OURS, "number"}, "KAFKA") is asks


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        (b"", True),
        (b" {}", True),
        (b'{"kind": "/users"}', True),
        (b"[]", False),
        (b"{", False),
        (json.dumps({"action": "RESYNC", "context": {"integrationId": OURS}}).encode(), True),
        (json.dumps({"diff": {"after": {**AFTER, "changelogDestination": {"type": "WEBHOOK"}}}}).encode(), True),
        (json.dumps({"diff": {"after": AFTER}}).encode(), False),
    ],
)
def test_a_call_asks_for_a_sync_unless_it_tells_of_something_else(
    standin: PortStandIn, body: bytes, *, asks: bool
) -> None:
    async def scenario() -> tuple[bool, str]:
        async with listening(standin, Listening("call")) as listener:
            assert listener.secret is not None
            return listener.asks(body), listener.secret.get_secret_value()

    assert asyncio.run(scenario()) == (asks, standin.client_secret)


@pytest.mark.parametrize(
    ("listener", "destination"),
    [
        ({"type": "POLLING"}, {}),
        ({"type": "ONCE"}, {}),
        ({"type": "WEBHOOKS_ONLY"}, {}),
        ({"type": "KAFKA", "brokers": "b:1"}, {"type": "KAFKA"}),
        ({"type": "KAFKA"}, {}),
        ({"type": "WEBHOOK"}, {}),
        (
            {"type": "WEBHOOK", "app_host": "https://us.test/x/"},
            {"type": "WEBHOOK", "url": "https://us.test/x/resync"},
        ),
    ],
)
def test_where_port_is_to_tell_depends_on_the_listener(
    listener: dict[str, str], destination: dict[str, str], standin: PortStandIn
) -> None:
    how = EventListener.model_validate(listener).listening
    assert destination_of(how) == destination

    config = PortConfig.model_validate(settings(standin, integrationIdentifier="new"))
    asyncio.run(Port().make_ready(config, Lent("test", Secrets(()), listening=how)))

    assert standin.integrations.all["new"]["changelogDestination"] == destination


def test_requests_are_new_if_they_are_newer() -> None:
    requests = ResyncRequests(moment("2026-01-01T00:00:00.500Z"))

    news = ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:01Z", "2026-01-01T01:00:01+01:00"]
    assert [requests.is_new({"updatedAt": one}) for one in news] == [False, True, False, False]
    assert not requests.is_new(None)
    with pytest.raises(ValueError, match="5"):
        requests.is_new({"updatedAt": 5})
    assert last_sync({"resyncState": {"updatedAt": "no"}}) is None


def test_the_topic_depends_on_the_flags_of_the_organisation() -> None:
    assert topic_of("org", []) == "org.change.log"
    flags = ["OCEAN_KAFKA_INTEGRATION_RESYNC_REQUESTS_TOPIC_ENABLED"]
    assert topic_of("org", flags) == "org.integration.resync.requests"


@pytest.fixture(scope="module")
def kafka() -> Iterator[Broker]:
    with broker() as running:
        yield running


def _by_kafka(kafka: Broker) -> Listening:
    return Listening("kafka", kafka=KafkaSettings(kafka.address, secured=False, poll_timeout=0.05))


def test_kafka_tells_what_is_for_us(standin: PortStandIn, kafka: Broker) -> None:
    standin.integrations.all[OURS]["_id"] = "number"

    async def scenario() -> None:
        async with listening(standin, _by_kafka(kafka)) as listener:
            heard = listener.heard()
            one = asyncio.ensure_future(anext(heard))
            for message in ({"action": "RESYNC", "context": {"integrationId": "other"}}, "no object"):
                kafka.write("org.change.log", message)
            while not one.done():  # what is written before somebody reads is for nobody
                kafka.write("org.change.log", {"action": "RESYNC", "context": {"integrationId": "number"}})
                await asyncio.wait([one], timeout=0.1)
            assert one.result() == PRESSED

    asyncio.run(scenario())


def test_a_broker_that_is_away_is_told(standin: PortStandIn) -> None:
    async def scenario() -> None:
        how = Listening("kafka", kafka=KafkaSettings("127.0.0.1:9", secured=False, poll_timeout=0.05))
        async with listening(standin, how) as listener:
            told = await first(listener.heard())
            assert isinstance(told, Silence)
            assert told.why.startswith("Kafka cannot be read: ")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (Listening("kafka", interval=0.02), "eventListener.brokers are not set"),
        (Listening("kafka", interval=0.02, kafka=KafkaSettings("b:1")), "its library is not installed"),
    ],
)
def test_without_kafka_port_is_asked_and_that_is_said(
    standin: PortStandIn,
    how: Listening,
    why: str,
    caplog: pytest.LogCaptureFixture,
    hide: Callable[[str], None],
) -> None:
    hide("confluent_kafka")

    async def scenario() -> None:
        async with listening(standin, how) as listener:
            standin.integrations.ask_for_resync(OURS)
            assert await first(listener.heard()) == PRESSED

    asyncio.run(scenario())
    assert why in caplog.text
    assert destination_of(how) == {}


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a library look as if it were not installed."""
    find = importlib.util.find_spec

    def hidden(name: str) -> None:
        def found(wanted: str) -> object:
            return None if wanted == name else find(wanted)

        monkeypatch.setattr("penstock_sinks._port_resyncs.find_spec", found)

    return hidden


def test_the_brokers_are_those_of_the_variables_however_they_are_written() -> None:
    written = {"type": "kafka", "brokers": ["a:1", "b:2"], "kafka_security_enabled": "false"}
    how = EventListener.model_validate(written).listening

    assert how.kafka == KafkaSettings("a:1,b:2", secured=False)
    assert EventListener(app_host=SecretStr("https://us.test")).listening.way == "poll"

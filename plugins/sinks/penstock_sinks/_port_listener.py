"""Hears that somebody asks for a sync at Port: by asking Port, by its calls, or by Kafka (sync.md section 2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, cast

import orjson

from penstock import JSON, Listener, Silence, SinkContext, SyncRequest
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, Object, RefusalError
from penstock_sinks._port_integration import find
from penstock_sinks._port_resyncs import (
    ResyncRequests,
    asks_for_sync,
    is_change,
    last_sync,
    why_not_kafka,
)
from penstock_sinks.port import PortConfig, opened

_LOG: Final = logging.getLogger(__name__)
_PRESSED: Final = "somebody asks for it at Port"
_CHANGED: Final = "the mapping was changed at Port"


class PortListener(Listener):
    """Listens for one integration.

    Args:
        config: The settings of the sink.
        context: Who we are, and how to listen.
    """

    def __init__(self, config: PortConfig, context: SinkContext) -> None:
        self.secret = config.client_secret  # what Port signs its calls with
        self._config = config
        self._context = context
        self._stack = AsyncExitStack()
        self._integration: Object = {}
        self._mapping: JSON = None
        self._requests = ResyncRequests(None)
        self._unclear = ""
        """A moment that is none, and was told."""
        self._api: Api

    async def __aenter__(self) -> Self:
        """Log in, and take note of what was asked for already."""
        self._api = await self._stack.enter_async_context(opened(self._config, self._context))
        self._integration = await find(self._api) or {}
        self._mapping = self._integration.get("config")
        self._requests = ResyncRequests(last_sync(self._integration))
        if self._context.listening.begins_with_sync:
            await self._pressed()  # the sync that begins now is the answer to it
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._stack.aclose()

    def asks(self, body: bytes) -> bool:
        """Return whether a call is for us: one without a body is, and one that tells of a change may be."""
        try:
            message: object = orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError:
            return False
        if not isinstance(message, dict):
            return False
        told = cast("Object", message)
        return not is_change(told) or asks_for_sync(told, self._api.owner.identifier, self._own, "WEBHOOK")

    @property
    def _own(self) -> frozenset[str]:
        number = self._integration.get("_id")
        return frozenset({self._api.owner.identifier, *([number] if isinstance(number, str) else [])})

    async def heard(self) -> AsyncIterator[SyncRequest | Silence]:
        """Iterate over what is asked for."""
        listening = self._context.listening
        if listening.way == "call":
            await asyncio.Event().wait()  # all that comes are calls
        reason = why_not_kafka(listening) if listening.way == "kafka" else ""
        if reason:
            _LOG.warning("requests for a sync are not read from Kafka, for %s; Port is asked instead", reason)
        if listening.kafka is None or listening.way != "kafka" or reason:
            async for one in self._polled():
                yield one
            return
        from penstock_sinks._port_kafka import consumed  # noqa: PLC0415 - its library need not be there

        async for told in consumed(self._api, listening.kafka):
            if isinstance(told, Silence):
                yield told
            elif asks_for_sync(told, self._api.owner.identifier, self._own, "KAFKA"):
                yield SyncRequest(_PRESSED)

    async def _polled(self) -> AsyncIterator[SyncRequest | Silence]:
        silence = ""
        while True:
            await self._context.sleep(self._context.listening.interval)
            try:
                why = await self._look()
            except (SinkError, RefusalError) as error:
                if str(error) != silence:
                    silence = str(error)
                    yield Silence(f"Port cannot be asked for requests for a sync: {silence}")
                continue
            if silence:
                silence = ""
                yield Silence("")
            if why:
                yield SyncRequest(why)

    async def _look(self) -> str:
        """Return why a sync is wanted; empty where it is not."""
        pressed = await self._pressed()
        self._integration = await find(self._api) or {}
        mapping, before = self._integration.get("config"), self._mapping
        self._mapping = mapping
        if pressed:
            return _PRESSED
        return _CHANGED if mapping and mapping != before else ""

    async def _pressed(self) -> bool:
        try:
            answer = await self._api.call("GET", "integration", self._api.owner.identifier, "resync-request")
        except RefusalError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # an older Port, or nothing is registered
                return False
            raise
        try:
            return self._requests.is_new(answer.body.get("request"))
        except ValueError as error:
            if str(error) != self._unclear:
                self._unclear = str(error)
                _LOG.warning("a request for a sync is ignored, for Port gives no moment for it but %s", error)
            return False

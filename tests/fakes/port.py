"""The stand-in for Port, run in a thread for the length of a ``with`` block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.demo.port.server import PortStandIn


@contextmanager
def port() -> Generator[PortStandIn]:
    """Run a stand-in, empty."""
    standin = PortStandIn()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(standin.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(standin.stop())
        loop.close()


def settings(standin: PortStandIn, **more: object) -> dict[str, object]:
    """Return the settings of a sink that writes there."""
    return {
        "clientId": standin.client_id,
        "clientSecret": standin.client_secret,
        "baseUrl": standin.url,
        **more,
    }


def define(
    standin: PortStandIn,
    identifier: str,
    properties: Mapping[str, Mapping[str, Any]] | None = None,
    relations: Mapping[str, Mapping[str, Any]] | None = None,
    required: Sequence[str] = (),
) -> None:
    """Have a blueprint, or another one in its place."""
    standin.blueprints.all.pop(identifier, None)
    standin.blueprints.create(
        {
            "identifier": identifier,
            "title": identifier,
            "schema": {"properties": dict(properties or {}), "required": list(required)},
            "relations": dict(relations or {}),
        }
    )

"""A stand-in that runs beside what uses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

from penstock.demo.port.server import PortStandIn


@contextmanager
def in_background(standin: PortStandIn) -> Generator[PortStandIn]:
    """Run a stand-in in a thread, on a loopback port, for the length of a ``with`` block."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(standin.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="demo-port")
    thread.start()
    try:
        yield standin
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(standin.stop())
        loop.close()

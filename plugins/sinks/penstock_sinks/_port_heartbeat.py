"""The sign of life of a run, by which Port tells one that goes on from one that was killed (port_api.md section 9)."""

from __future__ import annotations

import asyncio
import logging

from penstock.errors import PenstockError
from penstock_sinks._port_api import Api, RefusalError

_LOG = logging.getLogger(__name__)


class Heartbeat:
    """Beats from ``start`` to ``stop``; that a beat did not arrive harms nothing.

    Args:
        api: Who sends.
        run: The id of the run.
        seconds: Between two beats.
    """

    def __init__(self, api: Api, run: str, seconds: float) -> None:
        self._api = api
        self._run = run
        self._seconds = seconds
        self._beating: asyncio.Task[None] | None = None

    def start(self, url: str) -> None:
        """Begin; where beats are to be sent."""
        self._beating = asyncio.create_task(self._beat(f"{url}/heartbeat"))

    async def stop(self) -> None:
        """End, if it has begun."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
            self._beating = None

    async def _beat(self, url: str) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._api.call_url("POST", url, {"eventId": self._run})
            except (PenstockError, RefusalError) as error:
                _LOG.info("Port has not heard that the run goes on: %s", error)

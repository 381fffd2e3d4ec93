"""What core lends to a sink: who writes, and a client for services that are reached over HTTP.

httpx and aiohttp are imported when a client is made: a sink on the local disk does not pay for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from penstock.errors import SinkError
from penstock.listening import Listening
from penstock.plugin_calls import Activity
from penstock.redaction import Secrets, secret_parts
from penstock.strategies import SinkContext
from penstock.values import WriteFlags

if TYPE_CHECKING:
    from penstock.config.models import HttpSettings
    from penstock.http.clock import Clock
    from penstock.http.wire import Wire
    from penstock.sink_client import ClientSettings, SinkClient


class Lent(SinkContext):
    """The loan of one opened sink.

    Args:
        source: Who writes, or looks.
        secrets: What no message may show; learns what is obtained on the way.
        run: The run's id.
        flags: What the mapping says of writing.
        listening: How the service learns that somebody asks for a sync.
        stop: When set, clients come to an end soon; None where nothing sets it.
        wire: Gives what sends the requests of a client; None for a plain ``Wire``.
        clock: Time; None for the system's.
    """

    def __init__(
        self,
        source: str,
        secrets: Secrets,
        *,
        run: str = "",
        flags: WriteFlags | None = None,
        listening: Listening | None = None,
        stop: asyncio.Event | None = None,
        wire: Callable[[HttpSettings], Wire] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.source = source
        self.run = run
        self.flags = flags or WriteFlags()
        self.listening = listening or Listening()
        self.activity = Activity()
        """The requests of its clients."""
        self.stop = stop
        """Set when the run is told to stop."""
        self._secrets = secrets
        self._wire = wire
        self._clock = clock

    def client(self, settings: ClientSettings) -> AbstractAsyncContextManager[SinkClient]:
        """Return an ``async with`` block that has a client, as ``SinkContext`` says."""
        return _client(_http_settings(settings), self._wire, self.activity, self.stop)

    def time(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time() if self._clock is None else self._clock.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, while others go on."""
        await (asyncio.sleep(seconds) if self._clock is None else self._clock.sleep(seconds))

    def conceal(self, *secrets: str) -> None:
        """Keep these, and what of them the other side may repeat alone, out of every message from now on."""
        self._secrets.learn(*dict.fromkeys(part for secret in secrets for part in secret_parts(secret)))


def _http_settings(settings: ClientSettings) -> HttpSettings:
    from dataclasses import asdict  # noqa: PLC0415 - see the module

    from pydantic import ValidationError  # noqa: PLC0415

    from penstock.config.models import HttpSettings  # noqa: PLC0415

    try:
        return HttpSettings.model_validate(asdict(settings))
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        message = f"the sink's client cannot be made: {found}"
        raise SinkError(message) from None  # the values may be secret


@asynccontextmanager
async def _client(
    settings: HttpSettings,
    make_wire: Callable[[HttpSettings], Wire] | None,
    activity: Activity,
    stop: asyncio.Event | None,
) -> AsyncGenerator[SinkClient]:
    from penstock.http.curfew import Curfew  # noqa: PLC0415 - see the module
    from penstock.http.errands import Courier  # noqa: PLC0415 - see the module
    from penstock.http.lent_client import LentClient  # noqa: PLC0415
    from penstock.http.wire import Wire  # noqa: PLC0415

    async with (make_wire or Wire)(settings) as wire:
        if stop is None:
            yield LentClient(Courier(settings, wire), activity)
            return
        async with Curfew(stop) as curfew:
            yield LentClient(Courier(settings, wire, curfew), activity)

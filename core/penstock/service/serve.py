"""The service put together: sources, pages, and an end that leaves nothing half done."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import uvicorn

from penstock.config.service import ServiceDocument
from penstock.errors import PenstockError
from penstock.service.app import Pages
from penstock.service.logs import Log
from penstock.service.metrics import Metrics
from penstock.service.runner import Runner
from penstock.service.source import Shared, Source
from penstock.service.sources import Place, Sources

_LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the files."""
_STUCK: Final = 600.0
"""Seconds after which a look that has not ended never will; each file is checked by a process of its own."""
_LAST_ANSWERS: Final = 5
"""Seconds for the answers that are being given when the service stops."""
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Options(NamedTuple):
    """What a service is made of."""

    service: ServiceDocument
    place: Place
    look_every: float = _LOOK_EVERY


async def serve(options: Options) -> int:
    """Serve until a signal comes, and return the exit code: 128 and the signal's number.

    SIGHUP has the files looked at now. A first SIGINT or SIGTERM ends the service cleanly, a second one at once.

    Raises:
        PenstockError: The address cannot be had.
    """
    with _listening(options.service) as listener:
        return await _Service(options).run(listener)


class _Service:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._log = Log()
        service = options.service
        self._metrics = Metrics()
        turns = asyncio.Semaphore(service.concurrent_runs)
        shared = Shared(Runner(), turns, self._metrics, service.longest_run.total_seconds())
        self._sources = Sources(options.place, shared, self._log)
        self._look = asyncio.Event()
        self._stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watching: asyncio.Task[None] | None = None
        self._looked = time.monotonic()

    @property
    def sources(self) -> Mapping[str, Source]:
        return self._sources.by_name

    def ailments(self) -> list[str]:
        watching = self._watching
        dead = [*self._sources.dead()]
        if watching is not None and watching.done():
            return ["the files are no longer watched", *dead]
        idle = time.monotonic() - self._looked
        return dead if idle < _STUCK else [f"the files were not looked at for {idle:.0f} s", *dead]

    def unready(self) -> list[str]:
        return self.unusable() or [*self._sources.unheard()]

    def unusable(self) -> list[str]:
        return ["the service is stopping"] if self._stop.done() else [*self._sources.unsound()]

    async def run(self, listener: socket.socket) -> int:
        service = self._options.service
        pages = Pages(self, self._metrics, service.secret, service.path_prefix)
        server = _Server(
            uvicorn.Config(
                pages.application(),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_LAST_ANSWERS,
            )
        )
        with self._signals():
            serving = asyncio.create_task(server.serve([listener]))
            host, port = listener.getsockname()[:2]
            self._log.tell(f"listening on http://{host}:{port}{service.path_prefix}")
            self._watching = asyncio.create_task(self._watch())
            either: set[asyncio.Future[Any]] = {self._stop, serving}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self._watching.cancel()
            await self._sources.end()
            server.should_exit = True
            await serving
        if not self._stop.done():
            raise PenstockError("the server has ended by itself")
        return self._stop.result()

    async def _watch(self) -> None:
        while True:
            self._look.clear()
            await self._sources.refresh()
            self._looked = time.monotonic()
            try:
                await asyncio.wait_for(self._look.wait(), self._options.look_every)
            except TimeoutError:
                continue

    @contextmanager
    def _signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self._look.set)
        try:
            yield
        finally:
            for number in (*_STOPS, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _end(self, number: int) -> None:
        if self._stop.done():
            raise SystemExit(128 + number)
        self._log.tell("stopping; syncs that are under way deliver what they have read (again to end at once)")
        self._stop.set_result(128 + number)


class _Server(uvicorn.Server):
    """A server that leaves signals to the service."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


@contextmanager
def _listening(service: ServiceDocument) -> Generator[socket.socket]:
    """Open the port before anything begins, so that one that is taken is said at once."""
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    try:
        listener = socket.create_server((service.host, service.port), family=family, backlog=128)
    except OSError as error:
        place = f"{service.host}:{service.port}"
        raise PenstockError(f"cannot listen on {place}: {error.strerror or error}; see service.port") from error
    with listener:
        yield listener

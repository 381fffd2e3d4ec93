"""No request begins in a window that the server has forbidden: the server is the judge of that."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from penstock.http.clock import Clock, SystemClock
from penstock.http.wire import Wire
from support.clock import FakeClock
from support.fetching import get, opened, settings
from support.raw import serve_raw
from support.server import Received, Reply, serve

SLOTS = 8
REQUESTS = 40
"""A multiple of the slots: a round of the server is always full."""


@dataclass
class Strict:
    """Takes requests in rounds, each as large as there are slots; forbids a while whenever it answers one.

    Every other round is refused, and comes again. A round is answered only when all its requests are in, so whatever
    arrives after that was sent by somebody who may have known.
    """

    clock: Clock
    window: float
    refuse: Callable[[float, float], Reply]
    grant: Callable[[float, float], Reply]
    rounds: int = 0
    violations: list[float] = field(default_factory=list[float])
    """How long before the end of a window a request arrived."""

    def __post_init__(self) -> None:
        self._forbidden_until = self._until = 0.0
        self._full = threading.Barrier(SLOTS, action=self._announce, timeout=30)
        self._lock = threading.Lock()

    def __call__(self, _: Received) -> Reply:
        arrived = self.clock.monotonic()
        with self._lock:
            if arrived < self._forbidden_until:
                self.violations.append(self._forbidden_until - arrived)
        self._full.wait()
        reply = self.refuse if self.rounds % 2 else self.grant
        return reply(self.window, self._until)

    def _announce(self) -> None:
        self.rounds += 1
        self._forbidden_until = self.clock.monotonic() + self.window
        self._until = self.clock.time() + self.window


def used_up(reset: str, **body: object) -> Reply:
    return Reply(body, headers={"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})


def granted(_: float, until: float) -> Reply:
    return used_up(repr(until))


def status(code: int, headers: Callable[[float, float], Mapping[str, str]]) -> Callable[[float, float], Reply]:
    return lambda window, until: Reply({"message": "slow down"}, code, headers(window, until))


REFUSALS: list[tuple[str, Callable[[float, float], Reply]]] = [
    ("429 for seconds", status(429, lambda window, _: {"Retry-After": str(window)})),
    ("503 for seconds", status(503, lambda window, _: {"Retry-After": str(window)})),
    ("429 for milliseconds", status(429, lambda window, _: {"Retry-After-Ms": str(window * 1000)})),
    ("429 until a moment", status(429, lambda _, until: {"Retry-After": repr(until)})),
    ("429 until milliseconds", status(429, lambda _, until: {"X-Rate-Limit-Reset": repr(until * 1000)})),
    (
        "429, draft 7",
        status(429, lambda window, _: {"RateLimit": f"limit=10, remaining=0, reset={window}"}),
    ),
    ("429, draft 10", status(429, lambda window, _: {"RateLimit": f'"a";r=0;t={window}'})),
    (
        "403 as GitHub",
        status(403, lambda _, until: {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": repr(until)}),
    ),
    (
        "200 by rateLimitWhen",
        lambda window, _: Reply({"ok": False, "why": "slow"}, headers={"Retry-After": str(window)}),
    ),
]


def assert_obeyed(strict: Strict, clock: Clock) -> None:
    async def send_all(url: str) -> None:
        rule = '.body.why? == "slow"'
        async with opened(settings(url, max_concurrent_requests=SLOTS, rate_limit_when=rule), clock=clock) as client:
            await asyncio.gather(*[client.send(get(f"{url}/{number}")) for number in range(REQUESTS)])

    with serve(strict) as api:
        asyncio.run(send_all(api.url))
    assert strict.rounds == 2 * REQUESTS // SLOTS
    assert strict.violations == []


@pytest.mark.parametrize("refuse", [case[1] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_no_request_begins_in_a_forbidden_window(refuse: Callable[[float, float], Reply]) -> None:
    clock = FakeClock()
    assert_obeyed(Strict(clock, 32, refuse, granted), clock)


def test_dates_forbid_as_numbers_do() -> None:
    clock = FakeClock()

    def refuse(_: float, until: float) -> Reply:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(math.ceil(until)))
        return Reply("", 429, {"Retry-After": date})

    def grant(_: float, until: float) -> Reply:
        return used_up(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(math.ceil(until))))

    assert_obeyed(Strict(clock, 32, refuse, grant), clock)


def test_it_holds_by_the_real_clock() -> None:
    clock = SystemClock()
    refuse = REFUSALS[0][1]

    def grant(window: float, _: float) -> Reply:
        return used_up(str(window))

    assert_obeyed(Strict(clock, 0.05, refuse, grant), clock)


def test_one_word_holds_back_all_others_though_slots_are_free() -> None:
    told, others_done = threading.Event(), asyncio.Event()
    arrivals: list[tuple[str, float]] = []

    class Attentive(FakeClock):
        async def sleep(self, seconds: float) -> None:
            told.set()  # somebody waits, so the refusal has been heard
            await others_done.wait()
            await asyncio.sleep(0.05)  # time to begin what must not begin
            await super().sleep(seconds)

    clock = Attentive()
    together = threading.Barrier(4, timeout=10)

    def answer(request: Received) -> Reply:
        arrivals.append((request.path, clock.now))
        if len(arrivals) > 4:
            return Reply([])
        together.wait()
        if request.path == "/0":
            return Reply("", 429, {"Retry-After": "30"})
        told.wait(10)
        return Reply([])

    async def send_all(url: str) -> None:
        done = 0

        async def send(number: int) -> None:
            nonlocal done
            await client.send(get(f"{url}/{number}"))
            done += 1
            if done == 3:
                others_done.set()

        async with opened(settings(url, max_concurrent_requests=4), clock=clock) as client:
            await asyncio.gather(*[send(number) for number in range(12)])

    start = clock.now
    with serve(answer) as api:
        asyncio.run(send_all(api.url))
    assert sorted(path for path, moment in arrivals if moment < start + 30) == ["/0", "/1", "/2", "/3"]
    assert len(arrivals) == 13


def test_a_refusal_that_nobody_waits_for_any_more_counts_all_the_same() -> None:
    heard = threading.Event()

    def answer(request: Received) -> Reply:
        moments.append(clock.now)
        if request.path == "/given-up":
            heard.wait(10)
            return Reply("", 429, {"Retry-After": "30"})
        return Reply([])

    async def give_one_up(url: str) -> None:
        async with opened(settings(url, max_concurrent_requests=1), clock=clock) as client:
            task = asyncio.create_task(client.send(get(f"{url}/given-up")))
            while not moments:  # noqa: ASYNC110 - the server runs in a thread
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            heard.set()
            await client.send(get(f"{url}/next"))

    clock = FakeClock()
    moments: list[float] = []
    with serve(answer) as api:
        asyncio.run(give_one_up(api.url))
    assert [moment - moments[0] for moment in moments] == [0, 30]


def test_the_headers_of_a_refusal_count_before_its_body_has_come() -> None:
    waits = threading.Event()
    arrivals: list[float] = []

    class Telling(FakeClock):
        async def sleep(self, seconds: float) -> None:
            waits.set()
            await super().sleep(seconds)

    clock = Telling()

    def answer(_: bytes, connection: socket.socket) -> None:
        arrivals.append(clock.now)
        if len(arrivals) == 1:
            connection.sendall(
                b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
            )
            waits.wait(10)
            connection.sendall(b"{}")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")

    async def send_both(url: str) -> None:
        connection = settings(url, max_concurrent_requests=2)
        async with Wire(connection, clock) as wire:
            refused = asyncio.create_task(wire.exchange(httpx.Request("GET", url)))
            while not wire.limiter.paused:  # noqa: ASYNC110 - the server runs in a thread
                await asyncio.sleep(0.001)
            await wire.exchange(httpx.Request("GET", url))
            await refused
            await wire.exchange(httpx.Request("GET", url))

    with serve_raw(answer) as server:
        asyncio.run(send_both(server.url))
    assert [moment - arrivals[0] for moment in arrivals] == [0, 30, 30]

"""Who may begin, and when: time is the test's own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest

from penstock.http.allowance import Allowance
from penstock.http.budget import Rate, rates_of
from penstock.http.limiter import Limiter, SuspendedError
from support.clock import FakeClock
from support.fetching import settings


def begin(limiter: Limiter, clock: FakeClock, count: int, *, rest_after: int = 0, rest: float = 0) -> list[float]:
    """Let requests begin one after another, each over at once; return when they began, from the first on."""

    async def run() -> list[float]:
        moments: list[float] = []
        for number in range(count):
            if number and number == rest_after:
                await clock.sleep(rest)
            await limiter.acquire()
            moments.append(clock.now)
            limiter.release()
        return moments

    moments = asyncio.run(run())
    return [moment - moments[0] for moment in moments]


class Stoppable(FakeClock):
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.going = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.going.wait()
        await super().sleep(seconds)


def limited(
    clock: FakeClock, rates: Mapping[str, float] | None = None, *, slots: int = 10, longest: float = 900
) -> Limiter:
    return Limiter(slots, clock, rates_of(settings("https://a.test", **(rates or {}))), longest=longest)


@pytest.mark.parametrize(
    ("rates", "began"),
    [
        ({}, [0, 0, 0, 0, 0]),
        ({"requests_per_second": 4}, [0, 0.25, 0.5, 0.75, 1]),
        ({"requests_per_second": 0.5}, [0, 2, 4, 6, 8]),
        ({"requests_per_minute": 60}, [0, 1, 2, 3, 4]),
        ({"requests_per_minute": 1.5}, [0, 40, 80, 120, 160]),
        ({"requests_per_second": 1, "burst": 3}, [0, 0, 0, 1, 2]),
        ({"requests_per_second": 2, "requests_per_minute": 60}, [0, 1, 2, 3, 4]),
        ({"requests_per_second": 2, "requests_per_minute": 60, "burst": 3}, [0, 0.5, 1, 1.5, 2]),
        ({"requests_per_second": 2, "requests_per_minute": 30, "burst": 3}, [0, 0.5, 1, 2, 4]),
        ({"requests_per_second": 0.5, "requests_per_minute": 60, "burst": 2}, [0, 1, 2, 4, 6]),
    ],
)
def test_requests_begin_as_fast_as_the_rates_allow(rates: dict[str, float], began: list[float]) -> None:
    clock = FakeClock()
    assert begin(limited(clock, rates), clock, 5) == pytest.approx(began)


def test_a_burst_comes_back_after_a_rest_and_never_grows_beyond_its_size() -> None:
    clock = FakeClock()
    limiter = limited(clock, {"requests_per_second": 1, "burst": 3})
    began = begin(limiter, clock, 9, rest_after=4, rest=3600)
    assert began == pytest.approx([0, 0, 0, 1, 3601, 3601, 3601, 3602, 3603])


@pytest.mark.parametrize("burst", [1, 4])
@pytest.mark.parametrize("seed", range(10))
def test_no_stretch_of_time_sees_more_than_the_rate_and_the_burst(seed: int, burst: int) -> None:
    chance = random.Random(seed)
    clock = FakeClock()
    limiter = Limiter(10, clock, [Rate(0.5, burst)])

    async def run() -> list[float]:
        moments: list[float] = []
        for _ in range(200):
            if chance.random() < 0.3:
                await clock.sleep(chance.random() * 3)
            await limiter.acquire()
            moments.append(clock.now)
            limiter.release()
        return moments

    moments = asyncio.run(run())
    for window in (1, 10):
        for start in moments:
            # half-open, as servers count; less a hair, for at this date floats are 2e-7 apart
            seen = sum(start <= moment < start + window - 1e-5 for moment in moments)
            assert seen <= window * 2 + burst - 1


@pytest.mark.parametrize("rates", [{}, {"requests_per_second": 1}, {"requests_per_second": 1, "burst": 3}])
@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("gone", ["", "adeh", "abc", "fgh", "abcdefgh"])
def test_who_came_first_begins_first_and_who_gives_up_costs_nobody_a_slot(
    rates: dict[str, float], slots: int, gone: str
) -> None:
    limiter = limited(FakeClock(), rates, slots=slots)
    began: list[str] = []

    async def request(name: str) -> None:
        await limiter.acquire()
        began.append(name)
        await asyncio.sleep(0)
        limiter.release()

    async def run() -> None:
        for _ in range(slots):
            await limiter.acquire()
        tasks = {name: asyncio.create_task(request(name)) for name in "abcdefgh"}
        await asyncio.sleep(0)
        for name in gone:
            tasks[name].cancel()
        for _ in range(slots):
            limiter.release()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        for _ in range(slots):
            await asyncio.wait_for(limiter.acquire(), 10)

    asyncio.run(run())
    assert "".join(began) == "".join(name for name in "abcdefgh" if name not in gone)


def test_a_request_that_gives_up_while_it_is_first_hands_its_turn_on() -> None:
    clock = Stoppable()
    limiter = Limiter(1, clock)

    async def run() -> None:
        limiter.pause(5)
        first = asyncio.create_task(limiter.acquire())
        second = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.001)
        first.cancel()
        clock.going.set()
        await second
        limiter.release()

    asyncio.run(run())
    assert clock.sleeps == [5]


def test_a_longer_pause_that_is_under_way_stays() -> None:
    clock = FakeClock()
    limiter = Limiter(1, clock)
    limiter.pause(30)
    limiter.pause(2)
    start = clock.now
    begin(limiter, clock, 1)
    assert clock.now - start == 30


def spread(allowances: list[Allowance], *, in_flight: int = 1, slots: int = 10) -> list[float]:
    """Let one request be answered with this, others in flight; return when the next four begin."""
    clock = FakeClock()
    limiter = limited(clock, slots=slots)

    async def run() -> list[float]:
        for _ in range(in_flight):
            await limiter.acquire()
        start = clock.now
        limiter.heed(allowances)
        for _ in range(in_flight):
            limiter.release()
        moments: list[float] = []
        for _ in range(4):
            await limiter.acquire()
            moments.append(clock.now - start)
            limiter.release()
        return moments

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("allowances", "in_flight", "began"),
    [
        ([Allowance(3, 40)], 1, [10, 20, 30, 40]),
        ([Allowance(9, 10)], 1, [1, 2, 3, 4]),
        ([Allowance(9, 10)], 6, [2, 4, 6, 8]),
        ([Allowance(2, 40)], 6, [40, 40, 40, 40]),
        ([Allowance(10, 40)], 1, [0, 0, 0, 0]),
        ([Allowance(199, 400, 5000)], 1, [2, 4, 6, 8]),
        ([Allowance(251, 400, 5000)], 1, [0, 0, 0, 0]),
        ([Allowance(3, None)], 1, [0, 0, 0, 0]),
        ([Allowance(3, 1000)], 1, [0, 0, 0, 0]),
        ([Allowance(3, 40), Allowance(900, 80_000, 1000)], 1, [10, 20, 30, 40]),
        ([Allowance(3, 4), Allowance(3, 40)], 1, [10, 20, 30, 40]),
    ],
)
def test_the_little_that_remains_is_spread_over_the_time_it_has_to_last(
    allowances: list[Allowance], in_flight: int, began: list[float]
) -> None:
    assert spread(allowances, in_flight=in_flight) == pytest.approx(began)


def test_a_limit_that_has_started_anew_holds_nobody_back() -> None:
    clock = FakeClock()
    limiter = limited(clock)

    async def run() -> None:
        await limiter.acquire()
        limiter.heed([Allowance(1, 100)])
        limiter.heed([Allowance(99, 100)])
        limiter.release()
        await limiter.acquire()
        limiter.release()

    asyncio.run(run())
    assert clock.sleeps == []


def test_a_pause_that_is_too_long_ends_whoever_waits_and_whoever_comes_later() -> None:
    clock = Stoppable()
    limiter = limited(clock, slots=2, longest=60)

    async def run() -> list[float]:
        limiter.pause(30)
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
        await asyncio.sleep(0.001)
        limiter.pause(61)  # the clock stands still: nobody is to wait for the end of the shorter pause
        outcomes = await asyncio.gather(*waiting, limiter.acquire(), return_exceptions=True)
        return [outcome.until for outcome in outcomes if isinstance(outcome, SuspendedError)]

    assert asyncio.run(run()) == [clock.now + 61] * 6
    assert limiter.suspended_until == clock.now + 61


def test_the_longest_pause_that_is_allowed_is_kept() -> None:
    clock = FakeClock()
    limiter = limited(clock, longest=60)
    limiter.pause(60)
    begin(limiter, clock, 1)
    assert clock.sleeps == [60]

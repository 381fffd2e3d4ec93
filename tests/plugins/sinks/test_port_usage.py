"""What a kind costs is what this process does while it is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from penstock_sinks._port_usage import Meter

MEBIBYTE = 1024 * 1024


async def _idle() -> None:
    await asyncio.sleep(0.3)


async def _work() -> None:
    until = time.process_time() + 0.2
    while time.process_time() < until:
        sum(range(20_000))
        await asyncio.sleep(0)


async def _take_memory() -> None:
    taken = bytearray(b"x") * (64 * MEBIBYTE)
    await asyncio.sleep(0.05)
    del taken


def _costs(*works: Callable[[], Awaitable[None]]) -> list[dict[str, float]]:
    """Measure one after the other with one meter."""

    async def measure() -> list[dict[str, float]]:
        meter, costs = Meter(), list[dict[str, float]]()
        for work in works:
            meter.begin()
            await work()
            costs.append(cast("dict[str, float]", meter.end()))
        await meter.close()
        return costs

    return asyncio.run(measure())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_sinks._port_usage._SECONDS", 0.01)


def test_work_is_told_of_the_kind_that_caused_it() -> None:
    before, busy, after = _costs(_idle, _work, _idle)

    for name in ("cpu_avg_percent", "cpu_median_percent"):
        assert busy[name] > max(before[name], after[name])


def test_memory_that_is_given_back_is_in_the_maximum_of_its_kind_alone() -> None:
    before, large, after = _costs(_idle, _take_memory, _idle)

    assert large["memory_max_bytes"] - before["memory_max_bytes"] > 60 * MEBIBYTE
    assert large["memory_max_bytes"] - after["memory_max_bytes"] > 60 * MEBIBYTE


def test_where_the_system_does_not_tell_memory_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_sinks._port_usage._STATM", Path("/nowhere/statm"))
    [cost] = _costs(_idle)

    assert sorted(cost) == ["cpu_avg_percent", "cpu_max_percent", "cpu_median_percent"]

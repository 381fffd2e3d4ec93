"""A sink is lent time: the system's, or the one that a test has set."""

from __future__ import annotations

import asyncio
import threading

from penstock.errors import SinkError
from penstock.http.lending import Lent
from penstock.redaction import Secrets
from penstock.sink_client import ClientSettings
from support.clock import FakeClock
from support.server import Received, Reply, serve


def test_a_sink_waits_by_the_clock_it_is_lent() -> None:
    clock = FakeClock(now=100.0)
    context = Lent("ours", Secrets(), clock=clock)

    asyncio.run(context.sleep(3_600))

    assert (context.time(), clock.sleeps) == (3_700.0, [3_600])


def test_while_a_sink_waits_others_go_on() -> None:
    async def scenario() -> list[str]:
        done: list[str] = []

        async def other() -> None:
            done.append("other")

        task = asyncio.create_task(other())
        await Lent("ours", Secrets()).sleep(0)
        done.append("sink")
        await task
        return done

    assert asyncio.run(scenario()) == ["other", "sink"]


def test_told_to_stop_a_client_makes_a_last_attempt_and_waits_for_no_other() -> None:
    with serve(lambda _: Reply({}, 503)) as server:
        assert asyncio.run(_stopped(server.url, 2)) == ["503", "503"]
    assert len(server.received) <= 6  # it was between two of the first four, and what comes after is tried once


def test_told_to_stop_a_client_waits_for_no_answer_for_long_and_then_sends_nothing_more() -> None:
    end = threading.Event()

    def silent(_: Received) -> Reply:
        end.wait(30)
        return Reply({})

    with serve(silent) as server:
        said = asyncio.run(_stopped(server.url, 3))
        end.set()
    silence = f"GET {server.url}: no answer came soon after the run was told to stop"
    assert said == [silence, silence, f"GET {server.url}: it was not sent any more, for the run was told to stop"]
    assert len(server.received) == 2


async def _stopped(url: str, requests: int) -> list[str]:
    """Return how requests are answered, the first of which is under way when the run is told to stop."""
    stop = asyncio.Event()
    said: list[str] = []
    async with Lent("ours", Secrets(), stop=stop).client(ClientSettings(url)) as client:
        asyncio.get_running_loop().call_later(0.5, stop.set)
        for _ in range(requests):
            try:
                said.append(str((await client.call("GET", url, {}, retry_safe=True)).status))
            except SinkError as error:
                said.append(str(error))
    return said

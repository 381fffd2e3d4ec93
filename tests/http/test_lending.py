"""A sink is lent time: the system's, or the one that a test has set."""

from __future__ import annotations

import asyncio

from penstock.http.lending import Lent
from penstock.redaction import Secrets
from support.clock import FakeClock


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

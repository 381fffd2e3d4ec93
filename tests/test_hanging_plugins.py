"""Plugins that hang, or raise what ends processes, at run time: their partition is incomplete, and the others go on."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncGenerator
from textwrap import dedent, indent
from typing import Any

import pytest

from penstock.plugin_calls import Activity, HangError, RudeError, blocking, bounded
from support.commands import config_for, penstock, write_config
from support.project import resource
from support.server import Received, Reply, serve
from support.shelf import Shelf

AUTH = """
    import asyncio, time
    import httpx
    from penstock import AuthStrategy, PluginConfig, hookimpl

    class Flow(httpx.Auth):
        async def async_auth_flow(self, request):
            path = request.url.path
            {misdeeds}
            yield request

    class Acme(AuthStrategy[PluginConfig]):
        name = "acme"
        Config = PluginConfig

        def build(self, config, context):
            return Flow()

    @hookimpl
    def penstock_auth():
        return Acme()
"""
PAGINATION = """
    import time
    from penstock import PageRequest, PaginationStrategy, PluginConfig, Stop, StopReason, hookimpl

    class Acme(PaginationStrategy[PluginConfig]):
        name = "acme"
        Config = PluginConfig

        def first(self, config):
            return PageRequest()

        def next(self, config, page):
            path = page.url
            {misdeeds}
            return Stop(StopReason.NO_MORE)

    @hookimpl
    def penstock_pagination():
        return Acme()
"""
SLEEP = "time.sleep(600)"
LOOP = "while True: pass"
STUBBORN = "while True:\n    try: time.sleep(1)\n    except Exception: pass"
WAIT = "await asyncio.sleep(600)"
BLOCKED = "HangError: it did not return within 0.5 s (plugins.blockingTimeout)"
MISDEEDS = {
    "/next-sleeps": ("pagination", SLEEP, BLOCKED),
    "/next-computes": ("pagination", LOOP, BLOCKED),
    "/next-is-stubborn": ("pagination", STUBBORN, BLOCKED),
    "/next-exits": ("pagination", "raise SystemExit(0)", "it raised SystemExit(0)"),
    "/next-raises-a-base-exception": ("pagination", "raise BaseException('odd')", "it raised BaseException('odd')"),
    "/next-gives-nonsense": ("pagination", "return 42", "next() returned int"),
    "/flow-sleeps": ("auth", SLEEP, BLOCKED),
    "/flow-waits": ("auth", WAIT, "HangError: it did not go on within 1 s (plugins.timeout)"),
    "/flow-exits": ("auth", "raise SystemExit(0)", "it raised SystemExit(0)"),
    "/flow-gives-nonsense": ("auth", "yield 42", "its flow yielded int"),
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the report says of each kind, when a run had two plugins that misbehave where they are told to."""
    folder = tmp_path_factory.mktemp("hanging")
    shelf = Shelf(folder)
    for family, template in {"auth": AUTH, "pagination": PAGINATION}.items():
        deeds = [(path, code) for path, (of, code, _) in MISDEEDS.items() if of == family]
        branches = "".join(f"if path.endswith('{path}'):\n{indent(code, '    ')}\n" for path, code in deeds)
        code = dedent(template).format(misdeeds=indent(branches, " " * 8).strip())
        shelf.put(f"acme-{family}", code, f"{family}:acme")
    with serve(_list) as api:
        resources = [resource(path, blueprint=path[1:].replace("-", "_")) for path in ("/first", *MISDEEDS, "/last")]
        config = config_for(api.url, resources, maxRetries=0, authType="acme", paginationType="acme")
        write_config(folder, {**config, "plugins": {"timeout": 1, "blockingTimeout": 0.5}})
        ran = penstock("sync", "--report", "-", "--quiet", folder=folder, variables={"PYTHONPATH": str(folder)})
    assert ran.code == 1, ran.err
    return {kind["kind"]: kind for kind in ran.json()["kinds"]}


def _list(request: Received) -> Reply:
    del request
    return Reply([{"id": 1}])


@pytest.mark.parametrize("path", MISDEEDS)
def test_a_plugin_that_does_not_come_back_costs_its_partition(kinds: dict[str, Any], path: str) -> None:
    family, _, said = MISDEEDS[path]

    assert kinds[path]["status"] == "incomplete"
    [error] = kinds[path]["errors"]
    assert f'the {family} plugin "acme" failed: ' in error["message"]
    assert said in error["message"]


def test_the_partitions_before_and_after_go_on(kinds: dict[str, Any]) -> None:
    assert (kinds["/first"]["status"], kinds["/last"]["status"]) == ("complete", "complete")
    assert (kinds["/first"]["created"], kinds["/last"]["created"]) == (1, 1)


def test_code_that_returns_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with blocking(5):
        result = sum(range(1000))

    assert result == 499500
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), ValueError("no")])
def test_what_others_wait_for_passes_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, blocking(5):
        raise error

    assert caught.value is error


def test_a_timer_of_somebody_else_is_not_touched() -> None:
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with blocking(0.01):
            time.sleep(0.05)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_another_thread_than_the_main_one_is_not_interrupted() -> None:
    ended: list[bool] = []

    def work() -> None:
        with blocking(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_waiting_does_not_count_while_something_is_under_way() -> None:
    async def run() -> str:
        activity = Activity()

        async def ask() -> str:
            with activity:
                await asyncio.sleep(0.2)
            return "an answer"

        return await bounded(ask(), waiting_seconds=0.05, activity=activity)

    assert asyncio.run(run()) == "an answer"


def test_waiting_counts_from_the_last_that_was_under_way() -> None:
    async def run() -> None:
        activity = Activity()

        async def ask() -> None:
            with activity:
                await asyncio.sleep(0.02)
            await asyncio.sleep(600)

        await bounded(ask(), waiting_seconds=0.05, activity=activity)

    with pytest.raises(HangError, match=r"it did not go on within 0\.05 s"):
        asyncio.run(run())


def test_a_time_limit_of_the_plugins_own_is_its_own() -> None:
    async def ask() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(600)

    with pytest.raises(TimeoutError):
        asyncio.run(bounded(ask(), waiting_seconds=5))


def test_a_call_hears_of_its_cancellation_and_may_still_clean_up() -> None:
    done: list[str] = []

    async def ask() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    async def run() -> None:
        task = asyncio.create_task(bounded(ask()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert done == ["cleaned up"]


def test_the_end_of_an_iteration_is_the_end_of_it() -> None:
    async def numbers() -> AsyncGenerator[int]:
        yield 1

    async def run() -> list[int]:
        iterator, found = numbers(), list[int]()
        while True:
            try:
                found.append(await bounded(anext(iterator)))
            except StopAsyncIteration:
                return found

    assert asyncio.run(run()) == [1]


def test_a_step_that_exits_is_named() -> None:
    async def ask() -> None:
        await asyncio.sleep(0)
        raise SystemExit(7)

    with pytest.raises(RudeError, match=r"it raised SystemExit\(7\)"):
        asyncio.run(bounded(ask()))

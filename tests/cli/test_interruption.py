from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.signals import interruptible
from support.commands import config_for, penstock, start, write_config
from support.project import USER, resource, user
from support.server import ApiServer, Received, Reply, serve

SIZE = 10


class SlowApi:
    """Answers two pages, and keeps who asks for the third waiting."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def __call__(self, request: Received) -> Reply:
        page = int(request.param("page"))
        if page == 3:
            self.asked.set()
            self.released.wait(30)
        return Reply({"users": [user(SIZE * page + number) for number in range(SIZE)], "has_more": page < 3})


@pytest.fixture
def slow() -> Iterator[SlowApi]:
    handler = SlowApi()
    yield handler
    handler.released.set()


@pytest.fixture
def api(slow: SlowApi) -> Iterator[ApiServer]:
    with serve(slow) as server:
        yield server
        slow.released.set()


def _begun(api: ApiServer, slow: SlowApi, folder: Path, mapping: Mapping[str, Any] = USER) -> subprocess.Popen[str]:
    connection = {"paginationType": "page", "pageSize": SIZE, "prefetchPages": 1}
    write_config(folder, config_for(api.url, [mapping], **connection))
    process = start("sync", "--report", "report.json", folder=folder)
    assert slow.asked.wait(30)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_cleanly(
    api: ApiServer, slow: SlowApi, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = _begun(api, slow, tmp_path)

    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert process.returncode == code
    assert "Traceback" not in said
    lines = said.splitlines()
    assert any(line.startswith("stopping; ") for line in lines)
    assert lines[-1].startswith("interrupted: 20 entities in catalog.db (created 20)")
    assert '"status": "interrupted"' in (tmp_path / "report.json").read_text()


def test_ctrl_c_reaches_the_workers_too_and_they_bear_it(api: ApiServer, slow: SlowApi, tmp_path: Path) -> None:
    needs_libjq = resource("/users", selector={"data_path": ".users"})
    properties = {"a": '.name | test("User")', "b": '.name | gsub("r"; "")'}
    needs_libjq["port"]["entity"]["mappings"]["properties"] = properties
    process = _begun(api, slow, tmp_path, needs_libjq)

    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all processes in the foreground
    _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in said
    lines = penstock("entities", "--format", "jsonl", folder=tmp_path).lines()
    assert [line["properties"] for line in lines] == [
        {"a": True, "b": line["title"].replace("r", "")} for line in lines
    ]
    assert len(lines) == 20


def test_what_was_read_is_in_the_catalog_and_the_next_run_gets_the_rest(
    api: ApiServer, slow: SlowApi, tmp_path: Path
) -> None:
    process = _begun(api, slow, tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert len(penstock("entities", "--format", "jsonl", folder=tmp_path).lines()) == 20
    slow.released.set()
    ran = penstock("sync", folder=tmp_path)

    assert ran.code == 0
    assert ran.err.splitlines()[-2:] == [
        "resumed: this run went on where an earlier one was broken off; the numbers are of this part",
        "complete: 10 entities in catalog.db (created 10)",
    ]
    assert len(penstock("entities", "--format", "jsonl", folder=tmp_path).lines()) == 30


_STUBBORN = """
import asyncio
from penstock.cli.signals import interruptible

async def main() -> None:
    stop = asyncio.Event()
    with interruptible(stop):
        print("ready", flush=True)
        {wait}

asyncio.run(main())
"""


@pytest.mark.parametrize("wait", ["await asyncio.sleep(60)", "while True: pass"], ids=["waiting", "computing"])
def test_a_second_signal_ends_the_process_at_once(wait: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _STUBBORN.format(wait=wait)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode == 130


def test_signals_are_taken_only_while_a_run_lasts() -> None:
    async def run() -> object:
        with interruptible(asyncio.Event()):
            return signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)

    assert asyncio.run(run()) != before
    assert signal.getsignal(signal.SIGTERM) == before

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from penstock.http.client import ApiRequest, ApiResponse
from penstock.sync.answers import SharedAnswers

KILLED = """
import asyncio, os, signal, httpx
from penstock.http.client import ApiRequest, ApiResponse
from penstock.sync.answers import SharedAnswers

async def send(request):
    return ApiResponse(200, request.url, httpx.Headers(), b"kept" * 1000, 0.0)

async def killed():
    with SharedAnswers(send) as answers:
        await answers.send(ApiRequest("GET", "https://api.test/a"))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(killed())
"""


def test_each_answer_comes_back_as_it_was_and_is_asked_for_once() -> None:
    asked: list[str] = []

    async def send(request: ApiRequest) -> ApiResponse:
        asked.append(request.url)
        content = b"" if request.url.endswith("/empty") else request.url.encode() * 1000
        return ApiResponse(200, request.url, httpx.Headers({"a": "b"}), content, 0.0)

    async def twice() -> list[tuple[ApiResponse, ApiResponse]]:
        requests = [ApiRequest("GET", f"https://api.test/{name}") for name in ("a", "empty", "longer")]
        with SharedAnswers(send) as answers:
            first = [await answers.send(request) for request in requests]
            return list(zip(first, [await answers.send(request) for request in requests], strict=True))

    pairs = asyncio.run(twice())

    assert len(asked) == 3
    assert all(first == second for first, second in pairs)


def test_a_run_that_is_killed_leaves_no_answers_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    ran = subprocess.run([sys.executable, "-c", KILLED], check=False)

    assert ran.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []

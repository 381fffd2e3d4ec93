"""Processes that live on a grant and are killed: a long-lived parent that forks them, and how a test commands it.

A life reads the API a few times with ``authType: oauth2`` over the real client and the real store, renewing its grant
as it must. It dies of a real SIGKILL: at a step of its own that the test chooses (a system call of the store, a
request), or whenever its parent is told to. Run as a program, this module is the parent; forking costs a tenth of
starting anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from penstock.config.models import Chosen, HttpSettings
from penstock.errors import AuthError, PenstockError
from penstock.http.auth import build_auth
from penstock.http.client import ApiClient, ApiRequest
from penstock.http.errands import Errands
from penstock.http.wire import Exchange, Wire
from penstock.plugins import PluginManager, config_of
from penstock.redaction import Secrets
from penstock.tokens import FileTokens

When = Literal["before", "half", "after"]
_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Life:
    """What a process is to do, and when it is to die."""

    folder: str
    """Of the token store."""
    base_url: str
    auth: dict[str, Any]
    """Settings of ``authType: oauth2``."""
    requests: int = 2
    parallel: int = 1
    """Requests at once."""
    step: int = -1
    """The step at which it dies, counted from 0; -1: none."""
    when: When = "before"
    """Whether the step is still taken: not, half (of what is written), whole."""
    seconds: float = -1.0
    """After how long its parent kills it; negative: not at all."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What became of it."""

    killed: bool
    steps: list[str] = field(default_factory=list[str])
    """Those it took; nothing is known of one that was killed."""
    outcomes: list[str] = field(default_factory=list[str])
    """Of each request: ``200``, or what went wrong."""
    seconds: float = 0.0
    """How long it took."""


class Parent:
    """The test's end of the long-lived process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, life: Life) -> int:
        """Begin a life, and return its process id."""
        json.dump(asdict(life), self._stdin)
        self._stdin.write("\n")
        self._stdin.flush()
        return int(self._line())

    def end(self) -> Lived:
        """Wait until it has ended."""
        return Lived(**json.loads(self._line()))

    def live(self, life: Life) -> Lived:
        """Begin a life, and wait until it has ended."""
        self.start(life)
        return self.end()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the parent of lives has died"
        return line


@contextmanager
def parent() -> Generator[Parent]:
    """Run a parent for the length of a ``with`` block."""
    command = [sys.executable, "-c", "from support.lives import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Parent(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)


def main() -> None:
    """Read lives from stdin, one a line; say the process id of each, then what became of it."""
    plugins = PluginManager(disabled=())
    strategy = plugins.auth("oauth2")
    _warm(strategy)
    for line in sys.stdin:
        life = Life(**json.loads(line))
        config = config_of(strategy).model_validate(life.auth, context={"auth": plugins.auth})
        _let_live(life, Chosen(strategy, config))


def _warm(strategy: Any) -> None:  # noqa: ANN401 - any auth
    """Import now what every life would import again."""
    from authlib.common import urls  # noqa: PLC0415
    from authlib.oauth2 import ClientAuth  # noqa: PLC0415
    from authlib.oauth2.rfc6749 import parameters  # noqa: PLC0415

    del strategy, urls, ClientAuth, parameters


def _let_live(life: Life, auth: Chosen[Any]) -> None:
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        steps = Steps(life.step, life.when)
        outcomes = asyncio.run(_live(life, auth, steps))
        lived = Lived(killed=False, steps=steps.taken, outcomes=outcomes, seconds=time.monotonic() - began)
        os.write(writing, json.dumps(asdict(lived)).encode())
        os._exit(0)
    os.close(writing)
    print(child, flush=True)  # noqa: T201 - the protocol
    if life.seconds >= 0:
        time.sleep(life.seconds)
        os.kill(child, signal.SIGKILL)  # a child that ended is there until it is waited for
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a life ended in an error"
    print(said or json.dumps({"killed": True}), flush=True)  # noqa: T201 - as above


async def _live(life: Life, auth: Chosen[Any], steps: Steps) -> list[str]:
    http = HttpSettings(base_url=life.base_url, max_retries=2)
    secrets = Secrets()
    with steps.counted():
        async with Wire(http) as wire:
            errands = Errands(http, wire, FileTokens(Path(life.folder)), secrets)
            client = ApiClient(http, build_auth(auth, errands), wire, errands, secrets)
            left = list(range(life.requests))

            async def work() -> list[str]:
                outcomes: list[str] = []
                while left:
                    left.pop()
                    outcomes.append(await _outcome(client, life.base_url))
                return outcomes

            return [text for texts in await asyncio.gather(*(work() for _ in range(life.parallel))) for text in texts]


async def _outcome(client: ApiClient, base_url: str) -> str:
    try:
        response = await client.send(ApiRequest("GET", f"{base_url}/users", {}))
    except PenstockError as error:
        cause = error.__cause__
        return f"{type(cause).__name__ if isinstance(cause, AuthError) else type(error).__name__}: {error}"
    return str(response.status)


class Steps:
    """Counts what a life does to the world, and ends it at one of these steps."""

    def __init__(self, last: int, when: When) -> None:
        self.taken: list[str] = []
        self._last = last
        self._when = when

    @contextmanager
    def counted(self) -> Generator[None]:
        """Watch the system calls of the store, and all requests."""
        originals = {name: getattr(os, name) for name in ("open", "fchmod", "fsync", "rename", "unlink", "close")}
        write, flock, exchange = os.write, fcntl.flock, Wire.exchange
        for name, original in originals.items():
            setattr(os, name, self._watched(name, original))
        os.write = self._writing(write)
        fcntl.flock = self._watched("flock", flock)
        Wire.exchange = self._exchanging(exchange)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)
            os.write, fcntl.flock, Wire.exchange = write, flock, exchange  # type: ignore[method-assign]

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the system's
            with self._step(name):
                return function(*arguments, **named)

        return watched

    def _writing(self, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def watched(file: int, data: Any) -> int:  # noqa: ANN401 - as the system's
            with self._step("write") as last:
                if last and self._when == "half":
                    write(file, data[: len(data) // 2])
                    _die()
                return write(file, data)

        return watched

    def _exchanging(self, exchange: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(wire: Wire, request: Any, judge: Any = None) -> Exchange:  # noqa: ANN401 - an httpx.Request
            with self._step(f"{request.method} {request.url.path}"):
                result: Exchange = await exchange(wire, request, judge)
                return result

        return watched

    @contextmanager
    def _step(self, name: str) -> Generator[bool]:
        """Take a step, whether it succeeds or not; give whether it is the last one."""
        last = len(self.taken) == self._last
        self.taken.append(name)
        if last and self._when == "before":
            _die()
        try:
            yield last
        finally:
            if last:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

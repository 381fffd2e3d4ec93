"""Syncs that are killed: a long-lived parent that forks them, and how a test commands it.

A sync is that of a project folder, run by the real stages over real files, with a clock that does not wait. It dies of
a real SIGKILL: before the n-th thing that it does to a file (a statement of the journal or of the catalog, a system
call), or whenever its parent is told to. Run as a program, this module is the parent; forking costs a tenth of starting
anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import penstock.http.wire
from penstock.config.load import Inputs, load_settings
from penstock.errors import PenstockError
from penstock.plugins import PluginManager
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.run import run_sync
from support.clock import FakeClock

_TESTS: Final = Path(__file__).parents[1]
_WRITING: Final = ("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "SAVEPOINT", "RELEASE")
_CALLS: Final = ("write", "unlink", "mkdir", "rmdir", "rename")


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a sync."""

    killed: bool
    status: str = ""
    """Of its report; empty where there is none."""
    error: str = ""
    steps: list[str] = field(default_factory=list[str])
    """What it did to files; nothing is known of one that was killed."""
    seconds: float = 0.0


class Parent:
    """The test's end of the long-lived process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def sync(self, folder: Path, *, step: int = -1, seconds: float = -1.0) -> Ended:
        """Sync the project in a folder, whose ``penstock.yml`` is there, and wait until that has ended.

        Args:
            folder: Of the project.
            step: Before which step it dies, counted from 0; -1: none.
            seconds: After how long it is killed; negative: not at all.
        """
        json.dump([str(folder), step, seconds], self._pipe("stdin"))
        self._pipe("stdin").write("\n")
        self._pipe("stdin").flush()
        line = self._pipe("stdout").readline()
        assert line, "the parent of syncs has died"
        return Ended(**json.loads(line))

    def _pipe(self, name: str) -> IO[str]:
        pipe: IO[str] | None = getattr(self._process, name)
        assert pipe is not None
        return pipe


@contextmanager
def parent() -> Generator[Parent]:
    """Run a parent for the length of a ``with`` block."""
    command = [sys.executable, "-c", "from support.mortal import main; main()"]
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
    """Read from stdin which syncs to run, one a line; say what became of each."""
    plugins = PluginManager(disabled=())
    for line in sys.stdin:
        folder, step, seconds = json.loads(line)
        print(_let_live(Path(folder), plugins, step, seconds), flush=True)  # noqa: T201 - the protocol


def _let_live(folder: Path, plugins: PluginManager, step: int, seconds: float) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, json.dumps(asdict(_live(folder, plugins, Steps(step)))).encode())
        os._exit(0)
    os.close(writing)
    if seconds >= 0:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # a child that ended is there until it is waited for
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a sync ended in an error that is none of ours"
    return said or json.dumps(asdict(Ended(killed=True)))


def _live(folder: Path, plugins: PluginManager, steps: Steps) -> Ended:
    file = folder / "penstock.yml"
    inputs = Inputs(config_file=file, mapping_file=None, environ={}, sink=None, catalog=None, dotenv=None)
    settings = load_settings(inputs, plugins)
    setattr(penstock.http.wire, "SystemClock", FakeClock)  # noqa: B010 - as a monkeypatch does
    began = time.monotonic()

    async def run() -> str:
        report = await run_sync(settings, Secrets(), observer=Observer(), stop=asyncio.Event())
        return report.status

    status = error = ""
    with steps.counted():
        try:
            status = asyncio.run(run())
        except PenstockError as failure:
            error = str(failure)
    return Ended(killed=False, status=status, error=error, steps=steps.taken, seconds=time.monotonic() - began)


class Steps:
    """Counts what a sync does to files, and ends it before one of these steps."""

    def __init__(self, last: int) -> None:
        self.taken: list[str] = []
        self._last = last

    @contextmanager
    def counted(self) -> Generator[None]:
        """Watch SQLite's statements that write, and the system calls that do."""
        originals = {name: getattr(os, name) for name in _CALLS}
        connect = sqlite3.connect
        for name, original in originals.items():
            setattr(os, name, self._watched(name, original))
        setattr(sqlite3, "connect", self._connecting(connect))  # noqa: B010 - as below
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)
            setattr(sqlite3, "connect", connect)  # noqa: B010 - its type is all its overloads

    def take(self, name: str) -> None:
        """Take a step, or die."""
        if len(self.taken) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.taken.append(name)

    def _connecting(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def watched(*given: Any, **named: Any) -> sqlite3.Connection:  # noqa: ANN401 - as the module's
            return connect(*given, **named, factory=_watching(self))

        return watched

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as the system's
            self.take(name)
            return function(*given, **named)

        return watched


def _watching(steps: Steps) -> type[sqlite3.Connection]:
    class Watching(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as the base's
            _take(steps, sql)
            return super().execute(sql, *values)

        def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as the base's
            _take(steps, sql)
            return super().executemany(sql, *values)

        def close(self) -> None:
            steps.take("close")
            super().close()

    return Watching


def _take(steps: Steps, sql: str) -> None:
    text = " ".join(sql.split())
    if text.startswith(_WRITING) or (text.startswith("PRAGMA") and ("=" in text or "(" in text)):
        steps.take(text[:60])

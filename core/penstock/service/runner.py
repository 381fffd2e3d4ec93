"""Starts the process of a sync, hears what it says, and ends it when it must end."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import orjson

from penstock.service.configuration import Snapshot

GRACE: Final = 20.0
"""Seconds a sync has to finish its page and write its checkpoint, once it was told to."""
_LONGEST_LINE: Final = 1024 * 1024


class Kind(TypedDict):
    """One kind of a report."""

    kind: str
    status: str
    requests: int
    pages: int
    fetched: int
    selected: int
    filtered: int
    skipped: int
    failed: int
    duplicates: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    held: int


class Report(TypedDict):
    """What ``penstock sync --report`` writes: the part that the service reads."""

    run: str
    source: str
    status: str
    seconds: float
    kinds: list[Kind]
    resume_at: NotRequired[str | None]


class Ran(NamedTuple):
    """A sync that has ended."""

    code: int
    """Its exit code; negative: the signal that killed it."""
    report: Report | None
    """None where it ended before it had one."""


class Runner:
    """Runs syncs as processes; they are told to stop when the waiting task is cancelled."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace

    async def sync(self, snapshot: Snapshot, only: Sequence[str], hear: Callable[[str], None]) -> Ran:
        """Sync, and return how it went.

        Args:
            snapshot: The configuration.
            only: Kinds; all when empty.
            hear: Takes each line that the process writes for people.
        """
        code, out = await self._run(["sync", *only], snapshot, hear)
        try:
            return Ran(code, cast("Report", orjson.loads(out)))
        except orjson.JSONDecodeError:
            return Ran(code, None)

    async def check(self, snapshot: Snapshot, hear: Callable[[str], None]) -> bool:
        """Return whether the configuration is sound; what is wrong is heard."""
        code, _ = await self._run(["check"], snapshot, hear)
        return code == 0

    async def _run(
        self, arguments: Sequence[str], snapshot: Snapshot, hear: Callable[[str], None]
    ) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "penstock.service.child", *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C is for the service, which decides what becomes of its syncs
        )
        talk = asyncio.ensure_future(asyncio.gather(_told(process, snapshot), _out(process), _heard(process, hear)))
        try:
            _, out, _ = await asyncio.shield(talk)
        except asyncio.CancelledError:
            await self._end(process, talk)
            raise
        return await process.wait(), out

    async def _end(self, process: Process, talk: asyncio.Future[Any]) -> None:
        """Tell the process to stop, and kill it if it does not; returns when it is gone."""
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(talk), self._grace)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await talk
        await process.wait()


async def _told(process: Process, snapshot: Snapshot) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError, ConnectionResetError):  # its exit code says why it does not listen
        process.stdin.write(snapshot.to_json())
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _out(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    return await process.stdout.read()


async def _heard(process: Process, hear: Callable[[str], None]) -> None:
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than the limit: the rest of it is the next line
            continue
        if not line:
            return
        if text := line.decode("utf-8", "replace").rstrip():
            hear(text)

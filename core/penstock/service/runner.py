"""Starts the process of a sync, hears what it says, and ends it when it must end."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, NotRequired, Self, TypedDict, cast

import orjson

from penstock.service.configuration import Snapshot
from penstock.service.messages import Message, read
from penstock.service.order import Order
from penstock.values import Ownership

GRACE: Final = 20.0
"""Seconds a sync has to finish its page and write its checkpoint, once it was told to."""
_LONGEST_LINE: Final = 1024 * 1024
AGAIN: Final = "again"
_LAST_WORDS: Final = 5.0
"""Seconds that a process which listens has to leave."""


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


class Checked(NamedTuple):
    """What is known of a configuration before anything is fetched."""

    sound: bool
    listens: bool = False
    """Whether somebody can ask for a sync at the catalog."""
    ownership: Ownership | None = None
    """By what the catalog tells whose an entity is, where that is not the source's name."""

    def to_json(self) -> bytes:
        """Return it for another process, as one line."""
        return orjson.dumps({"listens": self.listens, "ownership": self.ownership and self.ownership._asdict()})

    @classmethod
    def from_output(cls, out: bytes) -> Self:
        """Return a sound configuration, from what a process has written to its end: plugins may print as well."""
        for line in reversed(out.splitlines()):
            with suppress(ValueError, KeyError, TypeError):
                told = cast("_Told", orjson.loads(line))
                owned = told["ownership"]
                return cls(sound=True, listens=told["listens"], ownership=None if owned is None else Ownership(**owned))
        return cls(sound=True)


class _Told(TypedDict):
    """What a check writes."""

    listens: bool
    ownership: dict[str, str] | None


class Runner:
    """Runs syncs as processes; they are told to stop when the waiting task is cancelled."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace

    async def sync(self, snapshot: Snapshot, order: Order, hear: Callable[[str], None]) -> Ran:
        """Sync, and return how it went.

        Args:
            snapshot: The configuration.
            order: What to do.
            hear: Takes each line that the process writes for people.
        """
        code, out = await self._run("sync", snapshot.to_json() + b"\n" + order.to_json(), hear)
        try:
            return Ran(code, cast("Report", orjson.loads(out)))
        except orjson.JSONDecodeError:
            return Ran(code, None)

    async def check(self, snapshot: Snapshot, hear: Callable[[str], None]) -> Checked:
        """Return whether the configuration is sound; what is wrong is heard."""
        code, out = await self._run("check", snapshot.to_json(), hear)
        return Checked(sound=False) if code else Checked.from_output(out)

    async def listen(
        self,
        snapshot: Snapshot,
        calls: asyncio.Queue[bytes],
        take: Callable[[Message], None],
        hear: Callable[[str], None],
        *,
        again: bool,
    ) -> None:
        """Listen for requests of a sync; returns when the process ends by itself.

        Args:
            snapshot: The configuration.
            calls: Lines for the process.
            take: Takes what it tells.
            hear: Takes each line that the process writes for people.
            again: Whether it was listened before, so that no sync begins now.
        """
        process = await self._started(["listen", *([AGAIN] if again else [])])
        telling = asyncio.ensure_future(_handed_on(process, snapshot, calls))
        talk = asyncio.ensure_future(asyncio.gather(_taken(process, take), _heard(process, hear)))
        try:
            await asyncio.shield(talk)
            await process.wait()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await self._let_go(process, talk)

    async def _let_go(self, process: Process, talk: asyncio.Future[Any]) -> None:
        """End a process that ends when its input does, and kill it if it does not."""
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(talk), _LAST_WORDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await talk
        await process.wait()

    async def _started(self, arguments: Sequence[str]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "penstock.service.child", *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C is for the service, which decides what becomes of its syncs
        )

    async def _run(self, task: str, told: bytes, hear: Callable[[str], None]) -> tuple[int, bytes]:
        process = await self._started([task])
        talk = asyncio.ensure_future(asyncio.gather(_told(process, told), _out(process), _heard(process, hear)))
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


async def _told(process: Process, told: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError, ConnectionResetError):  # its exit code says why it does not listen
        process.stdin.write(told)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _handed_on(process: Process, snapshot: Snapshot, calls: asyncio.Queue[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError, ConnectionResetError):  # as above
        process.stdin.write(snapshot.to_json() + b"\n")
        while True:
            await process.stdin.drain()
            process.stdin.write(await calls.get())


async def _taken(process: Process, take: Callable[[Message], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    while line := await process.stdout.readline():
        told = read(line)
        if told is not None:
            take(told)


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

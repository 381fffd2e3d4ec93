"""Writes that go on while reading does: which may overlap, and in which order they are recorded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TypeAlias

from msgspec import Struct

from penstock.sync.gathered import Gathered, Key

Before: TypeAlias = asyncio.Task[None] | None
"""The write that is to be recorded before."""


class _Writing(Struct, frozen=True):
    """A batch that the sink has, and whose outcomes are not recorded yet."""

    task: asyncio.Task[None]
    keys: set[Key]
    """What it showed; empty where the sink takes one batch at a time."""
    searches: bool
    """Whether it holds an entity of which only the sink can tell the key."""


class Writes:
    """Batches that the sink has: one, or ``at_once`` where it takes several; recorded in order in any case."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._writing: deque[_Writing] = deque()
        """In the order in which they are recorded; one that failed stays, and nothing comes after it."""

    async def begin(self, gathered: Gathered, write: Callable[[Gathered, Before], Coroutine[None, None, None]]) -> None:
        """Begin to write as soon as the sink may have it; raises what an earlier write raised.

        Args:
            gathered: May grow until then.
            write: Writes it, waits for the write before, then records it.
        """
        while self._writing and not self._may_join(gathered):
            await self._finish_first()
        task = asyncio.create_task(write(gathered, self._writing[-1].task if self._writing else None))
        task.add_done_callback(_has_failed)  # of several that fail, one is heard of
        keys = set[Key]()
        if self._at_once > 1:
            keys.update(*gathered.sightings.values())
        self._writing.append(_Writing(task, keys, gathered.searches))

    async def finish(self) -> None:
        """Wait until everything is written and recorded; raises what a write raised."""
        while self._writing:
            await self._finish_first()

    def _may_join(self, gathered: Gathered) -> bool:
        """Whether the sink may have this while it has what it was given before.

        Not where both have a key in common: what came later is to count, and to be recorded, later.
        """
        return (
            len(self._writing) < self._at_once
            and not _has_failed(self._writing[0].task)
            and not any(one.searches for one in self._writing)
            and not gathered.searches
            and all(one.keys.isdisjoint(keys) for one in self._writing for keys in gathered.sightings.values())
        )

    async def _finish_first(self) -> None:
        first = self._writing[0].task
        await asyncio.wait([first])  # whoever waits may be cancelled, the sink's work must not be
        if _has_failed(first):
            await asyncio.wait([one.task for one in self._writing])  # none may be at work when the sink is closed
        first.result()
        self._writing.popleft()


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)

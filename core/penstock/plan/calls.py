"""What a run told its sink to do, kept on disk so that it can be told to another one."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct, field

from penstock.plan.changes import unkept
from penstock.strategies import Sink
from penstock.values import EntityBatch, EntityKey, Outcome, OutcomeKind


class Write(Struct, frozen=True):
    """Entities of a kind, and what became of each."""

    batch: EntityBatch
    outcomes: Sequence[OutcomeKind]

    @property
    def kind(self) -> str:
        """The kind that brings them."""
        return self.batch.kind

    @property
    def keys(self) -> Sequence[EntityKey]:
        """What names the entities."""
        return [EntityKey(entity.blueprint, entity.identifier) for entity in self.batch.entities]


class Delete(Struct, frozen=True):
    """Keys, and what became of each."""

    keys: Sequence[EntityKey]
    outcomes: Sequence[OutcomeKind]
    kind: str = ""
    """A sink is not told which kind had brought them."""


Call: TypeAlias = Write | Delete


class Otherwise(Struct, frozen=True):
    """An entity of which something else became when it was done again."""

    kind: str
    """That brought it; empty for a deletion."""
    key: EntityKey
    expected: OutcomeKind
    outcome: Outcome


class Repetition(Struct):
    """What became of calls that were made again."""

    otherwise: list[Otherwise] = field(default_factory=list[Otherwise])
    finished: bool = False
    """Whether all of them were."""


class Calls:
    """The calls of one run, in order.

    Args:
        path: A file that does not exist yet, in a private folder: only this process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, call: Call) -> None:
        """Take in one more; raises PlanError."""
        try:
            with self._path.open("ab") as file:
                pickle.dump(call, file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise unkept(self._path.parent, error.strerror) from error

    def __iter__(self) -> Iterator[Call]:
        """Iterate over all."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            end = self._path.stat().st_size
            while file.tell() < end:
                yield pickle.load(file)  # noqa: S301 - this very process wrote it, and nobody else may

    async def repeat(self, sink: Sink, stop: asyncio.Event) -> Repetition:
        """Tell another sink the same, until told to stop.

        Raises:
            SinkError: It cannot go on.
        """
        found = Repetition()
        for call in self:
            if stop.is_set():
                return found
            outcomes = await (sink.write(call.batch) if isinstance(call, Write) else sink.delete(call.keys))
            found.otherwise += [
                Otherwise(call.kind, key, expected, outcome)
                for key, expected, outcome in zip(call.keys, call.outcomes, outcomes, strict=True)
                if outcome.kind != expected
            ]
        async for settled in sink.settle():
            found.otherwise += [
                Otherwise(one.kind, EntityKey(one.blueprint, one.identifier), "updated", one.outcome)
                for one in settled
                if one.outcome.kind == "refused"
            ]
        found.finished = True
        return found

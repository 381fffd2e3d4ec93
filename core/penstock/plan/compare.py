"""A sink that notes what each call changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from penstock.plan.calls import Calls, Delete, Write
from penstock.plan.changes import Action, Change, Changes, differences
from penstock.strategies import Sink
from penstock.sync.forwarding import ForwardingSink
from penstock.values import Entity, EntityBatch, EntityKey, HeldEntity, Outcome, OutcomeKind, Remark, RunNews, Settled

_ACTIONS: Final[dict[OutcomeKind, Action]] = {"created": "create", "updated": "update"}


class Comparing(ForwardingSink):
    """Hands everything on, and compares what is held before a call with what is held after it.

    Args:
        sink: To whom; its outcomes are the truth.
        changes: Takes what changes.
        calls: Takes the calls, without what they leave as it is.
    """

    def __init__(self, sink: Sink, changes: Changes, calls: Calls) -> None:
        super().__init__(sink)
        self._changes = changes
        self._calls = calls

    async def tell(self, news: RunNews) -> None:
        """Tell nobody: what is only planned is no news."""

    def note(self, remark: Remark) -> None:
        """Nor of this."""

    async def write(self, batch: EntityBatch) -> Sequence[Outcome]:
        """Write, and note what was created or updated."""
        keys = [EntityKey(entity.blueprint, entity.identifier) for entity in batch.entities]
        before = await self._sink.read(keys)
        outcomes = await self._sink.write(batch)
        changed = [index for index, outcome in enumerate(outcomes) if outcome.kind in _ACTIONS]
        after = await self._sink.read([keys[index] for index in changed])
        self._changes.add(
            _change(batch.kind, _ACTIONS[outcomes[index].kind], before[index], now, batch.entities[index])
            for index, now in zip(changed, after, strict=True)
        )
        self._note(batch, before, outcomes)
        return outcomes

    async def settle(self) -> AsyncIterator[Sequence[Settled]]:
        """Settle as the other one does, and note what was created or updated."""
        async for chunk in self._sink.settle():
            changed = [one for one in chunk if one.outcome.kind in _ACTIONS]
            after = await self._sink.read([EntityKey(one.blueprint, one.identifier) for one in changed])
            self._changes.add(
                Change(one.kind, _ACTIONS[one.outcome.kind], *one[1:3], differences(None, now.entity if now else None))
                for one, now in zip(changed, after, strict=True)
            )
            yield chunk

    async def delete(self, keys: Sequence[EntityKey]) -> Sequence[Outcome]:
        """Delete, and note what was there."""
        before = await self._sink.read(keys)
        outcomes = await self._sink.delete(keys)
        self._changes.add(
            Change(held.kind, "delete", key.blueprint, key.identifier, differences(held.entity, None))
            for key, held, outcome in zip(keys, before, outcomes, strict=True)
            if held is not None and outcome.kind == "deleted"
        )
        self._calls.add(Delete(keys, [outcome.kind for outcome in outcomes]))
        return outcomes

    def _note(self, batch: EntityBatch, before: Sequence[HeldEntity | None], outcomes: Sequence[Outcome]) -> None:
        doing = [
            index
            for index, (held, outcome) in enumerate(zip(before, outcomes, strict=True))
            if not _leaves_as_it_is(batch.kind, held, outcome)
        ]
        if doing:
            entities = [batch.entities[index] for index in doing]
            self._calls.add(Write(EntityBatch(batch.kind, entities), [outcomes[index].kind for index in doing]))


def _leaves_as_it_is(kind: str, held: HeldEntity | None, outcome: Outcome) -> bool:
    """Whether a write does nothing at all; that of another kind has the sink remember the kind."""
    return outcome.kind == "refused" or (outcome.kind == "unchanged" and held is not None and held.kind == kind)


def _change(kind: str, action: Action, before: HeldEntity | None, after: HeldEntity | None, brought: Entity) -> Change:
    found = differences(None if before is None else before.entity, brought if after is None else after.entity)
    return Change(kind, action, brought.blueprint, brought.identifier, found)

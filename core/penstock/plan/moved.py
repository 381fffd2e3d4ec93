"""What is different between a plan and what a plan would be now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from penstock.plan.changes import Change, Difference, PlanError
from penstock.plan.file import PlanFile
from penstock.plan.plan import Plan
from penstock.plan.words import label, value_text
from penstock.values import UNSET

_SHOWN = 5


class PlanMovedError(PlanError):
    """The source or the catalog is not as it was when the plan was made; nothing was changed.

    Args:
        found: The first things that are different.
        more: Whether there are others.
    """

    def __init__(self, found: list[str], *, more: bool) -> None:
        lines = [*found, *(["and more"] if more else [])]
        super().__init__(
            "the plan no longer fits, for the source or the catalog has changed since; nothing was done\n"
            + "\n".join(f"  {line}" for line in lines)
        )


def require_unmoved(planned: PlanFile, now: Plan) -> None:
    """Refuse to go on unless a plan made now is the same.

    Raises:
        PlanMovedError: It is another.
        ConfigurationError: The plan file cannot be read.
    """
    found: list[str] = []
    for text in _differences(planned, now):
        if len(found) == _SHOWN:
            raise PlanMovedError(found, more=True)
        found.append(text)
    if found:
        raise PlanMovedError(found, more=False)


def _differences(planned: PlanFile, now: Plan) -> Iterator[str]:
    before = {kind.kind: kind.status for kind in planned.header.kinds}
    for kind in now.kinds:
        if before.get(kind.kind, kind.status) != kind.status:
            yield f"{kind.kind}: it was {before[kind.kind]}, and now is {kind.status}"
            yield from (f"{message.where}: {message.message}" for message in kind.errors[:1])
    for one, other in _pairs(planned.changes(), now.changes()):
        if one != other:
            yield _text(one, other)


def _pairs(planned: Iterable[Change], now: Iterable[Change]) -> Iterator[tuple[Change | None, Change | None]]:
    """Yield what is planned and what would be done now, of each entity; both are sorted by kind and entity."""
    ours, theirs = iter(planned), iter(now)
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _key(one) < _key(other)):
            yield one, None
            one = next(ours, None)
        elif one is None or _key(other) < _key(one):
            yield None, other
            other = next(theirs, None)
        else:
            yield one, other
            one, other = next(ours, None), next(theirs, None)


def _key(change: Change) -> tuple[str, str, str]:
    return change.kind, change.blueprint, change.identifier


def _text(planned: Change | None, now: Change | None) -> str:
    [either] = [one for one in (planned, now) if one is not None][:1]
    if planned is None or now is None or planned.action != now.action:
        what = f"planned: {_action(planned)}; now: {_action(now)}"
    else:
        what = f"{planned.action}: {_first_difference(planned, now)}"
    return f"{label(either)} of {either.kind}: {what}"


def _action(change: Change | None) -> str:
    return "no change" if change is None else change.action


def _first_difference(planned: Change, now: Change) -> str:
    before = {one.field: one for one in planned.differences}
    after = {one.field: one for one in now.differences}
    name = next((name for name in {**before, **after} if before.get(name) != after.get(name)), "")
    return f"{name} planned: {_sides(before.get(name))}; now: {_sides(after.get(name))}"


def _sides(one: Difference | None) -> str:
    if one is None:
        return "no change"
    if one.before is UNSET:
        return value_text(one.after)
    return f"{value_text(one.before)} -> {value_text(one.after)}"

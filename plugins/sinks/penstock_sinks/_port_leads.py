"""What leads to an entity that is to be deleted: Port deletes what requires it with it, or leaves relations to nothing.

What this run has not written leads where Port says: the source may not have given it, or it could not be sent. Of what
it has written that is brought up to date, for what a mapping does not mention Port keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson

from penstock import EntityKey
from penstock_sinks._port_api import RefusalError
from penstock_sinks._port_find import Finder
from penstock_sinks._port_memory import Memory

_UNKNOWN: Final = "Port does not say what leads to it"


class Leads:
    """Relations between what we wrote, followed backwards.

    Args:
        finder: Finds what Port holds.
        memory: Holds it.
        listed: Blueprints of which the memory has all that is ours.
    """

    def __init__(self, finder: Finder, memory: Memory, listed: set[str]) -> None:
        self._finder = finder
        self._memory = memory
        self._listed = listed
        self._blueprints: Sequence[Mapping[str, Any]] | None = None
        self._followed: dict[str, bool] = {}
        """The blueprints of which it is asked what leads to them, and whether all of it is known."""

    async def staying(self, keys: Sequence[EntityKey]) -> dict[EntityKey, str]:
        """Return which of these have to stay, and why: something leads to them that is not to be deleted itself.

        Each call names more of what is to be deleted, so that what has to stay at first may go at the next.

        Raises:
            SinkError: Port does not list its blueprints, or the disk is at fault.
        """
        self._memory.go(keys)
        found: dict[EntityKey, str] = {}
        for blueprint in dict.fromkeys(key.blueprint for key in keys):
            names = [key.identifier for key in keys if key.blueprint == blueprint]
            if not await self._follow(blueprint):
                found.update((EntityKey(blueprint, name), _UNKNOWN) for name in names)
                continue
            led = self._memory.led_to(blueprint, names)
            found.update((EntityKey(blueprint, name), f"{by}, which stays, leads to it") for name, by in led.items())
        return found

    async def _follow(self, target: str) -> bool:
        """Know what leads to a blueprint, and return whether that is all."""
        if target not in self._followed:
            if self._blueprints is None:
                self._blueprints = await self._finder.blueprints()
            self._followed[target] = True
            for one in self._blueprints:
                names = [name for name, leads_to in _targets(one) if leads_to == target]
                if names and not await self._list(one):
                    self._followed[target] = False
                    break
                for name in names:
                    await self._memory.lead(str(one["identifier"]), name, target)
        return self._followed[target]

    async def _list(self, blueprint: Mapping[str, Any]) -> bool:
        identifier = str(blueprint["identifier"])
        if identifier not in self._listed:
            try:
                async for page in self._finder.pages(blueprint, ours=True):
                    self._memory.hold(identifier, ((one["identifier"], orjson.dumps(one)) for one in page))
            except RefusalError:
                return False
            self._listed.add(identifier)
        return True


def _targets(blueprint: Mapping[str, Any]) -> list[tuple[str, str]]:
    relations = cast("Mapping[str, Mapping[str, Any]]", blueprint.get("relations") or {})
    return [(name, str(relation.get("target", ""))) for name, relation in relations.items()]

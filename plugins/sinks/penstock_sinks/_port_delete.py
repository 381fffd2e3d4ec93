"""Deletions at Port: what is ours only, and what others require last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlencode

from penstock import EntityKey, Outcome
from penstock.values import ABSENT, DELETED
from penstock_sinks._port_api import Api, RefusalError
from penstock_sinks._port_bodies import is_name
from penstock_sinks._port_find import Finder
from penstock_sinks._port_write import about

_MOST: Final = 100
"""Identifiers in one request."""
_FOREIGN: Final = Outcome("refused", "somebody else has written it since")
_NEWER: Final = Outcome("deferred", "another run has written it since this one began")


class Deleter:
    """Deletes entities.

    Where what requires them may not go with them, Port refuses a request as a whole: it is halved until the one that is
    to blame stands alone, and that is tried again as long as others go.

    Args:
        api: Port's.
        finder: Finds what there is.
        run: The run's id.
        began: When it began: what is ours and was written since, another run has written that knows more.
        wrote: Returns which identifiers of a blueprint this run has written itself.
        dependents: Whether what requires an entity goes with it.
    """

    def __init__(
        self,
        api: Api,
        finder: Finder,
        run: str,
        began: datetime,
        wrote: Callable[[str, Sequence[str]], Collection[str]],
        *,
        dependents: bool,
    ) -> None:
        self._api = api
        self._finder = finder
        self._began = began
        self._wrote = wrote
        self._query = urlencode({"delete_dependents": "true" if dependents else "false", **about(run)})

    async def delete(self, keys: Sequence[EntityKey]) -> dict[EntityKey, Outcome]:
        """Delete what is ours of these, and return what became of each; raises SinkError."""
        outcomes: dict[EntityKey, Outcome] = {}
        ours: list[EntityKey] = []
        for blueprint, names in _by_blueprint(keys):
            sound = [name for name in names if is_name(name)]
            held = await self._finder.last_written(blueprint, sound) if sound else dict[str, str]()
            rest = [name for name in sound if name not in held]
            foreign = await self._finder.named(blueprint, rest, ours=False) if rest else set[str]()
            for name in names:
                key = EntityKey(blueprint, name)
                outcomes[key] = _FOREIGN if name in foreign else ABSENT
            newer = {name for name, at in held.items() if self._is_newer(at)}
            newer -= set(self._wrote(blueprint, list(newer)) if newer else ())
            outcomes.update((EntityKey(blueprint, name), _NEWER) for name in newer)
            ours += [EntityKey(blueprint, name) for name in names if name in held and name not in newer]
        await self._delete_all(ours, outcomes)
        return outcomes

    def _is_newer(self, written_at: str) -> bool:
        try:
            return datetime.fromisoformat(written_at) >= self._began
        except (TypeError, ValueError):  # Port does not say when, or not in which zone
            return False

    async def _delete_all(self, keys: Sequence[EntityKey], outcomes: dict[EntityKey, Outcome]) -> None:
        left = list(keys)
        while left:
            for blueprint, names in _by_blueprint(left):
                for start in range(0, len(names), _MOST):
                    await self._request(blueprint, names[start : start + _MOST], outcomes)
            stuck = [key for key in left if outcomes[key].kind == "refused"]
            if len(stuck) == len(left):
                return
            left = stuck

    async def _request(self, blueprint: str, names: Sequence[str], outcomes: dict[EntityKey, Outcome]) -> None:
        path = ("blueprints", blueprint, "bulk", "entities", "delete")
        try:
            answer = (await self._api.call("POST", *path, query=self._query, body={"entities": names})).body
        except RefusalError as error:
            if len(names) > 1:
                half = len(names) // 2
                await self._request(blueprint, names[:half], outcomes)
                await self._request(blueprint, names[half:], outcomes)
            elif error.status == HTTPStatus.NOT_FOUND:
                outcomes[EntityKey(blueprint, names[0])] = DELETED
            else:
                reason = Outcome("refused", f"{error.message} ({error.status} {error.code})")
                outcomes[EntityKey(blueprint, names[0])] = reason
            return
        told = set(cast("list[Any]", answer.get("deletedEntities") or []))
        silent = [name for name in names if name not in told]
        # it may have gone with another one, or by a first attempt whose answer was lost
        there = await self._finder.named(blueprint, silent, ours=False) if silent else set[str]()
        for name in names:
            still = name in there
            outcomes[EntityKey(blueprint, name)] = Outcome("refused", "Port did not delete it") if still else DELETED


def _by_blueprint(keys: Sequence[EntityKey]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, dict[str, None]] = {}
    for key in keys:
        found.setdefault(key.blueprint, {})[key.identifier] = None
    return ((blueprint, list(names)) for blueprint, names in found.items())

"""Blueprints that are missing at Port, made so that they may lead to each other (sync.md section 8.2).

First all of them bare, then what leads from one to another, then what Port calculates through that: each step needs
those before it of all others. What exists already is never changed. If one cannot be made, those that were made are
deleted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias, cast

from penstock import JSON
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, RefusalError

Blueprint: TypeAlias = "dict[str, JSON]"

_LEADING: Final = ("relations", "ownership", "teamInheritance")
"""What names other blueprints."""
_CALCULATED: Final = ("mirrorProperties", "calculationProperties", "aggregationProperties")
"""What looks through the relations."""
_CATALOG_PAGE: Final = "create_catalog_page=true"


class Made(NamedTuple):
    """What came of it: identifiers, in the order of the list."""

    created: Sequence[str]
    existing: Sequence[str]
    """These were left as they are."""


def blueprints_in(document: JSON) -> list[Blueprint]:
    """Return the blueprints of a file: a list, or an object with such a list as ``blueprints``.

    Raises:
        SinkError: It is something else, or names one twice.
    """
    listed = document.get("blueprints") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise SinkError("blueprints: expected a list of blueprints, or {blueprints: [...]}")
    for place, one in enumerate(listed):
        if not isinstance(one, dict) or not isinstance(one.get("identifier"), str):
            raise SinkError(f"blueprints[{place}]: expected an object with an identifier")
    found = cast("list[Blueprint]", listed)
    twice = [name for name, count in Counter(map(_name, found)).items() if count > 1]
    if twice:
        raise SinkError(f'blueprints: "{twice[0]}" comes twice')
    return found


async def create_blueprints(api: Api, blueprints: Sequence[Blueprint]) -> Made:
    """Make those that are missing.

    Raises:
        SinkError: One cannot be made, and why; none was made then, unless the error says otherwise.
    """
    existing = [_name(one) for one in blueprints if await _exists(api, _name(one))]
    missing = [one for one in blueprints if _name(one) not in existing]
    created: list[str] = []
    try:
        for blueprint in missing:
            await _step(api, "POST", blueprint, _without(blueprint, *_LEADING, *_CALCULATED))
            created.append(_name(blueprint))
        for blueprint in missing:
            if any(name in blueprint for name in _LEADING):
                await _step(api, "PATCH", blueprint, {name: blueprint[name] for name in _LEADING if name in blueprint})
        for blueprint in missing:
            if any(name in blueprint for name in _CALCULATED):
                await _step(api, "PATCH", blueprint, _without(blueprint, "identifier"))
    except SinkError as error:
        await _take_back(api, created, error)
        raise
    return Made(created, existing)


def _name(blueprint: Blueprint) -> str:
    return str(blueprint["identifier"])


def _without(blueprint: Blueprint, *names: str) -> Blueprint:
    return {name: value for name, value in blueprint.items() if name not in names}


async def _exists(api: Api, identifier: str) -> bool:
    try:
        await api.call("GET", "blueprints", identifier)
    except RefusalError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise _unmade(identifier, error) from error
        return False
    return True


async def _step(api: Api, method: str, blueprint: Blueprint, body: Blueprint) -> None:
    identifier = _name(blueprint)
    try:
        if method == "POST":
            await api.call("POST", "blueprints", query=_CATALOG_PAGE, body=body)
        else:
            await api.call(method, "blueprints", identifier, body=body)
    except RefusalError as error:
        raise _unmade(identifier, error) from error


async def _take_back(api: Api, created: Sequence[str], error: SinkError) -> None:
    """Delete what was made, the last first, once nothing leads to it any more; what stays is added to the error."""
    for identifier in created:
        await _forgiving(api, "PATCH", identifier, error, {"relations": {}, **{name: {} for name in _CALCULATED}})
    for identifier in reversed(created):
        await _forgiving(api, "DELETE", identifier, error)


async def _forgiving(api: Api, method: str, identifier: str, error: SinkError, body: Blueprint | None = None) -> None:
    try:
        await api.call(method, "blueprints", identifier, body=body)
    except (RefusalError, SinkError) as failure:
        error.add_note(f'the blueprint "{identifier}", made a moment ago, could not be removed again: {failure}')


def _unmade(identifier: str, error: RefusalError) -> SinkError:
    return SinkError(f'Port does not take the blueprint "{identifier}": {error.message} ({error.status} {error.code})')

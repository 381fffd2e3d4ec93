"""An entity as Port wants it, and whether Port can want it at all: found out before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

import orjson

from penstock import JSON, UNSET, Entity
from penstock_sinks._json import UnstorableError, encode, is_finite, text_flaw

MAX_IDENTIFIER: Final = 1000
MAX_BLUEPRINT: Final = 100
_USUAL: Final = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9@_.+:\\/=-]{1,1000}")
"""Nearly all identifiers: ``MAX_IDENTIFIER`` characters at most, and none of ``_DOTS``."""
_DOTS: Final = frozenset({".", ".."})
_MARKS: Final = frozenset("0123456789@_.+:\\/=-")


def body_of(entity: Entity) -> bytes:
    """Return the JSON of an entity.

    Raises:
        UnstorableError: Port would refuse it whatever its blueprint says; the text says why.
    """
    quick = None if entity.search is not None else _quick_body_of(entity)
    return _checked_body_of(entity) if quick is None else quick


def _quick_body_of(entity: Entity) -> bytes | None:
    """Return the JSON of an entity that has nothing odd, as nearly all; one look at all of it, not one at each part."""
    identifier, relations = entity.identifier, entity.relations
    if type(identifier) is not str or not _USUAL.fullmatch(identifier):
        return None
    members: dict[str, JSON] = {"identifier": identifier}
    if not _add_labels(members, entity):
        return None
    if entity.properties:
        members["properties"] = entity.properties
    if relations:
        for value in relations.values():  # for each of a million entities, all() takes three times as long
            if type(value) is not str and value is not None and not _are_texts(value):
                return None
        members["relations"] = relations
    try:
        body = orjson.dumps(members)
    except orjson.JSONEncodeError:
        return None
    return None if _may_hide_something(body, members) else body


def _add_labels(members: dict[str, JSON], entity: Entity) -> bool:
    """Add title, icon and team, if they are given; return whether they are as usual."""
    title, icon, team = entity.title, entity.icon, entity.team
    if title is not UNSET:
        if type(title) is not str and title is not None:
            return False
        members["title"] = title
    if icon is not UNSET:
        if type(icon) is not str and icon is not None:
            return False
        members["icon"] = icon
    if team is not UNSET:
        if type(team) is not str and team is not None and not _are_texts(team):
            return False
        members["team"] = team
    return True


def _may_hide_something(body: bytes, members: Mapping[str, JSON]) -> bool:
    """Whether there is a null character, or a NaN or an infinity, which become null without a word."""
    # ``find`` and not ``in``, which first tries to take what it looks for as a number
    if body.find(b"\\") >= 0 and body.find(b"\\u0000") >= 0:
        return True
    return body.rfind(b"null") >= 0 and not is_finite(members)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is str for one in cast("list[object]", value))


def _checked_body_of(entity: Entity) -> bytes:
    if entity.search is None:
        _require_name(entity.identifier)
        members = [f'"identifier":{encode(entity.identifier, "identifier")}']
    else:
        members = [f'"identifier":{encode(entity.search, "identifier")}']
    for name, text in (("title", entity.title), ("icon", entity.icon)):
        if text is not UNSET:
            if text is not None and (flaw := text_flaw(text)):
                raise UnstorableError(f"{name} {flaw}")
            members.append(f'"{name}":{encode(text, name)}')
    if entity.team is not UNSET:
        _require_targets("team", entity.team)
        members.append(f'"team":{encode(entity.team, "team")}')
    if entity.properties:
        members.append(f'"properties":{encode(entity.properties, "properties")}')
    if entity.relations:
        for name, target in entity.relations.items():
            _require_targets(f"relations.{name}", target)
        members.append(f'"relations":{encode(entity.relations, "relations")}')
    return f"{{{','.join(members)}}}".encode()


def is_search(value: object) -> bool:
    """Whether a value is a search query, which Port resolves."""
    return isinstance(value, dict)


def is_name(identifier: object) -> bool:
    """Whether Port may have an entity of this name."""
    try:
        _require_name(identifier)
    except UnstorableError:
        return False
    return True


def is_blueprint(identifier: object) -> bool:
    """Whether Port may have a blueprint of this name."""
    return is_name(identifier) and len(cast("str", identifier)) <= MAX_BLUEPRINT and "=" not in cast("str", identifier)


def _require_name(identifier: object) -> None:
    if isinstance(identifier, str) and _USUAL.fullmatch(identifier):
        return
    if isinstance(identifier, str) and identifier in _DOTS:
        raise UnstorableError(f'identifier is "{identifier}", which Port does not allow')
    if flaw := text_flaw(identifier):
        raise UnstorableError(f"identifier {flaw}")
    text = cast("str", identifier)
    if not text:
        raise UnstorableError("identifier is empty")
    if len(text) > MAX_IDENTIFIER:
        raise UnstorableError(f"identifier has {len(text)} characters, and Port allows {MAX_IDENTIFIER}")
    odd = next((one for one in text if one not in _MARKS and not one.isalpha()), None)
    if odd is not None:
        raise UnstorableError(
            f"identifier has {odd!r}, and Port allows letters, digits and @ _ . + : \\ / = - only; "
            f'`gsub({_jq(odd)}; "-")` in the mapping replaces it'
        )


def _jq(character: str) -> str:
    return encode(f"\\{character}" if character in "()[]{}*?|^$" else character, "")


def _require_targets(where: str, value: object) -> None:
    if value is None or isinstance(value, str | dict):
        return
    if isinstance(value, list):
        if all(isinstance(one, str) for one in cast("list[object]", value)):
            return
        raise UnstorableError(f"{where} has a list of other things than texts")
    raise UnstorableError(f"{where} is neither text, nor a list of texts, nor a search query, but {value!r:.40}")

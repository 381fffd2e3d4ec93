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
_USUAL: Final = re.compile(r"[A-Za-z0-9@_.+:\\/=-]+")
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
    identifier = entity.identifier
    if type(identifier) is not str or len(identifier) > MAX_IDENTIFIER or not _USUAL.fullmatch(identifier):
        return None
    members: dict[str, JSON] = {"identifier": identifier}
    if entity.title is not UNSET:
        members["title"] = entity.title
    if entity.icon is not UNSET:
        members["icon"] = entity.icon
    if entity.team is not UNSET:
        members["team"] = entity.team
    if identifier in _DOTS or not _has_usual_parts(members, entity.relations):
        return None
    if entity.properties:
        members["properties"] = entity.properties
    if entity.relations:
        members["relations"] = entity.relations
    try:
        body = orjson.dumps(members)
    except orjson.JSONEncodeError:
        return None
    # NaN and infinity become null without a word
    return None if (b"null" in body and not is_finite(members)) or b"\\u0000" in body else body


def _has_usual_parts(members: Mapping[str, JSON], relations: Mapping[str, JSON]) -> bool:
    for name, value in members.items():
        if not (value is None or type(value) is str or (name == "team" and _are_texts(value))):
            return False
    for value in relations.values():  # noqa: SIM110 - for each of a million entities, all() takes three times as long
        if not (value is None or type(value) is str or _are_texts(value)):
            return False
    return True


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
    if isinstance(identifier, str) and _USUAL.fullmatch(identifier) and len(identifier) <= MAX_IDENTIFIER:
        if identifier in _DOTS:
            raise UnstorableError(f'identifier is "{identifier}", which Port does not allow')
        return
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

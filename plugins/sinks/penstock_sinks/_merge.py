"""What an entity becomes in the catalog: its texts, laid over those that are there."""

from __future__ import annotations

from typing import TypeAlias

from penstock import JSON, UNSET, Entity
from penstock.values import Unset
from penstock_sinks._json import UnstorableError, decode, encode, same, text_flaw

Content: TypeAlias = tuple[str | None, str | None, str | None, str, str]
"""Title, icon, and the JSON texts of team, properties and relations, as a row has them."""

Offer: TypeAlias = tuple[str | Unset | None, str | Unset | None, str | Unset | None, str, str]
"""The same of an entity on its way in, where the first three may be unset; a team of null is no team."""


def key_flaw(blueprint: object, identifier: object) -> str:
    """Return why a catalog cannot have an entity of this name, or nothing."""
    for name, text in (("blueprint", blueprint), ("identifier", identifier)):
        if flaw := text_flaw(text) or ("" if text else "is empty"):
            return f"{name} {flaw}"
    return ""


def offer(entity: Entity) -> Offer:
    """Return what an entity brings.

    Raises:
        UnstorableError: Something of it cannot be kept.
    """
    title, icon, team = entity.title, entity.icon, entity.team
    if not _is_plain(entity):
        _require_text(entity)
    return (
        title,
        icon,
        team if team is None or team is UNSET else encode(team, "team"),
        encode(entity.properties, "properties") if entity.properties else "{}",
        encode(entity.relations, "relations") if entity.relations else "{}",
    )


def fresh(brought: Offer) -> Content:
    """Return the content of an entity that the catalog has not met."""
    title, icon, team, properties, relations = brought
    return (
        None if title is UNSET else title,
        None if icon is UNSET else icon,
        None if team is UNSET else team,
        properties,
        relations,
    )


def merged(entity: Entity, brought: Offer, stored: Content) -> Content | None:
    """Lay an entity over what is stored, and return the new content, or None when nothing changes.

    Texts are compared before values: from one mapping an unchanged entity comes out letter for letter the same.

    Raises:
        ValueError: What is stored is not what ``offer`` makes.
    """
    title, icon, team, properties, relations = brought
    new = (
        stored[0] if title is UNSET else title,
        stored[1] if icon is UNSET else icon,
        stored[2] if team is UNSET or team == stored[2] else _replaced(team, stored[2]),
        stored[3] if properties == stored[3] else _laid_over(stored[3], entity.properties, properties),
        stored[4] if relations == stored[4] else _laid_over(stored[4], entity.relations, relations),
    )
    return None if new == stored else new


def members(text: str) -> dict[str, JSON]:
    """Return the stored properties or relations.

    Raises:
        ValueError: They are no JSON object.
    """
    value = decode(text)
    if not isinstance(value, dict):
        message = "it is no JSON object"
        raise ValueError(message)  # noqa: TRY004 - a wrong text, not a wrong argument
    return value


def _is_plain(entity: Entity) -> bool:
    """Whether all names are texts without anything odd, as nearly all are: one quick look for each record."""
    title, icon = entity.title, entity.icon
    try:
        names = entity.blueprint + entity.identifier
        if title is not None and title is not UNSET:
            names += title
        if icon is not None and icon is not UNSET:
            names += icon
    except TypeError:
        return False
    # neither NUL nor half a surrogate pair is printable
    return names.isprintable() and entity.blueprint != "" and entity.identifier != ""


def _require_text(entity: Entity) -> None:
    flaw = key_flaw(entity.blueprint, entity.identifier)
    for name, text in (("title", entity.title), ("icon", entity.icon)):
        if not flaw and text is not None and text is not UNSET and (wrong := text_flaw(text)):
            flaw = f"{name} {wrong}"
    if flaw:
        raise UnstorableError(flaw)


def _replaced(text: str | None, stored: str | None) -> str | None:
    unchanged = text is not None and stored is not None and same(decode(text), decode(stored))
    return stored if unchanged else text


def _laid_over(stored: str, brought: dict[str, JSON], text: str) -> str:
    if not brought:
        return stored
    old = members(stored)
    new = brought
    if not old.keys() <= brought.keys():
        # the mapping's own order comes first, so that the next sync finds the text it makes itself
        new = {**brought, **{name: value for name, value in old.items() if name not in brought}}
        text = encode(new, "")
    # Python's equality is quick and sure of a difference, but takes 1 for true
    return stored if old == new and same(old, new) else text

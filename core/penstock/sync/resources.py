"""What tells the resources of a mapping apart, from one run to the next."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct

from penstock.config.models import Resource
from penstock.journal import Identity
from penstock.sync.answers import name_of
from penstock.sync.requests import canonical

_MARKS: Final = r"#[0-9a-f]{16}(#\d+)?\Z"


def resource_names(resources: Sequence[Resource]) -> list[str]:
    """Return a name for each resource: its kind, with a digest of what it reads where a kind is mapped more than once.

    The journal remembers partitions by these names, so they do not depend on the order of the resources, but for those
    that read the very same.
    """
    kinds = Counter(resource.kind for resource in resources)
    met: Counter[str] = Counter()
    names: list[str] = []
    for resource in resources:
        name = resource.kind
        if kinds[name] > 1:
            name = f"{name}#{_reads(resource)}"
        met[name] += 1
        names.append(name if met[name] == 1 else f"{name}#{met[name]}")
    return names


def kind_of(name: str) -> str:
    """Return the kind of a resource, by its name."""
    return re.sub(_MARKS, "", name)


def identity_of(resource: Resource) -> Identity:
    """Return what tells a resource apart, and how it names its entities.

    The selector is no part of the latter: who narrows it wants fewer entities. The endpoint is, for a kind may stay
    while what it stands for is replaced.
    """
    expansion = resource.items_to_parse
    names = (
        resource.request.endpoint,
        [(entity.blueprint, entity.model_dump(mode="json")["identifier"]) for entity in resource.entities],
        None if expansion is None else (expansion.expression, expansion.name, expansion.remove_source),
    )
    return Identity(_digest((resource.kind, _reads(resource))), _digest(names))


class Blueprints(Struct, frozen=True):
    """Blueprints that some resources may show."""

    names: frozenset[str] = frozenset()
    any: bool = False
    """Whether an expression that is no constant decides, so that it may be any."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.any or bool(self.names)

    def __contains__(self, blueprint: object) -> bool:
        return self.any or blueprint in self.names


def blueprints_of(resources: Collection[Resource]) -> Blueprints:
    """Return what resources may show, as far as their mappings tell."""
    constants = [_constant(entity.blueprint) for resource in resources for entity in resource.entities]
    return Blueprints(frozenset(name for name in constants if name is not None), any=None in constants)


def overlapping(resources: Mapping[str, Resource], names: Collection[str]) -> set[str]:
    """Return those resources that may show what one of the named ones may show; the named ones included."""
    found = set(names)
    if not found:
        return found
    shown = blueprints_of([resources[name] for name in names])
    for name, resource in resources.items():
        its = blueprints_of([resource])
        if shown.any or its.any or shown.names & its.names:
            found.add(name)
    return found


def _constant(expression: str) -> str | None:
    """Return the text that a jq expression is, if it is nothing but one."""
    try:
        value: object = json.loads(expression)
    except ValueError:
        return None
    return value if isinstance(value, str) and "\\(" not in expression else None


def _reads(resource: Resource) -> str:
    parameters = [
        (one.name, name_of(one.request), one.data_path, one.field, one.filter) for one in resource.path_parameters
    ]
    return _digest((name_of(resource.request), resource.data_path, resource.query, parameters))


def _digest(value: object) -> str:
    return sha256(canonical(value)).hexdigest()[:16]

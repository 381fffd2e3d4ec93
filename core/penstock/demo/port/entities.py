"""The entities: created, merged, replaced, found and deleted as Port does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple, cast

from penstock.demo.port.blueprints import Blueprint, Blueprints, is_identifier
from penstock.demo.port.errors import RefusedError, invalid, not_found
from penstock.demo.port.schema import check_value
from penstock.demo.port.search import Facts, compile_query

_MARKS: Final = frozenset("0123456789@_.+:\\/=-")
_LONGEST: Final = 1000
_MEMBERS: Final = frozenset({"identifier", "blueprint", "title", "icon", "team", "properties", "relations"})
_MOST_MATCHES: Final = 100


class How(NamedTuple):
    """The flags of a write, and whose it is."""

    datasource: str
    upsert: bool
    merge: bool
    create_missing: bool


@dataclass(slots=True)
class Stored:
    """One entity."""

    blueprint: str
    identifier: str
    datasource: str
    title: str | None = None
    icon: str | None = None
    team: Any = None
    properties: dict[str, Any] = field(default_factory=dict[str, Any])
    relations: dict[str, Any] = field(default_factory=dict[str, Any])
    created_at: str = ""
    updated_at: str = ""

    def facts(self) -> Facts:
        """Return what searches look at."""
        return {
            **self.properties,
            "$identifier": self.identifier,
            "$title": self.title,
            "$blueprint": self.blueprint,
            "$team": self.team,
            "$datasource": self.datasource,
            "$createdAt": self.created_at,
            "$updatedAt": self.updated_at,
        }

    def to_json(self, include: Iterable[str] = ()) -> dict[str, Any]:
        """Return it as answers have it; ``include`` names what is wanted, ``properties.mail`` for example."""
        whole: dict[str, Any] = {
            "identifier": self.identifier,
            "blueprint": self.blueprint,
            "title": self.title,
            "icon": self.icon,
            "team": [] if self.team is None else self.team,
            "properties": self.properties,
            "relations": self.relations,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }
        if not include:
            return whole
        chosen: dict[str, Any] = {"properties": {}, "relations": {}}
        for name in include:
            part, _, member = name.partition(".")
            if member and member in whole.get(part, {}):
                chosen[part][member] = whole[part][member]
            elif not member and part in whole:
                chosen[part] = whole[part]
        return chosen


def test_of(query: object) -> Callable[[Stored], bool]:
    """Return what tells whether an entity matches; all do where there is no query."""
    if query is None:
        return lambda _: True
    matches = compile_query(query)
    return lambda entity: matches(entity.facts())


def check_body(body: object) -> dict[str, Any]:
    """Return an entity as it was sent; raises where the route's own schema refuses it, and with it the whole call."""
    if not isinstance(body, dict):
        raise invalid("body must be object")
    entity = cast("dict[str, Any]", body)
    if unknown := entity.keys() - _MEMBERS:
        raise invalid(f'must NOT have additional property "{min(unknown)}"')
    identifier = entity.get("identifier")
    if not isinstance(identifier, dict) and not is_identifier(identifier, _MARKS, _LONGEST):
        raise invalid("identifier must match pattern of entity identifiers")
    for name in ("title", "icon"):
        if not isinstance(entity.get(name), str | None):
            raise invalid(f"{name} must be string")
    for name in ("properties", "relations"):
        if not isinstance(entity.get(name, {}), dict):
            raise invalid(f"{name} must be object")
    for name, value in {"team": entity.get("team"), **entity.get("relations", {})}.items():
        if not (value is None or isinstance(value, str | dict) or _is_texts(value)):
            raise invalid(f"{name} must be string, array of strings, null or a search query")
    return entity


def _several(targets: object) -> Sequence[str]:
    """Return what a relation, found to be sound, leads to."""
    if targets is None:
        return ()
    return [targets] if isinstance(targets, str) else cast("Sequence[str]", targets)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))


class Entities:
    """All entities, by blueprint and identifier."""

    def __init__(self, blueprints: Blueprints) -> None:
        self._blueprints = blueprints
        self.all: dict[str, dict[str, Stored]] = {}

    def of(self, blueprint: str) -> dict[str, Stored]:
        """Return those of a blueprint."""
        return self.all.setdefault(blueprint, {})

    def put(self, blueprint: Blueprint, sent: Mapping[str, Any], how: How) -> tuple[Stored, bool]:
        """Create or update one; return it, and whether it was created."""
        held = self.of(blueprint["identifier"])
        found = self._named(held, sent["identifier"])
        if found is not None and not how.upsert:
            raise RefusedError(409, "entity_exists", f'An entity "{found.identifier}" already exists')
        created = found is None
        before = found if found is not None and how.merge else Stored(blueprint["identifier"], sent["identifier"], "")
        properties = {**before.properties, **sent.get("properties", {})}
        self._check_properties(blueprint, sent.get("properties", {}), properties)
        relations = {**before.relations, **self._resolved(blueprint, sent.get("relations", {}), how)}
        for name, relation in blueprint["relations"].items():
            if relation.get("required") and relations.get(name) is None:
                raise invalid(f'relations must have required relation "{name}"')
        entity = found or before
        for name in ("title", "icon", "team"):
            setattr(entity, name, sent.get(name, getattr(before, name)))
        entity.properties, entity.relations = properties, relations
        self._stamp(entity, how.datasource)
        held[entity.identifier] = entity
        return entity, created

    def every(self, blueprint: str | None = None) -> list[Stored]:
        """Return all, of one blueprint or of all, in the order in which they came."""
        chosen = list(self.all) if blueprint is None else [blueprint]
        return [entity for name in chosen for entity in self.of(name).values()]

    def search(self, query: object, blueprint: str | None = None) -> Iterator[Stored]:
        """Return those that match, of one blueprint or of all."""
        matches = test_of(query)
        return filter(matches, self.every(blueprint))

    def delete(self, blueprint: str, identifiers: Iterable[str], *, dependents: bool) -> list[str]:
        """Delete some, all or nothing; return which were there."""
        doomed = {(blueprint, one) for one in identifiers if one in self.of(blueprint)}
        asked = [identifier for _, identifier in doomed]
        waiting = set(doomed)
        while waiting:
            needy = {one for one in self._dependents(waiting) if one not in doomed}
            if needy and not dependents:
                other, needing = min(needy)
                raise RefusedError(409, "has_dependents", f'"{needing}" of "{other}" requires it')
            doomed |= needy
            waiting = needy
        for key in doomed:
            del self.of(key[0])[key[1]]
        return asked

    def _dependents(self, targets: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for name, blueprint in self._blueprints.all.items():
            required = {
                relation: rule["target"] for relation, rule in blueprint["relations"].items() if rule.get("required")
            }
            if required:
                for entity in self.of(name).values():
                    if any(
                        (target, entity.relations.get(relation)) in targets for relation, target in required.items()
                    ):
                        yield name, entity.identifier

    def _named(self, held: Mapping[str, Stored], identifier: Any) -> Stored | None:  # noqa: ANN401 - JSON
        if isinstance(identifier, str):
            return held.get(identifier)
        matches = compile_query(identifier)
        found = list(islice((one for one in held.values() if matches(one.facts())), 2))
        if len(found) != 1:
            few = "no entity" if not found else "more than one entity"
            raise not_found(f"the search query of the identifier matches {few}")
        return found[0]

    @staticmethod
    def _check_properties(blueprint: Blueprint, sent: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
        schema = blueprint["schema"]
        known: Mapping[str, Any] = schema.get("properties", {})
        for name, value in sent.items():
            if name not in known:
                raise invalid(f'properties must NOT have additional property "{name}"')
            check_value(f"properties/{name}", value, known[name])
        for name in schema.get("required", ()):
            if whole.get(name) is None:
                raise invalid(f'properties must have required property "{name}"')

    def _resolved(self, blueprint: Blueprint, sent: Mapping[str, Any], how: How) -> dict[str, Any]:
        """Return the relations with every search query replaced by what it finds, and every target there."""
        found: dict[str, Any] = {}
        for name, value in sent.items():
            rule = blueprint["relations"].get(name)
            if rule is None:
                raise invalid(f'relations must NOT have additional relation "{name}"')
            found[name] = targets = self._found(rule, value) if isinstance(value, dict) else value
            if targets is not None and isinstance(targets, list) != bool(rule.get("many")):
                raise invalid(f"relations/{name} must be {'array' if rule.get('many') else 'string'}")
            for target in _several(targets):
                self._require(rule["target"], target, how)
        return found

    def _found(self, rule: Mapping[str, Any], query: Any) -> Any:  # noqa: ANN401 - JSON
        matches = [one.identifier for one in islice(self.search(query, rule["target"]), _MOST_MATCHES + 1)]
        if rule.get("many"):
            if len(matches) > _MOST_MATCHES:
                raise invalid(f"the search query matches more than {_MOST_MATCHES} entities")
            return matches
        if len(matches) != 1:
            raise not_found(f"the search query matches {len(matches)} entities of {rule['target']}, not one")
        return matches[0]

    def _require(self, blueprint: str, identifier: str, how: How) -> None:
        held = self.of(blueprint)
        if identifier in held:
            return
        if not how.create_missing:
            raise not_found(f'target entity "{identifier}" of blueprint "{blueprint}" does not exist')
        if not is_identifier(identifier, _MARKS, _LONGEST):
            raise invalid(f'the identifier "{identifier}" of a relation target must match pattern')
        held[identifier] = bare = Stored(blueprint, identifier, "")
        self._stamp(bare, how.datasource)

    @staticmethod
    def _stamp(entity: Stored, datasource: str) -> None:
        entity.datasource = datasource
        entity.updated_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entity.created_at = entity.created_at or entity.updated_at

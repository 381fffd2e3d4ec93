"""The blueprints: what they may say, and in which order they can come to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from penstock.demo.port.errors import RefusedError, invalid, not_found
from penstock.demo.port.schema import COLOURS, FORMATS, SPECS, TYPES

Blueprint: TypeAlias = dict[str, Any]

_IDENTIFIER_MARKS: Final = frozenset("0123456789@_.+:\\/-")
_NAME: Final = re.compile(r"[A-Za-z0-9@_=\-]+")
_LONGEST: Final = 100
_LONGEST_DESCRIPTION: Final = 200
_DERIVED: Final = ("mirrorProperties", "calculationProperties", "aggregationProperties")
_MEMBERS: Final = frozenset(
    {"identifier", "title", "icon", "description", "schema", "relations", "ownership", "teamInheritance", *_DERIVED}
)


def is_identifier(text: object, marks: frozenset[str], longest: int) -> bool:
    """Whether a text is letters, of any script, and these marks; neither ``.`` nor ``..``."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= longest
        and text not in {".", ".."}
        and all(one in marks or one.isalpha() for one in text)
    )


class Blueprints:
    """All blueprints, by identifier."""

    def __init__(self) -> None:
        self.all: dict[str, Blueprint] = {}

    def get(self, identifier: str) -> Blueprint:
        """Return one; raises when it is not there."""
        if identifier not in self.all:
            raise not_found(f'Blueprint with identifier "{identifier}" was not found')
        return self.all[identifier]

    def create(self, body: object) -> Blueprint:
        """Take in a new one."""
        blueprint = self._checked(body)
        if blueprint["identifier"] in self.all:
            raise RefusedError(409, "blueprint_exists", f'A blueprint "{blueprint["identifier"]}" already exists')
        self.all[blueprint["identifier"]] = blueprint
        return blueprint

    def change(self, identifier: str, body: Blueprint) -> Blueprint:
        """Replace the members that are given."""
        self.all[identifier] = blueprint = self._checked({**self.get(identifier), **body})
        return blueprint

    def replace(self, identifier: str, body: object) -> Blueprint:
        """Replace all."""
        self.get(identifier)
        self.all[identifier] = blueprint = self._checked(body)
        return blueprint

    def _checked(self, body: object) -> Blueprint:
        if not isinstance(body, dict):
            raise invalid("body must be object")
        blueprint: Blueprint = {"schema": {}, "relations": {}, **{name: {} for name in _DERIVED}, **body}
        if unknown := blueprint.keys() - _MEMBERS:
            raise invalid(f'body must NOT have additional property "{min(unknown)}"')
        if missing := {"identifier", "title", "schema"} - body.keys():
            raise invalid(f'body must have required property "{min(missing)}"')
        if not is_identifier(blueprint["identifier"], _IDENTIFIER_MARKS, _LONGEST):
            raise invalid("body/identifier must match pattern of blueprint identifiers")
        if not isinstance(blueprint["title"], str) or not 1 <= len(blueprint["title"]) <= _LONGEST:
            raise invalid("body/title must have 1 to 100 characters")
        if len(blueprint.get("description") or "") > _LONGEST_DESCRIPTION:
            raise invalid("body/description must NOT have more than 200 characters")
        self._check_properties(blueprint["schema"])
        self._check_relations(blueprint)
        self._check_derived(blueprint)
        return blueprint

    def _check_properties(self, schema: Mapping[str, Any]) -> None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        _check_names("schema/properties", properties)
        for name, rule in properties.items():
            _check_property(f"schema/properties/{name}", rule)
        if unknown := set(schema.get("required", ())) - properties.keys():
            raise invalid(f'schema/required names "{min(unknown)}", which is no property')

    def _check_relations(self, blueprint: Blueprint) -> None:
        _check_names("relations", blueprint["relations"])
        for name, relation in blueprint["relations"].items():
            if relation.get("many") and relation.get("required"):
                raise invalid(f"relations/{name}: many and required cannot both be true")
            if relation.get("target") not in {*self.all, blueprint["identifier"]}:
                raise not_found(f'relations/{name}: target blueprint "{relation.get("target")}" does not exist')

    def _check_derived(self, blueprint: Blueprint) -> None:
        for name, mirror in blueprint["mirrorProperties"].items():
            relation = str(mirror.get("path", "")).partition(".")[0]
            if relation not in blueprint["relations"]:
                raise invalid(f'mirrorProperties/{name}: there is no relation "{relation}"')
        for name, calculation in blueprint["calculationProperties"].items():
            if not isinstance(calculation.get("calculation"), str) or calculation.get("type") not in TYPES:
                raise invalid(f"calculationProperties/{name} must have a calculation and a type")
        for name, aggregation in blueprint["aggregationProperties"].items():
            if aggregation.get("target") not in {*self.all, blueprint["identifier"]}:
                raise not_found(f'aggregationProperties/{name}: blueprint "{aggregation.get("target")}" does not exist')


def _check_names(where: str, members: Mapping[str, object]) -> None:
    for name in members:
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            raise invalid(f'{where}: the name "{name}" must match pattern "^[A-Za-z0-9@_=\\-]+$"')


def _check_property(where: str, rule: Mapping[str, Any]) -> None:
    if rule.get("type") not in TYPES:
        raise invalid(f"{where}/type must be equal to one of the allowed values: {', '.join(sorted(TYPES))}")
    if "format" in rule and rule["format"] not in FORMATS:
        raise invalid(f"{where}/format must be equal to one of the allowed values: {', '.join(sorted(FORMATS))}")
    if "spec" in rule and rule["spec"] not in SPECS:
        raise invalid(f"{where}/spec must be equal to one of the allowed values: {', '.join(sorted(SPECS))}")
    if unknown := set(rule.get("enumColors", {}).values()) - COLOURS:
        raise invalid(f'{where}/enumColors: "{min(unknown)}" is no colour')

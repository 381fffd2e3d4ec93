"""The JSON Schema of ``penstock.yml``, with the settings of every installed plugin: for editors.

It is more lenient than the loader where a schema cannot know better: what the connection requires may come from the
environment, and a number may be written as text, or as ``${NAME}``. Null and empty text mean "not set".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, cast

from pydantic import BaseModel

from penstock.config import aliases
from penstock.config.documents import GeneralDocument, ResourceDocument, TokensDocument
from penstock.config.models import ExpressionLimits, HttpSettings, PluginLimits
from penstock.config.node import to_snake
from penstock.config.service import EventListener, ServiceDocument
from penstock.config.sink import DEFAULT_TYPE
from penstock.errors import PluginError
from penstock.plugins import Family, PluginManager, Strategy, config_of
from penstock.values import JSON

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema: TypeAlias = dict[str, JSON]

_VARIABLE: Final[Schema] = {"type": "string", "pattern": r"\$\{"}
_BLANK: Final[Schema] = {"enum": ["", None]}
_BLOCKS: Final = ("connection", "sink", "expressions", "plugins", "tokens", "eventListener", "service")
_ABOUT: Final = frozenset({"description", "default", "examples"})


def json_schema(plugins: PluginManager) -> dict[str, JSON]:
    """Return the schema; all plugins are imported for it, and a broken one is left out."""
    definitions: Schema = {}
    pagination = _plugin_settings(plugins, "pagination", "paginationType", aliases.PAGINATION_TYPES, definitions)
    auth = _plugin_settings(plugins, "auth", "authType", aliases.AUTH_TYPES, definitions)
    http = _lenient(_properties(HttpSettings, definitions))
    definitions["pagination"] = _block("Pagination settings.", {**pagination, **_words(aliases.IN_PAGINATION_BLOCK)})
    others = {**_words([aliases.AUTH_VALUE, *aliases.SETTINGS]), "pagination": _reference("pagination")}
    definitions["connection"] = _block(
        "How the source is reached, who we are, and how it pages.", {**others, **pagination, **auth, **http}
    )
    definitions["sink"] = _sinks(plugins, definitions)
    limits = _lenient(_properties(ExpressionLimits, definitions))
    definitions["expressions"] = _block("What the evaluation of jq may cost.", limits)
    calls = _lenient(_properties(PluginLimits, definitions))
    definitions["plugins"] = _block("What a call of a plugin may take.", calls)
    tokens = _lenient(_properties(TokensDocument, definitions))
    definitions["tokens"] = _block("Where grants are kept that must outlive a run.", tokens)
    definitions["eventListener"] = {
        "type": ["object", "null"],
        "description": "What asks `penstock serve` for a sync.",
        "properties": _lenient(_properties(EventListener, definitions)),
    }
    service = _lenient(_properties(ServiceDocument, definitions))
    definitions["service"] = _block("How `penstock serve` is reached.", service)
    _add_resource(definitions)
    top = _closed(
        "A source, its mapping, and where its entities go.",
        {
            **_lenient(_properties(GeneralDocument, definitions)),
            **{name: _reference(name) for name in _BLOCKS},
            "resources": {"type": "array", "items": _reference("resource"), "description": "What to fetch."},
            "integration": {"type": ["object", "null"], "description": "The connection as Ocean's own files nest it."},
        },
    )
    return {
        "$schema": DIALECT,
        "title": "penstock.yml",
        **cast("Schema", _in_both_spellings(top)),
        "$defs": _finished(definitions),
    }


def _plugin_settings(
    plugins: PluginManager, family: Family, key: str, spellings: Mapping[str, str], definitions: Schema
) -> Schema:
    """Return the type setting of a family, and all settings of all its plugins side by side."""
    strategies = plugins.usable(family)
    words = [*(strategy.name for strategy in strategies), *spellings]
    merged: Schema = {
        key: {"anyOf": [{"enum": list(words)}, _VARIABLE, _BLANK], "description": f"Name of the {family} plugin."}
    }
    uses: dict[str, list[tuple[str, Schema]]] = {}
    for strategy in strategies:
        for name, schema in _lenient(_of_plugin(strategy, family, definitions)).items():
            uses.setdefault(name, []).append((strategy.name, cast("Schema", schema)))
    for name, found in uses.items():
        merged[name] = _alternatives(key, found)
    return merged


def _alternatives(key: str, found: list[tuple[str, Schema]]) -> Schema:
    """Return the schema of one name that several plugins may declare, each in its own way."""
    types = ", ".join(name for name, _ in found)
    descriptions = dict.fromkeys(str(schema["description"]) for _, schema in found if "description" in schema)
    about = f"{'; or '.join(descriptions)} ({key} {types})".strip()
    bare = [{name: value for name, value in schema.items() if name not in _ABOUT} for _, schema in found]
    different = [schema for index, schema in enumerate(bare) if schema not in bare[:index]]
    if len(different) > 1:
        return {"description": about, "anyOf": [dict(schema) for schema in different]}
    defaults = [schema["default"] for _, schema in found if "default" in schema]
    same = len(defaults) == len(found) and all(default == defaults[0] for default in defaults)
    return {**different[0], "description": about, **({"default": defaults[0]} if same else {})}


def _sinks(plugins: PluginManager, definitions: Schema) -> Schema:
    """Return one alternative for each sink; ``type`` may be left out for the default one."""
    choices: list[JSON] = []
    for strategy in plugins.usable("sink"):
        kind: Schema = {"const": strategy.name, "description": "Name of the sink plugin."}
        choice = _closed(
            (type(strategy).__doc__ or strategy.name).partition("\n")[0],
            {"type": kind, **_lenient(_of_plugin(strategy, "sink", definitions))},
        )
        more: Schema = {"type": ["object", "null"]} if strategy.name == DEFAULT_TYPE else {"required": ["type"]}
        choices.append({**choice, **more})
    return {"description": "Where entities go.", "oneOf": choices}


def _of_plugin(strategy: Strategy, family: Family, definitions: Schema) -> Schema:
    try:
        return _properties(config_of(strategy), definitions, prefix=f"{family}.{strategy.name}.")
    except Exception as error:
        message = f'the {family} plugin "{strategy.name}" has settings without a JSON Schema: {error}'
        raise PluginError(message) from error


def _add_resource(definitions: Schema) -> None:
    resource = _schema_of(ResourceDocument, definitions)
    definitions["resource"] = resource
    for name in ("SelectorDocument", "PathParameterDocument"):
        properties = cast("Schema", cast("Schema", definitions[name])["properties"])
        properties["pagination"] = _reference("pagination")
    selector = cast("Schema", cast("Schema", definitions["SelectorDocument"])["properties"])
    query = cast("Schema", selector["query"])
    legacy: Schema = {"type": "object", "description": "The legacy form: everything of the selector."}
    selector["query"] = {
        "description": query["description"],
        "default": query["default"],
        "anyOf": [{"type": ["string", "boolean"]}, legacy],
    }
    for document in ("SelectorDocument", "PathParameterDocument"):
        properties = cast("Schema", cast("Schema", definitions[document])["properties"])
        properties["method"] = _or_else(cast("Schema", properties["method"]), _VARIABLE)
    for name in ("resource", "SelectorDocument", "PathParameterDocument", "PortDocument", "Incremental"):
        _let_be_blank(cast("Schema", definitions[name]))
    cast("Schema", definitions["SelectorDocument"])["type"] = ["object", "null"]


def _let_be_blank(schema: Schema) -> None:
    """Let what a mapping does not require be null or empty text; what refers to another mapping leaves it to that."""
    properties, required = cast("Schema", schema["properties"]), cast("list[str]", schema.get("required", []))
    for name in properties.keys() - set(required):
        setting = cast("Schema", properties[name])
        if "$ref" not in setting:
            properties[name] = _or_blank(setting)


def _properties(model: type[BaseModel], definitions: Schema, *, prefix: str = "") -> Schema:
    return cast("Schema", _schema_of(model, definitions, prefix=prefix).get("properties", {}))


def _schema_of(model: type[BaseModel], definitions: Schema, *, prefix: str = "") -> Schema:
    """Return a model's schema; the models in it are added to the definitions."""
    schema = cast("Schema", model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}"))
    for name, inner in cast("Schema", schema.pop("$defs", {})).items():
        definitions[prefix + name] = _without_titles(inner)
    return cast("Schema", _without_titles(schema))


def _without_titles(schema: JSON) -> JSON:
    """Drop the titles that pydantic makes of names: they say nothing that a name does not."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_titles(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}


def _lenient(properties: Schema) -> Schema:
    """Let everything that is no text be written as text too, and everything be null or empty text."""
    return {name: _or_blank(_or_text(cast("Schema", schema))) for name, schema in properties.items()}


def _or_text(schema: Schema) -> Schema:
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        return schema
    return _or_else(schema, _VARIABLE if "enum" in schema or "const" in schema else {"type": "string"})


def _or_blank(schema: Schema) -> Schema:
    return _or_else(schema, _BLANK)


def _or_else(schema: Schema, other: Schema) -> Schema:
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    bare = {key: value for key, value in schema.items() if key not in _ABOUT}
    known = cast("list[JSON]", bare["anyOf"]) if bare.keys() == {"anyOf"} else [bare]
    return {**about, "anyOf": [*known, dict(other)]}


def _block(description: str, properties: Schema) -> Schema:
    """Return a mapping of settings that may be left blank."""
    return {**_closed(description, properties), "type": ["object", "null"]}


def _closed(description: str, properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _words(names: Iterable[str]) -> Schema:
    """Return other spellings of settings, as properties that may hold anything."""
    return {
        _to_camel(name): {"description": "Another spelling that published guides use; see the reference."}
        for name in names
    }


def _to_camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _finished(definitions: Schema) -> Schema:
    return {name: _in_both_spellings(schema) for name, schema in sorted(definitions.items())}


def _in_both_spellings(schema: JSON) -> JSON:
    """Add the snake_case spelling of every setting of ours; a name that has two is not required by either."""
    if isinstance(schema, list):
        return [_in_both_spellings(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _in_both_spellings(value) for key, value in schema.items()}
    properties = schema.get("properties")
    if schema.get("additionalProperties") is not False or not isinstance(properties, dict):
        return inner
    both: Schema = {}
    for name, value in cast("Schema", inner["properties"]).items():
        both[name] = value
        if to_snake(name) != name and isinstance(value, dict):
            both[to_snake(name)] = {**value, "description": f"The same as {name}."}
    required = [name for name in cast("list[str]", schema.get("required", [])) if to_snake(name) == name]
    return {**inner, "properties": both, "required": cast("list[JSON]", required)}

"""The reference page of all settings, generated from the models: ``docs/configuration.md``.

Written anew with ``python -m penstock.config.reference docs/configuration.md``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from penstock.config import aliases
from penstock.config.connection import DEFAULT_TYPE as NO_TYPE
from penstock.config.documents import (
    GeneralDocument,
    PathParameterDocument,
    PortDocument,
    ResourceDocument,
    SelectorDocument,
    TokensDocument,
)
from penstock.config.environment import variable_name
from penstock.config.incremental import Incremental
from penstock.config.interval import in_words
from penstock.config.models import EntityMapping, ExpressionLimits, HttpSettings, PluginLimits, SearchRule
from penstock.config.ocean import EFFECTS, NOTICES, claims_of
from penstock.config.service import EventListener, ServiceDocument
from penstock.config.sink import DEFAULT_TYPE
from penstock.config.validation import camel
from penstock.config.words import type_in_words
from penstock.plugins import Family, PluginManager, config_of

_INTRODUCTION: Final = """\
# Configuration

This page is generated from the models that validate the settings; do not edit it.
`penstock plugins show NAME` prints the settings of any installed plugin, `penstock schema` a JSON Schema of the whole
file for editors, and [Mapping](mapping.md) explains what stands under `resources`.

A setting is taken from the first of these that has it:

1. the command line: `--sink NAME`, `--catalog PATH`, `--mapping FILE`
2. the environment: `PENSTOCK__CONNECTION__BASE_URL`, then Ocean's `OCEAN__INTEGRATION__CONFIG__BASE_URL`
3. `penstock.yml` (or `--config FILE`); `--mapping FILE` comes before it
4. the default

* Names are accepted in camelCase and snake_case, in the environment in any case. A JSON object in
  `PENSTOCK__CONNECTION` sets several settings at once; longer names win over it.
* `${NAME}` in the file is the environment variable NAME, and `$${NAME}` the text itself. A variable that is not set is
  an error. Below `resources` this holds wherever no jq stands: for kinds and endpoints, request values, pagination, and
  the settings of `incremental` beside `field` and `request`. In jq `${NAME}` is text, and there is a warning.
* A `.env` file in the working directory is read; the real environment wins over it. Where there is no
  `penstock.yml` and no `--config`, Ocean's `config.yaml` is read beside it, as weaker `OCEAN__` variables.
* Numbers may be written as text. Booleans are `true/false`, `1/0`, `yes/no`, `on/off`, `t/f`, `y/n` in any case.
  Objects and lists may be given as JSON text. Empty text and null mean "not set".
* An unknown name is an error in `penstock.yml`, and a warning in the environment and in a `--mapping` file.
"""

_OCEAN: Final = """\
## Ocean's names and other spellings

Every setting of `connection` also comes from `OCEAN__INTEGRATION__CONFIG__NAME`, from
`OCEAN__INTEGRATION__SECRETS__NAME` (where both differ, `CONFIG` wins), from one JSON object in
`OCEAN__INTEGRATION__CONFIG`, and from `integration.config` and `integration.secrets` in the file.

A sink that knows one of Ocean's variables takes it before what the file says; `OCEAN__PORT__CLIENT_ID` makes `port` the
sink of a run for which no `sink.type` is written. Everything else that Ocean knows is accepted, and told once if it has
no effect.

| Variable | Sets |
|---|---|
"""


_SPELLINGS: Final = """
| Written | Meaning |
|---|---|
| `integration.identifier` | default of `source` |
| `integration.config.mappings` | a mapping document, where there is no other |"""


def configuration_reference(plugins: PluginManager) -> str:
    """Return the page, in Markdown, with the settings of every plugin that can be used."""
    ocean = _ocean(plugins)
    return "\n".join([_INTRODUCTION, *_sections(plugins), _OCEAN.rstrip(), *ocean, _SPELLINGS, *_spellings(), ""])


def _ocean(plugins: PluginManager) -> Iterator[str]:
    yield from (f"| `{name}` | {_escaped(effect)} |" for name, effect in EFFECTS.items())
    for strategy in plugins.usable("sink"):
        for claim in claims_of(config_of(strategy)):
            yield f"| `{claim.whole_name}` | `sink.{camel(claim.field)}` of `type: {strategy.name}` |"
    yield "\n| Variable without effect | Because |\n|---|---|"
    yield from (f"| `{name}` | {_escaped(reason)} |" for name, reason in NOTICES.items())


def _sections(plugins: PluginManager) -> Iterator[str]:
    yield _section("## Top level", "Beside the blocks below.", GeneralDocument, [])
    yield _section(
        "## `connection`",
        "How the source is reached. The plugins' settings stand in the same block.",
        HttpSettings,
        ["connection"],
    )
    types_of: tuple[tuple[Family, str, str], ...] = (
        ("auth", "authType", "who we are"),
        ("pagination", "paginationType", "how the source pages"),
    )
    for family, key, what in types_of:
        yield f"`{key}` says {what}; default `{NO_TYPE}`. Environment: `{_variable(['connection'], key)}`.\n"
        for strategy in plugins.usable(family):
            about = _first_line(strategy)
            yield _section(f"### `{key}: {strategy.name}`", about, config_of(strategy), ["connection"])
    environment = _variable(["sink"], "type")
    yield f"## `sink`\n\n`type` says where entities go; default `{DEFAULT_TYPE}`. Environment: `{environment}`.\n"
    for strategy in plugins.usable("sink"):
        yield _section(f"### `type: {strategy.name}`", _first_line(strategy), config_of(strategy), ["sink"])
    yield _section("## `expressions`", "What the evaluation of jq may cost.", ExpressionLimits, ["expressions"])
    yield _section("## `plugins`", "What a call of a plugin may take.", PluginLimits, ["plugins"])
    kept = "Where grants are kept that must outlive a run."
    yield _section("## `tokens`", kept, TokensDocument, ["tokens"])
    asks = "What asks `penstock serve` for a sync beside the schedule. Other names in it are ignored."
    yield _section("## `eventListener`", asks, EventListener, ["event_listener"])
    yield _section("## `service`", "How `penstock serve` is reached.", ServiceDocument, ["service"])
    written: tuple[tuple[str, str, type[BaseModel]], ...] = (
        ("## `resources[]`", "What to fetch, in order, and what becomes of it.", ResourceDocument),
        ("### `selector`", "Which request to send, and which of its items count.", SelectorDocument),
        ("### `selector.incremental`", "How to ask for [what has changed](incremental.md).", Incremental),
        ("### `selector.path_parameters.NAME`", "Where the values of `{NAME}` come from.", PathParameterDocument),
        ("### `port`", "What becomes of the items.", PortDocument),
        ("### `port.entity.mappings`", "One entity per item; a list of these makes several.", EntityMapping),
        ("### A rule of a search query", "Names a target by what it looks like.", SearchRule),
    )
    for heading, about, model in written:
        yield _section(heading, about, model, None)


def _first_line(strategy: object) -> str:
    return (type(strategy).__doc__ or "").partition("\n")[0].replace("``", "`")


def _section(heading: str, about: str, model: type[BaseModel], steps: Sequence[str] | None) -> str:
    """Return a heading and a table; ``steps`` lead to the block's variables, None where there are none."""
    if not model.model_fields:
        return f"{heading}\n\n{about} It has no settings.\n"
    head = ["Setting", "Type", "Default", *(["Environment"] if steps is not None else []), "Meaning"]
    rows = [_row(name, field, steps) for name, field in model.model_fields.items()]
    lines = [f"| {' | '.join(cells)} |" for cells in [head, *rows]]
    lines.insert(1, "|---" * len(head) + "|")
    return "\n".join([heading, "", about, "", *lines, ""])


def _row(name: str, field: FieldInfo, steps: Sequence[str] | None) -> list[str]:
    written = name if steps is None else field.alias or name
    cells = [f"`{written}`", type_in_words(field.annotation, choice="`{}`".format), _default(field)]
    if steps is not None:
        cells.append(f"`{_variable(steps, name)}`")
    return [*cells, _escaped(field.description or "")]


def _variable(steps: Sequence[str], name: str) -> str:
    return variable_name([*steps, "".join(f"_{c}" if c.isupper() else c for c in name)])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value: object = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, SecretStr) or value in ("", (), {}):
        return ""
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, timedelta):
        return f"`{in_words(value)}`"
    return f"`{value if isinstance(value, str | Path) else json.dumps(value)}`"


def _spellings() -> Iterator[str]:
    for written, meant in {**aliases.AUTH_TYPES}.items():
        yield f"| `authType: {written}` | `authType: {meant}` |"
    for written, meant in aliases.PAGINATION_TYPES.items():
        yield f"| `paginationType: {written}` | `paginationType: {meant}` |"
    yield "| `authValue` | `apiToken`, `apiKey`, or `username:password` (or its base64), by `authType` |"
    for written, alias in aliases.SETTINGS.items():
        where = f" for {', '.join(sorted(alias.types))}" if alias.types else ""
        yield f"| `{camel(written)}` | `{camel(alias.target)}`{where} |"
    yield "| `pagination: {...}` | the pagination settings in a block of their own |"
    for written, meant in aliases.IN_PAGINATION_BLOCK.items():
        yield f"| `pagination.{written}` | `{camel(meant)}` |"


def main(arguments: Sequence[str], put: Callable[[str], object]) -> int:
    """Write the page to the file that is named, or give it to ``put``."""
    page = configuration_reference(PluginManager())
    if arguments:
        Path(arguments[0]).write_text(page, encoding="utf-8")
    else:
        put(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.write))

"""``penstock import ocean``: what an installation of Ocean is told, as a ``penstock.yml`` that does the same.

What a variable means is told in ``penstock.config`` alone: this loads what is there, and writes down what was loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace
from pydantic import BaseModel, SecretStr

from penstock.config.connection import ReadConnection, read_connection
from penstock.config.environment import OCEAN, Environment, Variable
from penstock.config.interpolate import changed_resources
from penstock.config.load import Inputs, load_calendar, load_service, load_settings
from penstock.config.models import HttpSettings, MappingFlags, Settings
from penstock.config.node import NOTHING, Node, json_of, to_snake
from penstock.config.ocean import claims_of, schedule_in, settings_in, sinks_chosen
from penstock.config.problems import Findings
from penstock.config.secrets import secrets_of
from penstock.config.service import EventListener, ServiceDocument
from penstock.config.settings import PluginSettings, Setting
from penstock.config.sources import Sources, read_root, read_sources, text_of
from penstock.config.validation import camel
from penstock.config.yaml_source import parse_yaml
from penstock.errors import ConfigurationError, PenstockError, Problem
from penstock.migration.conceal import Requests, Vault, carries_secret, escaped, variable
from penstock.migration.fate import Fate
from penstock.migration.fates import NOWHERE, Fates, is_unknown, resource_files
from penstock.migration.gather import CONFIG, Found, Gathered, Places, gather, stand_in
from penstock.migration.yaml_text import yaml_text
from penstock.plugins import PluginManager, config_of
from penstock.redaction import looks_secret

_TYPES: Final = {"auth_type": "auth", "pagination_type": "pagination"}
_DIFFERENT: Final = {
    "timeout": "Ocean does not look at it, but at OCEAN__CLIENT_TIMEOUT",
    "custom_headers": "Ocean does not send them",
    "last_page_path": "Ocean looks at it with paginationType page only",
}
"""Settings that do here what Ocean does not do."""


class Imported(NamedTuple):
    """What has become of an installation."""

    text: str
    """The ``penstock.yml``."""
    fates: tuple[Fate, ...]
    needed: Mapping[str, str]
    """The variables that must be set, and where the value of each is now."""
    notes: tuple[str, ...]
    """What else somebody should know."""
    bound: Mapping[str, str]
    """The values of these variables: never to be shown."""
    settings: Settings
    """What was loaded."""


def import_ocean(places: Places, plugins: PluginManager) -> Imported:
    """Read what there is of an installation, and write it as our file.

    Raises:
        ConfigurationError: Nothing is there, or it cannot be loaded; with every problem.
        PenstockError: What was written would not do the same.
    """
    found = Findings()
    gathered = gather(places, found)
    if found.problems:
        raise found.error()
    if not gathered.settings and gathered.mapping is None:
        message = (
            "nothing of Ocean is here: expected .env, config.yaml, values.yaml or port-app-config.yml in the folder, "
            "or OCEAN__ variables; --env-file, --helm-values and --mapping name files elsewhere"
        )
        raise ConfigurationError([Problem(str(places.folder), message)])
    importer = _Importer(places, plugins, gathered)
    return importer.result()


class _Block(Struct):
    """A part of the file: settings, each with a comment or none."""

    members: dict[str, tuple[Node, str]] = field(default_factory=dict[str, tuple[Node, str]])

    def add(self, name: str, node: Node, comment: str = "") -> None:
        self.members[name] = node, comment


class _Importer:
    """One installation on its way."""

    def __init__(self, places: Places, plugins: PluginManager, gathered: Gathered) -> None:
        self._places, self._plugins, self._gathered = places, plugins, gathered
        self._targets: dict[str, list[str]] = {}
        """For each source, the settings of ours that it became."""
        self._notes: list[str] = []
        self._kept_mapping = False
        self._inputs = self._made_inputs()
        self._settings = self._loaded()
        self._found = Findings()
        self._sources = read_sources(self._inputs, self._found)
        self._environment = self._sources.environment
        known = {one.variable.name: one.variable.value for one in gathered.settings}
        others = {name: one.value for name, one in gathered.others.items()}
        self._vault = Vault(others | known, frozenset(filter(None, secrets_of(self._settings))))

    def result(self) -> Imported:
        text = self._text()
        needed = {name: self._origin(name) for name in self._vault.bound}
        self._prove(text)
        return Imported(
            text, tuple(self._fates().all()), needed, tuple(self._notes), dict(self._vault.bound), self._settings
        )

    # what is loaded

    def _made_inputs(self) -> Inputs:
        inputs = Inputs(given=self._given())
        chosen = sinks_chosen(_environment_of(inputs), self._plugins)
        self._into_port = any(self._plugins.sink(name).keeps_mappings for name in chosen)
        mapping = self._gathered.mapping
        if self._into_port and self._places.mapping is None:
            self._kept_mapping, mapping = mapping is not None, None
        elif mapping is None:
            mapping = next(resource_files(self._places.folder, "port-app-config"), None)
        self._mapping = mapping
        return replace(inputs, mapping_file=mapping)

    def _given(self) -> tuple[Variable, ...]:
        settings = [one.variable for one in self._gathered.settings]
        return (*self._gathered.others.values(), *settings)

    def _loaded(self) -> Settings:
        """Load; a secret that is nowhere will be a variable, and is no reason to give up."""
        try:
            return load_settings(self._inputs, self._plugins)
        except ConfigurationError as error:
            missing = [name for problem in error.problems if (name := _missing_secret(problem))]
            if not missing:
                raise self._with_reasons(error) from error
        for name in missing:
            whole = CONFIG + name.upper()
            one = Variable(whole, stand_in(whole), f"nowhere {whole}")
            self._gathered.settings.append(Found(one, whole, NOWHERE[0], whole, known=False))
        self._inputs = replace(self._inputs, given=self._given())
        try:
            return load_settings(self._inputs, self._plugins)
        except ConfigurationError as error:
            raise self._with_reasons(error) from error

    def _with_reasons(self, error: ConfigurationError) -> ConfigurationError:
        """Say of a value that is not known here that it is not known, not that it is wrong."""
        unknown = {one.variable.source: one.reference for one in self._gathered.settings if not one.known}
        problems = [
            replace(one, message=f"has no value here: set {unknown[one.source]} for the import")
            if one.source in unknown
            else one
            for one in error.problems
        ]
        if not self._into_port and any(one.where == "resources" for one in problems):
            return ConfigurationError(problems, [*error.warnings, Problem("resources", _AT_PORT)])
        return ConfigurationError(problems, error.warnings)

    # what is written

    def _text(self) -> str:
        read = read_connection(
            self._sources.config, self._environment, PluginSettings(self._plugins, self._found), self._found
        )
        blocks: list[tuple[str, Node | _Block, str]] = []
        identifier = self._environment.ocean.fields.get("integration", NOTHING).fields.get("identifier")
        if identifier is not None and not identifier.blank:
            blocks.append(("source", self._scalar(identifier, "source"), "who owns what is written"))
        blocks.append(("connection", self._connection(read), ""))
        blocks += self._sink()
        schedule = schedule_in(self._environment, self._found)
        if schedule is not None and not schedule.blank:
            node = self._scalar(schedule, "scheduledResyncInterval")
            blocks.append(("scheduledResyncInterval", _as_number(node), "minutes; for penstock serve"))
        blocks += self._serving("event_listener", EventListener)
        blocks += self._serving("service", ServiceDocument)
        blocks += self._flags()
        resources = self._resources()
        if resources is not None:
            blocks.append(("resources", resources, ""))
        elif self._settings.mapping_is_kept:
            self._notes.append("the mapping stays with Port, and is fetched for every sync")
        return _HEAD + "".join(_written(*block) for block in blocks)

    def _connection(self, read: ReadConnection) -> _Block:
        block, connection = _Block(), self._settings.connection
        models: dict[str, BaseModel] = {}
        for config in (connection.pagination.config, connection.auth.config, connection.http):
            models |= dict.fromkeys(type(config).model_fields, config)
        order = ["base_url", *_TYPES, *models]
        for name in sorted((name for name in read.settings if name in order), key=order.index):
            setting = read.settings[name]
            target = f"connection.{camel(name)}"
            if name in _TYPES:
                chosen = connection.auth if name == "auth_type" else connection.pagination
                node = self._scalar(setting.node, target, Node(chosen.strategy.name, target, setting.node.source))
            else:
                node = self._setting(setting, models[name], target, CONFIG + name.upper())
            block.add(camel(name), node, self._comment(setting, name))
        if getattr(connection.auth.config, "password", None) == SecretStr(""):
            self._notes.append(
                "no password was found, so that none is sent; if it is kept elsewhere, add connection.password: "
                f"${{{CONFIG}PASSWORD}}"
            )
        return block

    def _comment(self, setting: Setting, name: str) -> str:
        told = [one.message for one in self._settings.warnings if one.source == setting.node.source]
        if setting.node.source.upper().rpartition(" ")[2].startswith(f"{OCEAN}INTEGRATION__SECRETS__"):
            told.append("Ocean does not look at SECRETS")
        elif to_snake(setting.node.path.rpartition(".")[2]) != name and name in setting.name:
            told.append(f"was {setting.node.path.rpartition('.')[2]}, which Ocean does not know")
        if name in _DIFFERENT:
            told.append(_DIFFERENT[name])
        return "; ".join(told)

    def _setting(self, setting: Setting, model: BaseModel, target: str, name: str) -> Node:
        """Return what is written for a setting of a model."""
        node, value = setting.node, getattr(model, setting.name)
        self._became(node, target)
        if setting.name == "custom_headers":
            return self._vault.headers(json_of(node))
        if isinstance(value, dict | list | tuple | BaseModel):
            return self._vault.tree(json_of(node), variable(setting.name))
        found = self._found_at(node)
        if found is not None and found.reference is not None:
            return self._vault.put(node, found.reference)
        if _hides(setting.name, value, model):
            return self._vault.put(node, self._variable_of(node, name))
        if isinstance(value, bool | int | float):
            return replace(
                node, value=int(value) if isinstance(value, float) and value.is_integer() else value, text=""
            )
        return escaped(node)

    def _variable_of(self, node: Node, name: str) -> str:
        """Return the variable that has this very value, or the name of one that may."""
        found = self._found_at(node)
        if found is not None and found.variable.value == node.as_text():
            return found.reference or found.variable.name
        return name

    def _scalar(self, node: Node, target: str, instead: Node | None = None) -> Node:
        self._became(node, target)
        found = self._found_at(node)
        if found is not None and found.reference is not None:
            return self._vault.put(node, found.reference)
        return instead or escaped(node)

    def _became(self, node: Node, target: str) -> None:
        self._targets.setdefault(node.source, []).append(target)

    def _found_at(self, node: Node) -> Found | None:
        return next((one for one in self._gathered.settings if one.variable.source == node.source), None)

    def _sink(self) -> Iterator[tuple[str, _Block, str]]:
        if not sinks_chosen(self._environment, self._plugins):
            self._notes.append(
                "no credentials of Port were found: entities go to catalog.db; with OCEAN__PORT__CLIENT_ID and "
                "OCEAN__PORT__CLIENT_SECRET among what is imported they go to Port"
            )
            return
        strategy, config = self._settings.sink.strategy, self._settings.sink.config
        block = _Block()
        block.add("type", Node(strategy.name, "sink.type", ""))
        names = {claim.field: claim.whole_name for claim in claims_of(config_of(strategy))}
        for setting in settings_in(self._environment, config_of(strategy), "sink", Findings(), chosen=True):
            target = f"sink.{camel(setting.name)}"
            node = self._setting(setting, config, target, names[setting.name])
            assumed = setting.node.source if setting.node.source.startswith("the default of") else ""
            block.add(camel(setting.name), node, assumed)
        yield "sink", block, ""

    def _serving(self, name: str, model: type[BaseModel]) -> Iterator[tuple[str, _Block, str]]:
        block = _Block()
        for key, node in self._environment.ocean.fields.get(name, NOTHING).fields.items():
            if key in model.model_fields and not node.blank:
                target = f"{camel(name)}.{camel(key)}"
                written = self._scalar(node, target)
                secret = "SecretStr" in str(model.model_fields[key].annotation)
                written = self._vault.put(node, self._variable_of(node, variable(name, key))) if secret else written
                block.add(camel(key), _as_number(written))
        if block.members:
            yield camel(name), block, ""

    def _flags(self) -> Iterator[tuple[str, Node, str]]:
        for name in MappingFlags.model_fields:
            node = next((one.root.fields[name] for one in self._sources.documents if name in one.root.fields), None)
            if node is not None:
                self._became(node, camel(name))
                value: Any = getattr(self._settings.flags, name)
                yield camel(name), Node("none" if value is None else value, name, node.source), ""

    def _resources(self) -> Node | None:
        """Return the mapping as it is written, without what is unknown in it."""
        found = Findings()
        installed = self._environment.ocean.fields.get("integration", NOTHING).fields.get("config", NOTHING)
        text = installed.fields.get("mappings")
        if self._mapping is not None:
            root = read_root(self._mapping, text_of, found)
        elif text is not None:
            root = parse_yaml(str(text.value), text.source, found, lines=False) if isinstance(text.value, str) else text
            self._became(text, "resources")
        else:
            root = None
        members = {to_snake(key): child for key, child in root.fields.items()} if root else {}
        if "resources" not in members:
            return None
        unknown = {one.where for one in self._settings.warnings if is_unknown(one)}
        requests = Requests(self._vault, unknown, is_text=self._mapping is not None)
        clean = requests.clean(members["resources"])
        if requests.exposed:
            message = "holds a secret where no variable can stand; put it into selector.query_params or headers"
            raise ConfigurationError([Problem(one.path, message, one.source) for one in requests.exposed])
        return changed_resources(clean, escaped, lambda values: values) if requests.is_text else clean

    def _origin(self, name: str) -> str:
        for one in reversed(self._gathered.settings):
            if name in {one.reference, one.variable.name}:
                return one.place if one.known else "not known here"
        return self._vault.origins[name]

    def _fates(self) -> Fates:
        return Fates(
            self._places.folder,
            self._gathered,
            self._settings,
            self._targets,
            self._plugins,
            into_port=self._into_port,
            mapping=self._mapping,
            left_mapping=self._kept_mapping,
        )

    # what is proven

    def _prove(self, text: str) -> None:
        """Load what was written, and compare."""
        again = written_inputs(
            text, {name: one.value for name, one in self._gathered.others.items()} | self._vault.bound
        )
        try:
            settings = load_settings(again, self._plugins)
        except ConfigurationError as error:
            raise PenstockError(f"{_DEFECT}: {'; '.join(map(str, error.problems))}") from error
        differing = [name for name in _COMPARED if getattr(settings, name) != getattr(self._settings, name)]
        before, after = (load_calendar(where, self._plugins) for where in (self._inputs, again))
        differing += [name for name in before._fields if getattr(before, name) != getattr(after, name)]
        if load_service(self._inputs) != load_service(again):
            differing.append("service")
        if differing:
            raise PenstockError(f"{_DEFECT}: {', '.join(differing)} would differ")


_AT_PORT: Final = (
    "where Port keeps the mapping, OCEAN__PORT__CLIENT_ID and OCEAN__PORT__CLIENT_SECRET must be among what is imported"
)
_DEFECT: Final = "the file would not do the same, which is a defect of the import: please report it"
_COMPARED: Final = ("source", "connection", "sink", "resources", "flags", "mapping_is_kept")
_HEAD: Final = "# imported from Ocean by `penstock import ocean`; ${NAME} is the variable NAME\n"


def written_inputs(text: str, environ: Mapping[str, str]) -> Inputs:
    """Return inputs of a file with this text."""
    return Inputs(config_file=Path("penstock.yml"), environ=environ, text_of=lambda _: text)


def _environment_of(inputs: Inputs) -> Environment:
    from penstock.config.sources import environment_of  # noqa: PLC0415 - beside its only use

    return environment_of(inputs, Findings())


def _missing_secret(problem: Problem) -> str | None:
    block, _, name = problem.where.rpartition(".")
    wanted = block == "connection" and problem.message.startswith("is required by authType")
    return to_snake(name) if wanted and looks_secret(name) else None


def _hides(name: str, value: object, model: BaseModel) -> bool:
    """Whether a setting may not be shown."""
    if isinstance(model, HttpSettings) and name == "base_url":
        return carries_secret(str(value))
    if name == "username":  # some APIs take their key for it
        return not getattr(model, "password", SecretStr("-")).get_secret_value()
    return isinstance(value, SecretStr)


def _as_number(node: Node) -> Node:
    """Return what is a whole number in a text as one."""
    text = node.value
    if isinstance(text, str) and text.isascii() and text.isdigit() and str(int(text)) == text:
        return replace(node, value=int(text))
    return node


def _written(name: str, content: Node | _Block, comment: str) -> str:
    if isinstance(content, Node):
        return f"\n{_line(comment)}{yaml_text(Node({name: content}, '', ''))}"
    lines = "".join(
        f"{_line(note)}{yaml_text(Node({key: node}, '', ''))}" for key, (node, note) in content.members.items()
    )
    indented = "".join(f"  {line}" if line.strip() else line for line in lines.splitlines(keepends=True))
    return f"\n{_line(comment)}{name}:\n{indented}"


def _line(comment: str) -> str:
    return f"# {' '.join(comment.split())}\n" if comment else ""


__all__ = ["Imported", "Places", "Sources", "import_ocean", "written_inputs"]

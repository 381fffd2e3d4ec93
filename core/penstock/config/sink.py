"""The ``sink`` block: which sink, and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from penstock.config.environment import Environment, variable_name
from penstock.config.models import Chosen, Place
from penstock.config.node import NOTHING, Node, to_snake
from penstock.config.ocean import claims_of, settings_in, sinks_chosen
from penstock.config.problems import Findings
from penstock.config.settings import Layer, PluginSettings, Setting, layer_of, merged
from penstock.config.validation import camel, known_names
from penstock.plugins import config_of
from penstock.strategies import SinkStrategy

DEFAULT_TYPE: Final = "sqlite"
PATH: Final = "sink"
_VARIABLES: Final = 2
"""The places that are stronger than Ocean's variables: options, and variables of our own."""


class SinkRead(NamedTuple):
    """The sink, and where its settings are written."""

    chosen: Chosen[SinkStrategy[Any]]
    places: tuple[Place, ...]


def read_sink(
    config: Node,
    environment: Environment,
    plugins: PluginSettings,
    found: Findings,
    *,
    name: str | None = None,
    catalog: str | None = None,
) -> SinkRead | None:
    """Read the sink; None after a problem.

    Args:
        config: Our file.
        environment: The variables.
        plugins: Where the sinks are.
        found: Takes problems and warnings.
        name: What the command line says with ``--sink``.
        catalog: What it says with ``--catalog``.
    """
    home = config.fields.get(PATH, replace(config, path=PATH))
    layers = list(_of_one_type(_layers(config, environment, name, catalog)))
    written = next((setting for layer in layers for setting in layer if setting.name == "type"), None)
    default = DEFAULT_TYPE if written else _default(environment, plugins, home, found)
    named = plugins.strategy(plugins.plugins.sink, written, default, {}, home)
    kind, strategy = named.name, named.strategy
    if strategy is None:
        plugins.unknown_keys(merged(layers, found), "sink", named, type_setting="type", of="sink type")
        return None
    model = config_of(strategy)
    ocean = settings_in(environment, model, PATH, found, chosen=written is None and default != DEFAULT_TYPE)
    settings = merged([*layers[:_VARIABLES], ocean, *layers[_VARIABLES:]], found)
    settings.pop("type", None)
    names = known_names(model)
    if catalog is not None and "path" not in names:
        found.problem(settings.pop("path").node, f"the sink {kind} has no path")
    plugins.unknown_keys(settings, "sink", named, type_setting="type", of="sink type")
    ocean_names = {camel(claim.field): claim.whole_name for claim in claims_of(model)}
    chosen = plugins.chosen(strategy, settings, home, lambda setting: _required(setting, kind, ocean_names))
    if chosen is None:
        return None
    nodes = {names[key]: setting.node for key, setting in settings.items() if key in names}
    return SinkRead(chosen, tuple(Place(name, node.path, node.source) for name, node in nodes.items()))


def _default(environment: Environment, plugins: PluginSettings, home: Node, found: Findings) -> str:
    """Return the sink to use where none is written."""
    chosen = sinks_chosen(environment, plugins.plugins)
    if len(chosen) > 1:
        found.problem(home, f"OCEAN__ variables are set for the sinks {', '.join(chosen)}: say which one as sink.type")
    return chosen[0] if chosen else DEFAULT_TYPE


def _required(setting: str, kind: str, ocean_names: Mapping[str, str]) -> str:
    names = [variable_name([PATH, to_snake(setting)]), *filter(None, [ocean_names.get(setting)])]
    return f"is required by the sink {kind}, here or as {' or '.join(names)}"


def _layers(config: Node, environment: Environment, name: str | None, catalog: str | None) -> Iterator[Layer]:
    """Give what each place says of the sink, strongest first."""
    options = {"type": Node(name, "sink.type", "--sink"), "path": Node(catalog, "sink.path", "--catalog")}
    yield [Setting(key, node, strict=True) for key, node in options.items() if node.value is not None]
    yield layer_of(environment.ours.fields.get(PATH, NOTHING), strict=False, path=PATH)
    block = layer_of(config.fields.get(PATH, NOTHING), strict=True)
    if block and not any(setting.name == "type" for setting in block):
        block.append(Setting("type", Node(DEFAULT_TYPE, "sink.type", ""), strict=True))
    yield block


def _of_one_type(layers: Iterator[Layer]) -> Iterator[Layer]:
    """Leave out the places that speak of another type of sink than a stronger one: their path is not for this one."""
    chosen: str | None = None
    for layer in layers:
        named = next((setting.node.as_text() for setting in layer if setting.name == "type"), None)
        if named is None or chosen in {None, named}:
            chosen = chosen or named
            yield layer
        else:
            yield []

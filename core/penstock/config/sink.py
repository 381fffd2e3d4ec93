"""The ``sink`` block: which sink, and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from penstock.config.environment import Environment, variable_name
from penstock.config.models import Chosen
from penstock.config.node import NOTHING, Node, to_snake
from penstock.config.problems import Findings
from penstock.config.settings import Layer, PluginSettings, Setting, layer_of, merged, names_of
from penstock.config.validation import known_names
from penstock.plugins import config_of
from penstock.strategies import SinkStrategy

DEFAULT_TYPE: Final = "sqlite"
PATH: Final = "sink"


def read_sink(
    config: Node,
    environment: Environment,
    plugins: PluginSettings,
    found: Findings,
    *,
    name: str | None = None,
    catalog: str | None = None,
) -> Chosen[SinkStrategy[Any]] | None:
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
    settings = merged(_of_one_type(_layers(config, environment, name, catalog)), found)
    kind, strategy = plugins.strategy(plugins.plugins.sink, settings.pop("type", None), DEFAULT_TYPE, {}, home)
    if strategy is None:
        return None
    names = known_names(config_of(strategy))
    if catalog is not None and "path" not in names:
        found.problem(settings.pop("path").node, f"the sink {kind} has no path")
    plugins.leftovers(
        [setting for key, setting in settings.items() if key not in names],
        {"sink": f"sink type {kind}"},
        ["type", *names_of(strategy)],
        certain=True,
    )
    return plugins.chosen(strategy, settings, home, lambda setting: _required(setting, kind))


def _required(setting: str, kind: str) -> str:
    return f"is required by the sink {kind}, here or as {variable_name([PATH, to_snake(setting)])}"


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

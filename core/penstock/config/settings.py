"""Flat settings gathered from several places, and the plugins that some of them belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from penstock.config.aliases import AUTH_TYPES
from penstock.config.environment import Environment
from penstock.config.models import Chosen
from penstock.config.node import NOTHING, Node, join, to_snake
from penstock.config.problems import Findings
from penstock.config.validation import camel, known_names, validate, written_names
from penstock.errors import PenstockError, PluginError, UnknownPluginError, did_you_mean
from penstock.plugin_calls import BLOCKING_SECONDS, blocking
from penstock.plugins import Family, PluginManager, Strategy, config_of
from penstock.strategies import AuthStrategy

StrategyT = TypeVar("StrategyT", bound=Strategy)
ModelT = TypeVar("ModelT", bound=BaseModel)


class Setting(Struct, frozen=True):
    """One setting as somebody wrote it."""

    name: str
    """In snake_case."""
    node: Node
    strict: bool
    """Whether it is an error when no plugin knows it; so in our own file, not in the environment."""


Layer: TypeAlias = Sequence[Setting]
"""What one place says."""


def layer_of(block: Node, *, strict: bool, path: str | None = None) -> list[Setting]:
    """Return what a mapping sets; null and empty text set nothing.

    Args:
        block: The mapping.
        strict: See ``Setting.strict``.
        path: The path that messages show, when it is not that of the block.
    """
    return [
        Setting(
            to_snake(key), node if path is None else replace(node, path=join(path, camel(to_snake(key)))), strict=strict
        )
        for key, node in block.fields.items()
        if not node.blank
    ]


def merged(layers: Iterable[Layer], found: Findings) -> dict[str, Setting]:
    """Return the strongest setting of each name; the strongest layer comes first.

    Two spellings of one setting in the same layer that differ are a problem.
    """
    chosen: dict[str, Setting] = {}
    for layer in layers:
        here: dict[str, Setting] = {}
        for setting in layer:
            first = here.setdefault(setting.name, setting)
            if differs(first.node, setting.node):
                found.problem(
                    setting.node,
                    f"differs from {first.node.path} ({first.node.source}), another spelling of this setting",
                )
        chosen = here | chosen
    return chosen


def differs(one: Node, other: Node) -> bool:
    """Return whether two nodes say different things; ``5`` and ``"5"`` do not."""
    texts = one.as_text(), other.as_text()
    return one.plain() != other.plain() and (None in texts or texts[0] != texts[1])


class Named(Struct, Generic[StrategyT], frozen=True):
    """What a type setting names."""

    name: str
    """As it is written, or what that is another spelling of."""
    strategy: StrategyT | None = None
    """None after a problem."""
    nearest: StrategyT | None = None
    """Where no plugin has the name: the one that was probably meant."""

    @property
    def judge(self) -> StrategyT | None:
        """The strategy by which the settings beside the type are judged."""
        return self.strategy or self.nearest

    @property
    def taken_for(self) -> str:
        """The name of the judge, where there is one."""
        return self.name if self.nearest is None else self.nearest.name


class PluginSettings:
    """Finds the plugins that a configuration names, and gives each its own part of a flat vocabulary."""

    def __init__(self, plugins: PluginManager, found: Findings) -> None:
        self.plugins = plugins
        self._found = found

    def strategy(
        self,
        get: Callable[[str], StrategyT],
        setting: Setting | None,
        default: str,
        spellings: Mapping[str, str],
        home: Node,
    ) -> Named[StrategyT]:
        """Return the name that a type setting holds and its strategy, imported now.

        Args:
            get: The plugin manager's method for the family.
            setting: The type setting, if it was written.
            default: The name to use when it was not.
            spellings: Other words for a name; an installed plugin of that very name comes first.
            home: Where to report a default that cannot be used.
        """
        node = setting.node if setting else home
        name = setting.node.as_text() if setting else default
        if name is None:
            self._found.problem(node, "expected the name of a plugin")
            return Named("")
        try:
            return Named(name, get(name))
        except PluginError as error:
            if name in spellings:
                return self.strategy(get, None, spellings[name], {}, node)
            self._found.problem(node, str(error))
            return Named(name, nearest=_nearest(get, error))

    def chosen(
        self, strategy: StrategyT, settings: Mapping[str, Setting], home: Node, required: Callable[[str], str]
    ) -> Chosen[StrategyT] | None:
        """Validate a strategy's part of the settings with its ``Config``; None after a problem."""
        model = config_of(strategy)
        context = {"auth": self._nested_auth}
        part = part_for(model, settings, home)
        try:
            with blocking(BLOCKING_SECONDS):
                config = validate(model, part, self._found, required=required, context=context)
        except PenstockError:
            raise
        except Exception as error:  # noqa: BLE001 - its validators are a stranger's code
            # what it says may hold a secret, and none is known yet
            self._found.problem(
                home, f'the plugin "{strategy.name}" fails to check its settings: {type(error).__name__}'
            )
            return None
        return None if config is None else Chosen(strategy, config)

    def _nested_auth(self, name: str) -> AuthStrategy[Any]:
        """Return the auth that a block within a setting names, by any of its names."""
        try:
            return self.plugins.auth(name)
        except PluginError:
            if name in AUTH_TYPES:
                return self.plugins.auth(AUTH_TYPES[name])
            raise

    def unknown_keys(
        self, settings: Mapping[str, Setting], family: Family, named: Named[StrategyT], *, type_setting: str, of: str
    ) -> None:
        """Report settings in a block of one family, beside its type, that nobody takes.

        Args:
            settings: All of the block, by name.
            family: Whose block it is.
            named: What the type names.
            type_setting: How the type setting is called, as documents write it.
            of: How the choice is told: ``sink type``.
        """
        known, written = self._names_in(family, named)
        left = [setting for name, setting in settings.items() if name not in known and name != to_snake(type_setting)]
        families: dict[Family, str] = {family: f"{of} {named.taken_for}"} if named.judge else {}
        self.leftovers(left, families, [type_setting, *written], certain=named.judge is not None)

    def _names_in(self, family: Family, named: Named[StrategyT]) -> tuple[frozenset[str], list[str]]:
        """Return all spellings of the settings that are known, and those of documents."""
        judges: list[Strategy] = self.plugins.usable(family) if named.judge is None else [named.judge]
        known = frozenset(name for judge in judges for name in known_names(config_of(judge)))
        return known, list(dict.fromkeys(name for judge in judges for name in names_of(judge)))

    def leftovers(
        self, settings: Iterable[Setting], families: Mapping[Family, str], known: Sequence[str], *, certain: bool
    ) -> None:
        """Report settings that nobody took.

        Those of another installed plugin have no effect; the others are unknown. All plugins are imported to tell.

        Args:
            settings: What is left.
            families: The families it may belong to, each with how the choice was written: ``authType bearer_token``.
            known: The names that would have been taken.
            certain: False when one of the plugins could not be had: then its settings are not known.
        """
        left = list(settings)
        if not left:
            return
        owners = {
            name: choice
            for family, choice in families.items()
            for strategy in self.plugins.usable(family)
            for name in known_names(config_of(strategy))
        }
        names = [*known, *(name for name in owners if name not in known and "_" not in name)]
        for setting in left:
            written = setting.node.path.rpartition(".")[2]
            if setting.name in owners:
                self._found.warn(setting.node, f"has no effect with {owners[setting.name]}")
            elif certain or did_you_mean(written, names):
                self._found.unknown(setting.node, written, names, strict=setting.strict)


def _nearest(get: Callable[[str], StrategyT], error: PluginError) -> StrategyT | None:
    if not isinstance(error, UnknownPluginError) or not error.nearest:
        return None
    try:
        return get(error.nearest)
    except PluginError:
        return None


def read_block(
    name: str, model: type[ModelT], config: Node, environment: Environment, found: Findings
) -> tuple[ModelT | None, Node]:
    """Return one of core's own blocks, None after a problem, and where it was written."""
    layers = [
        layer_of(environment.ours.fields.get(name, NOTHING), strict=False, path=camel(name)),
        layer_of(environment.ocean.fields.get(name, NOTHING), strict=False, path=camel(name)),
        layer_of(config.fields.get(name, NOTHING), strict=True),
    ]
    settings = merged(layers, found)
    for key, setting in settings.items():
        if key not in model.model_fields and model.model_config.get("extra") != "ignore":
            written = setting.node.path.rpartition(".")[2]
            found.unknown(setting.node, written, written_names(model), strict=setting.strict)
    part = part_for(model, settings, config.fields.get(name, replace(config, path=name)))
    return validate(model, part, found), part


def part_for(model: type, settings: Mapping[str, Setting], home: Node) -> Node:
    """Return those settings that a model knows, as one mapping at ``home``."""
    known = known_names(model)
    return Node({name: setting.node for name, setting in settings.items() if name in known}, home.path, home.source)


def names_of(strategy: Strategy | None) -> list[str]:
    """Return the settings of a strategy as documents write them."""
    return [] if strategy is None else written_names(config_of(strategy))

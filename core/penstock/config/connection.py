"""The ``connection`` block: one flat vocabulary that belongs to core and to the chosen auth and pagination plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.config import aliases
from penstock.config.environment import Environment, variable_name
from penstock.config.expressions import explain
from penstock.config.interpolate import interpolate_headers
from penstock.config.models import Chosen, Connection, HttpSettings
from penstock.config.node import NOTHING, Node, json_of, to_snake
from penstock.config.problems import Findings
from penstock.config.settings import (
    Layer,
    Named,
    PluginSettings,
    Setting,
    differs,
    layer_of,
    merged,
    names_of,
    part_for,
)
from penstock.config.validation import known_names, validate, written_names
from penstock.plugins import config_of
from penstock.strategies import AuthStrategy, PaginationStrategy

DEFAULT_TYPE: Final = "none"
PATH: Final = "connection"


class ReadConnection(Struct, frozen=True):
    """What was made of the block; None where there was a problem."""

    connection: Connection | None
    http: HttpSettings | None
    paginations: Paginations
    settings: Mapping[str, Setting]
    """What was written, under its own names: the strongest of each, with no variables in headers."""


def read_connection(config: Node, environment: Environment, plugins: PluginSettings, found: Findings) -> ReadConnection:
    """Read the connection from our file and the environment."""
    home = config.fields.get(PATH, replace(config, path=PATH))
    pairs = [(_spread(layer, found), _spread(secrets, found)) for layer, secrets in _layers(config, environment)]
    choice = _choose([layer for pair in pairs for layer in pair], plugins, home, found)
    names = choice.names()
    settings = merged(
        [
            _with_secrets(_renamed(layer, choice, names, found), _renamed(secrets, choice, names, found), found)
            for layer, secrets in pairs
        ],
        found,
    )
    headers = {name: setting for name, setting in settings.items() if name == "custom_headers"}
    _adjust(settings, environment)
    _leftovers(settings, choice, plugins)
    http = validate(HttpSettings, part_for(HttpSettings, settings, home), found, required=_required(""))
    _warn_of(http, settings, found)
    _check_expression(http, settings, found)
    auth = pagination = None
    if choice.auth.strategy is not None:
        auth = plugins.chosen(choice.auth.strategy, settings, home, _required(f" by authType {choice.auth.name}"))
    if choice.pagination.strategy is not None:
        by = f" by paginationType {choice.pagination.name}"
        pagination = plugins.chosen(choice.pagination.strategy, settings, home, _required(by))
    paginations = Paginations(plugins, found, choice.pagination.name, settings, pagination)
    complete = Connection(http, auth, pagination) if http and auth and pagination else None
    return ReadConnection(complete, http, paginations, {**settings, **headers})


def _layers(config: Node, environment: Environment) -> Iterator[tuple[Layer, Layer]]:
    """Give what each place says of the connection, strongest first, with the secrets that stand beside it."""
    ours = environment.ours.fields.get(PATH, NOTHING)
    ocean = environment.ocean.fields.get("integration", NOTHING).fields
    yield layer_of(ours, strict=False, path=PATH), []
    yield (
        _without_mappings(layer_of(ocean.get("config", NOTHING), strict=False, path=PATH)),
        layer_of(ocean.get("secrets", NOTHING), strict=False, path=PATH),
    )
    block = config.fields.get(PATH, NOTHING)
    integration = config.fields.get("integration", NOTHING).fields
    installed = layer_of(integration.get("config", NOTHING), strict=True)
    yield (
        [*layer_of(block, strict=True), *_without_mappings(installed)],
        layer_of(integration.get("secrets", NOTHING), strict=True),
    )
    timeout = environment.ocean.fields.get("client_timeout")
    yield [Setting("timeout", replace(timeout, path="connection.timeout"), strict=False)] if timeout else [], []


def _without_mappings(layer: Layer) -> Layer:
    # integration.config.mappings is a mapping document, read elsewhere
    return [setting for setting in layer if setting.name != "mappings"]


def _spread(layer: Layer, found: Findings) -> Layer:
    """Put the settings of a nested ``pagination`` block beside the others."""
    flat: list[Setting] = []
    for setting in layer:
        if setting.name != "pagination":
            flat.append(setting)
            continue
        block = json_of(setting.node)
        if not isinstance(block.value, dict):
            found.problem(block, "expected a mapping of pagination settings")
        flat.extend(_in_block(block, strict=setting.strict))
    return flat


def _in_block(block: Node, *, strict: bool) -> Iterator[Setting]:
    for setting in layer_of(block, strict=strict):
        name, node = aliases.IN_PAGINATION_BLOCK.get(setting.name, setting.name), setting.node
        if name.endswith("_path") and isinstance(node.value, str):
            node = replace(node, value=node.value.removeprefix("."))
        yield replace(setting, name=name, node=node)


_TYPES: Final = frozenset({"auth_type", "pagination_type"})
_TRUE: Final = frozenset({"true", "1", "yes", "on", "t", "y"})


class _Choice(Struct, frozen=True):
    """The plugins that the types name."""

    auth: Named[AuthStrategy[Any]]
    pagination: Named[PaginationStrategy[Any]]

    @property
    def judges(self) -> Iterator[AuthStrategy[Any] | PaginationStrategy[Any]]:
        """The strategies by which settings are judged."""
        yield from filter(None, (self.auth.judge, self.pagination.judge))

    def names(self) -> dict[str, str]:
        """Every name that core or a chosen plugin takes, and the field it means."""
        names = known_names(HttpSettings)
        for strategy in self.judges:
            names |= known_names(config_of(strategy))
        return names


def _choose(layers: list[Layer], plugins: PluginSettings, home: Node, found: Findings) -> _Choice:
    types = merged([[setting for setting in layer if setting.name in _TYPES] for layer in layers], found)
    return _Choice(
        plugins.strategy(plugins.plugins.auth, types.get("auth_type"), DEFAULT_TYPE, aliases.AUTH_TYPES, home),
        plugins.strategy(
            plugins.plugins.pagination, types.get("pagination_type"), DEFAULT_TYPE, aliases.PAGINATION_TYPES, home
        ),
    )


def _renamed(layer: Layer, choice: _Choice, names: Mapping[str, str], found: Findings) -> list[Setting]:
    """Return the settings under their own names; other spellings count where no chosen plugin has that very name."""
    return [
        named
        for setting in layer
        for named in (
            [replace(setting, name=names[setting.name])]
            if setting.name in names
            else _unaliased(setting, choice, found)
        )
    ]


def _unaliased(setting: Setting, choice: _Choice, found: Findings) -> list[Setting]:
    if setting.name == aliases.AUTH_VALUE:
        return _auth_value(setting, choice, found)
    alias = aliases.SETTINGS.get(setting.name)
    if alias is None:
        return [setting]
    if alias.types and choice.pagination.taken_for not in alias.types:
        found.warn(setting.node, f"has no effect with paginationType {choice.pagination.taken_for}")
        return []
    return [replace(setting, name=alias.target)]


def _auth_value(setting: Setting, choice: _Choice, found: Findings) -> list[Setting]:
    if choice.auth.strategy is None:
        return []
    try:
        parts = aliases.split_auth_value(setting.node, choice.auth.name)
    except aliases.AuthValueError as error:
        found.problem(setting.node, str(error))
        return []
    if not parts:
        found.warn(setting.node, f"has no effect with authType {choice.auth.name}")
    return [replace(setting, name=name, node=node) for name, node in parts.items()]


def _with_secrets(layer: Layer, secrets: Layer, found: Findings) -> Layer:
    """Add what Ocean's ``SECRETS`` say; ``CONFIG`` wins (connection.md 1)."""
    said = {setting.name: setting for setting in layer}
    for secret in secrets:
        other = said.get(secret.name)
        if other is not None and differs(other.node, secret.node):
            found.warn(secret.node, f"differs from {other.node.source}, which wins")
    return [*layer, *(secret for secret in secrets if secret.name not in said)]


def _adjust(settings: dict[str, Setting], environment: Environment) -> None:
    """Apply what has rules of its own: variables in headers, and Ocean's switches for certificates."""
    headers = settings.get("custom_headers")
    if headers is not None:
        node = interpolate_headers(json_of(headers.node), environment.variables)
        settings["custom_headers"] = replace(headers, node=node)
    third_party = environment.ocean.fields.get("ssl", NOTHING).fields.get("third_party", NOTHING).fields
    switches = {
        "verify_ssl": third_party.get("verify"),
        "strict_x509": third_party.get("x509", NOTHING).fields.get("strict"),
    }
    for name, switch in switches.items():
        if switch is not None and str(switch.value).lower() not in _TRUE:  # pydantic refuses what is no boolean
            settings[name] = Setting(name, switch, strict=False)


def _leftovers(settings: Mapping[str, Setting], choice: _Choice, plugins: PluginSettings) -> None:
    names = choice.names()
    plugins.leftovers(
        [setting for name, setting in settings.items() if name not in names and name not in _TYPES],
        {
            "auth": f"authType {choice.auth.taken_for}",
            "pagination": f"paginationType {choice.pagination.taken_for}",
        },
        [
            *written_names(HttpSettings),
            "authType",
            "paginationType",
            *names_of(choice.auth.judge),
            *names_of(choice.pagination.judge),
        ],
        certain=choice.auth.judge is not None and choice.pagination.judge is not None,
    )


def _required(by: str) -> Callable[[str], str]:
    return lambda name: f"is required{by}, here or as {variable_name([PATH, to_snake(name)])}"


def _warn_of(http: HttpSettings | None, settings: Mapping[str, Setting], found: Findings) -> None:
    if http is not None and not http.verify_ssl:
        found.warn(
            settings["verify_ssl"].node, "certificate checks are off: whoever is between can read and change everything"
        )

    if http is not None and "burst" in settings and not (http.requests_per_second or http.requests_per_minute):
        found.warn(settings["burst"].node, "has no effect without requestsPerSecond or requestsPerMinute")


def _check_expression(http: HttpSettings | None, settings: Mapping[str, Setting], found: Findings) -> None:
    if http is None or http.rate_limit_when is None:
        return
    from penstock.expressions import check_expressions  # noqa: PLC0415 - few configurations need jq here

    for error in check_expressions([http.rate_limit_when]).values():
        found.problem(settings["rate_limit_when"].node, f"jq does not compile: {explain(error)}")


class Paginations:
    """The connection's pagination, and what becomes of it where a resource overrides it."""

    def __init__(
        self,
        plugins: PluginSettings,
        found: Findings,
        name: str,
        settings: Mapping[str, Setting],
        default: Chosen[PaginationStrategy[Any]] | None,
    ) -> None:
        self.default = default
        self._plugins = plugins
        self._found = found
        self._name = name
        self._settings = settings

    def override(self, block: Node, *, strict: bool) -> Chosen[PaginationStrategy[Any]] | None:
        """Return the pagination of a ``selector.pagination`` block; None after a problem.

        The block is merged over the connection's settings, unless it names another type.
        """
        layer = list(_in_block(block, strict=strict))
        kind = next((setting for setting in layer if setting.name == "pagination_type"), None)
        named = self._plugins.strategy(
            self._plugins.plugins.pagination, kind, self._name or DEFAULT_TYPE, aliases.PAGINATION_TYPES, block
        )
        name, strategy = named.name, named.strategy
        names = {} if named.judge is None else known_names(config_of(named.judge))
        own = merged([_renamed(layer, _Choice(Named(""), named), names, self._found)], self._found)
        self._plugins.unknown_keys(own, "pagination", named, type_setting="paginationType", of="paginationType")
        if strategy is None:
            return None
        base: Mapping[str, Setting] = self._settings if name == self._name else {}
        return self._plugins.chosen(strategy, {**base, **own}, block, lambda _: f"is required by paginationType {name}")

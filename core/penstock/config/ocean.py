"""The variables of Ocean: what each of them does here, or why it does nothing (sync.md 12, deploy.md 1 and 2).

Those of a sink are declared by the sink, with ``OceanVariable`` in the metadata of its settings; all others here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel

from penstock.config.environment import APPLICATION, OCEAN, Environment
from penstock.config.node import NOTHING, Node
from penstock.config.problems import Findings
from penstock.config.settings import Setting
from penstock.config.validation import camel
from penstock.plugins import PluginManager, config_of
from penstock.strategies import OceanVariable

EFFECTS: Final[Mapping[str, str]] = {
    "OCEAN__INTEGRATION__IDENTIFIER": "default of `source`",
    "OCEAN__INTEGRATION__CONFIG__NAME": "`connection.name`",
    "OCEAN__INTEGRATION__SECRETS__NAME": "the same, where `CONFIG` does not say it",
    "OCEAN__INTEGRATION__CONFIG__MAPPINGS": "a mapping document, where there is no other",
    "OCEAN__CLIENT_TIMEOUT": "default of `connection.timeout`",
    "OCEAN__SSL__THIRD_PARTY__VERIFY": "`connection.verifySsl`",
    "OCEAN__SSL__THIRD_PARTY__X509__STRICT": "`connection.strictX509`",
    "OCEAN__SCHEDULED_RESYNC_INTERVAL": "`scheduledResyncInterval`; a cron expression, as a CronJob has it, is ignored",
    "OCEAN__EVENT_LISTENER": "`eventListener`, as JSON; `OCEAN__EVENT_LISTENER__TYPE` and so on set one field of it",
    "OCEAN__PATH_PREFIX": "`service.pathPrefix`",
    "OCEAN__LOG_LEVEL": "`service.logLevel`",
    "APPLICATION__LOG_LEVEL": "`service.logLevel`, before `OCEAN__LOG_LEVEL`",
    "APPLICATION__PORT": "`service.port`",
}
"""What they set."""

_OWN_LIMITS: Final = "the catalog's own limits are kept"
_MAPPING: Final = "what the evaluation of the mapping may cost stands in `expressions`"
_CENTRAL: Final = "records are mapped here, as in the mode ocean-core"
NOTICES: Final[Mapping[str, str]] = {
    "OCEAN__PORT__PORT_APP_CONFIG_CACHE_TTL": "the mapping is fetched anew for every sync",
    "OCEAN__ALLOW_ENVIRONMENT_VARIABLES_JQ_ACCESS": "expressions never see the environment",
    "OCEAN__BASE_URL": "no webhook of a source is registered, so nobody has to know the address",
    "OCEAN__RUNTIME": "it always runs where you run it",
    "OCEAN__CACHING_STORAGE_MODE": "what has to be kept is kept on disk, with bounded memory",
    "OCEAN__PROCESS_IN_QUEUE_TIMEOUT": f"{_MAPPING} as `timeout`",
    "OCEAN__PROCESS_IN_QUEUE_MAX_WORKERS": _MAPPING,
    "OCEAN__YIELD_ITEMS_TO_PARSE_BATCH_SIZE": "elements of `items_to_parse` are mapped in batches of our own",
    "OCEAN__DELETE_ENTITIES_MAX_BATCH_SIZE": _OWN_LIMITS,
    "OCEAN__METRICS__ENABLED": "`penstock serve` always has figures at /metrics",
    "OCEAN__METRICS__WEBHOOK_URL": "figures are at /metrics of `penstock serve`, and in the report of each run",
    "OCEAN__MAX_WAIT_SECONDS_BEFORE_SHUTDOWN": "a stop takes at most 20 seconds",
    "OCEAN__DISABLE_IP_OUTBOUND_BLOCKER": "no address is refused",
    "OCEAN__PROCESSING_MODE": _CENTRAL,
    "OCEAN__LAKEHOUSE_ENABLED": _CENTRAL,
    "OCEAN__STREAMING__ENABLED": "answers are read page by page",
    "OCEAN__STREAMING__LOCATION": "answers are read page by page",
    "OCEAN__ACTIONS_PROCESSOR__ENABLED": "actions are not processed",
    "OCEAN__PROCESS_EXECUTION_MODE": "every sync of `penstock serve` is a process of its own",
}
"""Why those that are accepted have no effect."""

_NEAR: Final = 0.9
"""Ocean has variables that we know nothing of; only what is nearly right is a slip."""
_CRON: Final = re.compile(r"\S+(?:\s+\S+){4}")


class Claim(Struct, frozen=True):
    """A setting that has a name in Ocean."""

    field: str
    variable: OceanVariable

    @property
    def whole_name(self) -> str:
        """The variable's name."""
        name = self.variable.name
        return name if name.startswith(APPLICATION) else f"{OCEAN}{name}"


def claims_of(model: type[BaseModel]) -> Iterator[Claim]:
    """Iterate over those settings of a plugin that have a name in Ocean."""
    for name, field in model.model_fields.items():
        for one in field.metadata:
            if isinstance(one, OceanVariable):
                yield Claim(name, one)


def sinks_chosen(environment: Environment, plugins: PluginManager) -> list[str]:
    """Return the sinks that Ocean's variables mean; all are imported to ask, if there are such variables at all."""
    if not environment.ocean.fields:
        return []
    return [
        strategy.name
        for strategy in plugins.usable("sink")
        if any(one.variable.chooses and _node(environment, one) for one in claims_of(config_of(strategy)))
    ]


def settings_in(
    environment: Environment, model: type[BaseModel], path: str, problems: Findings, *, chosen: bool
) -> list[Setting]:
    """Return what Ocean's variables say of a plugin's settings.

    Args:
        environment: The variables.
        model: The plugin's ``Config``.
        path: Of the block they belong to.
        problems: Is told of numbers that are beyond what is possible here.
        chosen: Whether these variables made the choice of the plugin; then Ocean's defaults hold as well.
    """
    found: list[Setting] = []
    for claim in claims_of(model):
        node = _node(environment, claim)
        if node is None and chosen and claim.variable.otherwise is not None:
            node = Node(claim.variable.otherwise, "", f"the default of {claim.whole_name}")
        if node is not None:
            within = _within(node, claim.variable, problems)
            found.append(Setting(claim.field, replace(within, path=f"{path}.{camel(claim.field)}"), strict=True))
    return found


def _within(node: Node, variable: OceanVariable, found: Findings) -> Node:
    """Return a number as near as possible to what is written; anything else as it is, for others to judge."""
    if variable.least is None or variable.most is None or isinstance(node.value, bool):
        return node
    try:
        number = float(node.as_text() or "")
    except ValueError:
        return node
    if number > variable.most:
        found.warn(replace(node, path=""), f"is capped at {variable.most:,}, the most that the catalog takes")
        return replace(node, value=variable.most, text="")
    if number < variable.least:
        found.warn(replace(node, path=""), f"is raised to {variable.least:,}, the least that the sink works with")
        return replace(node, value=variable.least, text="")
    return node


def schedule_in(environment: Environment, found: Findings) -> Node | None:
    """Return how often Ocean's variable says to sync; what starts a CronJob is none of our business."""
    node = environment.ocean.fields.get("scheduled_resync_interval")
    if node is not None and isinstance(node.value, str) and _CRON.fullmatch(node.value.strip()):
        found.warn(replace(node, path=""), "has no effect: a cron expression is for whatever starts the process")
        return None
    return node


def say_what_has_no_effect(
    environment: Environment, sink: type[BaseModel] | None, plugins: PluginManager, found: Findings
) -> None:
    """Warn of each variable that is accepted and does nothing, and of those whose name is nearly right.

    In Ocean's file, where every name that there is not is told, those of sinks that are not used are names as well.
    """
    claimed = {claim.whole_name for claim in claims_of(sink)} if sink else set[str]()
    known = [*EFFECTS, *NOTICES, *(_names_of_sinks(plugins) if environment.ocean_file else claimed)]
    for prefix, root in ((OCEAN, environment.ocean), (APPLICATION, environment.application)):
        for name, leaf in _leaves(root, prefix):
            place = replace(leaf, path="")
            if name in NOTICES and name not in claimed:
                _warn(place, name, f"has no effect: {NOTICES[name]}", found)
            elif name in known or _is_in_a_block(name):
                continue
            elif environment.ocean_file and leaf.source.startswith(f"{environment.ocean_file}:"):
                found.unknown(leaf, leaf.path, [_in_a_file(one) for one in known], strict=False)
            else:
                for near in get_close_matches(name, known, n=1, cutoff=_NEAR):
                    _warn(place, name, f'there is no such variable; did you mean "{near}"? (ignored)', found)


def _names_of_sinks(plugins: PluginManager) -> list[str]:
    models = [config_of(strategy) for strategy in plugins.usable("sink")]
    return [claim.whole_name for model in models for claim in claims_of(model)]


def say_what_a_listener_ignores(environment: Environment, model: type[BaseModel], found: Findings) -> None:
    """Warn of each field of Ocean's listener that ours has not; a chart leaves some in it whatever the type is."""
    for name, leaf in _leaves(environment.ocean.fields.get("event_listener", NOTHING), _LISTENER):
        if name.removeprefix(_LISTENER).lower() not in model.model_fields:
            message = "has no effect: no listener of ours has such a field"
            _warn(replace(leaf, path=""), name, message, found)


def _in_a_file(variable: str) -> str:
    """Return what Ocean's ``config.yaml`` calls a variable: ``metrics.webhookUrl``."""
    return ".".join(camel(step) for step in variable.removeprefix(OCEAN).lower().split("__"))


def _warn(place: Node, name: str, message: str, found: Findings) -> None:
    """Name the variable also where it is a member of a JSON object in a shorter one."""
    found.warn(place, message if place.source.upper().endswith(name) else f"{name} {message}")


_LISTENER: Final = f"{OCEAN}EVENT_LISTENER__"
_BLOCKS: Final = tuple(f"{OCEAN}{block}__" for block in ("INTEGRATION", "EVENT_LISTENER", "SERVICE"))


def _is_in_a_block(name: str) -> bool:
    """Whether somebody else tells what is unknown there, or nobody is to."""
    return name.startswith(_BLOCKS)


def _node(environment: Environment, claim: Claim) -> Node | None:
    prefix, node = OCEAN, environment.ocean
    if claim.variable.name.startswith(APPLICATION):
        prefix, node = APPLICATION, environment.application
    for step in claim.whole_name.removeprefix(prefix).lower().split("__"):
        child = node.fields.get(step)
        if child is None:
            return None
        node = child
    return None if node.blank else node


def _leaves(node: Node, name: str) -> Iterator[tuple[str, Node]]:
    """Iterate over the variables of a tree, by their whole names."""
    for step, child in node.fields.items():
        if isinstance(child.value, dict):
            yield from _leaves(child, f"{name}{step.upper()}__")
        else:
            yield f"{name}{step.upper()}", child

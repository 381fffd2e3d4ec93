"""What Port knows of us beside entities: the integration, the mapping that it keeps, what is made at the first start.

Sources: sync.md sections 1 and 8, port_api.md section 4.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, cast

from penstock import JSON, VERSION
from penstock.errors import SinkError
from penstock_sinks._port_api import Api, Object, RefusalError
from penstock_sinks._port_blueprints import blueprints_in, create_blueprints
from penstock_sinks._port_origin import nothing_more_to_make, origin_of
from penstock_sinks._port_resources import Resources
from penstock_sinks.port import Origin, PortConfig

_LOG: Final = logging.getLogger(__name__)
_DEFAULTS: Final[Object] = {
    "deleteDependentEntities": True,
    "createMissingRelatedEntities": True,
    "enableMergeEntity": True,
    "entityDeletionThreshold": 0.9,
    "resources": [],
}
"""The mapping of an integration for which nobody has written one."""
_HOSTED: Final = "saas"
_PAUSES: Final = tuple(min(3 * 1.55**poll, 30.0) for poll in range(30))
"""Seconds before each look whether Port has made the mapping. Ocean's grow without end, and come to a month: these come
to 13 minutes, within which ``plugins.timeout`` ends no call."""


async def find(api: Api) -> Object | None:
    """Return the integration as Port has it, None where it is not registered; raises SinkError."""
    query = f"oceanCoreVersion={VERSION}&isPolling=false"
    try:
        body = (await api.call("GET", "integration", api.owner.identifier, query=query)).body
    except RefusalError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise _unmade("read", api, error) from error
    return cast("Object", body.get("integration") or {})


async def kept_mapping(api: Api) -> Mapping[str, JSON] | None:
    """Return the mapping that Port keeps for the integration; raises SinkError."""
    config = (await find(api) or {}).get("config")
    return config if isinstance(config, dict) else None


async def make_ready(
    api: Api, config: PortConfig, destination: Object, pause: Callable[[float], Awaitable[None]]
) -> None:
    """Register the integration, or bring it up to date, and make what is to be there from the first start on.

    Args:
        api: Where.
        config: The settings of the sink.
        destination: Where Port is to tell of changes, and of requests for a sync.
        pause: Waits for so many seconds.

    Raises:
        SinkError: Port refuses something, or does not make what it should, a file cannot be used, or the integration
            is one that Port hosts.
    """
    found = await find(api)
    origin = await origin_of(api, config, found)
    from_files = config.makes_resources and origin == "Default"
    resources = Resources.beneath(config.resources_path) if from_files else Resources()
    if found is None:
        found = await _register(api, resources, destination, origin)
        if origin == "Port" and found.get("createPortResourcesOrigin", origin) != origin:
            origin = nothing_more_to_make(api, found)  # somebody else registered it a moment ago
    if str(found.get("installationType", "")).lower().startswith(_HOSTED):
        message = (
            f'the integration "{api.owner.identifier}" is one that Port itself runs: set another '
            "sink.integrationIdentifier"
        )
        raise SinkError(message)
    if origin == "Port" and not found.get("config"):
        found = await _made_by_port(api, pause)
    due = _due(api, found, destination)
    if config.makes_resources and origin != "Empty" and found.get("arePortResourcesInitialized") is not True:
        if resources.blueprints is not None:
            made = await create_blueprints(api, blueprints_in(resources.blueprints))
            _LOG.info("blueprints made at Port: %s; there already: %s", _listed(made.created), _listed(made.existing))
        if resources.mapping is not None and not _resources_of(found.get("config")):
            due["config"] = resources.mapping
        due["arePortResourcesInitialized"] = True
    if due:  # without a change, the request would ask for a sync
        await _call(api, "change", "PATCH", "integration", api.owner.identifier, body=due)


async def _register(api: Api, resources: Resources, destination: Object, origin: Origin) -> Object:
    body: Object = {
        "installationId": api.owner.identifier,
        **_wanted(api, destination),
        "createPortResourcesOrigin": origin,
    }
    if origin != "Port":  # a mapping of ours would be taken for the one that Port is to make
        body["config"] = _DEFAULTS if resources.mapping is None else resources.mapping
    query = "integration_modes=create_resources" if origin == "Port" else ""
    try:
        answer = (await api.call("POST", "integration", query=query, body=body)).body
    except RefusalError as error:
        there = await find(api) if error.status == HTTPStatus.CONFLICT else None
        if there is None:
            raise _unmade("register", api, error) from error
        return there  # somebody else did it a moment ago, or we did and the answer was lost
    return cast("Object", answer.get("integration") or {})


async def _made_by_port(api: Api, pause: Callable[[float], Awaitable[None]]) -> Object:
    """Wait until Port has made the mapping, and return the integration as it is then; raises SinkError."""
    minutes = f"{sum(_PAUSES) / 60:.0f} minutes"
    _LOG.warning('Port makes the resources of "%s": they are waited for, up to %s', api.owner.identifier, minutes)
    for seconds in _PAUSES:
        await pause(seconds)
        found = await find(api) or {}
        if found.get("config"):
            return found
    message = (
        f'the integration "{api.owner.identifier}" was registered for Port to make its resources, and after {minutes} '
        "Port has made no mapping: write one there, on the integration's page, or set sink.createPortResourcesOrigin: "
        "Default, which takes the files of sink.resourcesPath"
    )
    raise SinkError(message)


def _wanted(api: Api, destination: Object) -> Object:
    return {
        "installationAppType": api.owner.kind,
        "version": VERSION,
        "changelogDestination": destination,
        "actionsProcessingEnabled": False,
        "incrementalSyncEnabled": False,
        "processingMode": "ocean-core",
    }


def _due(api: Api, found: Object, destination: Object) -> Object:
    """Return what Port has otherwise; the mapping of an integration is never changed."""
    return {name: value for name, value in _wanted(api, destination).items() if found.get(name) != value}


async def _call(api: Api, what: str, method: str, *path: str, body: Object) -> Object:
    try:
        return cast("Object", (await api.call(method, *path, body=body)).body)
    except RefusalError as error:
        raise _unmade(what, api, error) from error


def _resources_of(config: JSON) -> JSON:
    return config.get("resources") if isinstance(config, dict) else None


def _listed(names: object) -> str:
    return ", ".join(cast("list[str]", names)) or "none"


def _unmade(what: str, api: Api, error: RefusalError) -> SinkError:
    where = f'the integration "{api.owner.identifier}"'
    return SinkError(f"{where} cannot be {_PAST[what]} at Port: {error.message} ({error.status} {error.code})")


_PAST: Final = {"read": "read", "register": "registered", "change": "changed"}

"""Who makes the resources of an integration: nobody, we from a folder, or Port (sync.md 8.2, port_api.md section 4)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final, cast

from penstock.errors import SinkError
from penstock_sinks._port_api import Api, Object, RefusalError
from penstock_sinks.port import Origin, PortConfig

_LOG: Final = logging.getLogger(__name__)
_FLAG: Final = "USE_PROVISIONED_DEFAULTS"
"""Of organisations in which Port makes the resources, of the types of integrations that it can."""


async def origin_of(api: Api, config: PortConfig, found: Object | None) -> Origin:
    """Return who makes the resources.

    Args:
        api: Where.
        config: The settings of the sink.
        found: The integration as Port has it; None where it is not registered yet.

    Raises:
        SinkError: Port does not say what it makes by itself.
    """
    wanted = config.resources_origin
    if not config.makes_resources:
        if wanted == "Port":
            _LOG.warning("sink.createPortResourcesOrigin has no effect: sink.initializePortResources is false")
        return "Empty" if wanted == "Empty" else "Default"
    if found is None:
        return wanted or ("Port" if await _makes_by_itself(api, config) else "Default")
    is_ports = found.get("createPortResourcesOrigin") == "Port"
    if wanted == "Port" and not is_ports:
        return nothing_more_to_make(api, found)
    return wanted or ("Port" if is_ports else "Default")


def nothing_more_to_make(api: Api, found: Object) -> Origin:
    """Have nothing made, and say so where something is missing."""
    if not found.get("config"):
        _LOG.warning(
            'sink.createPortResourcesOrigin: Port makes resources when an integration is registered, and "%s" already '
            "was: write its mapping at Port, or delete the integration there",
            api.owner.identifier,
        )
    return "Empty"


async def _makes_by_itself(api: Api, config: PortConfig) -> bool:
    """Whether Port, where nobody says who, makes the resources of integrations such as ours: Ocean's own rule."""
    kinds = (await _told(api, "integration", "provision-enabled")).get("integrations")
    if not isinstance(kinds, list) or api.owner.kind not in kinds:
        return False
    organisation = (await _told(api, "organization")).get("organization")
    flags = organisation.get("featureFlags") if isinstance(organisation, dict) else None
    if not isinstance(flags, list) or _FLAG not in flags:
        return False
    _LOG.info(
        "Port makes the resources of integrations of the type %s in this organisation: nothing is taken from %s, "
        "unless sink.createPortResourcesOrigin is Default",
        api.owner.kind,
        config.resources_path,
    )
    return True


async def _told(api: Api, *path: str) -> Object:
    try:
        return cast("Object", (await api.call("GET", *path)).body)
    except RefusalError as error:
        if error.status == HTTPStatus.NOT_FOUND:  # an older Port
            return {}
        message = (
            f"Port does not say whether it makes the resources of the integration: {error.message} ({error.status} "
            f"{error.code}); with sink.createPortResourcesOrigin set it is not asked"
        )
        raise SinkError(message) from error

"""Settings whose mapping the catalog keeps: fetched anew, and validated as one that is written in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from penstock.cli.plugged import listed_plugins
from penstock.cli.settings import load

if TYPE_CHECKING:
    from penstock.cli.failures import Context
    from penstock.config.load import Inputs
    from penstock.config.models import Settings
    from penstock.redaction import Secrets
    from penstock.sync.mapping import Document


class Mapped(NamedTuple):
    """Settings with the mapping they are for, wherever it is kept."""

    settings: Settings
    inputs: Inputs
    """What they were read from, the mapping among it."""


def settings_to_look(context: Context, where: Inputs) -> Mapped:
    """Read the settings; nothing is changed in the catalog.

    Raises:
        ConfigurationError: All that is wrong with them, or with the mapping.
        SinkError: The mapping cannot be had.
    """

    async def fetch(settings: Settings, secrets: Secrets) -> Document:
        from penstock.sync.mapping import kept_mapping

        return await kept_mapping(settings, secrets)

    return _mapped(context, where, fetch)


def settings_to_sync(context: Context, where: Inputs) -> Mapped:
    """Do the same, and first have the catalog made ready where it keeps the mapping; raises alike."""

    async def fetch(settings: Settings, secrets: Secrets) -> Document:
        from penstock.sync.mapping import kept_mapping, make_ready

        await make_ready(settings, secrets)
        return await kept_mapping(settings, secrets)

    return _mapped(context, where, fetch)


def _mapped(context: Context, where: Inputs, fetch: Callable[[Settings, Secrets], Awaitable[Document]]) -> Mapped:
    context.settings = settings = load(where)
    if not settings.mapping_is_kept:
        return Mapped(settings, where)

    async def fetched() -> Document:
        return await fetch(settings, context.secrets)

    from penstock.config.load import load_settings

    whole = replace(where, kept_mapping=asyncio.run(fetched()))
    context.settings = settings = load_settings(whole, listed_plugins())
    return Mapped(settings, whole)

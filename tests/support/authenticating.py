"""Requests that an installed auth signs, through a real client, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from penstock.config.models import Chosen, HttpSettings
from penstock.http.client import ApiClient
from penstock.http.clock import Clock
from penstock.plugins import config_of
from penstock.testing import clients
from support.clock import FakeClock
from support.configuring import installed
from support.fetching import NO_TOKENS, get


def chosen(auth_type: str, settings: Mapping[str, Any]) -> Chosen[Any]:
    """Return an installed auth with its settings."""
    plugins = installed()
    strategy = plugins.auth(auth_type)
    return Chosen(strategy, config_of(strategy).model_validate(settings, context={"auth": plugins.auth}))


@asynccontextmanager
async def authenticated(
    connection: HttpSettings, auth: Chosen[Any], *, tokens: Path = NO_TOKENS, clock: Clock | None = None
) -> AsyncGenerator[ApiClient]:
    """Give the client of a connection with an auth, as a run opens it."""
    async with clients.authenticated(connection, auth, tokens=tokens, clock=clock or FakeClock()) as client:
        yield client


def statuses(
    connection: HttpSettings,
    auth: Chosen[Any],
    *paths: str,
    tokens: Path = NO_TOKENS,
    clock: Clock | None = None,
) -> list[int]:
    """Get the paths one after another; the first error ends it."""

    async def run() -> list[int]:
        async with authenticated(connection, auth, tokens=tokens, clock=clock) as client:
            return [(await client.send(get(f"{connection.base_url}{path}"))).status for path in paths]

    return asyncio.run(run())

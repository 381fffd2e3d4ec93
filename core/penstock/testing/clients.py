"""The real client of a connection, over real sockets, for what an auth signs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from penstock.config.models import Chosen, HttpSettings
from penstock.http.auth import build_auth
from penstock.http.client import ApiClient
from penstock.http.clock import Clock, SystemClock
from penstock.http.errands import Errands
from penstock.http.wire import Wire
from penstock.redaction import Secrets, secrets_in
from penstock.strategies import AuthContext
from penstock.tokens import FileTokens

Prepare = Callable[[AuthContext], Awaitable[None]]
"""Called with what core lends to the auth, before the first request."""


async def nothing_to_prepare(context: AuthContext) -> None:
    """Do nothing."""
    del context


@asynccontextmanager
async def authenticated(
    connection: HttpSettings,
    auth: Chosen[Any],
    *,
    tokens: Path,
    clock: Clock | None = None,
    prepare: Prepare = nothing_to_prepare,
) -> AsyncGenerator[ApiClient]:
    """Give the client of a connection with an auth, as a run opens it.

    Args:
        connection: Where to, and how many at once.
        auth: What signs.
        tokens: The folder in which grants are kept.
        clock: The system's by default.
        prepare: What is to happen before the first request.
    """
    secrets = Secrets([*secrets_in(connection), *secrets_in(auth.config)])
    async with Wire(connection, clock or SystemClock()) as wire:
        errands = Errands(connection, wire, FileTokens(tokens), secrets)
        await prepare(errands)
        name = auth.strategy.name
        yield ApiClient(connection, build_auth(auth, errands), wire, errands, secrets, auth_name=name)

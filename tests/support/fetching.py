"""Sending requests through a real ``ApiClient``, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from penstock.config.models import HttpSettings
from penstock.expressions import compile_expression
from penstock.http.client import ApiClient, ApiRequest, ApiResponse
from penstock.http.clock import Clock
from penstock.http.errands import Errands
from penstock.http.judge import judge_by
from penstock.http.wire import Wire
from penstock.redaction import Secrets, secrets_in
from penstock.tokens import FileTokens
from penstock.values import JSON
from support.clock import FakeClock

NO_TOKENS = Path("/dev/null/tokens")
"""Where no token can be stored."""


def settings(url: str, **options: Any) -> HttpSettings:  # noqa: ANN401 - as HttpSettings takes them
    return HttpSettings(base_url=url, **options)


def get(url: str, headers: Mapping[str, str] | None = None) -> ApiRequest:
    return ApiRequest("GET", url, headers or {})


def post(url: str, body: JSON, *, retry_safe: bool | None = None) -> ApiRequest:
    return ApiRequest("POST", url, {}, body, retry_safe)


def context_of(connection: HttpSettings, *, wire: Wire | None = None, tokens: Path = NO_TOKENS) -> Errands:
    """Return what an auth is built with."""
    return Errands(connection, wire or Wire(connection), FileTokens(tokens), Secrets(secrets_in(connection)))


@asynccontextmanager
async def opened(
    connection: HttpSettings, auth: httpx.Auth | None = None, *, clock: Clock | None = None
) -> AsyncGenerator[ApiClient]:
    """Give the client of a connection, as a run opens it."""
    secrets = Secrets(secrets_in(connection))
    async with Wire(connection, clock or FakeClock()) as wire:
        errands = Errands(connection, wire, FileTokens(NO_TOKENS), secrets)
        rule = connection.rate_limit_when
        judge = None if rule is None else judge_by(compile_expression(rule))
        yield ApiClient(connection, auth or httpx.Auth(), wire, errands, secrets, judge=judge)


def fetch(
    connection: HttpSettings, *requests: ApiRequest, auth: httpx.Auth | None = None, clock: FakeClock | None = None
) -> list[ApiResponse]:
    """Send the requests one after another and return the answers; the first error ends it."""

    async def run() -> list[ApiResponse]:
        async with opened(connection, auth, clock=clock) as client:
            return [await client.send(request) for request in requests]

    return asyncio.run(run())

"""Sending requests through a real ``ApiClient``, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from penstock.config.models import HttpSettings
from penstock.http.client import ApiClient, ApiRequest, ApiResponse
from penstock.values import JSON
from support.clock import FakeClock


def settings(url: str, **options: Any) -> HttpSettings:  # noqa: ANN401 - as HttpSettings takes them
    return HttpSettings(base_url=url, **options)


def get(url: str, headers: Mapping[str, str] | None = None) -> ApiRequest:
    return ApiRequest("GET", url, headers or {})


def post(url: str, body: JSON, *, retry_safe: bool | None = None) -> ApiRequest:
    return ApiRequest("POST", url, {}, body, retry_safe)


def fetch(
    connection: HttpSettings, *requests: ApiRequest, auth: httpx.Auth | None = None, clock: FakeClock | None = None
) -> list[ApiResponse]:
    """Send the requests one after another and return the answers; the first error ends it."""

    async def run() -> list[ApiResponse]:
        async with ApiClient(connection, auth or httpx.Auth(), clock=clock or FakeClock()) as client:
            return [await client.send(request) for request in requests]

    return asyncio.run(run())

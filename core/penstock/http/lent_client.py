"""The client that a sink has on loan: a courier whose errors are those of sinks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import httpx

from penstock.errors import AuthError, SinkError
from penstock.http.errands import Courier
from penstock.http.failures import QuotaError
from penstock.http.moments import in_words
from penstock.plugin_calls import Activity
from penstock.redaction import mask_url
from penstock.sink_client import SinkAnswer, SinkClient

_SAFE: Final = {True: {"retry_safe": True}, False: {"retry_safe": False}}


class LentClient(SinkClient):
    """Sends for a sink.

    Args:
        courier: Does it.
        activity: Counts what is under way.
    """

    def __init__(self, courier: Courier, activity: Activity) -> None:
        self._courier = courier
        self._activity = activity

    async def send(self, request: httpx.Request, *, auth: httpx.Auth | None = None) -> httpx.Response:
        """Send a request, as ``SinkClient`` says."""
        try:
            with self._activity:
                return await self._courier.send(request, auth=auth)
        except (QuotaError, AuthError) as error:
            raise _as_of_a_sink(error, request.url) from error

    async def call(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"", *, retry_safe: bool
    ) -> SinkAnswer:
        """Do the same at less cost, as ``SinkClient`` says."""
        try:
            place = _parsed(url)
        except httpx.InvalidURL as error:  # a service may have told it
            message = f"{method} {mask_url(url)!r}: it is no URL: {error}"
            raise SinkError(message) from error
        try:
            with self._activity:
                heard = await self._courier.ask(method, place, url, headers, content, _SAFE[retry_safe])
        except (QuotaError, AuthError) as error:
            raise _as_of_a_sink(error, place) from error
        return SinkAnswer(heard.status, heard.headers, heard.content)


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    """Return a URL that many requests share."""
    return httpx.URL(url)


def _as_of_a_sink(error: QuotaError | AuthError, url: httpx.URL) -> SinkError:
    if isinstance(error, QuotaError):
        return SinkError(f"{url.host} wants no requests before {in_words(error.until)}; run again then")
    return SinkError(str(error))

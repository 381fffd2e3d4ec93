"""From a request to aiohttp and back, each as it is: nothing is built for one request that the next could share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import httpx
from msgspec import Struct

from penstock.http.transport import aiohttp

_NO_TIMEOUT: Final = aiohttp.ClientTimeout()
"""``Wire`` bounds a request as a whole, body included."""
_NO_TYPE: Final = ("Content-Type",)
"""Not to be added: it would call an empty body application/octet-stream."""

RESENDS: Final = "resends"
"""The extension of a request that tells how often it was sent before, where it was."""


class PreparedRequest(Struct, frozen=True):
    """A request whose parts are shared by many, named as those of an ``httpx.Request`` are."""

    method: str
    url: httpx.URL
    target: str
    """The same as it is sent."""
    headers: Mapping[str, str]
    """All of them, but for ``Host`` and ``Content-Length``; names in lower case."""
    content: bytes
    extensions: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"PreparedRequest({self.method} {self.url.host})"


Outgoing: TypeAlias = httpx.Request | PreparedRequest


class Pool:
    """A pool of connections, straight to the origins or through a proxy.

    Args:
        session: Whose pool it is; closed with this.
        proxy: Its URL, without user-info.
        proxy_headers: What the proxy is told.
    """

    def __init__(
        self, session: aiohttp.ClientSession, proxy: str | None = None, proxy_headers: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._proxy = proxy
        self._proxy_headers = proxy_headers

    async def send(self, request: Outgoing, more_headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a request, and return the answer once its headers have come; its body is the caller's to read.

        Redirects are not followed, nothing is decompressed.

        Args:
            request: What to send.
            more_headers: What this route adds.

        Raises:
            aiohttp.ClientError, OSError, ValueError: There is no answer.
        """
        if isinstance(request, PreparedRequest):
            target, content = request.target, request.content
        else:
            target, content = str(request.url), await _content_of(request)
        return await self._session.request(
            request.method,
            target,
            headers={**request.headers, **more_headers} if more_headers else request.headers,
            data=content or None,
            skip_auto_headers=None if "content-type" in request.headers else _NO_TYPE,
            allow_redirects=False,
            compress=False,
            timeout=_NO_TIMEOUT,
            server_hostname=request.extensions.get("sni_hostname"),
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


async def close(answer: aiohttp.ClientResponse) -> None:
    """Give the connection back; one whose answer was not read to its end is closed."""
    answer.release()
    await answer.wait_for_close()


async def _content_of(request: httpx.Request) -> bytes:
    try:
        return request.content
    except httpx.RequestNotRead:  # a form with files, say
        request.headers.pop("transfer-encoding", None)  # its length is known now
        return await request.aread()

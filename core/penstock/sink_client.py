"""The client that core lends to a sink whose catalog is a service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How a client that core lends to a sink sends its requests; times are in seconds."""

    base_url: str = field(repr=False)
    """Whose rate limit headers are heeded."""
    timeout: float = 60.0
    """From sending to the last byte."""
    max_concurrent_requests: int = 10
    max_retries: int = 10
    """Attempts after the first one."""
    max_retry_wait: float = 900.0
    """What the server may ask to wait in the course of one request."""
    max_response_bytes: int = 64 * 1024 * 1024
    verify_ssl: bool = True
    strict_x509: bool = True
    ca_bundle: str | None = field(default=None, repr=False)
    """Authorities to trust beside the usual ones: PEM text, or the path of a file."""
    proxy: SecretStr | None = None
    """URL; by default HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide."""


class SinkAnswer(NamedTuple):
    """What a service answers a sink, read whole."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    """As they came, names in any case."""
    content: bytes
    """The body, decompressed."""


class SinkClient(ABC):
    """Sends the requests of one sink: one pool, one limiter; several may be on their way at once."""

    @abstractmethod
    async def send(self, request: httpx.Request, *, auth: httpx.Auth | None = None) -> httpx.Response:
        """Send a request and return the answer, read whole, whatever its status.

        It is tried again as a source's requests are, signed anew for each attempt. Where repeating it does no harm
        although its method is POST or PATCH, set ``request.extensions["retry_safe"] = True``. Redirects are not
        followed.

        Raises:
            SinkError: There was no answer after the retries, none that can be read, or none before the server's limit
                starts anew, which is too late; or the auth could not obtain its credentials.
        """

    @abstractmethod
    async def call(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"", *, retry_safe: bool
    ) -> SinkAnswer:
        """Do what ``send`` does, at half its cost, for a sink that asks for much the same very often.

        Args:
            method: In capitals.
            url: Absolute, encoded as it is to be sent.
            headers: With names in lower case.
            content: The body as it is sent; empty for none.
            retry_safe: Whether repeating it does no harm.

        Raises:
            SinkError: As of ``send``.
        """

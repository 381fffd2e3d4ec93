"""Answers that several resources of a mapping need: each request is sent once (mapping.md section 9)."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from penstock.config.models import RequestSpec, Resource
from penstock.http.client import ApiRequest, ApiResponse
from penstock.sync.requests import canonical

Send = Callable[[ApiRequest], Awaitable[ApiResponse]]


def shared_requests(resources: Iterable[Resource]) -> frozenset[str]:
    """Return the names (see ``name_of``) of the requests that a mapping makes more than once."""
    counts = Counter(name_of(spec) for resource in resources for spec in _specs(resource))
    return frozenset(name for name, count in counts.items() if count > 1)


def name_of(spec: RequestSpec) -> str:
    """Return a text that is equal for requests that the mapping writes alike."""
    parts = (spec.method, spec.endpoint, spec.query_params, spec.headers, spec.body)
    return canonical(parts).decode()


class SharedAnswers:
    """Sends requests, and keeps the answers on disk for whoever asks for the same again; ``with`` removes them.

    Only whole, successful answers are kept, so a read that failed is taken up where it failed. The folder is private to
    this process.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-answers-", ignore_cleanup_errors=True)
        self._locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._kept: dict[bytes, tuple[ApiResponse, Path]] = {}

    def __enter__(self) -> Self:
        """Keep answers from here on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was kept."""
        self._folder.cleanup()

    async def send(self, request: ApiRequest) -> ApiResponse:
        """Return the answer to a request: kept from before, or asked for now and kept."""
        key = canonical((request.method, request.url, dict(request.headers), request.body))
        async with self._locks[key]:  # whoever asks meanwhile waits for the one answer
            if key not in self._kept:
                response = await self._send(request)
                path = Path(self._folder.name, str(len(self._kept)))
                path.write_bytes(response.content)  # noqa: ASYNC240 - a page, to the local disk
                self._kept[key] = (replace(response, content=b""), path)
                return response
            response, path = self._kept[key]
            return replace(response, content=path.read_bytes())


def _specs(resource: Resource) -> Iterable[RequestSpec]:
    yield resource.request
    for parameter in resource.path_parameters:
        yield parameter.request

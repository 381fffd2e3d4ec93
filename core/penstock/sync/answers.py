"""Answers that several resources of a mapping need: each request is sent once (mapping.md section 9)."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

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


class _Kept(Struct, frozen=True):
    """An answer whose content is in the file."""

    response: ApiResponse
    start: int
    length: int


class SharedAnswers:
    """Sends requests, and keeps the answers on disk for whoever asks for the same again; ``with`` removes them.

    Only whole, successful answers are kept, so a read that failed is taken up where it failed. The file has no name: it
    is private to this process, and gone with it, however that ends.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - __exit__ closes it
        self._locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._kept: dict[bytes, _Kept] = {}

    def __enter__(self) -> Self:
        """Keep answers from here on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was kept."""
        self._file.close()

    async def send(self, request: ApiRequest) -> ApiResponse:
        """Return the answer to a request: kept from before, or asked for now and kept."""
        key = canonical((request.method, request.url, dict(request.headers), request.body))
        async with self._locks[key]:  # whoever asks meanwhile waits for the one answer
            if key not in self._kept:
                response = await self._send(request)
                self._kept[key] = self._keep(response)
                return response
            return self._recall(self._kept[key])

    def _keep(self, response: ApiResponse) -> _Kept:
        start, content = self._file.seek(0, os.SEEK_END), memoryview(response.content)
        while content:  # a write may take less than it is given
            content = content[self._file.write(content) :]
        return _Kept(replace(response, content=b""), start, len(response.content))

    def _recall(self, kept: _Kept) -> ApiResponse:
        return replace(kept.response, content=os.pread(self._file.fileno(), kept.length, kept.start))


def _specs(resource: Resource) -> Iterable[RequestSpec]:
    yield resource.request
    for parameter in resource.path_parameters:
        yield parameter.request

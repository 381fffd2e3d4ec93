"""Reading a body as it comes: counted while it is decompressed, so that neither size nor bomb can fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

from penstock.http.transport import aiohttp

ACCEPT_ENCODING: Final = "gzip, deflate"
_STEP: Final = 1 << 20
"""Bytes that one step of decompression may give."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW_DEFLATE: Final = -zlib.MAX_WBITS


class BodyError(Exception):
    """A body cannot be used, whoever asks again."""


async def read_all(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the whole body, decompressed.

    Raises:
        BodyError: It is larger than ``limit`` bytes (nothing beyond that was kept), or its encoding is bad or unknown.
    """
    too_large = f"the answer is larger than {limit:,} bytes (maxResponseBytes)"
    if _promised(response) > limit:
        raise BodyError(too_large)
    parts: list[bytes] = []
    size = 0
    async for part in _parts(response):
        size += len(part)
        if size > limit:
            raise BodyError(too_large)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _promised(response: aiohttp.ClientResponse) -> int:
    length = response.headers.get("Content-Length", "")
    compressed = "Content-Encoding" in response.headers
    return int(length) if length.isdecimal() and not compressed and response.method != "HEAD" else 0


async def read_start(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return at most ``limit`` bytes, as much as can be read: the body of an error need not be perfect."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in _parts(response):
            parts.append(part[: limit - size])
            size += len(part)
            if size >= limit:
                break
    except BodyError:
        pass  # the status says what matters; what could be read of the text is shown
    return b"".join(parts)


def _parts(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    chunks = response.content.iter_any()  # in whatever sizes it comes; at most what aiohttp buffers
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return aiter(chunks) if encoding in {"identity", ""} else _inflate(chunks, encoding)


async def _inflate(chunks: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    inflater = _Inflater(encoding)
    async for chunk in chunks:
        for part in inflater.feed(chunk):
            yield part
    inflater.finish()


class _Inflater:
    """Decompresses gzip, of any number of members, or deflate, with or without zlib's header."""

    def __init__(self, encoding: str) -> None:
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            message = f'the answer is encoded as "{encoding}", and only gzip and deflate were asked for'
            raise BodyError(message)
        self._gzip = encoding != "deflate"
        self._zlib = zlib.decompressobj(_GZIP if self._gzip else zlib.MAX_WBITS)
        self._fresh = True
        """Whether nothing of the current member was read."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self._zlib.eof:
                data = data.lstrip(b"\0") if self._gzip else b""  # padding, or what follows a deflate stream
                if not data:
                    return
                self._zlib, self._fresh = zlib.decompressobj(_GZIP), True
            part = self._decompress(data)
            full = len(part) == _STEP
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if part:
                yield part

    def finish(self) -> None:
        """Raise BodyError unless the data came to its proper end; no data at all is fine."""
        if not (self._zlib.eof or self._fresh):
            message = "the compressed answer ends too early"
            raise BodyError(message)

    def _decompress(self, data: bytes) -> bytes:
        try:
            part = self._zlib.decompress(data, _STEP)
        except zlib.error as error:
            if self._gzip or not self._fresh:
                message = f"the answer cannot be decompressed: {error}"
                raise BodyError(message) from error
            self._zlib, self._fresh = zlib.decompressobj(_RAW_DEFLATE), False
            return self._decompress(data)
        self._fresh = False
        return part

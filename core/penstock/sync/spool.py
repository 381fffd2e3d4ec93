"""Answers on disk until what they hold is in the sink: a run that was killed asks for none of them again.

Some APIs repeat what they were asked, key included: such an answer is not kept, and would be asked for again.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx
import orjson
from msgspec import Struct

from penstock.http.client import ApiRequest, ApiResponse
from penstock.journal import JournalError
from penstock.redaction import Secrets
from penstock.sync.requests import canonical

Send = Callable[[ApiRequest], Awaitable[ApiResponse]]
_LOG: Final = logging.getLogger(__name__)
_LENGTHS: Final = struct.Struct(">IQ")
_PRIVATE: Final = frozenset({"set-cookie"})


class Spool:
    """The answers of one run in a folder; what a killed run has left there is given out again.

    Written without waiting for the disk: that they outlive the process is all that is wanted of them.

    Args:
        folder: Where they are kept, made when needed.
        secrets: What must not be in a file.
    """

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self._folder = folder
        self._secrets = secrets
        self._left: dict[bytes, _Kept] = {}
        self._files: list[_File] = []
        self._full = False

    def __enter__(self) -> Self:
        """Find what is left of a run that was broken off."""
        for path in sorted(self._folder.glob("*.answers")):
            self._left.update((kept.key, kept) for kept in _read(path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files, and leave them for the run that goes on."""
        for file in self._files:
            file.close()
        self._files.clear()

    def through(self, send: Send) -> Send:
        """Return what answers from what is left, and keeps what it has to send for."""

        async def sent(request: ApiRequest) -> ApiResponse:
            key, conditional = _keys(request)
            kept = self._left.get(conditional) or self._left.get(key)
            if kept is not None:
                return kept.response()
            response = await send(request)
            self._keep(conditional if response.status == HTTPStatus.NOT_MODIFIED else key, response)
            return response

        return sent

    def delivered(self, at_once: int) -> None:
        """Hear that a batch is in the sink, and drop the answers that are older than the last so many calls.

        Args:
            at_once: How many batches may be under way at once, beside the one that is being gathered.
        """
        if self._files and self._files[-1].used:
            self._files.append(_File(self._folder))
        while len(self._files) > 1 + at_once:  # what came since may still be on its way
            self._files.pop(0).remove()

    def _keep(self, key: bytes, response: ApiResponse) -> None:
        record = _Record.of(key, response)
        if self._full or self._secrets.are_in(record.facts, record.content):
            return
        if not self._files:
            self._files.append(_File(self._folder))
        try:
            self._files[-1].append(record)
        except OSError as error:
            self._full = True
            _LOG.warning(
                "%s: answers cannot be kept there (%s): were this run killed, the next would ask for them again",
                self._folder,
                error.strerror,
            )


def _keys(request: ApiRequest) -> tuple[bytes, bytes]:
    """Return what names a whole answer, and "not modified", which is an answer under the same conditions only."""
    asked = (request.method, request.url, dict(request.headers), request.body)
    key = sha256(canonical(asked)).digest()
    return key, sha256(canonical((*asked, dict(request.conditions)))).digest() if request.conditions else key


class _Record(Struct, frozen=True):
    """An answer as it is written."""

    facts: bytes
    content: bytes

    @classmethod
    def of(cls, key: bytes, response: ApiResponse) -> _Record:
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _PRIVATE]
        facts = orjson.dumps([key.hex(), response.status, response.url, headers, response.seconds])
        return cls(facts, response.content)


class _File:
    """One file of answers, appended to."""

    def __init__(self, folder: Path) -> None:
        self.used = False
        self._folder = folder
        self._handle: int | None = None
        self._path = folder

    def append(self, record: _Record) -> None:
        content = b"".join((_LENGTHS.pack(len(record.facts), len(record.content)), record.facts, record.content))
        if os.write(self._open(), content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.used = True

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def remove(self) -> None:
        self.close()
        if self._path != self._folder:
            self._path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._handle is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            taken = [int(path.stem) for path in self._folder.glob("*.answers")]
            self._path = self._folder / f"{max(taken, default=0) + 1:08d}.answers"
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._handle


class _Kept:
    """An answer that a run which was broken off has left."""

    def __init__(self, path: Path, facts: bytes, start: int, length: int) -> None:
        key, self._status, self._url, self._headers, self._seconds = orjson.loads(facts)
        self.key = bytes.fromhex(key)
        self._path = path
        self._start = start
        self._length = length

    def response(self) -> ApiResponse:
        with self._path.open("rb") as file:
            file.seek(self._start)
            content = file.read(self._length)
        return ApiResponse(self._status, self._url, httpx.Headers(self._headers), content, self._seconds)


def _read(path: Path) -> Iterator[_Kept]:
    """Iterate over the whole answers of a file; the last one may have been cut off by the kill."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while len(lengths := file.read(_LENGTHS.size)) == _LENGTHS.size:
            facts_length, length = _LENGTHS.unpack(lengths)
            start = file.tell() + facts_length
            if start + length > size:
                return
            yield _Kept(path, file.read(facts_length), start, length)
            file.seek(start + length)


class Kept:
    """What one run keeps of the source's answers, so that it can be taken up where it was broken off.

    Args:
        folder: Where the answers of this source's runs are kept.
        run: The run's id: answers of others are never given out, and are removed.
        secrets: What must not be in a file.
    """

    def __init__(self, folder: Path, run: str, secrets: Secrets) -> None:
        self._folder = folder
        self._run = run
        self._pages = Spool(folder / run / "pages", secrets)
        self._parents = Spool(folder / run / "parents", secrets)

    def __enter__(self) -> Self:
        """Find what is left of the run if it was broken off.

        Raises:
            JournalError: What other runs have left cannot be removed.
        """
        for path in self._folder.glob("*"):
            if path.name != self._run:
                self._remove(path)
        with ExitStack() as stack:
            stack.enter_context(self._pages)
            stack.enter_context(self._parents)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the answers for the run that goes on."""
        self._open.close()

    def delivered(self, at_once: int) -> None:
        """Hear that a batch is in the sink and in the journal: the pages before it are not needed any more.

        Args:
            at_once: How many batches may be under way at once.
        """
        self._pages.delivered(at_once)

    def discard(self) -> None:
        """Remove everything: the run has ended, and will not go on."""
        self._open.close()
        self._remove(self._folder)

    def senders(self, send: Send) -> tuple[Send, Send]:
        """Return what sends for pages, and what sends for the lists that name partitions: needed until the end."""
        return self._pages.through(send), self._parents.through(send)

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            message = f"{path}: the answers of an earlier run cannot be removed: {error.strerror}"
            raise JournalError(message) from error

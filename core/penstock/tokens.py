"""The token store: grants that must outlive the process, one file each (0600, in a folder of 0700).

A refresh token that may be used once is the only way back in: it is on the disk, whole, before what it came with is
used, and no two processes use it at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson

from penstock.errors import AuthError
from penstock.strategies import TokenSlot, TokenStore
from penstock.values import Token

_POLL: Final = 0.02
"""Seconds between two looks at a lock that another process holds."""


class FileTokens(TokenStore):
    """Keeps tokens in a folder, which is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def locked(self, label: str) -> AsyncGenerator[TokenSlot]:
        """Hold the label's lock for the length of an ``async with`` block."""
        path = self._folder / f"{sha256(label.encode()).hexdigest()[:32]}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"the token store {self._folder} cannot be used: {error.strerror}"
            raise AuthError(message) from error
        try:
            while not _taken(lock):  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(_POLL)
            yield _File(path, label)
        finally:
            os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _File(TokenSlot):
    def __init__(self, path: Path, label: str) -> None:
        self._path = path
        self._label = label

    def read(self) -> Token | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"the stored token {self._path} cannot be read: {error.strerror}"
            raise AuthError(message) from error
        try:
            document = orjson.loads(content)
            return Token(**document["token"])
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self._path} is no stored token; `penstock auth forget` removes it"
            raise AuthError(message) from error

    def write(self, token: Token) -> None:
        content = orjson.dumps({"label": self._label, "token": token}, option=orjson.OPT_INDENT_2)
        fresh = self._path.with_suffix(".new")
        try:
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, content)
                os.fsync(file)
            finally:
                os.close(file)
            fresh.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            message = f"the token cannot be stored in {self._path}: {error.strerror}"
            raise AuthError(message) from error

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
        _sync_folder(self._path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable (fsync(2) of a file does not)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

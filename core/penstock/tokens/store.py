"""The store itself: labels in, tokens out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from penstock.config.models import TokenStorage
from penstock.errors import AuthError
from penstock.strategies import TokenSlot, TokenStore
from penstock.tokens.document import DamagedError, Document, OutOfReachError, decode, encode, unseal
from penstock.tokens.folder import Folder, existing_folder, is_taken, made_folder
from penstock.tokens.keys import Seal
from penstock.values import Token

_POLL: Final = 0.02
"""Seconds between two looks at a lock that another process holds."""
_PATIENCE: Final = 60.0
"""Seconds: whoever holds a lock is sending one token request."""
_SUFFIX: Final = ".json"


class StoredToken(Struct, frozen=True):
    """One file of the store, for a person to look at."""

    name: str
    """Of the file, without its ending."""
    label: str
    """Empty where the file is damaged."""
    token: Token | None
    """None where it cannot be read."""
    problem: str = ""
    """Why it cannot."""


class FileTokens(TokenStore):
    """Keeps tokens in a folder, which is made when the first of them is asked for.

    Args:
        folder: Where they are kept.
        seal: What encrypts them; without one they are readable to whoever may read the files.
        patience: How many seconds to wait for somebody else's lock.
    """

    def __init__(self, folder: Path, seal: Seal | None = None, *, patience: float = _PATIENCE) -> None:
        self._folder = folder
        self._seal = seal
        self._patience = patience

    @classmethod
    def of(cls, storage: TokenStorage) -> Self:
        """Return the store that the settings describe; nothing is touched yet."""
        keys = [key.get_secret_value() for key in storage.keys]
        return cls(storage.path, Seal(keys) if keys else None)

    @asynccontextmanager
    async def locked(self, label: str) -> AsyncGenerator[TokenSlot]:
        """Hold the label's lock for the length of an ``async with`` block."""
        with made_folder(self._folder) as folder:
            async with self._lock(folder, _name_of(label)):
                yield _Slot(folder, f"{_name_of(label)}{_SUFFIX}", label, self._seal)

    def stored(self) -> list[StoredToken]:
        """Return what is kept, sorted by label; takes no lock, for a file is whole at any time.

        Raises:
            AuthError: The folder cannot be used.
        """
        with existing_folder(self._folder) as folder:
            if folder is None:
                return []
            names = [name.removesuffix(_SUFFIX) for name in folder.names() if name.endswith(_SUFFIX)]
            found = [self._look(folder, name) for name in names]
        return sorted((one for one in found if one is not None), key=lambda one: (one.label, one.name))

    async def forget(self, name: str) -> None:
        """Remove one of the files that ``stored`` names, whatever it holds; nothing happens when it is gone.

        Raises:
            AuthError: It cannot be removed, and why.
        """
        with existing_folder(self._folder) as folder:
            if folder is not None:
                async with self._lock(folder, name):
                    _Slot(folder, f"{name}{_SUFFIX}", "", self._seal).forget()

    @asynccontextmanager
    async def _lock(self, folder: Folder, name: str) -> AsyncGenerator[None]:
        place = folder.path / f"{name}.lock"
        with _explained(f"{place} cannot be locked"):
            lock = folder.open_lock(place.name)
        try:
            try:
                async with asyncio.timeout(self._patience):
                    while self._is_taken(lock, place):  # noqa: ASYNC110 - other processes set no event
                        await asyncio.sleep(_POLL)
            except TimeoutError:
                message = (
                    f"the lock {place} was not free within {self._patience:g} s; "
                    "the system frees it when the process that holds it ends"
                )
                raise AuthError(message) from None
            yield
        finally:
            os.close(lock)

    @staticmethod
    def _is_taken(lock: int, place: Path) -> bool:
        with _explained(f"{place} cannot be locked"):
            return is_taken(lock)

    def _look(self, folder: Folder, name: str) -> StoredToken | None:
        slot = _Slot(folder, f"{name}{_SUFFIX}", "", self._seal)
        label = ""
        try:
            document = slot.document()
            if document is None:  # forgotten meanwhile
                return None
            label = document.label
            return StoredToken(name, label, unseal(document, self._seal))
        except AuthError as error:
            return StoredToken(name, label, None, str(error))


class _Slot(TokenSlot):
    def __init__(self, folder: Folder, name: str, label: str, seal: Seal | None) -> None:
        self._folder = folder
        self._name = name
        self._label = label
        self._seal = seal
        self._place = folder.path / name

    def document(self) -> Document | None:
        """Return what the file says without a key, None when it is not there."""
        with _explained(f"the stored token {self._place} cannot be read"):
            content = self._folder.read(self._name)
        return None if content is None else decode(content)

    def read(self) -> Token | None:
        try:
            document = self.document()
            return None if document is None else unseal(document, self._seal)
        except DamagedError as error:
            message = f"the stored token {self._place} cannot be used: {error}; log in again, or remove the file"
            raise AuthError(message) from error
        except OutOfReachError as error:
            message = f"the stored token {self._place} cannot be used: {error}"
            raise AuthError(message) from error

    def write(self, token: Token) -> None:
        self._require_replaceable()
        with _explained(f"the token cannot be stored in {self._place}"):
            self._folder.write(self._name, encode(self._label, token, self._seal))

    def forget(self) -> None:
        with _explained(f"the stored token {self._place} cannot be removed"):
            self._folder.remove(self._name)

    def _require_replaceable(self) -> None:
        """Keep what somebody else can still use: a newer penstock, or one that has the key."""
        try:
            document = self.document()
            if document is not None:
                unseal(document, self._seal)
        except DamagedError:
            return
        except OutOfReachError as error:
            message = f"{self._place} is not written over: {error}"
            raise AuthError(message) from error


def _name_of(label: str) -> str:
    return sha256(label.encode()).hexdigest()[:32]


@contextmanager
def _explained(what: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        message = f"{what}: {error.strerror}"
        raise AuthError(message) from error

"""The store's folder: nobody else may look into it, and every file in it is whole at any time.

It is opened once, and what is in it is reached through that handle, so that nobody can put another in its place.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from penstock.errors import AuthError

_OURS_ALONE: Final = 0o700
_FILE: Final = 0o600
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """An opened folder."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    def names(self) -> list[str]:
        """Return what is in it, sorted."""
        return sorted(os.listdir(self._handle))  # noqa: PTH208 - Path knows no handles

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, None when it is not there.

        Raises:
            AuthError: It is somebody else's.
            OSError: It cannot be read.
        """
        try:
            file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=self._handle)
        except FileNotFoundError:
            return None
        with os.fdopen(file, "rb") as opened:
            self._require_ours(file, name)
            return opened.read()

    def write(self, name: str, content: bytes) -> None:
        """Put a file in the place of what may be there: durable, whole or not at all, when this returns.

        Whatever is left of an attempt that was killed is written over by the next.
        """
        fresh = f"{name}.new"
        self._unlink(fresh)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, _FILE, dir_fd=self._handle)
        try:
            try:
                os.fchmod(file, _FILE)  # the umask may have taken from it
                _write_all(file, content)
                os.fsync(file)
            finally:
                os.close(file)
            os.rename(fresh, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except BaseException:
            with suppress(OSError):
                self._unlink(fresh)
            raise
        os.fsync(self._handle)  # the name is part of the folder (fsync(2))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there, and whatever is left of an attempt to write it."""
        self._unlink(f"{name}.new")
        self._unlink(name)
        os.fsync(self._handle)

    def open_lock(self, name: str) -> int:
        """Return an opened file to lock; it stays when it is closed, for it is the lock that counts."""
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | _NO_LINK, _FILE, dir_fd=self._handle)
        try:
            self._require_ours(file, name)
        except BaseException:
            os.close(file)
            raise
        return file

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)

    def _require_ours(self, file: int, name: str) -> None:
        """Refuse what is no file of ours, and keep others out of one that is."""
        status = os.fstat(file)
        place = self.path / name
        if not stat.S_ISREG(status.st_mode):
            message = f"{place} is no file"
            raise AuthError(message)
        _require_owner(status, place)
        if stat.S_IMODE(status.st_mode) != _FILE:
            os.fchmod(file, _FILE)


def is_taken(lock: int) -> bool:
    """Take the lock of an opened file unless somebody else has it; return whether somebody else has.

    Such a lock belongs to the opening, not to the process (flock(2)), so it keeps out other tasks as well; and the
    system gives it back when the process ends, however that comes about.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def existing_folder(path: Path) -> Generator[Folder | None]:
    """Open the folder for the length of a ``with`` block; None when it is not there.

    Raises:
        AuthError: It is not safe to keep tokens there, or it cannot be opened.
    """
    with _explained(path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            handle = None
    if handle is None:
        yield None
        return
    try:
        with _explained(path):
            _require_private(handle, path)
        yield Folder(path, handle)
    finally:
        os.close(handle)


@contextmanager
def made_folder(path: Path) -> Generator[Folder]:
    """Open the folder for the length of a ``with`` block; it is made when it is not there.

    Raises:
        AuthError: It is not safe to keep tokens there, or it cannot be made or opened.
    """
    with _explained(path):
        _make(path)
    with existing_folder(path) as folder:
        if folder is None:
            message = f"the token store {path} was removed meanwhile"
            raise AuthError(message)
        yield folder


def _make(path: Path) -> None:
    if path.is_dir():
        return
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=_OURS_ALONE)
    except FileExistsError:
        if not path.is_dir():
            raise
        return  # another process was faster
    path.chmod(_OURS_ALONE)  # the umask may have taken from it
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_private(handle: int, path: Path) -> None:
    """Refuse a folder in which others can put files, for they may have; keep them from reading any other."""
    status = os.fstat(handle)
    _require_owner(status, path)
    mode = stat.S_IMODE(status.st_mode)
    if mode & _WRITABLE_BY_OTHERS:
        message = (
            f"the token store {path} may be written by others (mode {mode:04o}), so what is in it may be theirs; "
            f"look at it, then `chmod 700 {path}`, or set tokens.path"
        )
        raise AuthError(message)
    if mode != _OURS_ALONE:
        os.fchmod(handle, _OURS_ALONE)


def _require_owner(status: os.stat_result, place: Path) -> None:
    if status.st_uid != os.geteuid():
        message = f"{place} belongs to another user (uid {status.st_uid}); set tokens.path to a folder of your own"
        raise AuthError(message)


def _write_all(file: int, content: bytes) -> None:
    """Write everything: one call may write less (write(2))."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        message = f"the token store {path} cannot be used: {error.strerror}"
        raise AuthError(message) from error

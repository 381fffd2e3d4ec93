"""Files that a command writes: found out early whether they can be, and whole at any time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from penstock.cli.console import put_parts
from penstock.cli.failures import misuse

STDOUT: Final = "-"
_DEVICES: Final = ("/dev", "/proc")


def require_folder(option: str, target: str | None, hint: str = "") -> None:
    """Find out before anything is fetched that a file could not be written.

    Args:
        option: Which names it.
        target: The file, or ``-``.
        hint: What else may be named.

    Raises:
        ConfigurationError: It is a folder, or its own folder is not there or not writable.
    """
    if target is None or _is_stream(target):
        return
    folder = Path(target).parent
    if Path(target).is_dir():
        raise misuse(option, f"{target} is a folder; name a file{hint}")
    if not folder.is_dir():
        raise misuse(option, f"the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise misuse(option, f"the folder {folder} is not writable")


def discard_former(target: str | None) -> None:
    """Remove what an earlier command wrote: should this one fail, it must not be taken for its own."""
    if target is not None and not _is_stream(target):
        Path(target).unlink(missing_ok=True)


def write_whole(target: str, parts: Iterable[bytes]) -> None:
    """Write to stdout (``-``) or to a file, which is whole at any time.

    Raises:
        OutputError: It cannot be written, and why.
    """
    if target == STDOUT:
        put_parts(parts)
        return
    try:
        _write(Path(target), parts)
    except BrokenPipeError:
        raise  # of /dev/stdout, as of stdout
    except OSError as error:
        from penstock.errors import OutputError

        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error


def _is_stream(target: str) -> bool:
    """Return whether it is stdout, a pipe or a device: written to, never removed and never replaced.

    ``/dev/stdout`` is one even where a shell has led it into a file: removing it would remove the device.
    """
    path = Path(target)
    is_device = any(path.is_relative_to(folder) for folder in _DEVICES)
    return target == STDOUT or is_device or (path.exists() and not path.is_file() and not path.is_dir())


def _write(path: Path, parts: Iterable[bytes]) -> None:
    if _is_stream(str(path)):
        with path.open("wb") as device:
            device.writelines(parts)
    else:
        _replace(path, parts)


def _replace(path: Path, parts: Iterable[bytes]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.writelines(parts)
        except BaseException:
            fresh.unlink()
            raise
    fresh.chmod(_mode_of(path))
    fresh.replace(path)


def _mode_of(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

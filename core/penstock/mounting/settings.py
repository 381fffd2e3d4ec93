"""What the environment says about mounted plugins: they are read before any configuration file can be understood."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from penstock.errors import ConfigurationError, Problem

FOLDERS_VARIABLE: Final = "PENSTOCK_PLUGINS_DIR"
ALLOW_VARIABLE: Final = "PENSTOCK_PLUGINS_ALLOW"
LOCK_VARIABLE: Final = "PENSTOCK_PLUGINS_LOCK"
CACHE_VARIABLE: Final = "PENSTOCK_CACHE_DIR"
SECONDS_VARIABLE: Final = "PENSTOCK_PLUGINS_PROBE_SECONDS"
MEMORY_VARIABLE: Final = "PENSTOCK_PLUGINS_PROBE_MIB"
LOCK_NAME: Final = "plugins.lock"


class MountSettings(NamedTuple):
    """Where mounted plugins are, and what they must prove."""

    folders: tuple[Path, ...]
    """In order."""
    cache: Path
    """A folder of our own: accepted plugins are copied there, and what the probes found is kept."""
    allow: tuple[str, ...] | None = None
    """Names of distributions, with ``*``; None allows all."""
    lock: Path | None = None
    """The lock file that was named; by default ``plugins.lock`` in each folder, if it is there."""
    probe_seconds: float = 20.0
    """How long an import may take."""
    probe_mib: int = 1024
    """How much memory it may take, Python and penstock included."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> MountSettings:
        """Return what the variables say.

        Raises:
            ConfigurationError: One of them cannot be understood.
        """
        folders = [Path(part) for part in environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part.strip()]
        allow = environ.get(ALLOW_VARIABLE)
        lock = environ.get(LOCK_VARIABLE)
        return cls(
            tuple(folder.absolute() for folder in folders),
            _cache(environ),
            None if allow is None else tuple(part.strip() for part in allow.split(",") if part.strip()),
            Path(lock) if lock else None,
            _positive(environ, SECONDS_VARIABLE, 20.0),
            int(_positive(environ, MEMORY_VARIABLE, 1024)),
        )

    def allows(self, name: str) -> bool:
        """Return whether the allow-list has this distribution; ``Acme_Auth`` is ``acme-auth``."""
        from packaging.utils import canonicalize_name  # noqa: PLC0415 - only where something is mounted

        return self.allow is None or any(
            fnmatchcase(canonicalize_name(name), canonicalize_name(pattern)) for pattern in self.allow
        )


def _cache(environ: Mapping[str, str]) -> Path:
    if chosen := environ.get(CACHE_VARIABLE):
        return Path(chosen).absolute()
    if home := environ.get("XDG_CACHE_HOME"):
        return Path(home).absolute() / "penstock"
    if (home := environ.get("HOME")) and os.access(home, os.W_OK):
        return Path(home) / ".cache" / "penstock"
    return Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}"


def _positive(environ: Mapping[str, str], variable: str, default: float) -> float:
    text = environ.get(variable, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise ConfigurationError([Problem(variable, "expected a number greater than 0", f"environment {variable}")])
    return value

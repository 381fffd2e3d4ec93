"""Builds a wheel of a source tree with its own build backend: nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from penstock.errors import PluginError

_BUILD: Final = """
import os, sys
from importlib import import_module
backend, target, *paths = sys.argv[1:]
sys.path[:0] = [os.path.abspath(path) for path in paths]
module, _, attribute = backend.partition(":")
found = import_module(module)
for name in filter(None, attribute.split(".")):
    found = getattr(found, name)
found.build_wheel(target)
"""
_SECONDS: Final = 300


def build_wheel(source: Path, target: Path) -> Path:
    """Build the wheel of a folder with a ``pyproject.toml`` into another folder, and return its file.

    Raises:
        PluginError: It cannot be built, and why.
    """
    backend, paths = _backend(source)
    command = [sys.executable, "-c", _BUILD, backend, str(target.absolute()), *paths]
    try:
        done = subprocess.run(  # noqa: S603 - to build it is what was asked for
            command, cwd=source, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        message = f"{source}: building a wheel with {backend} took longer than {_SECONDS} s"
        raise PluginError(message) from error
    built = sorted(target.glob("*.whl"))
    if done.returncode or len(built) != 1:
        last = (done.stderr.strip().splitlines() or ["it left no wheel"])[-1]
        message = f"{source}: no wheel could be built with {backend}: {last}"
        raise PluginError(message)
    return built[0]


def _backend(source: Path) -> tuple[str, list[str]]:
    file = source / "pyproject.toml"
    try:
        system = tomllib.loads(file.read_text(encoding="utf-8")).get("build-system", {})
    except (OSError, ValueError) as error:
        message = f"{file} cannot be read: {error}"
        raise PluginError(message) from error
    backend = system.get("build-backend", "setuptools.build_meta:__legacy__")  # PEP 517's default
    return backend, list(system.get("backend-path", []))

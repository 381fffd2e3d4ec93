"""The Debian packages behind files of the base."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """A Debian package."""

    name: str
    version: str
    architecture: str
    status: str
    """Its paragraph of dpkg's status file."""


def packages_of(files: Iterable[Path]) -> list[Package]:
    """Return the packages that these files and folders of this machine belong to, by name."""
    names: set[str] = set()
    for file in files:
        names |= _owners(file)
    return [_package(name) for name in sorted(names)]


def _owners(file: Path) -> set[str]:
    """Return the packages that own a file; none for what was made or installed by other means.

    dpkg knows a file by the name it was packed with, which is of before /lib became a link to /usr/lib.
    """
    real = file.resolve()
    spellings = {file, real, *(Path(str(path).removeprefix("/usr")) for path in (file, real))}
    for spelling in sorted(spellings):
        found = subprocess.run(["dpkg-query", "--search", str(spelling)], check=False, capture_output=True, text=True)
        if found.returncode == 0:
            return {owner.strip() for owner in found.stdout.splitlines()[0].partition(": ")[0].split(",")}
    return {"ca-certificates"} if file.name == "ca-certificates.crt" else set()


def _package(name: str) -> Package:
    form = "${Package}\n${Version}\n${Architecture}\n"
    facts = _query("--showformat", form, "--show", name).split("\n")
    return Package(facts[0], facts[1], facts[2], _query("--status", name))


def _query(*arguments: str) -> str:
    return subprocess.run(["dpkg-query", *arguments], check=True, capture_output=True, text=True).stdout

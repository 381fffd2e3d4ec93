"""From a family and a name to a folder of files."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final

from penstock.errors import PluginError
from penstock.plugins import Family
from penstock.version import VERSION

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 24
"""Longer names would break the lines of the templates."""
_SUMMARIES: Final[Mapping[Family, str]] = {
    "auth": "A way to log in",
    "pagination": "A way to page",
    "sink": "A place for entities",
}
_USAGE: Final[Mapping[Family, str]] = {
    "auth": "connection:\n  baseUrl: https://api.acme.test\n  authType: ${name}\n  ${camel}Secret: $${ACME_SECRET}",
    "pagination": "connection:\n  baseUrl: https://api.acme.test\n  paginationType: ${name}",
    "sink": "sink:\n  type: ${name}\n  path: catalog.json",
}
_PLACES: Final[Mapping[str, str]] = {
    "common/pyproject.toml": "pyproject.toml",
    "common/README.md": "README.md",
    "common/LICENSE": "LICENSE",
    "common/gitignore": ".gitignore",
    "{family}/__init__.py": "src/penstock_{name}/__init__.py",
    "{family}/conformance.py": "src/penstock_{name}/conformance.py",
    "{family}/test.py": "tests/test_{name}.py",
}


class BadNameError(PluginError):
    """A plugin cannot be called so, or not be put there."""


def create(family: Family, name: str, into: Path, *, taken: Collection[str]) -> Path:
    """Write a package, and return its folder.

    Args:
        family: What it is to be.
        name: The word a configuration will write.
        into: The folder in which to make one for it.
        taken: The names of this family's plugins that are there already.

    Raises:
        BadNameError: The name is no such word, or taken, or there is something where the package would go.
    """
    _check(family, name, taken)
    folder = into / f"penstock-{dashed(name)}"
    if folder.exists():
        message = f"{folder} is there already; remove it, or choose another name or another --into"
        raise BadNameError(message)
    if not into.is_dir():
        message = f"there is no folder {into}; expected one in which to make penstock-{dashed(name)}"
        raise BadNameError(message)
    words = _words(family, name)
    for source, place in _PLACES.items():
        file = folder / place.format(name=name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_filled(source.format(family=family), words), encoding="utf-8")
    (folder / "src" / f"penstock_{name}" / "py.typed").touch()
    return folder


def dashed(name: str) -> str:
    """Return a name as distributions are called."""
    return name.replace("_", "-")


def _check(family: Family, name: str, taken: Collection[str]) -> None:
    expected = "expected a word of lower-case letters, digits and single underscores that begins with a letter"
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f', such as "{near}"' if _NAME.fullmatch(near) and len(near) <= _LONGEST else ""
        message = f'a plugin cannot be called "{name}": {expected}, at most {_LONGEST} characters{hint}'
        raise BadNameError(message)
    if keyword.iskeyword(name):
        message = f'a plugin cannot be called "{name}", which is a word of Python: {expected}'
        raise BadNameError(message)
    if name in taken:
        message = (
            f'there is a plugin of the family {family} called "{name}" already; `penstock plugins` lists the names'
        )
        raise BadNameError(message)
    if find_spec(f"penstock_{name}") is not None:
        message = f"there is a module called penstock_{name} already; choose another name"
        raise BadNameError(message)


def _words(family: Family, name: str) -> dict[str, str]:
    parts = name.split("_")
    words = {
        "family": family,
        "name": name,
        "dashed": dashed(name),
        "class": "".join(part.capitalize() for part in parts),
        "camel": parts[0] + "".join(part.capitalize() for part in parts[1:]),
        "summary": _SUMMARIES[family],
        "penstock": ".".join(VERSION.split(".")[:2]),
        "year": str(datetime.now(tz=UTC).year),
    }
    return {**words, "usage": Template(_USAGE[family]).substitute(words)}


def _filled(source: str, words: Mapping[str, str]) -> str:
    template: Traversable = files("penstock.scaffold") / "templates" / f"{source}.tmpl"
    return Template(template.read_text(encoding="utf-8")).substitute(words)

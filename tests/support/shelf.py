"""A folder of made-up distributions, as ``pip install`` would leave them: for tests of what finds plugins."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distributions
from itertools import count
from pathlib import Path
from textwrap import dedent

from penstock.plugins import FAMILIES, PluginManager

_NUMBERS = count()
"""Module names are never used twice, for Python imports each once."""


class Shelf:
    """Distributions in a folder that should stand on ``sys.path``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(
        self,
        distribution: str,
        code: str,
        *points: str,
        version: str = "1.0",
        metadata: bool = True,
        requires: str = "",
    ) -> str:
        """Install a distribution of one module, and return the module's name.

        Args:
            distribution: Its name.
            code: The module's source.
            points: Its entry points, each ``auth:acme``, family and name, or ``api:1=penstock``; ``{module}`` is put in
                where it says so (``auth:acme={module}:thing``).
            version: Its version.
            metadata: Whether there is a ``METADATA`` file.
            requires: What it needs, such as ``penstock>=1``.
        """
        module = f"shelved_{next(_NUMBERS)}"
        (self.folder / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata:
            needs = f"Requires-Dist: {requires}\n" if requires else ""
            text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}"
            (info / "METADATA").write_text(text, encoding="utf-8")
        (info / "entry_points.txt").write_text("".join(_section(point, module) for point in points), encoding="utf-8")
        return module

    def points(self) -> list[EntryPoint]:
        return [
            point
            for distribution in distributions(path=[str(self.folder)])
            for family in FAMILIES
            for point in distribution.entry_points.select(group=f"penstock.{family}")
        ]

    def manager(self, *disabled: str) -> PluginManager:
        """Return a manager that knows nothing but this shelf."""
        return PluginManager(self.points(), disabled=disabled)


def _section(point: str, module: str) -> str:
    key, _, value = point.partition("=")
    family, name = key.split(":")
    return f"[penstock.{family}]\n{name} = {value.format(module=module) or module}\n"

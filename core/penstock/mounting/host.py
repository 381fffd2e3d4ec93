"""What the host has before anything is mounted: its modules, its distributions, its plugins."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path


class Host:
    """The interpreter as it is without mounted plugins.

    Args:
        cache: The folder that accepted plugins are copied to: what of it is on ``sys.path`` is not the host's.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self.path: list[str] = [entry for entry in sys.path if not Path(entry).is_relative_to(cache)]
        """Where the host imports from."""

    def version(self, name: str) -> str | None:
        """Return the version of an installed distribution; None where there is none."""
        found: Distribution | None = next(iter(distributions(name=name, path=self.path)), None)
        return None if found is None else found.version

    def has_module(self, name: str) -> bool:
        """Return whether a top-level module belongs to Python or to the host; a namespace is anybody's."""
        if name in sys.stdlib_module_names or name in sys.builtin_module_names:
            return True
        spec: ModuleSpec | None = PathFinder.find_spec(name, self.path)
        return spec is not None and spec.loader is not None and spec.origin is not None

    def owns(self, point: EntryPoint) -> bool:
        """Return whether an entry point is one of the host's."""
        return point.dist is None or not Path(str(point.dist.locate_file(""))).is_relative_to(self._cache)


def host_points(host: Host, points: Sequence[EntryPoint]) -> list[EntryPoint]:
    """Return those of the entry points that are the host's own."""
    return [point for point in points if host.owns(point)]

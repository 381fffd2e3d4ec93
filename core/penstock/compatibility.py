"""Whether a distribution of plugins was written for this penstock: read from its metadata, nothing is imported.

A plugin says which level of the plugin API it was written for by an entry point in the group ``penstock.api``, whose
name is the level: ``1 = "penstock"``; several where it suits several. One that says nothing was written for the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution
from typing import Final

from penstock.version import VERSION

API_GROUP: Final = "penstock.api"
API_LEVELS: Final = range(1, 2)
"""The levels of the plugin API that this penstock offers. A level is added where a plugin must be changed to work."""
HOST: Final = "penstock"


def unsuitability(distribution: Distribution) -> str:
    """Return why a distribution does not suit this penstock, and what to upgrade; empty where it does.

    Args:
        distribution: Its ``METADATA`` can be read.
    """
    who = f"{distribution.name} {distribution.version}"
    levels = sorted(point.name for point in distribution.entry_points.select(group=API_GROUP)) or ["1"]
    if odd := [level for level in levels if not level.isdecimal()]:
        return f'{who} declares the plugin API level "{odd[0]}", which is no number; upgrade {distribution.name}'
    if not any(int(level) in API_LEVELS for level in levels):
        newer = all(int(level) >= API_LEVELS.stop for level in levels)
        return (
            f"{who} was written for level {', '.join(levels)} of the plugin API, and penstock {VERSION} offers "
            f"{_offered()}; upgrade {HOST if newer else distribution.name}"
        )
    return next(_unmet(distribution, who), "")


def _offered() -> str:
    first, last = API_LEVELS[0], API_LEVELS[-1]
    return str(first) if first == last else f"{first} to {last}"


def _unmet(distribution: Distribution, who: str) -> Iterator[str]:
    requires = [text for text in distribution.requires or () if HOST in text.lower()]
    if not requires:
        return
    from packaging.requirements import Requirement  # noqa: PLC0415 - only where there are plugins of strangers
    from packaging.version import Version  # noqa: PLC0415

    ours = Version(VERSION)
    for requirement in map(Requirement, requires):
        if requirement.name.lower() != HOST or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        if not requirement.specifier.contains(ours, prereleases=True):
            newer = any(
                one.operator in {">=", ">", "~=", "=="} and Version(one.version.removesuffix(".*")) > ours
                for one in requirement.specifier
            )
            yield (
                f"{who} requires penstock{requirement.specifier}, and this is penstock {ours}; "
                f"upgrade {HOST if newer else distribution.name}"
            )

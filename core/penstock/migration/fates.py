"""What is said of each setting that was found, once all is loaded and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from pydantic import BaseModel

from penstock.config.environment import OCEAN
from penstock.config.models import Settings
from penstock.config.node import to_snake
from penstock.config.ocean import EFFECTS, NOTICES, claims_of
from penstock.errors import Problem, did_you_mean
from penstock.migration.fate import Fate, Outcome
from penstock.migration.gather import Found, Gathered
from penstock.plugins import PluginManager, config_of

RESOURCES: Final = ".port/resources"
INITIAL: Final = ("blueprints", "port-app-config")
"""What Port gets of it."""
_NOT_SENT: Final = ("actions", "scorecards", "pages")
_SUFFIXES: Final = (".json", ".yaml", ".yml")
_NO_BLUEPRINTS: Final = "a catalog of our own needs no blueprints"
NOWHERE: Final = ("nowhere", "the chart")
"""Places of what nobody wrote."""


def resource_files(folder: Path, name: str) -> Iterator[Path]:
    """Iterate over the files of this name among the resources of an installation."""
    return (file for suffix in _SUFFIXES if (file := folder / RESOURCES / f"{name}{suffix}").is_file())


class Fates(Struct, frozen=True):
    """What became of everything."""

    folder: Path
    gathered: Gathered
    settings: Settings
    targets: Mapping[str, Sequence[str]]
    """For each source, the settings of ours that it became."""
    plugins: PluginManager
    into_port: bool
    """Whether entities go to a sink that keeps mappings."""
    mapping: Path | None
    """The file that was written down as the mapping."""
    left_mapping: bool
    """Whether one was found that was not."""

    def all(self) -> Iterator[Fate]:
        """Iterate over them, as they were found."""
        strongest = {one.variable.name: one for one in self.gathered.settings}
        told: set[str] = set()
        for one in self.gathered.settings:
            if one.place in NOWHERE:
                continue
            winner = strongest[one.variable.name]
            if winner is not one:
                yield Fate(one.written, one.place, "overridden", "", f"{winner.place} {winner.written} is stronger")
                continue
            told.add(one.variable.source)
            yield self._fate(one)
        yield from self.gathered.fates
        yield from self._fates_of_files()
        for warning in self.settings.warnings:
            if warning.source not in told:
                outcome: Outcome = "unknown" if is_unknown(warning) else "kept"
                yield Fate(warning.where, warning.source, outcome, "", _reason(warning))

    def _fate(self, one: Found) -> Fate:
        source, name = one.variable.source, one.variable.name
        targets = list(dict.fromkeys(self.targets.get(source, [])))
        warnings = [warning for warning in self.settings.warnings if warning.source == source]
        remark = "; ".join(dict.fromkeys(_reason(warning) for warning in warnings))
        if targets:
            last = to_snake(one.written.rpartition("__")[2].rpartition(".")[2])
            same = all(last in {to_snake(step) for step in target.split(".")} for target in targets)
            return Fate(one.written, one.place, "kept" if same else "renamed", ", ".join(targets), remark)
        if warnings:
            return Fate(
                one.written, one.place, "unknown" if any(map(is_unknown, warnings)) else "no effect", "", remark
            )
        if not one.variable.value:
            return Fate(one.written, one.place, "no effect", "", "it is empty, which means that it is not set")
        known = self._known()
        if name in known or name.startswith(f"{OCEAN}INTEGRATION__"):
            reason = NOTICES.get(name, "it says what holds anyway, or a stronger setting says otherwise")
            owners = [sink.name for sink in self.plugins.usable("sink") if name in _claimed(config_of(sink))]
            if owners and self.settings.sink.strategy.name not in owners:
                reason = f"it is for the sink {' or '.join(owners)}, for which no credentials were found"
            return Fate(one.written, one.place, "no effect", "", reason)
        return Fate(one.written, one.place, "unknown", "", f"there is no such variable{did_you_mean(name, known)}")

    def _known(self) -> list[str]:
        claims = [name for sink in self.plugins.usable("sink") for name in _claimed(config_of(sink))]
        return [*EFFECTS, *NOTICES, *claims]

    def _fates_of_files(self) -> Iterator[Fate]:
        if self.mapping is not None:
            count = f"{len(self.settings.resources)} of them"
            yield Fate(self.mapping.name, str(self.mapping), "kept", "resources", count)
        elif self.left_mapping:
            remark = "the mapping at Port counts, as in Ocean; name this file with --mapping to have it in its place"
            yield Fate(str(self.gathered.mapping), str(self.folder), "no effect", "", remark)
        for name in INITIAL:
            yield from (self._initial(file) for file in resource_files(self.folder, name) if file != self.mapping)
        for name in _NOT_SENT:
            for file in resource_files(self.folder, name):
                remark = "only blueprints and port-app-config go to Port"
                yield Fate(file.name, str(file), "no effect", "", remark)
        for file in (self.folder / f"blueprints{suffix}" for suffix in _SUFFIXES):
            if file.is_file():
                remark = f"Port gets the blueprints that are in {RESOURCES}" if self.into_port else _NO_BLUEPRINTS
                yield Fate(file.name, str(file), "no effect", "", remark)

    def _initial(self, file: Path) -> Fate:
        if self.into_port:
            return Fate(file.name, str(file), "kept", "sink.resourcesPath", "is made at Port where it is missing")
        return Fate(file.name, str(file), "no effect", "", _NO_BLUEPRINTS)


def _claimed(model: type[BaseModel]) -> list[str]:
    return [claim.whole_name for claim in claims_of(model)]


def _reason(problem: Problem) -> str:
    """Return what was said, without what the outcome says already."""
    return problem.message.removeprefix("has no effect: ").removesuffix(" (ignored)")


def is_unknown(problem: Problem) -> bool:
    """Whether it says that a name is none."""
    return "there is no such " in problem.message

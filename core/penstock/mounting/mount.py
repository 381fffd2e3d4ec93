"""From folders to plugins: find, close gates, probe, and put what is left after everything of the host's."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

from penstock.compatibility import HOST
from penstock.mounting.cache import Cache
from penstock.mounting.codes import Code, Refusal
from penstock.mounting.found import Found, Stray
from penstock.mounting.gates import close_gates, needed_by
from penstock.mounting.host import Host, host_points
from penstock.mounting.probe import Trial, probe
from penstock.mounting.scan import scan, scan_one
from penstock.mounting.settings import MountSettings
from penstock.version import VERSION


class Verdict(NamedTuple):
    """What became of one thing that is mounted."""

    name: str
    """Of the distribution; of the file where that is not known."""
    version: str
    """Empty where it is not known, and for a single file, which has none."""
    path: Path
    points: tuple[EntryPoint, ...]
    """The plugins it offers; none for a dependency, and where they cannot be known."""
    refusal: Refusal | None
    """Why it is not used."""
    digest: str
    """What a lock holds; empty where it could not be read."""
    single: bool = False
    """Whether it is a single file, for development only."""


class Mounted(NamedTuple):
    """The outcome."""

    verdicts: tuple[Verdict, ...]
    host: tuple[EntryPoint, ...]
    """The plugins of the host itself."""


def mount(settings: MountSettings, points: Sequence[EntryPoint]) -> Mounted:
    """Look at everything that is mounted, and make importable what may be used: after all that the host has.

    Args:
        settings: Where it is, and what it must prove.
        points: The entry points of plugins on ``sys.path``.

    Raises:
        ConfigurationError: A lock file cannot be read, or there is no place for what is to be used.
    """
    host = Host(settings.cache)
    ours = host_points(host, points)
    found, strays = _found(item for folder in settings.folders for item in scan(folder))
    used = _examined(found, settings, Cache(settings.cache), host, ours)
    for folder in used:
        if folder not in sys.path:
            sys.path.append(folder)
    return Mounted(_verdicts(used_of(found, host), strays), tuple(ours))


def examine(path: Path, settings: MountSettings, points: Sequence[EntryPoint]) -> tuple[Verdict, ...]:
    """Do all that ``mount`` does for one wheel, file or folder, but leave ``sys.path`` as it is."""
    host = Host(settings.cache)
    found, strays = _found(scan_one(path.absolute()))
    cache = Cache(settings.cache)
    _examined(found, settings, cache, host, host_points(host, points))
    cache.release()
    return _verdicts(used_of(found, host), strays)


def survey(folder: Path, settings: MountSettings, points: Sequence[EntryPoint]) -> tuple[list[Found], list[Verdict]]:
    """Return what in a folder passes every gate but locks and the probe, and what does not: nothing is run.

    Raises:
        ConfigurationError: A lock file cannot be read.
    """
    host = Host(settings.cache)
    found, strays = _found(scan(folder))
    used = used_of(found, host)
    close_gates(used, settings._replace(folders=(), lock=None), host, host_points(host, points))
    refused = [one for one in used if one.refusal is not None and one.refusal.code is not Code.WRITABLE]
    return [one for one in used if one not in refused], list(_verdicts(refused, strays))


def used_of(found: Sequence[Found], host: Host) -> list[Found]:
    """Leave out what ``pip install --target`` brought along although the host has it: the host's own is used."""
    return [one for one in found if one.kind != "tree" or not _is_hosts(one, host)]


def _is_hosts(one: Found, host: Host) -> bool:
    return (not one.points or one.key == HOST) and host.version(one.key) is not None


def _found(items: Iterable[Found | Stray]) -> tuple[list[Found], list[Stray]]:
    found: list[Found] = []
    strays: list[Stray] = []
    for item in items:
        if isinstance(item, Stray):
            strays.append(item)
        else:
            found.append(item)
    return found, strays


def _examined(
    all_found: Sequence[Found], settings: MountSettings, cache: Cache, host: Host, points: Sequence[EntryPoint]
) -> list[str]:
    """Refuse what must not be used, and return the folders that hold the rest."""
    found = used_of(all_found, host)
    close_gates(found, settings, host, points)
    plugins = [one for one in found if one.points and one.refusal is None]
    trials = {one: _trial(one, needed_by(found, one), cache, host) for one in plugins}
    keys = {one: trial.key(VERSION) for one, trial in trials.items()}
    new = [one for one in plugins if not cache.passed(keys[one])]
    for one, refusal in zip(new, probe([trials[one] for one in new], settings), strict=True):
        one.refuse(refusal)
        if refusal is None:
            cache.remember(keys[one])
    return list(dict.fromkeys(folder for one in plugins if one.refusal is None for folder in trials[one].mounted))


def _trial(plugin: Found, parts: Sequence[Found], cache: Cache, host: Host) -> Trial:
    return Trial(
        name=plugin.name,
        points=tuple((point.group.removeprefix("penstock."), point.name, point.value) for point in plugin.points),
        host=tuple(host.path),
        mounted=tuple(str(cache.staged(part)) for part in parts),
        digests=tuple(part.digest for part in parts),
    )


def _verdicts(found: Iterable[Found], strays: Iterable[Stray]) -> tuple[Verdict, ...]:
    verdicts = [
        Verdict(
            one.name,
            "" if one.kind == "file" else one.version,
            one.path,
            one.points,
            one.refusal,
            one.digest,
            one.kind == "file",
        )
        for one in found
    ]
    verdicts += [Verdict(stray.name, stray.version, stray.path, (), stray.refusal, "") for stray in strays]
    return tuple(sorted(verdicts, key=lambda verdict: (verdict.name, str(verdict.path))))

"""The plugins as the command line wants them: installed, mounted, or neither."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

import click
from msgspec.structs import replace

from penstock.cli.console import say

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from penstock.mounting import Verdict
    from penstock.plugins import Family, PluginInfo, PluginManager

NONE_VARIABLE: Final = "PENSTOCK_NO_PLUGINS"
STRICT_VARIABLE: Final = "PENSTOCK_STRICT_PLUGINS"
_FOLDERS_VARIABLE: Final = "PENSTOCK_PLUGINS_DIR"
_SINGLE: Final = "a single file has no version and no requirements: for development only"
_YES: Final = frozenset({"1", "true", "yes", "on"})


@contextmanager
def wanting(*, no_plugins: bool, strict_plugins: bool) -> Generator[None]:
    """Let what the options say hold while a command runs: as the variables that say the same."""
    chosen = [name for name, on in ((NONE_VARIABLE, no_plugins), (STRICT_VARIABLE, strict_plugins)) if on]
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(dict.fromkeys(chosen, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def plugin_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which plugins may be used, as ``no_plugins`` and ``strict_plugins``."""
    no_plugins = click.option(
        "--no-plugins", is_flag=True, help=f"Use the built-in plugins only; as {NONE_VARIABLE}=1."
    )
    strict_plugins = click.option(
        "--strict-plugins",
        is_flag=True,
        help=f"End with 2 where a mounted plugin must not be used; as {STRICT_VARIABLE}=1.",
    )
    return no_plugins(strict_plugins(command))


def pluggable(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, and let them hold while it runs."""

    @plugin_options
    @wraps(command)
    def with_options(*arguments: Any, no_plugins: bool, strict_plugins: bool, **options: Any) -> None:  # noqa: ANN401
        with wanting(no_plugins=no_plugins, strict_plugins=strict_plugins):
            command(*arguments, **options)

    return with_options


def plugin_manager() -> PluginManager:
    """Return the plugins that a command may use; of mounted ones that are gated, say so.

    Raises:
        ConfigurationError: Plugins are gated, and ``--strict-plugins`` makes that an error.
    """
    manager = listed_plugins()
    refuse_gated(manager)
    for info in manager.mounted:
        if info.state == "gated":
            say(f"warning: plugin {_named(info)} is not used: {info.code}: {info.reason}")
        elif info.reason:
            say(f"warning: plugin {_named(info)}: {info.reason}")
    return manager


def refuse_gated(manager: PluginManager) -> None:
    """Make gated plugins an error where that is asked for.

    Raises:
        ConfigurationError: There are some, and ``--strict-plugins`` is on.
    """
    gated = [info for info in manager.mounted if info.state == "gated"]
    if gated and _asked(STRICT_VARIABLE):
        raise _strictly(gated)


def listed_plugins() -> PluginManager:
    """Return the plugins, gated ones among them, and say nothing.

    Raises:
        ConfigurationError: A variable or a lock file cannot be understood.
    """
    from penstock.plugins import PluginManager, installed_points

    if _asked(NONE_VARIABLE):
        return PluginManager(_ours(installed_points()))
    if not _is_anything_mounted(os.environ.get(_FOLDERS_VARIABLE, "")):
        return PluginManager()
    return _with_mounted(os.environ)


def _is_anything_mounted(folders: str) -> bool:
    """Return whether there is something to look at: an image names a folder that is mostly empty."""
    try:
        return any(next(os.scandir(folder), None) for folder in folders.split(os.pathsep) if folder.strip())
    except OSError:
        return True  # a folder that cannot be read is to be named


def _asked(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in _YES


def _with_mounted(environ: Mapping[str, str]) -> PluginManager:
    from penstock.mounting import MountSettings, mount
    from penstock.plugins import PluginManager, installed_points

    mounted = mount(MountSettings.of(environ), installed_points())
    infos = [info for verdict in mounted.verdicts for info in _infos(verdict)]
    points = [point for verdict in mounted.verdicts if verdict.refusal is None for point in verdict.points]
    return PluginManager([*mounted.host, *points], mounted=infos)


def _ours(points: Iterable[EntryPoint]) -> Sequence[EntryPoint]:
    return [point for point in points if point.dist is not None and point.dist.name == "penstock"]


def _infos(verdict: Verdict) -> list[PluginInfo]:
    from penstock.plugins import PluginInfo

    refusal = verdict.refusal
    info = PluginInfo("", "", verdict.name, verdict.version, "ok", path=str(verdict.path))
    if refusal is not None:
        info = replace(info, state="gated", reason=str(refusal), code=refusal.code.value)
    elif verdict.single:
        info = replace(info, reason=_SINGLE)
    offered = [
        replace(info, family=cast("Family", point.group.removeprefix("penstock.")), name=point.name)
        for point in verdict.points
    ]
    return offered or ([] if refusal is None else [info])  # nobody knows what it offers


def _named(info: PluginInfo) -> str:
    version = f" {info.version}" if info.version else ""
    return f"{info.distribution}{version} ({info.path})"


def _strictly(gated: Sequence[PluginInfo]) -> Exception:
    from penstock.errors import ConfigurationError, Problem

    lines = dict.fromkeys((info.path, f"{_named(info)}: {info.code}: {info.reason}") for info in gated)
    return ConfigurationError([Problem("plugins", line) for _, line in lines])

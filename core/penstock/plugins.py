"""The plugin manager: finds strategies by entry point and imports one when it is asked for.

Importing on demand keeps the start fast, and confines a broken plugin to the configurations that name it. pluggy's own
``load_setuptools_entrypoints`` is not used: of two plugins with one name it keeps the first it meets and says nothing.
"""

from __future__ import annotations

import inspect
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from email import message_from_string
from email.message import Message
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import pluggy
from msgspec import Struct, field
from msgspec.structs import replace

from penstock import hookspecs
from penstock.errors import BrokenPluginError, UnknownPluginError
from penstock.strategies import AuthStrategy, PaginationStrategy, PluginConfig, SinkStrategy

Family: TypeAlias = Literal["auth", "pagination", "sink"]
Strategy: TypeAlias = AuthStrategy[Any] | PaginationStrategy[Any] | SinkStrategy[Any]
State: TypeAlias = Literal["ok", "broken", "conflict", "disabled", "gated"]
StrategyT = TypeVar("StrategyT", bound=Strategy)

DISABLE_VARIABLE: Final = "PENSTOCK_DISABLE_PLUGINS"
_DISABLED: Final = f"listed in {DISABLE_VARIABLE}"


class _FamilyFacts(Struct, frozen=True):
    base: type[object]
    arguments: dict[str, int]
    """The methods core calls, with the number of their arguments."""


_FAMILIES: Final[dict[Family, _FamilyFacts]] = {
    "auth": _FamilyFacts(AuthStrategy, {"build": 2, "login": 3}),
    "pagination": _FamilyFacts(PaginationStrategy, {"first": 1, "next": 2, "ahead": 3}),
    "sink": _FamilyFacts(SinkStrategy, {"open": 2, "exists": 1, "unusable": 1}),
}
FAMILIES: Final[tuple[Family, ...]] = tuple(_FAMILIES)


class PluginInfo(Struct, frozen=True):
    """One line of ``penstock plugins``."""

    family: Family | Literal[""]
    """Empty for what was mounted and cannot even be read."""
    name: str
    distribution: str
    """The distribution that offers it; several, joined by commas, in a conflict."""
    version: str
    state: State
    reason: str = ""
    """Why it cannot be used; empty when it can."""
    code: str = ""
    """Of the gate that is shut for a mounted plugin (``penstock.mounting.Code``)."""
    path: str = ""
    """Where a mounted plugin is."""


class _Slot(Struct):
    """What was found under one name, and what became of loading it."""

    points: list[EntryPoint] = field(default_factory=list[EntryPoint])
    strategy: Strategy | None = None
    state: State | None = None
    reason: str = ""


class PluginManager:
    """The plugins of one process: discovered at once, imported one by one when asked for.

    Args:
        points: The entry points to choose from; those installed by default.
        disabled: Names not to be used, ``NAME`` in every family or ``FAMILY:NAME``; by default those that
            ``PENSTOCK_DISABLE_PLUGINS`` lists.
        mounted: The plugins among these that are mounted, and those that are gated, which are no entry points.
    """

    def __init__(
        self,
        points: Iterable[EntryPoint] | None = None,
        *,
        disabled: Collection[str] | None = None,
        mounted: Iterable[PluginInfo] = (),
    ) -> None:
        self._slots: dict[Family, dict[str, _Slot]] = {family: defaultdict(_Slot) for family in FAMILIES}
        for point in installed_points() if points is None else points:
            family = point.group.removeprefix("penstock.")
            if family in _FAMILIES:
                self._slots[family][point.name].points.append(point)
        self._disabled = _disabled_by_environment() if disabled is None else frozenset(disabled)
        self.mounted = tuple(mounted)
        """What is mounted, as it was before anything was imported."""

    def names(self, family: Family) -> list[str]:
        """Return the names a configuration may use, sorted; nothing is imported."""
        return sorted(name for name in self._slots[family] if not self._is_disabled(family, name))

    def auth(self, name: str) -> AuthStrategy[Any]:
        """Return the auth of that name, imported now if need be.

        Raises:
            UnknownPluginError: None is installed.
            BrokenPluginError: It does not import, does not fit, is disabled, or two distributions claim the name.
        """
        return cast("AuthStrategy[Any]", self._get("auth", name))

    def pagination(self, name: str) -> PaginationStrategy[Any]:
        """Return the pagination of that name; raises as ``auth`` does."""
        return cast("PaginationStrategy[Any]", self._get("pagination", name))

    def sink(self, name: str) -> SinkStrategy[Any]:
        """Return the sink of that name; raises as ``auth`` does."""
        return cast("SinkStrategy[Any]", self._get("sink", name))

    def usable(self, family: Family) -> list[Strategy]:
        """Import all of a family and return those that work, by name."""
        return [self._get(family, name) for name in self.names(family) if self._info(family, name).state == "ok"]

    def infos(self) -> list[PluginInfo]:
        """Import everything and return what was found, broken or not, sorted by family and name; gated ones last."""
        found = [self._info(family, name) for family in FAMILIES for name in sorted(self._slots[family])]
        return found + [info for info in self.mounted if info.state == "gated"]

    def _info(self, family: Family, name: str) -> PluginInfo:
        slot = self._slots[family][name]
        if self._is_disabled(family, name):
            slot = _Slot(slot.points, state="disabled", reason=_DISABLED)
        else:
            self._load(family, name, slot)
        versions = ", ".join(_version(point) for point in slot.points)
        info = PluginInfo(family, name, _owners(slot.points), versions, slot.state or "broken", slot.reason)
        mounted = self._mounted(family, name, "ok")
        return info if mounted is None else replace(info, path=mounted.path, reason=info.reason or mounted.reason)

    def _get(self, family: Family, name: str) -> Strategy:
        if name not in self._slots[family]:
            gated = self._mounted(family, name, "gated")
            if gated is not None:
                reason = f"{gated.code}: {gated.reason} ({gated.path})"
                raise BrokenPluginError(name, family=family, distribution=gated.distribution, reason=reason)
            raise UnknownPluginError(name, family=family, known=self.names(family))
        slot = self._slots[family][name]
        if self._is_disabled(family, name):
            raise BrokenPluginError(name, family=family, distribution=_owners(slot.points), reason=_DISABLED)
        self._load(family, name, slot)
        if slot.strategy is None:
            raise BrokenPluginError(name, family=family, distribution=_owners(slot.points), reason=slot.reason)
        return slot.strategy

    def _mounted(self, family: Family, name: str, state: State) -> PluginInfo | None:
        mine = (family, name, state)
        return next((info for info in self.mounted if (info.family, info.name, info.state) == mine), None)

    def _is_disabled(self, family: Family, name: str) -> bool:
        return name in self._disabled or f"{family}:{name}" in self._disabled

    def _load(self, family: Family, name: str, slot: _Slot) -> None:
        if slot.state is not None:
            return
        if len(slot.points) > 1:
            slot.state = "conflict"
            slot.reason = f"the name is claimed by {_owners(slot.points)}; uninstall all but one"
            return
        try:
            slot.reason = _unsuitability(slot.points[0])
            if slot.reason:
                slot.state = "broken"
                return
            slot.strategy = load_strategy(family, name, slot.points[0])
            slot.state = "ok"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a stranger's import may raise anything
            slot.state, slot.reason = "broken", _reason(error)


def load_strategy(family: Family, name: str, point: EntryPoint) -> Strategy:
    """Import what an entry point names, and return the strategy that its hook offers.

    Raises:
        Exception: Whatever the import raises, ``SystemExit`` included; ``TypeError`` where the strategy does not fit.
    """
    # A pluggy manager for each: one plugin's misspelt hook is not found in another's turn, a registration that failed
    # half-way leaves nothing behind, and one module may serve two families.
    manager = pluggy.PluginManager("penstock")
    manager.add_hookspecs(hookspecs)
    manager.register(point.load(), name=f"{family}:{name}")
    manager.check_pending()  # a hook without a spec is a misspelling
    hook = f"penstock_{family}"
    offered = getattr(manager.hook, hook).get_hookimpls()
    if not offered:
        message = f"{point.value} implements no {hook} hook"
        raise TypeError(message)
    return checked(offered[0].function(), family, name)


def config_of(strategy: Strategy) -> type[PluginConfig]:
    """Return the settings model of a strategy of any family."""
    return cast("type[PluginConfig]", strategy.Config)


def checked(offered: object, family: Family, name: str) -> Strategy:
    """Return what a hook offered, if it is a strategy that core can call.

    Raises:
        TypeError: It is not, and why.
    """
    facts = _FAMILIES[family]
    if not isinstance(offered, facts.base):
        what = f"the class {offered.__name__}" if isinstance(offered, type) else f"a value of {type(offered).__name__}"
        message = f"penstock_{family} returned {what}, not an instance of {facts.base.__name__}"
        raise TypeError(message)
    strategy = cast("Strategy", offered)
    if strategy.name != name:
        message = f'the entry point is called "{name}" and the strategy "{strategy.name}"; they must be the same word'
        raise TypeError(message)
    config: object = getattr(strategy, "Config", None)
    if not (isinstance(config, type) and issubclass(config, PluginConfig)):
        message = f"{type(strategy).__name__}.Config is not a PluginConfig"
        raise TypeError(message)
    for method, count in facts.arguments.items():
        try:
            inspect.signature(getattr(strategy, method)).bind(*range(count))
        except TypeError as error:
            message = f"{type(strategy).__name__}.{method} has the wrong signature: {error}"
            raise TypeError(message) from error
    return strategy


def _unsuitability(point: EntryPoint) -> str:
    """Return why the distribution was not written for this penstock; our own is not asked."""
    if point.dist is None or _metadata(point, "Name") in {"", "penstock"}:
        return ""
    from penstock.compatibility import unsuitability  # noqa: PLC0415 - only strangers' plugins need it

    return unsuitability(point.dist)


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) when it was imported"
    return " ".join(f"{type(error).__name__}: {error}".split())  # pluggy's messages have several lines


def _owners(points: Sequence[EntryPoint]) -> str:
    return ", ".join(sorted({_metadata(point, "Name") or "an unknown distribution" for point in points}))


def _version(point: EntryPoint) -> str:
    return _metadata(point, "Version")


def _metadata(point: EntryPoint, field: str) -> str:
    if point.dist is None:
        return ""
    return _read_metadata(point.dist).get(field, "")


@lru_cache(maxsize=64)  # the built-ins share one
def _read_metadata(distribution: Distribution) -> Message:
    """Return the fields; what follows them, a README often, takes ten times as long to parse as they do."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""  # it may be damaged
    return message_from_string(text.partition("\n\n")[0])


def installed_points() -> tuple[EntryPoint, ...]:
    """Return the entry points of all plugins on ``sys.path``, which may be several of one name; nothing is imported."""
    found = entry_points()
    return tuple(point for family in FAMILIES for point in found.select(group=f"penstock.{family}"))


def _disabled_by_environment() -> frozenset[str]:
    return frozenset(name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip())

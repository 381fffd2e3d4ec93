"""What is mounted, as the gates see it: read from files, never imported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct, field

from penstock.mounting.codes import Refusal
from penstock.plugins import FAMILIES

MODULES: Final = (".py", ".so", ".pyd")
"""The endings of what can be imported."""
Kind: TypeAlias = Literal["wheel", "tree", "file"]


class RefusedError(Exception):
    """A gate is shut; for use within this package, where a distribution cannot even be read."""

    def __init__(self, refusal: Refusal, *, name: str = "", version: str = "") -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.name = name
        self.version = version


class Files(ABC):
    """The files of one distribution, by their names below the folder that would stand on ``sys.path``."""

    names: Sequence[str]
    """Sorted, with ``/``; safe to be put below a folder."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return what one of them holds."""


class _Lazily(Struct, eq=False):
    """Room for what is found out late."""

    refusal: Refusal | None = None


class Found(Struct, frozen=True, eq=False, dict=True):  # for what is found out once
    """One mounted distribution, or a single file that passes for one."""

    path: Path
    """What to show: the wheel, the file, or the ``.dist-info`` folder."""
    folder: Path
    """The mounted folder it is in."""
    kind: Kind
    files: Files
    distribution: Distribution
    digest: str
    """The sha256 that a lock holds: of a wheel or a file as it is; of a tree, over its files' names and digests."""
    exposed: bool = False
    """Whether anybody on the machine may change it."""
    _late: _Lazily = field(default_factory=_Lazily)

    @property
    def refusal(self) -> Refusal | None:
        """What the first gate that is shut says; None while it may be used."""
        return self._late.refusal

    def refuse(self, refusal: Refusal | None) -> None:
        """Shut a gate; the first one counts."""
        self._late.refusal = self._late.refusal or refusal

    @cached_property
    def name(self) -> str:
        """Of the distribution, as it writes it."""
        return self.distribution.name

    @cached_property
    def key(self) -> str:
        """The name, as names are compared."""
        from packaging.utils import canonicalize_name  # noqa: PLC0415 - only where something is mounted

        return canonicalize_name(self.name)

    @cached_property
    def version(self) -> str:
        """Of the distribution."""
        return self.distribution.version

    @cached_property
    def points(self) -> tuple[EntryPoint, ...]:
        """The plugins it offers."""
        offered = self.distribution.entry_points
        return tuple(point for family in FAMILIES for point in offered.select(group=f"penstock.{family}"))

    @cached_property
    def modules(self) -> dict[str, bool]:
        """The names it can be imported by, each with whether it is a namespace others may share."""
        tops: dict[str, bool] = {}
        for name in self.files.names:
            top, _, rest = name.partition("/")
            if name.endswith(MODULES):
                top = top if rest else top.partition(".")[0]
                tops[top] = tops.get(top, True) and bool(rest) and not rest.startswith("__init__.")
        return tops

    def requirements(self) -> list[Any]:
        """Return what it needs here, as ``packaging.requirements.Requirement``; of penstock itself nothing."""
        from packaging.requirements import Requirement  # noqa: PLC0415

        wanted = map(Requirement, self.distribution.requires or ())
        return [
            one
            for one in wanted
            if one.name.lower() != "penstock" and (one.marker is None or one.marker.evaluate({"extra": ""}))
        ]


class Stray(NamedTuple):
    """Something mounted that is no distribution, or none that can be read."""

    path: Path
    name: str
    """Of the distribution where that much is known, else of the file."""
    version: str
    refusal: Refusal

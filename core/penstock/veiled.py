"""Values that may hold secrets, and how they show themselves."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Veiled(Struct, frozen=True):
    """A struct whose ``repr`` leaves out the fields that its class names in ``_VEILED``."""

    _VEILED: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """Show the class and what is left of its fields."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self._VEILED)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return the same for rich."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self._VEILED]

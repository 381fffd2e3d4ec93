"""What becomes of each setting."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from penstock.values import JSON

Outcome: TypeAlias = Literal["kept", "renamed", "no effect", "overridden", "unknown"]


class Fate(NamedTuple):
    """Of one setting."""

    setting: str
    """As it is written: ``OCEAN__PORT__BASE_URL``, ``integration.config.pageSize``."""
    where: str
    """``.env:3``, ``values.yaml:7`` or ``environment``."""
    outcome: Outcome
    target: str = ""
    """The setting of ours, where there is one."""
    remark: str = ""

    def to_json(self) -> JSON:
        """Return it as the report has it."""
        return dict(self._asdict())

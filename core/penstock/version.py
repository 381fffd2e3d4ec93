"""Which penstock this is."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""Also the distribution's, whose metadata hold the README: to parse them for this would be 1 % of a short run."""

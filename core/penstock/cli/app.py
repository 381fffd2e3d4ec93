"""All commands at once, for those who look at the command line rather than use it."""

from __future__ import annotations

from typing import Final

from penstock.cli.application import application

__all__ = ["app", "application"]

app: Final = application()

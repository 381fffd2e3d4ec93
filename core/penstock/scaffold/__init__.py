"""Writes the package of a new plugin, complete with tests that pass: ``penstock plugins new``."""

from __future__ import annotations

from penstock.scaffold.new import BadNameError, create, dashed

__all__ = ["BadNameError", "create", "dashed"]

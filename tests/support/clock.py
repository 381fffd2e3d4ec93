"""The clock of ``penstock.testing``, under the name by which the tests know it."""

from __future__ import annotations

from penstock.testing.clock import FakeClock

__all__ = ["FakeClock"]

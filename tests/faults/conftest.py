"""What the fault suite has in common."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock.http.wire
from support.clock import FakeClock
from support.soak import SEED, SEEDS, SOAK

_MEMORY = Path("/dev/shm")


def pytest_report_header() -> str:
    """Say how to have the same once more."""
    return f"faults: PENSTOCK_SEED={SEED} PENSTOCK_SEEDS={SEEDS}{' PENSTOCK_SOAK=1' if SOAK else ''}"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is one: what is tested is the order of writes, not the disk."""
    folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs have a clock by which waiting takes no time."""
    monkeypatch.setattr(penstock.http.wire, "SystemClock", FakeClock)

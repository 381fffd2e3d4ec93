from __future__ import annotations

from pathlib import Path

import pytest

from penstock_sinks.jsonl import Jsonl
from penstock_sinks.sqlite import Sqlite
from support.catalogs import Catalog


@pytest.fixture(params=[Sqlite(), Jsonl()], ids=lambda strategy: strategy.name)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    """Every sink that keeps entities in a place of the file system, each in turn."""
    return Catalog(request.param, tmp_path / "catalog")


@pytest.fixture
def sqlite(tmp_path: Path) -> Catalog:
    return Catalog(Sqlite(), tmp_path / "catalog.db")


@pytest.fixture
def jsonl(tmp_path: Path) -> Catalog:
    return Catalog(Jsonl(), tmp_path / "catalog")

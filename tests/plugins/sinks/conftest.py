from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.port import port
from penstock_sinks.jsonl import Jsonl
from penstock_sinks.sqlite import Sqlite
from support.catalogs import Catalog, user
from support.ported import PortCatalog


@pytest.fixture(params=[Sqlite(), Jsonl()], ids=lambda strategy: strategy.name)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    """Every sink that keeps entities in a place of the file system, each in turn."""
    return Catalog(request.param, tmp_path / "catalog")


@pytest.fixture
def ported() -> Iterator[PortCatalog]:
    """An organisation at the stand-in for Port."""
    with port() as standin:
        catalog = PortCatalog(standin)
        catalog.prepare([user("ada", n=1, age=36)])
        yield catalog


@pytest.fixture
def port_catalog(ported: PortCatalog) -> PortCatalog:
    """An organisation in which sources keep their entities apart, as in other catalogs."""
    return PortCatalog(ported.standin, sharedEntities=False)


@pytest.fixture
def sqlite(tmp_path: Path) -> Catalog:
    return Catalog(Sqlite(), tmp_path / "catalog.db")


@pytest.fixture
def jsonl(tmp_path: Path) -> Catalog:
    return Catalog(Jsonl(), tmp_path / "catalog")

"""Every installed sink passes the kit that its authors are given."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from penstock.testing import SinkConformance
from penstock_sinks.jsonl import Jsonl
from penstock_sinks.sqlite import Sqlite


class TestSqlite(SinkConformance):
    strategy = Sqlite

    def settings(self, folder: Path) -> Mapping[str, object]:
        return {"path": folder / "catalog.db"}


class TestJsonl(SinkConformance):
    strategy = Jsonl

    def settings(self, folder: Path) -> Mapping[str, object]:
        return {"path": folder / "catalog"}


def test_every_installed_sink_is_tried() -> None:
    kits = [kit for name, kit in globals().items() if name.startswith("Test")]

    # Port has rules of its own for names and values: test_port_contract.py holds it to what they leave
    assert {kit.strategy.name for kit in kits} | {"port"} == {
        point.name for point in entry_points(group="penstock.sink")
    }

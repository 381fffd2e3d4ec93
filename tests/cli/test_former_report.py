"""The report of an earlier run is never taken for that of a run that failed."""

from __future__ import annotations

from pathlib import Path

from support.commands import config_for, penstock, write_config
from support.project import USER, user
from support.server import routes, serve


def test_a_run_that_ends_without_a_report_leaves_no_earlier_one(tmp_path: Path) -> None:
    with serve(routes({"/users": {"users": [user(1)]}})) as api:
        write_config(tmp_path, config_for(api.url, [USER]))
        assert penstock("sync", "--report", "report.json", folder=tmp_path).code == 0
        assert (tmp_path / "report.json").exists()
        damaged = (tmp_path / "catalog.db").read_bytes()[:8192] + b"no database at all" * 1000
        (tmp_path / "catalog.db").write_bytes(damaged)
        failed = penstock("sync", "--report", "report.json", folder=tmp_path)
    assert failed.code == 1
    assert "catalog.db" in failed.err
    assert not (tmp_path / "report.json").exists()


def test_a_mistake_in_the_configuration_leaves_the_earlier_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    write_config(tmp_path, {"connection": {"baseUrl": "nowhere"}, "resources": []})
    assert penstock("sync", "--report", "report.json", folder=tmp_path).code == 2
    assert (tmp_path / "report.json").read_text() == "{}"

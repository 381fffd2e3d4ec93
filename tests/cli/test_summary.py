from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.summary import place_of, summarise
from penstock.config.models import Chosen
from penstock.strategies import PluginConfig, Sink, SinkContext, SinkStrategy
from penstock.sync.report import KindReport, RunReport


class FileConfig(PluginConfig):
    path: Path = Path("catalog.db")


class RemoteConfig(PluginConfig):
    workspace: str = "acme"


class _Sink(SinkStrategy[Any]):
    name = "remote"
    Config = RemoteConfig

    def open(self, config: PluginConfig, context: SinkContext) -> Sink:
        raise NotImplementedError


COUNTERS = ("created", "updated", "unchanged", "deleted")
CATALOG: Chosen[SinkStrategy[Any]] = Chosen(_Sink(), FileConfig())


def _report(*kinds: KindReport, interrupted: bool = False) -> RunReport:
    return RunReport("r1", "test", datetime.now(UTC), list(kinds), seconds=1.5, interrupted=interrupted)


def _said(
    capsys: pytest.CaptureFixture[str], report: RunReport, *, verbose: bool = False, quiet: bool = False
) -> list[str]:
    summarise(report, CATALOG, verbose=verbose, quiet=quiet)
    written = capsys.readouterr()
    assert written.out == ""
    return written.err.splitlines()


def test_the_last_line_of_a_complete_run_says_what_is_where(capsys: pytest.CaptureFixture[str]) -> None:
    users = KindReport("/users", fetched=1200, selected=1200, created=1000, updated=20, unchanged=180)
    teams = KindReport("/teams", fetched=8, selected=8, unchanged=8, deleted=2)

    assert _said(capsys, _report(users, teams))[-1] == (
        "complete: 1,208 entities in catalog.db (created 1,000, updated 20, unchanged 188, deleted 2)"
    )


def test_the_table_has_a_line_per_kind_and_only_counters_that_matter(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _said(capsys, _report(KindReport("/users", fetched=3, created=2, skipped=1, seconds=0.25)))

    assert lines[1].split() == ["kind", "status", "fetched", *COUNTERS, "skipped", "seconds"]
    assert lines[3].split() == ["/users", "complete", "3", "2", "0", "0", "0", "1", "0.2"]


def test_held_deletions_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users", status="held", fetched=1, selected=1, unchanged=1, held=42)

    held, last = _said(capsys, _report(kind))[-2:]
    assert held.startswith("held: 42 deletions of kind /users were not done")
    assert "`penstock holds approve /users`" in held
    assert "`penstock holds reject /users`" in held
    assert last == "complete, but deletions are held: 1 entities in catalog.db (unchanged 1)"


def test_an_incomplete_run_shows_the_first_errors_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users", created=4)
    for page in range(5):
        kind.error(f"/users page {page}", "502")
    kind.warn("/users", "odd")

    lines = _said(capsys, _report(kind, KindReport("/teams")))

    errors = [line for line in lines if line.startswith("error: ")]
    assert errors[:3] == [f"error: /users page {page}: 502" for page in range(3)]
    assert errors[3:] == ["error: /users: 2 more; see them with -v or --report FILE"]
    assert "warning: /users: odd" in lines
    assert lines[-1] == (
        "incomplete: 1 of 2 kinds went wrong; 4 entities in catalog.db (created 4);"
        " nothing was deleted where a read was incomplete"
    )


def test_verbose_shows_every_error(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users")
    for page in range(5):
        kind.error(f"/users page {page}", "502")

    lines = _said(capsys, _report(kind), verbose=True)

    assert [line for line in lines if line.startswith("error: ")] == [
        f"error: /users page {page}: 502" for page in range(5)
    ]


def test_quiet_says_nothing_of_a_complete_run(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users", created=1)
    kind.warn("/users", "odd")

    assert _said(capsys, _report(kind), quiet=True) == []


def test_quiet_still_tells_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users")
    kind.error("/users", "502")

    error, last = _said(capsys, _report(kind), quiet=True)
    assert error == "error: /users: 502"
    assert last.startswith("incomplete: 1 of 1 kinds")


def test_an_interrupted_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _said(capsys, _report(KindReport("/users", status="interrupted"), interrupted=True))

    assert lines[-1] == "interrupted: 0 entities in catalog.db (no changes); run the command again to read the rest"


def test_control_characters_from_an_api_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    kind = KindReport("/users")
    kind.error("/users", "\x1b[31mred")

    assert "\x1b" not in "".join(_said(capsys, _report(kind)))


def test_a_sink_without_a_path_is_called_by_its_name() -> None:
    assert place_of(Chosen(_Sink(), RemoteConfig())) == "the remote sink"


def test_a_run_that_a_quota_ended_says_when_to_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    report = _report(KindReport("/users", status="incomplete", created=3))
    report.resume_at = datetime(2027, 1, 15, 9, 0, tzinfo=UTC)

    assert _said(capsys, report, quiet=True)[-1] == (
        "incomplete: the source wants no requests before 2027-01-15 09:00:00 UTC; 3 entities in catalog.db (created 3);"
        " nothing was deleted; run the command again then to read the rest"
    )

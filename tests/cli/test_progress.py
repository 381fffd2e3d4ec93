from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from penstock.cli import progress
from penstock.cli.progress import BarProgress, PlainProgress, counts
from penstock.sync.report import KindReport


def test_counts_name_what_happened_and_nothing_else() -> None:
    kind = KindReport("/users", pages=1, fetched=1200, created=3, held=2)
    kind.error("/users", "502")

    assert counts(kind) == "1 page, 1,200 records, 3 created, 2 held, 1 error"


def test_plain_progress_has_a_line_for_the_start_and_the_end_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    observer, kinds = PlainProgress(), [KindReport("/users"), KindReport("/teams")]

    for kind in kinds:
        observer.kind_started(kind)
        for _ in range(100):
            kind.pages += 1
            observer.page_read(kind)
            observer.batch_written(kind)
    for kind in kinds:
        observer.kind_finished(kind)

    assert capsys.readouterr().err.splitlines() == [
        "/users: reading",
        "/users: 100 pages, 0 records",
        "/teams: reading",
        "/teams: 100 pages, 0 records",
    ]


def test_plain_progress_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    observer, kind = PlainProgress(), KindReport("/users")

    observer.kind_started(kind)
    for _ in range(12):
        now += 1
        kind.pages += 1
        observer.page_read(kind)

    assert capsys.readouterr().err.splitlines() == [
        "/users: reading",
        "/users: 5 pages, 0 records so far",
        "/users: 10 pages, 0 records so far",
    ]


def _bars() -> tuple[Progress, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    columns = [TextColumn(f"{{task.{text}}}", markup=False) for text in ("description", "fields[counts]")]
    return Progress(*columns, console=console, auto_refresh=False), screen


def test_bars_show_each_kind_with_its_counts_and_take_texts_literally() -> None:
    bars, screen = _bars()
    kind = KindReport("/users?tag=[red]", pages=2)

    with bars:
        observer = BarProgress(bars)
        observer.kind_started(kind)
        kind.pages = 3
        observer.page_read(kind)
        kind.created = 7
        observer.batch_written(kind)
        bars.refresh()
        assert "/users?tag=[red] 3 pages, 0 records, 7 created" in screen.getvalue()
        assert not bars.finished
        observer.kind_finished(kind)
        assert bars.finished


def test_only_the_latest_bars_are_on_the_screen() -> None:
    bars, _ = _bars()
    observer = BarProgress(bars)

    for number in range(20):
        observer.kind_started(KindReport(f"/kind{number}"))

    assert [task.description for task in bars.tasks if task.visible] == [f"/kind{number}" for number in range(12, 20)]


def test_a_kind_that_was_never_begun_can_be_finished() -> None:
    bars, _ = _bars()

    BarProgress(bars).kind_finished(KindReport("/users", status="interrupted"))

    assert bars.tasks == []

"""Every fault, on every page, with every pagination: nothing that exists is lost, and clean runs make good.

Each test takes one page; ``PENSTOCK_SOAK=1`` takes all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.misbehaving import FAULTS, HARMLESS, PAGE, PAGINATIONS, Misbehaving, misbehaving
from support.project import Project, resource
from support.soak import SOAK

PAGES = 4
CLEAN_RUNS = 2
"""After which the catalog is what the source has: what rows that moved have hidden is looked for twice."""


@pytest.fixture(scope="module")
def api() -> Iterator[Misbehaving]:
    with misbehaving() as running:
        yield running


def pages(pagination: str, fault: str) -> list[int]:
    """All pages in a soak, one of them, and not always the same, otherwise."""
    every = list(range(PAGES))
    return every if SOAK else [zlib.crc32(f"{pagination} {fault}".encode()) % PAGES]


def project_for(folder: Path, api: Misbehaving, pagination: str) -> Project:
    users = resource(f"/{pagination}", selector={"data_path": ".users"})
    return Project(folder, api.url, [users], **PAGINATIONS[pagination], maxRetries=0)


def existing(api: Misbehaving) -> set[str]:
    return {str(row) for row in api.rows}


BAD = [(p, f, page) for p in PAGINATIONS for f in FAULTS for page in pages(p, f)]


@pytest.mark.parametrize(("pagination", "fault", "page"), BAD)
def test_a_page_that_fails_loses_nothing(
    tmp_path: Path, api: Misbehaving, pagination: str, fault: str, page: int
) -> None:
    api.rows, api.fault = list(range(1, PAGES * PAGE - 2)), None
    project = project_for(tmp_path, api, pagination)
    assert project.sync().exit_code == 0
    assert project.identifiers() == existing(api)

    del api.rows[3]
    api.rows.append(1000)
    api.fault, api.at = FAULTS[fault], page
    before = project.identifiers()
    report = project.sync()
    empty = fault == "nothing" and page == 0  # which counts as no items, and proves nothing
    assert report.status in ({"complete"} if empty else {"incomplete", "held"}), report.kinds[0].stop_reasons
    assert report.kinds[0].deleted == 0
    assert before <= project.identifiers()

    api.fault = None
    for _ in range(CLEAN_RUNS):
        assert project.sync().exit_code == 0
    assert project.identifiers() == existing(api)


ODD = [(p, f, page) for p in PAGINATIONS if p != "header_link" for f in HARMLESS for page in pages(p, f)]


@pytest.mark.parametrize(("pagination", "fault", "page"), ODD)
def test_a_page_that_only_looks_odd_is_read_like_any_other(
    tmp_path: Path, api: Misbehaving, pagination: str, fault: str, page: int
) -> None:
    api.rows = list(range(1, PAGES * PAGE - 2))
    api.fault, api.at = HARMLESS[fault], page
    project = project_for(tmp_path, api, pagination)
    report = project.sync()
    assert report.exit_code == 0, report.kinds[0].errors
    assert project.identifiers() == existing(api)

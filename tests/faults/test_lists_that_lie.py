"""Lists that loop, promise too much, repeat themselves or have holes, with every pagination.

Each lie is told with three of them; ``PENSTOCK_SOAK=1`` takes all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clock import FakeClock
from support.hostile_api import LISTS, PAGINATIONS, Company, HostileApi, hostile
from support.hostile_project import USERS, HostileProject
from support.soak import SOAK

BY_CURSOR = {"cursor", "next_link", "header_link"}
BY_LINK = BY_CURSOR | {"numbered_link"}
INCOMPLETE = {
    "the same page again": set(PAGINATIONS),
    "there and back": set(PAGINATIONS),
    "round and round": BY_LINK,  # a short page is the end where pages are counted
    "the same cursor again": BY_LINK,
    "no page beyond the end": BY_LINK,
}
"""With which paginations a lie cannot be a whole list; the others are read whole, each row once."""


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    with hostile(FakeClock()) as running:
        yield running


def chosen(lie: str) -> list[str]:
    """All paginations in a soak, three of them otherwise."""
    others = sorted(PAGINATIONS.keys() - {"offset", "cursor"})
    some = ["offset", "cursor", others[zlib.crc32(lie.encode()) % len(others)]]
    return list(PAGINATIONS) if SOAK else some


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("lie", "pagination"), [(lie, pagination) for lie in LISTS for pagination in chosen(lie)])
def test_a_list_that_lies_loses_nothing(tmp_path: Path, api: HostileApi, lie: str, pagination: str) -> None:
    api.heal()
    api.company = company = Company()
    company.teams.clear()
    project = HostileProject(tmp_path, api, pagination)
    project.config["resources"] = [USERS]
    assert project.sync().exit_code == 0

    del company.users["u04"]
    company.users["u99"] = "New"
    api.lists["/users"] = lie
    before = project.titles()
    report = project.sync()
    assert before.keys() & company.entities().keys() <= project.titles().keys()
    if pagination in INCOMPLETE.get(lie, set()):
        assert report.status == "incomplete"
        assert report.kinds[0].deleted == 0
    else:
        assert report.status == "complete", report.kinds[0].errors
        assert company.entities().keys() <= project.titles().keys()
        assert (report.kinds[0].duplicates > 0) == (lie == "rows twice")

    api.heal()
    for _ in range(2):
        assert project.sync().exit_code == 0
    assert project.titles() == company.entities()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("pagination", ["offset", "page"])
def test_a_404_beyond_a_full_last_page_deletes_nothing(tmp_path: Path, api: HostileApi, pagination: str) -> None:
    api.heal()
    api.company = company = Company()
    company.users["u08"] = "The ninth"
    project = HostileProject(tmp_path, api, pagination)
    project.config["resources"] = [USERS]
    assert project.sync().exit_code == 0
    del company.users["u00"], company.users["u01"], company.users["u02"]
    api.lists["/users"] = "no page beyond the end"
    report = project.sync()
    assert (report.status, report.kinds[0].deleted) == ("incomplete", 0)
    assert dict(report.kinds[0].stop_reasons) == {"request_failed": 1}

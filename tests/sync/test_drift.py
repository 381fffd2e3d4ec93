"""Links that count pages: rows that move while they are followed are looked for once more, as with numbered pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.sync.drift import counts_from_start
from support.project import Project, resource
from support.server import Received, Reply, serve

CASES = [
    ("/users", "/users?page=2", 30, True),
    ("/users?per_page=30", "/users?per_page=30&page=2", 30, True),
    ("/users", "/users?page=1", 30, True),
    ("/users?page=2", "/users?page=3", 30, True),
    ("/users?page=0009", "/users?page=0010", 30, True),
    ("/users", "/users?offset=30&limit=30", 30, True),
    ("/users?start=30", "/users?start=60", 30, True),
    ("/users?start=30", "/users?start=60", 0, False),
    ("/users?page=3", "/users?page=3", 30, False),
    ("/users", "/users?limit=30&after=abc", 30, False),
    ("/users?after=1040", "/users?after=1190", 30, False),
    ("/users?cursor=a1", "/users?cursor=a2", 30, False),
    ("/users", "/users?cursor=" + "9" * 5000, 30, False),
    ("/users?page=2", "/users", 30, False),
]


@pytest.mark.parametrize(("url", "following", "items", "counts"), CASES)
def test_a_link_counts_where_a_number_grows_by_a_page_or_by_its_rows(
    url: str,
    following: str,
    items: int,
    counts: bool,  # noqa: FBT001
) -> None:
    assert counts_from_start(url, following, items) == counts


@pytest.mark.parametrize("pagination", ["header_link", "next_link"])
@pytest.mark.parametrize("parameter", ["page", "offset"])
def test_a_row_that_moves_across_the_edge_of_a_linked_page_is_not_deleted(
    tmp_path: Path, pagination: str, parameter: str
) -> None:
    users = [{"id": number, "name": "N"} for number in range(9)]
    moving = False

    def answer(request: Received) -> Reply:
        page = int(request.param("page", "1")) - 1 if parameter == "page" else int(request.param("offset", "0")) // 3
        rows = users[page * 3 : page * 3 + 3]
        if moving and page == 0:
            del users[0]  # what was the first row of the second page moves to the first page, which was read
        link = f"/users?page={page + 2}" if parameter == "page" else f"/users?offset={page * 3 + 3}&limit=3"
        more = page * 3 + 3 < len(users)
        headers = {"Link": f'<{link}>; rel="next"'} if more and pagination == "header_link" else {}
        return Reply({"items": rows, "next": link if more else None}, headers=headers)

    with serve(answer) as api:
        selector = {"data_path": ".items"}
        connection = {"paginationType": pagination}
        if pagination == "next_link":
            connection["nextLinkPath"] = "next"
        project = Project(tmp_path, api.url, [resource("/users", selector=selector)], **connection)
        project.sync()
        moving = True
        report = project.sync()
        moving = False
        assert (report.kinds[0].deleted, report.kinds[0].missing) == (0, 1)
        assert project.identifiers() == {str(number) for number in range(9)}
        project.sync()
        project.sync()
    assert project.identifiers() == {str(number) for number in range(1, 9)}


def test_a_circle_of_links_that_are_all_new_is_noticed(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        asked = int(request.param("at", "0"))
        page = asked and 1 + (asked - 1) % 3
        return Reply({"items": [{"id": page}], "next": f"/users?at={asked + 1}"})

    with serve(answer) as api:
        mapping = resource("/users", selector={"data_path": ".items"})
        project = Project(tmp_path, api.url, [mapping], paginationType="next_link", nextLinkPath="next")
        kind = project.sync_kind()
    assert dict(kind.stop_reasons) == {"repeated_page": 1}
    assert len(api.received) == 14

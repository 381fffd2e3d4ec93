"""Where the parents come from: one that cannot be read costs itself, and no guess proves that there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.sync.report import KindReport
from penstock.values import StopReason
from support.project import Project, resource
from support.server import Handler, Received, Reply, serve


def members(**parameter: Any) -> dict[str, Any]:  # noqa: ANN401 - settings of any type
    """A kind with a partition for each team."""
    parameters = {"team": {"endpoint": "/teams", "field": ".slug", **parameter}}
    return resource("/teams/{team}/members", selector={"data_path": ".members", "path_parameters": parameters})


def parents(pages: list[Any]) -> Handler:
    """An API whose ``/teams`` answers with these pages, and each team with one member that is called like it."""

    def answer(request: Received) -> Reply:
        if request.path == "/teams":
            return Reply(pages[int(request.param("page", "1")) - 1])
        return Reply({"members": [{"id": request.path.split("/")[2]}]})

    return answer


def read(tmp_path: Path, pages: list[Any], mapping: dict[str, Any], **connection: Any) -> tuple[KindReport, set[str]]:  # noqa: ANN401
    with serve(parents(pages)) as api:
        project = Project(tmp_path, api.url, [mapping], **connection)
        return project.sync_kind(), project.identifiers()


A, B, C = ({"slug": name} for name in "abc")
LOWER = ".slug | ascii_downcase"
BAD_RECORDS: dict[str, tuple[dict[str, str], object, str]] = {
    "its field fails": ({"field": LOWER}, {"slug": 5}, f"`{LOWER}` failed on a record: "),
    "its filter fails": ({"filter": ".slug | length > 0"}, {"slug": True}, "`.slug | length > 0` failed on a record: "),
    "its field is an array": ({}, {"slug": ["x"]}, "`.slug` gave an array, not one path value"),
    "its field is an object": ({}, {"slug": {"x": 1}}, "`.slug` gave an object, not one path value"),
    "it is text": ({}, "x", "the record is text, not an object"),
    "it is null": ({}, None, "the record is null, not an object"),
}


@pytest.mark.parametrize(("parameter", "bad", "said"), BAD_RECORDS.values(), ids=BAD_RECORDS)
@pytest.mark.parametrize("data_path", [None, ".teams"], ids=["no data_path", "data_path"])
def test_a_record_that_cannot_be_judged_costs_itself_and_no_other_parent(
    tmp_path: Path, parameter: dict[str, str], bad: object, said: str, data_path: str | None
) -> None:
    written = parameter if data_path is None else {**parameter, "data_path": data_path}
    pages = [[A, bad, B], [C]] if data_path is None else [{"teams": [A, bad, B]}, {"teams": [C]}]
    kind, found = read(tmp_path, pages, members(**written), paginationType="page", pageSize=3)
    assert found == {"a", "b", "c"}
    assert (kind.status, kind.stop_reasons[StopReason.PARENT_FAILED], len(kind.errors)) == ("incomplete", 1, 1)
    assert kind.errors[0].message.startswith(f"discovering {{team}}: page 1: {said}")
    assert kind.errors[0].message.endswith("(item 1)")


def test_nothing_is_deleted_while_a_record_of_the_parents_cannot_be_judged(tmp_path: Path) -> None:
    teams: list[Any] = [A, B, C]
    with serve(parents([{"teams": teams}])) as api:
        project = Project(tmp_path, api.url, [members(field=LOWER)])
        project.sync()
        teams[:] = [A, {"slug": 5}]
        broken = project.sync_kind()
        kept = project.identifiers()
        teams[:] = [A, B]
        project.sync()
    assert (broken.deleted, broken.held, kept) == (0, 0, {"a", "b", "c"})
    assert project.identifiers() == {"a", "b"}


def test_bad_records_of_one_page_are_one_message_each_sort(tmp_path: Path) -> None:
    kind, found = read(tmp_path, [[{"slug": 5}, A, {"slug": 6}, "x", {"slug": 7}]], members(field=LOWER))
    assert found == {"a"}
    assert [error.message.rpartition(" (")[2] for error in kind.errors] == ["item 0 and 2 more of the page)", "item 3)"]


def test_a_bad_record_among_the_parents_of_parents_leaves_the_others(tmp_path: Path) -> None:
    mapping = resource(
        "/orgs/{org}/teams/{team}",
        selector={
            "path_parameters": {
                "org": {"endpoint": "/orgs", "field": ".slug"},
                "team": {"endpoint": "/orgs/{org}/teams", "field": LOWER},
            }
        },
    )

    def answer(request: Received) -> Reply:
        match request.path.split("/")[1:]:
            case ["orgs"]:
                return Reply([A, {"slug": ["x"]}, B])
            case ["orgs", org, "teams"]:
                return Reply([{"slug": f"{org}1"}, {"slug": 5}, {"slug": f"{org}2"}])
            case _:
                return Reply({"id": request.path.rpartition("/")[2]})

    with serve(answer) as api:
        project = Project(tmp_path, api.url, [mapping])
        kind = project.sync_kind()
    assert project.identifiers() == {"a1", "a2", "b1", "b2"}
    assert {error.message.partition(": page")[0] for error in kind.errors} == {
        "discovering {org}",
        "discovering {team} org=a",
        "discovering {team} org=b",
    }

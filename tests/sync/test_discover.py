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
        return Reply({"members": [{"id": request.path.split("/")[2]}] if request.param("page", "1") == "1" else []})

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


GUESSES: dict[str, tuple[object, set[str]]] = {
    "a list beside an empty one": ({"teams": [A, B], "errors": []}, {"a", "b"}),
    "a list beside one of texts": ({"teams": [A], "labels": ["x"]}, {"a"}),
    "a list that is called like an error's": ({"errors": [A]}, {"a"}),
    "a record": ({"slug": "a", "name": "A"}, {"a"}),
    "a record with an empty list": ({"slug": "a", "links": []}, {"a"}),
    "a record with a list of texts": ({"slug": "a", "links": ["x"]}, {"a"}),
}


@pytest.mark.parametrize(("answer", "parent"), GUESSES.values(), ids=GUESSES)
def test_without_data_path_the_one_filled_list_counts_or_else_the_object_itself(
    tmp_path: Path, answer: object, parent: set[str]
) -> None:
    kind, found = read(tmp_path, [answer], members())
    assert (kind.status, found) == ("complete", parent), kind.errors


@pytest.mark.parametrize("field", [".slug", ".slug | ascii_downcase", '.slug | gsub("x"; "y")'])
@pytest.mark.parametrize(
    "answer",
    [{"teams": []}, {"teams": [], "count": 0, "meta": {"next": None}}, {"teams": [], "errors": []}],
    ids=["alone", "beside a count", "beside another"],
)
def test_an_empty_list_beside_nothing_that_could_be_meant_says_that_there_are_no_parents(
    tmp_path: Path, answer: object, field: str
) -> None:
    kind, found = read(tmp_path, [answer], members(field=field))
    assert (kind.status, dict(kind.stop_reasons), found) == ("complete", {"no_parents": 1}, set()), kind.errors


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"teams": [A]}, "errors": []},
        {"teams": [], "labels": ["x"]},
        {"teams": [], "errors": [{"slug": "denied"}]},
        {"teams": [A], "users": [{"slug": "u"}]},
        {"errors": []},
        {"message": "internal error", "details": []},
        {"slug": 5, "teams": []},
    ],
    ids=["list deeper", "texts", "errors", "two lists", "no errors", "error without details", "field that fails"],
)
def test_where_a_list_of_parents_is_in_doubt_the_kind_is_incomplete(tmp_path: Path, answer: object) -> None:
    kind, found = read(tmp_path, [answer], members(field=LOWER))
    assert (kind.status, found) == ("incomplete", set())
    assert kind.stop_reasons[StopReason.PARENT_FAILED] == 1


def test_the_list_stays_where_a_fuller_page_had_it(tmp_path: Path) -> None:
    def page(*teams: object) -> object:
        return {"teams": list(teams), "labels": ["x"], "links": []}

    kind, found = read(tmp_path, [page(A), page(B), page()], members(), paginationType="page", pageSize=1, maxPages=3)
    assert (kind.errors, found, kind.stop_reasons[StopReason.PARENT_FAILED]) == ([], {"a", "b"}, 0)

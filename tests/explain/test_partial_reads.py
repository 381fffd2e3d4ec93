"""Explanations where runs do not read everything: changes only, or pages that are still the same."""

from __future__ import annotations

from pathlib import Path

from support.changing import Changing, incremental, project_for
from support.explaining import document
from support.project import resource


def test_what_is_not_among_the_changes_stays_and_what_is_was_seen(tmp_path: Path) -> None:
    api = Changing()
    api.put("/users", "a", "b")
    with project_for(tmp_path, api, [incremental()]) as (project, server):
        project.sync()
        api.put("/users", "b")
        project.sync()
        server.received.clear()

        same, changed = document(project, "user", "a"), document(project, "user", "b")

    assert same["state"] == "unchanged"
    assert "asked for changes of /users only, and it was not among them" in same["reasons"][0]
    assert same["record"]["id"] == "a"  # by the request of the run that read everything
    assert server.targets() == ["/users"]
    assert changed["state"] == "seen"
    assert "asked for changes since the run before" in changed["request"]["why_not"]


def test_a_page_that_is_still_the_same_counts_as_seen(tmp_path: Path) -> None:
    api = Changing(etags=True, size=2)
    api.put("/users", "a", "b", "c")
    with project_for(tmp_path, api, [resource("/users")], paginationType="page", pageSize=2) as (project, server):
        project.sync()
        assert project.sync_kind().not_modified == 2
        server.received.clear()

        found = document(project, "user", "c")

    assert (found["state"], found["record"]["id"]) == ("seen", "c")
    assert found["seen"][0]["url"].endswith("page=2&size=2")
    assert [target.partition("?")[2] for target in server.targets()] == ["page=2&size=2"]

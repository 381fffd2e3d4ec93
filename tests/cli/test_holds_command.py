"""``penstock holds``: what is held is shown, and approved or rejected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import config_for, penstock, write_config
from support.project import USER, Project, user
from support.server import ApiServer, routes, serve

APPROVE = "`penstock holds approve /users` has the next run delete them, `penstock holds reject /users` keeps them"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serve(routes({"/users": {"users": [user(number) for number in range(3)]}})) as server:
        yield server


@pytest.fixture
def folder(api: ApiServer, tmp_path: Path) -> Path:
    """A project whose three users are held."""
    project = Project(tmp_path, api.url, [USER])
    project.sync()
    api.handler = routes({"/users": {"users": []}})
    assert project.sync().exit_code == 3
    return tmp_path


def _entities(folder: Path) -> int:
    return len(penstock("entities", "--format", "json", folder=folder).json())


def test_held_deletions_are_listed_shown_approved_and_done(folder: Path) -> None:
    ran = penstock("sync", folder=folder)
    assert ran.code == 3
    assert ran.err.splitlines()[-2].startswith("held: 3 deletions of kind /users were not done")
    assert ran.err.splitlines()[-2].endswith(APPROVE)

    listed = penstock("holds", "list", folder=folder)
    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[:5] for line in listed.out.splitlines()] == [
        ["kind", "state", "reason", "entities", "of"],
        ["-" * 6, "-" * 5, "-" * 7, "-" * 8, "--"],
        ["/users", "open", "emptied", "3", "3"],
    ]

    shown = penstock("holds", "show", folder=folder)
    assert shown.out.splitlines() == [
        "/users: 3 of 3 entities, open, emptied",
        "  user  0",
        "  user  1",
        "  user  2",
    ]
    assert "penstock holds approve /users" in shown.err

    approved = penstock("holds", "approve", "/users", folder=folder)
    assert (approved.code, approved.out) == (0, "")
    assert approved.err == "approved: the next run deletes 3 entities of kind /users that are still missing\n"
    assert _entities(folder) == 3

    ran = penstock("sync", folder=folder)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, f"complete: 0 entities in {folder}/catalog.db (deleted 3)")
    assert _entities(folder) == 0
    assert penstock("holds", "list", "--format", "json", folder=folder).json() == []


def test_rejected_deletions_stay_and_make_no_run_exit_with_3(folder: Path) -> None:
    rejected = penstock("holds", "reject", "--all", folder=folder)
    assert rejected.err == "rejected: 3 entities of kind /users stay, for as long as they are missing\n"

    ran = penstock("sync", folder=folder)
    assert ran.code == 0
    assert "held" not in ran.err
    assert _entities(folder) == 3
    [hold] = penstock("holds", "show", "/users", "--format", "json", folder=folder).json()
    assert (hold["state"], hold["reason"], hold["entities"], hold["of"]) == ("rejected", "emptied", 3, 3)
    assert hold["keys"] == [{"blueprint": "user", "identifier": str(number)} for number in range(3)]
    again = penstock("holds", "approve", "--all", folder=folder)
    assert (again.code, again.err) == (0, "nothing is held\n")


def test_a_decision_about_nothing_is_a_mistake(folder: Path) -> None:
    ran = penstock("holds", "approve", "/users", "--all", folder=folder)
    assert (ran.code, ran.out, ran.err) == (2, "", "KIND: name a kind, or give --all\n")
    for command in ("show", "reject"):
        ran = penstock("holds", command, "/user", folder=folder)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == 'KIND: nothing is held of kind "/user" (held: /users)\n'


def test_neither_the_secrets_nor_the_mapping_are_needed(folder: Path, api: ApiServer) -> None:
    config = config_for(api.url, [], authType="bearer_token", apiToken="${NO_SUCH_TOKEN}")
    write_config(folder, {name: value for name, value in config.items() if name != "resources"}, "other.yml")
    ran = penstock("holds", "list", "--config", "other.yml", "--format", "json", folder=folder)
    assert (ran.code, [hold["kind"] for hold in ran.json()]) == (0, ["/users"])


def test_without_a_name_the_host_of_the_base_url_leads_to_the_journal(api: ApiServer, tmp_path: Path) -> None:
    config = config_for(api.url, [USER])
    del config["source"]
    write_config(tmp_path, config)
    penstock("sync", folder=tmp_path)
    ran = penstock("runs", "list", "--format", "json", folder=tmp_path)
    assert [run["status"] for run in ran.json()] == ["complete"]
    config["connection"]["baseUrl"] = "${NO_SUCH_URL}"
    write_config(tmp_path, config)
    ran = penstock("runs", "list", folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "NO_SUCH_URL" in ran.err


def test_before_the_first_run_nothing_is_held_and_nothing_is_created(api: ApiServer, tmp_path: Path) -> None:
    write_config(tmp_path, config_for(api.url, [USER]))
    for command in (["list"], ["approve", "--all"]):
        ran = penstock("holds", *command, folder=tmp_path)
        assert ran.code == 0
        assert ran.err.startswith('there is no run of "test" yet')
    assert penstock("holds", "show", "--format", "json", folder=tmp_path).json() == []
    assert [path.name for path in tmp_path.iterdir()] == ["penstock.yml"]


def test_entities_of_a_removed_kind_are_mentioned_and_can_be_got_rid_of(folder: Path, api: ApiServer) -> None:
    table = {"/people": {"users": [user(5)]}}
    api.handler = routes(table)
    write_config(folder, config_for(api.url, [{**USER, "kind": "/people"}]))

    ran = penstock("sync", folder=folder)
    assert ran.code == 0
    assert ran.err.splitlines()[-2] == (
        f"left: 3 entities of kind /users, which is no longer in the mapping, stay in the catalog; {APPROVE}"
    )
    penstock("holds", "approve", "/users", folder=folder)
    ran = penstock("sync", "--report", "-", folder=folder)
    assert [(kind["kind"], kind["held"], kind["deleted"]) for kind in ran.json()["unmapped"]] == [("/users", 0, 3)]
    assert _entities(folder) == 1

"""jq that loops, eats memory or ends its process, through a whole sync: it costs its own list, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clock import FakeClock
from support.hostile_api import Company, HostileApi, hostile
from support.hostile_project import MEMBERS, TEAMS, USERS, HostileProject
from support.project import resource
from support.soak import SOAK

pytestmark = pytest.mark.usefixtures("no_waiting")
BOMBS = {
    "loops": "last(range(1e12))",
    "eats memory": "[range(1e9)]",
    "eats memory at once": "null | .[5e8] = 1",
    "ends its process": "def f: [f]; f",  # libjq aborts when there is no memory left
    "fails": 'error("no")',
}


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    with hostile(FakeClock()) as running:
        yield running


def users(**selector: str) -> dict[str, Any]:
    return resource("/users", selector={"data_path": ".items", **selector})


def with_property(bomb: str) -> dict[str, Any]:
    mapping = users()
    mapping["port"]["entity"]["mappings"]["properties"] = {"p": f'if .id == "u05" then {bomb} else 1 end'}
    return mapping


def with_identifier(bomb: str) -> dict[str, Any]:
    mapping = users()
    mapping["port"]["entity"]["mappings"]["identifier"] = f'if .id == "u05" then {bomb} else .id end'
    return mapping


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "identifier": with_identifier,
    "property": with_property,
    "query": lambda bomb: users(query=f'if .id == "u05" then {bomb} else true end'),
    "data_path": lambda bomb: users(data_path=f'if any(.items[]; .id == "u05") then {bomb} else .items end'),
    "fail_when": lambda bomb: users(
        fail_when=f'if any(.response.body.items[]; .id == "u05") then {bomb} else false end'
    ),
}


EVERY = [(bomb, place) for bomb in BOMBS for place in PLACES if (bomb, place) != ("fails", "property")]
"""A property whose expression fails is left out, as Ocean does."""
SOME = [*zip(BOMBS, PLACES, strict=True)]


@pytest.mark.parametrize(("bomb", "place"), EVERY if SOAK else SOME)
def test_an_expression_that_misbehaves_costs_its_own_list(
    tmp_path: Path, api: HostileApi, bomb: str, place: str
) -> None:
    api.company = company = Company()
    project = HostileProject(tmp_path, api, "cursor")
    project.config["expressions"] = {"timeout": 0.3, "memoryBytes": 128 * 1024 * 1024}
    project.config["resources"] = [USERS, TEAMS, MEMBERS]
    assert project.sync().exit_code == 0
    before = project.titles()

    project.config["resources"] = [PLACES[place](BOMBS[bomb]), TEAMS, MEMBERS]
    company.users |= {"u00": "Another", "u99": "New"}
    del company.users["u01"], company.teams["t0"]["m0a"]
    report = project.sync()
    kinds = {kind.kind: kind for kind in report.kinds}
    assert [kind.status for kind in report.kinds] == ["incomplete", "complete", "complete"]
    assert kinds["/users"].errors
    assert (kinds["/users"].deleted, kinds["/teams/{team}/members"].deleted) == (0, 1)
    assert before.keys() - project.titles().keys() == {("member", "m0a")}
    assert project.titles()["user", "u00"] == "Another"

    project.config["resources"] = [USERS, TEAMS, MEMBERS]
    for _ in range(2):
        project.sync()
        project.decide_all("approved")
    project.sync()
    assert project.titles() == company.entities()

"""A record whose identifier becomes one that the catalog refuses is not deleted under its old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.port import define, port, settings
from support.project import Project, resource
from support.server import Received, Reply, serve

KIND = "/users"


@dataclass
class Place:
    """A source whose records can be renamed, into names that its catalog refuses as well."""

    project: Project
    names: list[str]
    """Of the records, as the source has them now."""
    held: Callable[[], set[str]]

    def sync(self, *names: str) -> tuple[set[str], int, int]:
        """Sync with these records; return what the catalog has then, and how many deletions were made and held."""
        self.names[:] = names
        kind = self.project.sync_kind()
        return self.held(), kind.deleted, kind.held


def _refused(name: str) -> str:
    """A name that neither catalog takes."""
    return f"not {name}"


@pytest.fixture(params=["sqlite", "port"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    names: list[str] = []
    with serve(lambda _: Reply([{"id": name, "name": name} for name in names])) as api:
        project = Project(tmp_path / "ours", api.url, [resource(KIND)])
        project.folder.mkdir()
        if request.param == "sqlite":
            yield _sqlite(project, names, tmp_path)
        else:
            with port() as standin:
                define(standin, "user")
                project.config["sink"] = {"type": "port", **settings(standin)}
                yield Place(project, names, lambda: set(standin.entities.of("user")))


def _sqlite(project: Project, names: list[str], folder: Path) -> Place:
    """Names that the local catalog refuses are those that another source has."""
    theirs = Project(folder, project.config["connection"]["baseUrl"], [resource(KIND)])
    theirs.config |= {"source": "others", "sink": project.config["sink"]}
    names[:] = [_refused(name) for name in ("a", "b", "c", "z")]
    theirs.sync()

    def held() -> set[str]:
        return {row[0] for row in project.rows("SELECT identifier FROM entities WHERE source = 'test'")}

    return Place(project, names, held)


def test_a_record_that_is_refused_under_a_new_name_stays_under_its_old_one(place: Place) -> None:
    place.sync("a", "b", "c")

    assert place.sync(_refused("a"), "b", "c") == ({"a", "b", "c"}, 0, 1)
    assert place.project.holds() == {(KIND, "refused", "open"): 1}
    [kind] = place.project.sync().kinds
    assert [one.message.partition(": ")[0] for one in kind.warnings] == [
        "1 of 3 entities are gone from the source, and may be what the sink has refused since, under other names"
    ]
    assert kind.status == "incomplete"


def test_when_the_new_name_is_mended_the_old_one_goes(place: Place) -> None:
    place.sync("a", "b", "c")
    place.sync(_refused("a"), "b", "c")

    assert place.sync("mended", "b", "c") == ({"mended", "b", "c"}, 1, 0)
    assert place.project.holds() == {}


def test_what_is_always_refused_delays_no_deletion_of_others(place: Place) -> None:
    place.sync("a", "b", "c", _refused("z"))

    assert place.sync("a", "b", _refused("z")) == ({"a", "b"}, 1, 0)
    assert place.sync("b", _refused("z")) == ({"b"}, 1, 0)


def test_what_goes_after_a_new_refusal_does_not_wait_with_what_went_before(place: Place) -> None:
    place.sync("a", "b", "c")
    place.sync(_refused("a"), "b", "c")

    assert place.sync(_refused("a"), "b") == ({"a", "b"}, 1, 1)
    assert place.project.holds() == {(KIND, "refused", "open"): 1}


def test_everything_that_went_with_a_new_refusal_waits(place: Place) -> None:
    place.sync("a", "b", "c")

    assert place.sync(_refused("a"), "c") == ({"a", "b", "c"}, 0, 2)
    place.project.decide(KIND, "approved")
    assert place.sync(_refused("a"), "c") == ({"c"}, 2, 0)


def test_an_old_name_waits_while_what_may_have_the_new_one_cannot_be_read(tmp_path: Path) -> None:
    teams: dict[str, list[str] | None] = {"x": ["a", "b"], "y": ["c"]}

    def answer(request: Received) -> Reply:
        if request.path == "/teams":
            return Reply([{"id": team} for team in teams])
        members = teams[request.path.split("/")[2]]
        return (
            Reply({"error": "no"}, 400) if members is None else Reply([{"id": name, "name": name} for name in members])
        )

    parameters = {"path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}}}
    with serve(answer) as api, port() as standin:
        define(standin, "user")
        project = Project(tmp_path, api.url, [resource("/teams/{team}/members", selector=parameters)])
        project.config["sink"] = {"type": "port", **settings(standin)}
        project.sync()
        teams |= {"x": ["b"], "y": ["c", _refused("a")]}
        project.sync()
        teams["y"] = None
        for _ in range(4):
            project.sync()
        assert set(standin.entities.of("user")) == {"a", "b", "c"}

        teams["y"] = ["c"]
        project.sync()
        assert set(standin.entities.of("user")) == {"b", "c"}


def test_an_update_that_is_refused_holds_nothing(tmp_path: Path) -> None:
    people = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    with serve(lambda _: Reply(people)) as api, port() as standin:
        define(standin, "user")
        project = Project(tmp_path, api.url, [resource(KIND)])
        project.config["sink"] = {"type": "port", **settings(standin)}
        project.sync()
        people[:] = [{"id": "a", "name": "Another"}]
        standin.faults.rejected["a"] = "it does not please"
        kind = project.sync_kind()

    assert (kind.refused, kind.deleted, kind.held) == (1, 1, 0)

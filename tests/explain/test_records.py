"""The page that showed an entity is asked for once more, exactly, and its record is followed through the mapping."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.config.load import Inputs, load_settings
from penstock.config.models import Settings
from penstock.explain.text import text_lines
from penstock.plugins import PluginManager
from support.explaining import Api, document, explain
from support.project import USER, Project, user
from support.server import ApiServer, Received, Reply, routes, serve

CONFIG = """\
source: test
connection: {{baseUrl: {url}, paginationType: page, pageSize: 3, maxRetries: 0}}
sink: {{type: sqlite, path: {catalog}}}
resources:
  - kind: /users
    selector: {{data_path: .users, query: .id != 4}}
    port:
      entity:
        mappings:
          identifier: .id | tostring
          blueprint: '"user"'
          title: .name
          properties:
            email: .email
            initial: .name | split(" ") | .[1][0:1]
            broken: .name + 1
"""


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def server(api: Api) -> Iterator[ApiServer]:
    with serve(api) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: ApiServer) -> Project:
    project = Project(tmp_path, server.url, [USER], paginationType="page", pageSize=3, prefetchPages=1, maxRetries=0)
    project.sync()
    server.received.clear()
    return project


def test_one_request_is_sent_for_the_page_that_showed_it(project: Project, server: ApiServer) -> None:
    found = document(project, "user", "5")

    assert server.targets() == ["/users?page=2&size=3"]
    assert found["request"]["sent"] == {"method": "GET", "url": f"{server.url}/users?page=2&size=3", "body": None}
    assert (found["request"]["records"], found["request"]["position"]) == (3, 2)
    assert found["record"] == user(5)
    assert (found["seen"][0]["page"], found["seen"][0]["url"]) == (2, f"{server.url}/users?page=2&size=3")


def test_offline_nothing_is_sent_and_the_rest_is_the_same(project: Project, server: ApiServer) -> None:
    asked = document(project, "user", "5")
    server.received.clear()

    found = document(project, "user", "5", offline=True)

    assert server.received == []
    asked_for = found["request"]
    assert (asked_for.pop("sent"), asked_for.pop("why_not")) == (None, "not asked: --offline")
    assert set(asked_for.values()) == {None}
    assert (found["record"], found["selected"], found["expressions"]) == (None, None, [])
    same = ("state", "reasons", "seen", "entity", "owner", "in_catalog")
    assert {name: found[name] for name in same} == {name: asked[name] for name in same}


def test_each_expression_is_shown_with_its_place_and_what_it_gave(tmp_path: Path, server: ApiServer) -> None:
    project = Project(tmp_path, server.url, [])
    file = tmp_path / "penstock.yml"
    text = CONFIG.format(url=server.url, catalog=project.catalog)
    file.write_text(text)
    project.settings = lambda: _load(file)  # type: ignore[method-assign]
    project.sync()

    found = document(project, "user", "5")

    lines = dict(enumerate(text.splitlines(), 1))
    for one in found["expressions"]:
        name, _, number = one["source"].rpartition(":")
        assert name == str(file)
        assert one["expression"].strip('"') in lines[int(number)]
    assert {one["field"]: one["value"] for one in found["expressions"]} == {
        "selector.query": True,
        "identifier": "5",
        "blueprint": "user",
        "title": "User 5",
        "properties.email": "u5@acme.test",
        "properties.initial": "5",
        "properties.broken": None,
    }
    broken = found["expressions"][-1]
    assert "cannot be added" in broken["error"]
    assert broken["path"] == "resources[0].port.entity.mappings.properties.broken"
    assert [note["where"] for note in found["notes"]] == ["properties.broken"]
    assert found["differs"] == []


def _load(file: Path) -> Settings:
    return load_settings(Inputs(config_file=file), PluginManager(disabled=()))


def test_what_the_catalog_has_is_compared_with_what_the_record_gives(project: Project, api: Api) -> None:
    assert document(project, "user", "5")["differs"] == []
    api.users[4]["email"] = "new@acme.test"

    assert document(project, "user", "5")["differs"] == [
        {"field": "properties.email", "catalog": "u5@acme.test", "record": "new@acme.test"}
    ]


def test_a_record_that_the_selector_leaves_out_is_found_and_said_to_be(project: Project) -> None:
    project.config["resources"][0] = {**USER, "selector": {"data_path": ".users", "query": ".id != 5"}}
    project.config["deleteAfterAbsentRuns"] = 1
    project.sync()

    found = document(project, "user", "5")

    assert (found["state"], found["selected"], found["record"]) == ("deleted", False, user(5))
    [selector] = found["expressions"]
    assert (selector["field"], selector["expression"], selector["value"]) == ("selector.query", ".id != 5", False)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (".id != 5", "it is filtered out: selector.query `.id != 5` gave false"),
        (".name", 'it cannot be judged: selector.query `.name` gave "User 5", no boolean'),
        (".name + 1", "it cannot be judged: selector.query `.name + 1` failed: "),
        (".id == 5", "unchanged: the catalog has just what the record gives"),
    ],
)
def test_people_are_told_why_a_record_does_not_count(project: Project, query: str, said: str) -> None:
    project.config["resources"][0] = {**USER, "selector": {"data_path": ".users", "query": query}}

    lines = [line.strip() for line in text_lines(explain(project, "user", "5"))]

    assert [line for line in lines if line.startswith(said)] != []


def test_a_resource_that_has_got_another_name_is_still_the_same(project: Project) -> None:
    second = {**USER, "selector": {"data_path": ".users", "query": "false"}}
    project.config["resources"].append(second)  # now the kind alone does not tell them apart

    found = document(project, "user", "5")

    assert found["record"] == user(5)


def test_of_several_records_of_one_name_the_last_selected_one_counts(project: Project, api: Api) -> None:
    api.users[3] = {**user(5), "name": "first"}

    found = document(project, "user", "5")

    assert (found["request"]["position"], found["request"]["same_name"]) == (2, 1)


def test_a_record_that_is_gone_from_the_page_is_not_made_up(project: Project, api: Api) -> None:
    api.users[4] = user(50)

    found = document(project, "user", "5")

    assert (found["request"]["records"], found["request"]["position"], found["record"]) == (3, None, None)


def test_a_page_that_cannot_be_read_is_no_error(project: Project, api: Api) -> None:
    api.broken = {"/users"}

    found = document(project, "user", "5")

    assert (found["state"], found["request"]["sent"]) == ("seen", None)
    assert "out of order" in found["request"]["why_not"]


def test_an_answer_that_is_an_error_is_no_page(project: Project, server: ApiServer) -> None:
    server.handler = routes({"/users": {"error": "maintenance"}})

    assert "the answer says that the request failed" in document(project, "user", "5")["request"]["why_not"]


def test_a_later_page_of_a_cursor_is_asked_for_by_its_cursor(tmp_path: Path) -> None:
    def api(request: Received) -> Reply:
        cursor = request.param("cursor")
        return Reply({"users": [user(2)]} if cursor else {"users": [user(1)], "meta": {"after_cursor": "c2"}})

    with serve(api) as server:
        project = Project(tmp_path, server.url, [USER], paginationType="cursor")
        project.sync()
        server.received.clear()
        found = document(project, "user", "2")

    [request] = server.received
    assert request.param("cursor") == "c2"
    assert found["record"] == user(2)


def test_a_body_and_path_values_are_sent_as_then(tmp_path: Path) -> None:
    def api(request: Received) -> Reply:
        if request.path == "/teams":
            return Reply([{"id": "a b"}])
        return Reply([{"id": f"{json.loads(request.body)['of']}-1"}])

    selector = {
        "method": "POST",
        "body": {"of": "x"},
        "path_parameters": {"team": {"endpoint": "/teams", "field": ".id"}},
    }
    mappings = {"identifier": ".id", "blueprint": '"member"', "properties": {"team": ".__team"}}
    members = {"kind": "/teams/{team}/members", "selector": selector, "port": {"entity": {"mappings": mappings}}}
    with serve(api) as server:
        project = Project(tmp_path, server.url, [members])
        project.sync()
        server.received.clear()
        found = document(project, "member", "x-1")

    assert server.targets() == ["/teams/a%20b/members"]
    assert found["request"]["sent"]["body"] == {"of": "x"}
    assert found["seen"][0]["path_values"] == {"team": "a b"}
    assert {one["field"]: one["value"] for one in found["expressions"]}["properties.team"] == "a b"


def test_an_element_of_a_record_is_explained_by_that_record(tmp_path: Path) -> None:
    mappings = [
        {"identifier": ".item.id", "blueprint": '"part"', "title": ".name"},
        {"identifier": '"\\(.item.id)-copy"', "blueprint": '"copy"'},
    ]
    port = {"itemsToParse": ".parts", "entity": {"mappings": mappings}}
    with serve(routes({"/things": [{"name": "N", "parts": [{"id": "p1"}, {"id": "p2"}]}]})) as server:
        project = Project(tmp_path, server.url, [{"kind": "/things", "port": port}])
        project.sync()
        found = document(project, "copy", "p2-copy")

    assert found["record"] == {"name": "N", "parts": [{"id": "p1"}, {"id": "p2"}]}
    by_field = {one["field"]: one for one in found["expressions"]}
    assert by_field["mappings[1].identifier"]["value"] == "p2-copy"
    assert by_field["mappings[1].identifier"]["path"] == "resources[0].port.entity.mappings[1].identifier"


def test_secrets_are_in_neither_url_nor_record_nor_request(tmp_path: Path) -> None:
    secret = "s3cret-t0ken-of-the-api"

    def api(request: Received) -> Reply:
        second = request.param("page") == "2"
        link = None if second else f"/users?page=2&session={secret}&auth={secret}"
        return Reply({"users": [{**user(2 if second else 1), "echo": secret}], "next": link})

    config = {"authType": "bearer_token", "apiToken": secret, "paginationType": "next_link", "nextLinkPath": ".next"}
    with serve(api) as server:
        project = Project(tmp_path, server.url, [USER], **config)
        project.sync()
        first, second = document(project, "user", "1"), document(project, "user", "2")

    assert secret not in json.dumps([first, second])
    assert first["record"]["echo"] == "***"
    assert second["seen"][0]["url"].endswith("/users?page=2&session=***&auth=***")
    assert second["request"]["why_not"].startswith("the request for its page was not kept")
    for file in (tmp_path / ".penstock").iterdir():
        assert secret.encode() not in file.read_bytes()


def test_what_an_older_journal_did_not_record_is_said_to_be_unknown(project: Project) -> None:
    with closing(sqlite3.connect(project.folder / ".penstock" / "test.db")) as db, db:
        db.execute("DELETE FROM pages")

    first, second = document(project, "user", "1"), document(project, "user", "5")

    assert first["record"] == user(1)  # how the first page is asked for is in the mapping
    assert first["seen"][0]["url"] is None
    assert second["record"] is None
    assert "no longer remembered" in second["request"]["why_not"]


def test_nothing_is_written(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}

    explain(project, "user", "5")
    explain(project, "user", "never")

    after = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after.get(path)} == set()

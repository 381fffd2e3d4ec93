"""``check``, ``preview`` and ``entities``: commands that look and write nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import COMMAND, config_for, environment, penstock, write_config
from support.project import USER, resource, user
from support.server import ApiServer, Reply, routes, serve

MEMBER = resource(
    "/teams/{team}/members",
    blueprint="member",
    selector={"path_parameters": {"team": {"endpoint": "/teams", "field": ".slug"}}},
)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    table = {
        "/users": Reply({"users": [user(number) for number in range(10)]}, headers={"X-Request-Id": "abc"}),
        "/teams": [{"slug": "core"}],
        "/teams/core/members": [{"id": 7, "name": "Seven"}],
    }
    with serve(routes(table)) as server:
        yield server


@pytest.fixture
def folder(api: ApiServer, tmp_path: Path) -> Path:
    write_config(tmp_path, config_for(api.url, [USER, MEMBER]))
    return tmp_path


class TestCheck:
    def test_it_sends_one_request_per_kind_and_writes_nothing(self, folder: Path, api: ApiServer) -> None:
        ran = penstock("check", folder=folder)

        assert ran.code == 0
        rows = [line.split()[:2] for line in ran.out.splitlines()[2:]]
        assert rows == [["/users", "ok"], ["/teams/{team}/members", "ok"]]
        assert [request.path for request in api.received] == ["/users", "/teams", "/teams/core/members"]
        assert sorted(path.name for path in folder.iterdir()) == ["penstock.yml"]

    def test_a_kind_that_does_not_answer_exits_with_1_and_the_others_are_checked(
        self, folder: Path, api: ApiServer
    ) -> None:
        api.handler = routes({"/teams": [{"slug": "core"}], "/teams/core/members": []})

        ran = penstock("check", folder=folder)

        assert ran.code == 1
        first, second = ran.out.splitlines()[2:]
        assert first.split()[:2] == ["/users", "FAILED"]
        assert "404" in first
        assert second.split()[:2] == ["/teams/{team}/members", "ok"]

    def test_the_users_word_on_errors_and_limits_counts(self, folder: Path, api: ApiServer) -> None:
        api.handler = routes(
            {"/users": {"users": [], "code": 17}, "/teams": Reply({"code": 9}, 200, {"Retry-After": "3600"})}
        )
        users = resource("/users", selector={"data_path": ".users", "failWhen": ".response.body.code == 17"})
        write_config(folder, config_for(api.url, [users, MEMBER], rateLimitWhen=".body.code == 9"))

        ran = penstock("check", folder=folder)

        assert ran.code == 1
        assert "the answer is an error by fail_when `.response.body.code == 17`: {" in ran.out
        assert "/teams: the source wants no requests before 20" in ran.out

    def test_quiet_shows_only_what_is_wrong(self, folder: Path) -> None:
        ran = penstock("check", "--quiet", folder=folder)

        assert (ran.code, ran.out, ran.err) == (0, "", "")

    def test_only_checks_the_kinds_that_are_named(self, folder: Path, api: ApiServer) -> None:
        assert penstock("check", "--only", "/users", folder=folder).code == 0
        assert [request.path for request in api.received] == ["/users"]

    def test_wrong_settings_exit_with_2(self, tmp_path: Path) -> None:
        write_config(tmp_path, config_for("not a url", [USER]))

        ran = penstock("check", folder=tmp_path)

        assert ran.code == 2
        assert "connection.baseUrl" in ran.err

    def test_a_host_that_cannot_be_reached_is_named(self, tmp_path: Path) -> None:
        write_config(tmp_path, config_for("http://127.0.0.1:1", [USER], maxRetries=0))

        ran = penstock("check", folder=tmp_path)

        assert ran.code == 1
        assert "127.0.0.1" in ran.out


class TestPreview:
    def test_it_shows_request_answer_items_and_entities(self, folder: Path, api: ApiServer) -> None:
        ran = penstock("preview", "/users", folder=folder)

        assert ran.code == 0
        lines = ran.out.splitlines()
        assert lines[0] == f"GET {api.url}{api.targets()[0]}"
        assert lines[1].startswith("200, ")
        assert any(line.split() == ["x-request-id", "abc"] for line in map(str.lower, lines))
        assert '"email": "u0@acme.test"' in ran.out
        assert '"identifier": "2"' in ran.out
        assert '"identifier": "3"' not in ran.out
        assert lines[-1] == "of 3 items: 3 selected, 0 filtered out, 3 entities"
        assert not (folder / "catalog.db").exists()

    def test_json_has_the_same_facts(self, folder: Path) -> None:
        ran = penstock("preview", "/teams/{team}/members", "--items", "1", "--format", "json", folder=folder)

        [shown] = ran.json()
        assert shown["request"]["method"] == "GET"
        assert shown["request"]["path_values"] == {"team": "core"}
        assert shown["response"]["status"] == 200
        assert shown["items"] == [{"id": 7, "name": "Seven"}]
        assert shown["entities"] == [
            {"blueprint": "member", "identifier": "7", "title": "Seven", "properties": {}, "relations": {}}
        ]
        assert (shown["errors"], shown["response"]["bytes"]) == ([], len(json.dumps(shown["items"])))

    def test_problems_of_single_fields_are_listed(self, folder: Path, api: ApiServer) -> None:
        broken = resource("/users", selector={"data_path": ".users"})
        broken["port"]["entity"]["mappings"]["properties"] = {"size": ".name | tonumber"}
        write_config(folder, config_for(api.url, [broken]))

        ran = penstock("preview", "/users", folder=folder)

        assert ran.code == 0
        [problem] = [line for line in ran.out.splitlines() if line.startswith("warning: ")]
        assert "size" in problem

    def test_an_answer_that_cannot_be_read_is_one_clear_message(self, folder: Path, api: ApiServer) -> None:
        api.handler = routes({"/users": Reply(b"<html>", headers={"Content-Type": "text/html"})})

        ran = penstock("preview", "/users", folder=folder)

        assert (ran.code, ran.out) == (1, "")
        [line] = ran.err.splitlines()
        assert line.startswith("error: ")
        assert "text/html" in line

    def test_a_quota_is_one_clear_message(self, folder: Path, api: ApiServer) -> None:
        api.handler = routes({"/users": Reply("", 429, {"Retry-After": "3600"})})

        ran = penstock("preview", "/users", folder=folder)

        assert (ran.code, ran.out) == (1, "")
        [line] = ran.err.splitlines()
        assert line.startswith(f"error: GET {api.url}/users: the source wants no requests before 20")

    def test_an_unknown_kind_names_those_there_are(self, folder: Path) -> None:
        ran = penstock("preview", "/user", folder=folder)

        assert ran.code == 2
        assert ran.err == (
            'KIND: the mapping has no kind "/user"; did you mean "/users"? (kinds: /users, /teams/{team}/members)\n'
        )


class TestEntities:
    @pytest.fixture(autouse=True)
    def _synced(self, folder: Path) -> None:
        assert penstock("sync", "--quiet", folder=folder).code == 0

    def test_jsonl_has_one_entity_a_line_sorted(self, folder: Path) -> None:
        lines = penstock("entities", "--format", "jsonl", folder=folder).lines()

        assert [(line["blueprint"], line["identifier"]) for line in lines] == [
            ("member", "7"),
            *(("user", str(number)) for number in range(10)),
        ]
        assert lines[1] == {
            "blueprint": "user",
            "identifier": "0",
            "title": "User 0",
            "icon": None,
            "team": None,
            "properties": {"email": "u0@acme.test"},
            "relations": {},
        }
        assert [*lines[0]] == ["blueprint", "identifier", "title", "icon", "team", "properties", "relations"]

    def test_json_is_one_list_of_the_same(self, folder: Path) -> None:
        lines = penstock("entities", "--format", "jsonl", folder=folder).lines()

        assert penstock("entities", "--format", "json", folder=folder).json() == lines

    def test_a_blueprint_can_be_chosen(self, folder: Path) -> None:
        lines = penstock("entities", "--format", "jsonl", "--blueprint", "member", folder=folder).lines()

        assert [line["identifier"] for line in lines] == ["7"]

    def test_a_blueprint_that_nothing_has_is_an_empty_list(self, folder: Path) -> None:
        assert penstock("entities", "--format", "json", "--blueprint", "x", folder=folder).out == "[]\n"

    def test_the_table_is_the_default(self, folder: Path) -> None:
        heading, _, first, *_ = penstock("entities", folder=folder).out.splitlines()

        assert heading.split() == ["blueprint", "identifier", "title", "properties"]
        assert first.split() == ["member", "7", "Seven"]

    def test_only_the_sink_needs_to_be_known(self, folder: Path) -> None:
        write_config(folder, {"connection": {"baseUrl": "${NOT_SET}"}})

        assert len(penstock("entities", "--format", "jsonl", folder=folder).lines()) == 11

    def test_a_reader_that_stops_early_is_no_error(self, folder: Path) -> None:
        ran = subprocess.run(
            ["bash", "-c", '"$@" entities --format jsonl | true; echo "${PIPESTATUS[0]}"', "-", *COMMAND],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )

        assert ran.stderr == ""
        assert ran.stdout in {"0\n", "1\n"}


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_a_catalog_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path, sink: str) -> None:
    ran = penstock("entities", "--sink", sink, "--catalog", "nowhere", folder=tmp_path)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: there is no catalog at nowhere; run `penstock sync` first, or name another with --catalog\n"
    )
    assert list(tmp_path.iterdir()) == []

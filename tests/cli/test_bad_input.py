"""Everything a user or an API can get wrong: one clear message, the right exit code, nothing swallowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.commands import config_for, penstock, write_config
from support.project import resource
from support.server import Reply, routes, serve


def _users(*, selector: Mapping[str, Any] | None = None, **mappings: str) -> dict[str, Any]:
    users = resource("/users", selector=selector)
    users["port"]["entity"]["mappings"] |= mappings
    return users


@dataclass(frozen=True, slots=True)
class Mistake:
    """Settings that cannot be run."""

    expected: tuple[str, ...]
    """What the message says."""
    users: Mapping[str, Any] = field(default_factory=_users)
    connection: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that cannot be taken as it is."""

    reply: Reply
    expected: tuple[str, ...]
    code: int = 1
    users: Mapping[str, Any] = field(default_factory=_users)
    errors: str = "error: "


MISTAKES = {
    "unknown auth type": Mistake(
        ("penstock.yml:1: connection.authType: ", '"baerer_token"', 'did you mean "bearer_token"?'),
        connection={"authType": "baerer_token"},
    ),
    "unknown pagination type": Mistake(
        ("penstock.yml:1: connection.paginationType: ", '"pages"', 'did you mean "page"?'),
        connection={"paginationType": "pages"},
    ),
    "the beginning of an auth type": Mistake(
        ("penstock.yml:1: connection.authType: ", '"baerer"', 'did you mean "bearer_token"?'),
        connection={"authType": "baerer"},
    ),
    "missing secret": Mistake(
        ("connection.apiToken: ", "is required", "PENSTOCK__CONNECTION__API_TOKEN"),
        connection={"authType": "bearer_token"},
    ),
    "missing environment variable": Mistake(
        ("connection.apiToken: ", "HR_TOKEN"),
        connection={"authType": "bearer_token", "apiToken": "${HR_TOKEN}"},
    ),
    "misspelt key": Mistake(
        ("penstock.yml:1: connection.tiemout: ", 'did you mean "timeout"?'), connection={"tiemout": 5}
    ),
    "jq that does not compile": Mistake(
        ("resources[0].port.entity.mappings.title: ", ".name |"), users=_users(title=".name |")
    ),
    "a selector that does not compile": Mistake(
        ("resources[0].selector.query: ", ".a ==="), users=_users(selector={"query": ".a ==="})
    ),
    "a constant without its quotes": Mistake(
        ("resources[0].port.entity.mappings.blueprint: ", "user"), users=_users(blueprint="user")
    ),
}
ANSWERS = {
    "credentials refused": Answer(Reply({"error": "who are you?"}, 401), ("401",)),
    "HTML with status 200": Answer(
        Reply(b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"}), ("text/html", "Sign in")
    ),
    "truncated JSON": Answer(Reply(b'[{"id": 1}, {"id":'), ("JSON",)),
    "an object where a list was meant": Answer(
        Reply({"total": 1, "users": [{"id": 1, "name": "Ada"}]}), (".users", "data_path")
    ),
    "things that are no objects": Answer(Reply([1, 2, 3]), ("object",)),
    "null identifiers": Answer(
        Reply([{"id": None}, {"id": 1}]), ("identifier",), code=0, errors="warning: ", users=_users(identifier=".id")
    ),
    "duplicate identifiers": Answer(Reply([{"id": 1}, {"id": 1}]), ("more than once",), code=0, errors="warning: "),
    "an answer that says it failed": Answer(
        Reply({"ok": False, "error": "invalid_auth"}), ("invalid_auth",), users=_users(selector={"data_path": ".users"})
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_settings_is_one_line_and_nothing_is_fetched(mistake: Mistake, tmp_path: Path) -> None:
    with serve(routes({})) as api:
        write_config(tmp_path, config_for(api.url, [mistake.users], **mistake.connection))
        ran = penstock("sync", folder=tmp_path)

        assert api.received == []
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert [part for part in mistake.expected if part not in line] == []


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_cannot_be_taken_is_one_line(answer: Answer, tmp_path: Path) -> None:
    with serve(routes({"/users": answer.reply})) as api:
        write_config(tmp_path, config_for(api.url, [answer.users], maxRetries=0))
        ran = penstock("sync", folder=tmp_path)

    assert (ran.code, ran.out) == (answer.code, "")
    [line] = [line for line in ran.err.splitlines() if line.startswith(("error: ", "warning: "))]
    assert line.startswith(f"{answer.errors}/users")
    assert [part for part in answer.expected if part not in line] == []
    assert "Traceback" not in ran.err


def test_a_host_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    write_config(tmp_path, config_for("http://127.0.0.1:1", [_users()], maxRetries=0))

    ran = penstock("sync", folder=tmp_path)

    assert ran.code == 1
    [line] = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert "127.0.0.1:1" in line
    assert "connect" in line.lower()


def test_an_empty_file_is_told_all_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "penstock.yml").write_text("")

    ran = penstock("sync", folder=tmp_path)

    assert ran.code == 2
    assert [line.partition(": is required")[0] for line in ran.err.splitlines()] == [
        "penstock.yml: connection.baseUrl",
        "penstock.yml: resources",
    ]


def test_a_misspelt_variable_is_named_beside_what_it_leaves_missing(tmp_path: Path) -> None:
    write_config(tmp_path, {"resources": [_users()]})

    ran = penstock("sync", folder=tmp_path, variables={"PENSTOCK__CONECTION__BASE_URL": "http://127.0.0.1:1"})

    assert ran.code == 2
    warning, problem = ran.err.splitlines()
    assert warning.startswith("warning: environment PENSTOCK__CONECTION__BASE_URL: there is no such setting")
    assert 'did you mean "PENSTOCK__CONNECTION__BASE_URL"?' in warning
    assert problem.startswith("penstock.yml: connection.baseUrl: is required")

"""The examples by the command itself, as somebody would try them."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.commands import penstock
from support.published import CONFIG, EXAMPLES
from support.server import Reply, routes, serve

KEY = "c4nny-k3y-of-the-company"


def test_an_example_runs_from_its_folder(tmp_path: Path) -> None:
    home = EXAMPLES / "teams"
    shutil.copy(home / "port-app-config.yml", tmp_path)
    shutil.copy(home / "ocean.env", tmp_path / ".env")
    answers = {
        "/api/v1/teams": {"teams": [{"id": "t1", "name": "Core", "status": "active"}]},
        "/api/v1/teams/t1/members": {"members": [{"user_id": "u1", "name": "Ada"}]},
    }
    with serve(routes(answers)) as api:
        variables = {f"{CONFIG}BASE_URL": api.url, f"{CONFIG}API_TOKEN": "t0ken"}
        ran = penstock("sync", "--mapping", "port-app-config.yml", folder=tmp_path, variables=variables)

    assert ran.code == 0, ran.err
    assert (tmp_path / "catalog.db").exists()
    assert api.targets() == ["/api/v1/teams", "/api/v1/teams/t1/members"]


def test_the_command_does_not_tell_the_key_in_an_address(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "canny" / "port-app-config.yml", tmp_path)
    with serve(lambda request: Reply({"error": f"no {KEY} for {request.target}"}, 400)) as api:
        variables = {f"{CONFIG}BASE_URL": f"{api.url}/api/v1?apiKey={KEY}"}
        arguments = ("sync", "--verbose", "--mapping", "port-app-config.yml", "--report", "-")
        ran = penstock(*arguments, folder=tmp_path, variables=variables)

    assert ran.code == 1
    assert api.received[0].param("apiKey") == KEY
    assert "/boards/list" in ran.err
    assert KEY not in ran.err + ran.out

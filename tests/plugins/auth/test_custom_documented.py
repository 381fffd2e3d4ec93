"""Every configuration of the section on ``custom`` of docs/auth.md reads an API as it stands there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
from support.commands import penstock
from support.server import ApiServer, Received, Reply, serve

PAGE: Final = (Path(__file__).parents[3] / "docs" / "auth.md").read_text(encoding="utf-8")
RESOURCES: Final = """\
resources:
  - kind: /users
    port: {entity: {mappings: {identifier: .id, blueprint: '"user"'}}}
"""


def _blocks() -> Iterator[str]:
    section = PAGE.partition("\n## custom\n")[2].partition("\n## ")[0]
    for token in MarkdownIt().parse(section):
        if token.type == "fence" and token.info == "yaml":
            yield token.content if "\nresources:" in token.content else token.content + RESOURCES


BLOCKS: Final = list(_blocks())


def _variables(block: str) -> dict[str, str]:
    return {name: f"made-up-{name.lower()}" for name in re.findall(r"\$\{(\w+)\}", block)}


def _world(request: Received) -> Reply:
    """All three APIs: whoever has logged in gets records."""
    body: dict[str, Any] = json.loads(request.body) if request.body.startswith(b"{") else {}
    if request.path == "/api/v1/login":
        return Reply({"data": {"token": "T1"}, "tenant": 7} if body["password"] == "made-up-hr_password" else {})
    if request.path == "/session":
        signed = str(request.headers["Authorization"]).startswith("Basic ")
        return Reply({"session": {"id": "S1"}} if signed and request.body.startswith(b"grant_type=ticket&") else {})
    if body.get("method") == "login":
        return Reply({"result": {"sid": "R1"}} if body["params"]["user"] == "made-up-rpc_user" else {})
    if body.get("method") == "listHosts":
        return Reply({"result": [{"id": 1, "name": "h"}]} if (body["session"], body["version"]) == ("R1", 2) else {})
    token = (request.headers["Authorization"], request.param("tenant")) == ("Bearer T1", "7")
    return Reply([{"id": "1"}]) if token or request.headers["Cookie"] == "SESSION=S1" else Reply({}, 403)


def _here(block: str, server: ApiServer) -> str:
    return re.sub(r"https://[\w.]+", f"http://127.0.0.1:{urlsplit(server.url).port}", block)


def test_the_section_shows_a_login_a_form_behind_another_auth_and_a_session_in_the_body() -> None:
    login, form, session = BLOCKS

    assert "headers: {Authorization:" in login
    assert "bodyForm:" in form
    assert "    auth:" in form
    assert "body: {session:" in session


@pytest.mark.parametrize("block", BLOCKS, ids=["login", "form", "session"])
def test_a_configuration_of_the_section_can_be_loaded_as_it_is(block: str, tmp_path: Path) -> None:
    file = tmp_path / "penstock.yml"
    file.write_text(block, encoding="utf-8")

    settings = load_settings(Inputs(config_file=file, environ=_variables(block)), PluginManager(disabled=()))

    assert settings.connection.auth.strategy.name == "custom"
    assert settings.warnings == ()


@pytest.mark.parametrize("block", BLOCKS, ids=["login", "form", "session"])
def test_a_configuration_of_the_section_reads_the_api(block: str, tmp_path: Path) -> None:
    with serve(_world) as server:
        (tmp_path / "penstock.yml").write_text(_here(block, server), encoding="utf-8")
        ran = penstock("sync", folder=tmp_path, variables=_variables(block))

    assert ran.code == 0, ran.err
    assert "1 entities" in ran.err

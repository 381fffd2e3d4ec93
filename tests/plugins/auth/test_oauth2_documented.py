"""Every configuration of docs/auth.md, as it stands there, against a real authorization server."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt

from support.authorization_ledger import Client, Rotation
from support.authorization_server import Identity, identity
from support.oauth2 import CLIENTS, LONG_SECRET, PEM, SECRET
from support.project import USER, Project

PAGE: Final = (Path(__file__).parents[3] / "docs" / "auth.md").read_text(encoding="utf-8")
TOKEN_FILE: Final = "/var/run/secrets/tokens/penstock"


def _configurations() -> Iterator[dict[str, Any]]:
    """Give the ``connection`` blocks of our section."""
    section = PAGE.partition("\n## oauth2\n")[2].partition("\n## ")[0]
    for token in MarkdownIt().parse(section):
        if token.type == "fence" and token.info == "yaml":
            yield yaml.safe_load(token.content)["connection"]


def _name(connection: dict[str, Any]) -> str:
    grant = str(connection.get("grantType", "client_credentials"))
    return f"{grant} {connection.get('clientAuthMethod', '')} {connection.get('clientId', '')}".replace("  ", " ")


CONFIGURATIONS: Final = {_name(connection): connection for connection in _configurations()}


class _World:
    """The server in place of those that the page names, and what its variables stand for."""

    def __init__(self, server: Identity, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.token_file = folder / "projected-token"
        self.variables = {
            "CLIENT_SECRET": SECRET,
            "LONG_SECRET": LONG_SECRET,
            "CLIENT_KEY": PEM,
            "ACCOUNT_KEY": PEM,
            "PASSWORD": "pw of ada",
            "REFRESH_TOKEN": server.ledger.seed(),
        }

    def project(self, connection: dict[str, Any]) -> Project:
        settings = {name: self._here(name, value) for name, value in connection.items() if name != "baseUrl"}
        return Project(self.folder, self.server.api_url, [USER], **settings)

    def _here(self, name: str, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._here(key, item) for key, item in cast("dict[str, object]", value).items()}
        return self._text(name, value) if isinstance(value, str) else value

    def _text(self, name: str, text: str) -> str:
        if name in {"tokenEndpoint", "authEndpoint"}:
            return self.server.token_endpoint
        if name in {"issuer", "assertionAudience"}:
            self.server.issuer_path = urlsplit(text).path.rstrip("/")
            return f"{self.server.url}{urlsplit(text).path}"
        if text == TOKEN_FILE:
            return str(self.token_file)
        return re.sub(r"\$\{(\w+)\}", lambda match: self.variables[match[1]], text)


@contextmanager
def _world(folder: Path) -> Generator[_World]:
    with identity(*CLIENTS, rotation=Rotation.SINGLE_USE) as server:
        server.ledger.anybody = Client("workloads")
        world = _World(server, folder)
        world.token_file.write_text("pod.token.1\n")
        server.ledger.subject_tokens["pod.token.1"] = "pod"
        yield world


def test_the_page_has_a_configuration_for_every_grant_and_client_authentication() -> None:
    shown = CONFIGURATIONS.values()

    assert {str(connection.get("grantType", "client_credentials")) for connection in shown} >= {
        "client_credentials",
        "refresh_token",
        "password",
        "jwt_bearer",
        "token_exchange",
        "authorization_code",
    }
    assert {connection.get("clientAuthMethod") for connection in shown} >= {"private_key_jwt", "client_secret_jwt"}


@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if "authorization_code" not in name])
def test_a_configuration_of_the_page_reads_the_api(name: str, tmp_path: Path) -> None:
    with _world(tmp_path) as world:
        project = world.project(CONFIGURATIONS[name])

        assert project.sync().status == "complete"
    assert project.identifiers() == {"1", "2"}


def test_a_grant_that_needs_a_person_says_how_to_log_in(tmp_path: Path) -> None:
    [name] = [name for name in CONFIGURATIONS if "authorization_code" in name]
    with _world(tmp_path) as world:
        kind = world.project(CONFIGURATIONS[name]).sync_kind()

    assert kind.stop_reasons == {"auth_failed": 1}
    assert "run `penstock auth login`" in kind.errors[0].message
    assert world.server.token_requests == []

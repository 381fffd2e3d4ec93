"""The configurations of docs/auth.md that no other test reads load as they stand, and read an API where that can be."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from markdown_it import MarkdownIt

from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
from penstock.redaction import Secrets
from penstock.sync.observer import Observer
from penstock.sync.run import run_sync
from support.certificates import issue
from support.commands import penstock
from support.configuring import AUTH_TYPES
from support.keys import P256, RSA, pem
from support.server import Received, Reply, serve

PAGE: Final = (Path(__file__).parents[3] / "docs" / "auth.md").read_text(encoding="utf-8")
LOADED: Final = ("Client certificates", "Logging in once", "Where tokens are kept")
RUN: Final = ("Where credentials go", "Fixed credentials", "jwt", "digest", "hmac")
RESOURCES: Final = """\
resources:
  - kind: /users
    port: {entity: {mappings: {identifier: .id, blueprint: '"user"'}}}
"""


def _whole(block: str) -> str:
    connection = "" if "connection:" in block else "connection: {baseUrl: https://api.acme.test}\n"
    return connection + block + RESOURCES


def _blocks(*sections: str) -> list[Any]:
    return [
        pytest.param(_whole(token.content), id=f"{name}-{number}")
        for name in sections
        for number, token in enumerate(MarkdownIt().parse(PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]))
        if token.type == "fence" and token.info == "yaml"
    ]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files that the page names, and its variables."""
    monkeypatch.chdir(tmp_path)
    me = issue("catalog")
    files = {
        "AuthKey_2X9R4HXF34.p8": pem(P256),
        "acme-app.private-key.pem": pem(RSA),
        "acme-catalog.json": pem(RSA),
        "certs/catalog.crt": me.pem,
        "certs/catalog.key": me.key_pem("hunter22"),
        "certs/acme-ca.pem": me.pem,
    }
    Path("certs").mkdir()
    for name, text in files.items():
        Path(name).write_text(text)
    made_up = {name: f"{name}-0123456789-0123456789-0123456789" for name in re.findall(r"\$\{(\w+)\}", PAGE)}
    return {
        **made_up,
        "CDP_PRIVATE_KEY": pem(P256).replace("\n", "\\n"),
        "CATALOG_KEY_PASSWORD": "hunter22",
        "AZURE_STORAGE_KEY": "AAECAwQFBgcICQoLDA0ODw==",
        "INSTALLATION_ID": "42",
    }


@pytest.mark.parametrize("block", _blocks(*LOADED, *RUN))
def test_a_configuration_of_the_page_loads(block: str, environment: dict[str, str]) -> None:
    Path("penstock.yml").write_text(block)
    inputs = Inputs(config_file=Path("penstock.yml"), environ=environment)

    settings = load_settings(inputs, PluginManager(disabled=()))

    assert settings.warnings == ()


def _challenging(request: Received) -> Reply:
    """Let in whoever brings anything that proves something; the GitHub App first gets a token."""
    if request.path.endswith("/access_tokens"):
        return Reply({"token": "ghs_1"})
    names = {"authorization", "x-mbx-apikey", "x-session-ticket"} & {name.lower() for name in request.headers}
    if names or request.param("key"):
        return Reply([{"id": "1"}])
    return Reply({}, 401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'})


@pytest.mark.parametrize("block", _blocks(*RUN))
def test_a_configuration_of_the_page_reads_an_api(block: str, environment: dict[str, str]) -> None:
    with serve(_challenging) as api:
        Path("penstock.yml").write_text(re.sub(r"(baseUrl: )https://[\w.]+", rf"\1{api.url}", block))
        inputs = Inputs(config_file=Path("penstock.yml"), environ=environment)
        settings = load_settings(inputs, PluginManager(disabled=()))
        report = asyncio.run(run_sync(settings, Secrets(), observer=Observer(), stop=asyncio.Event()))

    assert (report.status, report.kinds[0].created) == ("complete", 1)


def test_every_section_with_a_configuration_is_read_by_some_test() -> None:
    sections = [part.partition("\n")[0] for part in PAGE.split("\n## ")[1:] if "```yaml" in part]

    assert set(sections) <= {*LOADED, *RUN, "custom", "oauth2"}


def test_the_introduction_lists_every_type() -> None:
    listed = re.findall(r"^\| \[?`(\w+)`", PAGE.partition("\n## ")[0].partition("|---")[2], re.MULTILINE)

    assert sorted(listed) == sorted(AUTH_TYPES.split(", "))


def _github(request: Received) -> Reply:
    token = str(request.headers["Authorization"]).removeprefix("Bearer ")
    if request.path == "/app/installations/42/access_tokens":
        claims = jwt.decode(token, RSA.public_key(), algorithms=["RS256"])
        return Reply({"token": "ghs_1"} if claims["iss"] == "123456" and claims["exp"] - claims["iat"] == 600 else {})
    return Reply([{"id": "1"}] if token == "ghs_1" else {}, 200 if token == "ghs_1" else 401)


def test_the_github_app_of_the_page_reads_an_api(environment: dict[str, str]) -> None:
    block = next(block.values[0] for block in _blocks("jwt") if "access_tokens" in str(block.values[0]))
    with serve(_github) as api:
        Path("penstock.yml").write_text(str(block).replace("https://api.github.com", api.url))
        ran = penstock("sync", folder=Path(), variables=environment)

    assert ran.code == 0, ran.err
    assert [request.path for request in api.received] == ["/app/installations/42/access_tokens", "/users"]

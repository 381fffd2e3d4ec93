"""The configurations of docs/auth.md on signing, certificates and stored tokens load as they stand; one is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from markdown_it import MarkdownIt

from penstock.config.load import Inputs, load_settings
from penstock.plugins import PluginManager
from support.certificates import issue
from support.commands import penstock
from support.keys import P256, RSA, pem
from support.server import Received, Reply, serve

PAGE: Final = (Path(__file__).parents[3] / "docs" / "auth.md").read_text(encoding="utf-8")
SECTIONS: Final = ("jwt", "digest", "hmac", "Client certificates", "Logging in once", "Where tokens are kept")
RESOURCES: Final = """\
resources:
  - kind: /users
    port: {entity: {mappings: {identifier: .id, blueprint: '"user"'}}}
"""


def _whole(block: str) -> str:
    connection = "" if "connection:" in block else "connection: {baseUrl: https://api.acme.test}\n"
    return connection + block + RESOURCES


def _blocks() -> list[Any]:
    return [
        pytest.param(_whole(token.content), id=f"{name}-{number}")
        for name in SECTIONS
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


@pytest.mark.parametrize("block", _blocks())
def test_a_configuration_of_the_page_loads(block: str, environment: dict[str, str]) -> None:
    Path("penstock.yml").write_text(block)
    inputs = Inputs(config_file=Path("penstock.yml"), environ=environment)

    settings = load_settings(inputs, PluginManager(disabled=()))

    assert settings.warnings == ()


def _github(request: Received) -> Reply:
    token = str(request.headers["Authorization"]).removeprefix("Bearer ")
    if request.path == "/app/installations/42/access_tokens":
        claims = jwt.decode(token, RSA.public_key(), algorithms=["RS256"])
        return Reply({"token": "ghs_1"} if claims["iss"] == "123456" and claims["exp"] - claims["iat"] == 600 else {})
    return Reply([{"id": "1"}] if token == "ghs_1" else {}, 200 if token == "ghs_1" else 401)


def test_the_github_app_of_the_page_reads_an_api(environment: dict[str, str]) -> None:
    block = next(block.values[0] for block in _blocks() if "access_tokens" in str(block.values[0]))
    with serve(_github) as api:
        Path("penstock.yml").write_text(str(block).replace("https://api.github.com", api.url))
        ran = penstock("sync", folder=Path(), variables=environment)

    assert ran.code == 0, ran.err
    assert [request.path for request in api.received] == ["/app/installations/42/access_tokens", "/users"]

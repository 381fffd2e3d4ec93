"""``penstock auth``: a person logs in once, runs use the grant, and it can be looked at and forgotten."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from support.authorization_ledger import Client, Rotation
from support.authorization_server import Identity, identity
from support.commands import Ran, config_for, penstock, start, write_config
from support.keeping import TOKEN, keep, store
from support.project import USER
from support.visiting import follow

CLIENTS = (Client("public", auth_method="none"), Client())


@pytest.fixture
def server() -> Iterator[Identity]:
    with identity(*CLIENTS, rotation=Rotation.SINGLE_USE) as running:
        yield running


def _configure(folder: Path, server: Identity, **auth: object) -> None:
    usual = {"authType": "oauth2", "grantType": "authorization_code", "issuer": server.issuer, "clientId": "public"}
    write_config(folder, config_for(server.api_url, [USER], **{**usual, **auth}))


class Login:
    """A ``penstock auth login`` that is under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""

    def until(self, pattern: str) -> str:
        """Read on until something matches, and return its first group."""
        assert self.process.stderr is not None
        while not (found := re.search(pattern, self.said)):
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        return found[1]

    def end(self) -> Ran:
        out, err = self.process.communicate(timeout=60)
        return Ran(self.process.returncode, out, self.said + err)


@contextmanager
def _login(folder: Path, *options: str, variables: Mapping[str, str] | None = None) -> Generator[Login]:
    with start("auth", "login", *options, folder=folder, variables=variables) as process:
        try:
            yield Login(process)
        finally:
            process.kill()


def _log_in(folder: Path, variables: Mapping[str, str] | None = None) -> Ran:
    with _login(folder, "--no-browser", variables=variables) as login:
        follow(login.until(r"\n  (http\S+)\n"))
        return login.end()


def _status(folder: Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    document: dict[str, Any] = penstock("auth", "status", "--format", "json", folder=folder, variables=variables).json()
    return document


def _stored(folder: Path) -> str:
    return "".join(file.read_text() for file in (folder / ".penstock" / "tokens").iterdir())


def test_a_login_in_a_browser_lets_runs_in_from_then_on(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server, scope="read")

    before = penstock("sync", folder=tmp_path)
    assert before.code == 1
    assert "nobody has logged in yet" in before.err
    assert "run `penstock auth login`" in before.err

    ran = _log_in(tmp_path)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("logged in; `penstock sync` needs nobody from now on\n")

    for expired in (False, True, True):
        if expired:
            server.expire_tokens()
        assert penstock("sync", folder=tmp_path).code == 0
    grants = [form["grant_type"] for form in server.forms()]
    assert grants == ["authorization_code", "refresh_token", "refresh_token"]
    assert {issued.grant.subject for issued in server.ledger.issued} == {"ada"}
    [granted] = {issued.scope for issued in server.ledger.issued}
    assert granted == "read"


def test_a_login_on_another_device_lets_runs_in_from_then_on(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server, grantType="device_code")

    with _login(tmp_path, "--no-browser") as login:
        user_code = login.until(r"the code to enter, or to compare, is (\S+)\n")
        url = login.until(r"\n  (http\S+)\n")
        server.approve(user_code)
        ran = login.end()

    assert (ran.code, ran.out) == (0, "")
    assert url.startswith(f"{server.url}/activate")
    server.expire_tokens()
    assert penstock("sync", folder=tmp_path).code == 0
    assert server.forms()[-1]["grant_type"] == "refresh_token"


def test_a_browser_is_opened_where_there_is_one(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server)
    script = tmp_path / "browser.py"
    script.write_text("import sys, urllib.request\nurllib.request.urlopen(sys.argv[1])\n")

    with _login(tmp_path, variables={"BROWSER": f"{sys.executable} {script} %s"}) as login:
        ran = login.end()
    assert ran.code == 0
    assert f"\n  {server.url}/authorize?" in ran.err


def test_a_refused_login_exits_with_1_and_quotes_the_server(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server)
    server.consents = False

    ran = _log_in(tmp_path)
    assert ran.code == 1
    assert f"error: {server.url}/authorize: access_denied" in ran.err
    assert _status(tmp_path)["tokens"] == []


def test_an_interrupted_login_exits_with_130_and_keeps_nothing(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server)

    with _login(tmp_path, "--no-browser") as login:
        login.until(r"\n  (http\S+)\n")
        login.process.send_signal(signal.SIGINT)
        ran = login.end()
    assert ran.code == 130
    assert ran.err.endswith("interrupted; nothing was kept\n")
    assert "Traceback" not in ran.err
    assert _status(tmp_path)["tokens"] == []


def test_there_is_nothing_to_log_in_to_where_credentials_are_configured(tmp_path: Path) -> None:
    write_config(tmp_path, config_for("https://api.test", [USER], authType="bearer_token", apiToken="x"))

    ran = penstock("auth", "login", folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: authType bearer_token needs nobody to log in: its credentials are in the configuration\n"
    assert not (tmp_path / ".penstock").exists()


def test_the_status_says_what_is_kept_and_shows_no_token(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server, scope="read write")
    label = f"oauth2 authorization_code {server.issuer} client public scope read write"

    before = penstock("auth", "status", folder=tmp_path)
    assert (before.code, before.out) == (1, "")
    assert before.err == (
        "nothing is kept in .penstock/tokens\n"
        f"{server.api_url} (authType oauth2): somebody has to log in: run `penstock auth login`\n"
    )
    _log_in(tmp_path)
    after = penstock("auth", "status", folder=tmp_path)
    assert after.code == 0
    assert after.err == f"{server.api_url} (authType oauth2): somebody has logged in\n"
    [row] = after.out.splitlines()[2:]
    assert re.split(r"  +", row) == [label, "read write", "in 59 min", "yes"]

    document = _status(tmp_path)
    [kept] = document["tokens"]
    assert kept["label"] == document["connection"]["label"] == label
    assert (kept["scope"], kept["refreshable"], kept["problem"]) == ("read write", True, "")
    assert 3500 < kept["expires_in"] <= 3600
    [issued] = server.ledger.issued
    shown = after.out + after.err + json.dumps(document)
    assert issued.access_token not in shown
    assert issued.refresh_token not in shown
    assert issued.refresh_token in _stored(tmp_path)


def test_a_grant_can_be_encrypted_with_a_key_from_the_environment(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server)
    key = {"PENSTOCK__TOKENS__KEY": Fernet.generate_key().decode()}

    assert _log_in(tmp_path, key).code == 0
    [issued] = server.ledger.issued
    assert issued.refresh_token not in _stored(tmp_path)
    server.expire_tokens()
    assert penstock("sync", folder=tmp_path, variables=key).code == 0
    assert _status(tmp_path, key)["encrypted"] is True

    keyless = penstock("sync", folder=tmp_path)
    assert keyless.code == 1
    assert "it is encrypted; set tokens.key or tokens.keyFile" in keyless.err
    status = penstock("auth", "status", folder=tmp_path)
    assert status.code == 1
    assert "it is encrypted; set tokens.key or tokens.keyFile" in status.out
    assert penstock("sync", folder=tmp_path, variables=key).code == 0


def test_what_is_forgotten_is_gone(server: Identity, tmp_path: Path) -> None:
    _configure(tmp_path, server)
    _log_in(tmp_path)
    keep(store(tmp_path / ".penstock" / "tokens"), label="another")
    [_, mine] = _status(tmp_path)["tokens"]

    ran = penstock("auth", "forget", mine["label"], folder=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, "", f"forgot {mine['label']}\n")
    assert [one["label"] for one in _status(tmp_path)["tokens"]] == ["another"]
    assert penstock("auth", "status", folder=tmp_path).code == 1
    ran = penstock("auth", "forget", "--all", folder=tmp_path)
    assert (ran.code, ran.err) == (0, "forgot another\n")
    assert _status(tmp_path)["tokens"] == []


def test_a_damaged_file_is_forgotten_by_its_name_and_without_any_configuration(tmp_path: Path) -> None:
    folder = tmp_path / ".penstock" / "tokens"
    keep(store(folder))
    (folder / "damaged.json").write_text(TOKEN.access_token)

    assert penstock("auth", "forget", "damaged", folder=tmp_path).err == "forgot damaged\n"
    assert len(store(folder).stored()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], 'LABEL: say what to forget, or --all (kept: "a", "b")'),
        (["c"], 'LABEL: nothing of that name is kept (kept: "a", "b")'),
        (["a", "--all"], "--all: forgets everything; leave out the label, or the option"),
    ],
)
def test_what_to_forget_must_be_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    for label in ("a", "b"):
        keep(store(tmp_path / ".penstock" / "tokens"), label=label)

    ran = penstock("auth", "forget", *arguments, folder=tmp_path)
    assert (ran.code, ran.out, ran.err) == (2, "", f"{said}\n")
    assert len(store(tmp_path / ".penstock" / "tokens").stored()) == 2


def test_a_wrong_setting_is_reported_before_anybody_is_asked(tmp_path: Path) -> None:
    write_config(tmp_path, {"connection": {"baseUrl": "https://api.test"}, "tokens": {"key": "s3cret-key"}})

    for command in ("status", "login", "forget"):
        ran = penstock("auth", command, folder=tmp_path)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("penstock.yml:1: tokens.key: expected a key, 32 bytes in base64")
        assert "s3cret" not in ran.err


def test_without_a_configuration_there_is_a_hint(tmp_path: Path) -> None:
    for command in ("status", "login"):
        ran = penstock("auth", command, folder=tmp_path)
        assert ran.code == 2
        assert "there is no penstock.yml in this folder; name a file with --config, or run `penstock init`" in ran.err

"""Certificates that show who we are, and authorities of one's own, over real TLS."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from penstock.config.models import HttpSettings
from penstock.http.failures import RequestFailedError
from penstock.http.routes import make_tls_context
from penstock.http.wire import Wire
from penstock.redaction import Redactor, secrets_in
from support.certificates import Issued, issue
from support.configuring import problems
from support.fetching import context_of, fetch, get, settings
from support.keys import pem
from support.raw import RawServer, serve_raw

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"
AUTHORITY = issue("Acme CA", authority=True)
SERVER = issue("localhost", AUTHORITY)
ME = issue("me", AUTHORITY)
OTHER = issue("Other CA", authority=True)
STRANGER = issue("me", OTHER)
HOUR = timedelta(hours=1)


def _server_context(
    folder: Path, *, asks: bool = True, newest: ssl.TLSVersion | None = None, shows: Issued = SERVER
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = folder / "server.pem"
    file.write_text(shows.pem + shows.key_pem())
    context.load_cert_chain(file)
    if asks:
        context.load_verify_locations(cadata=AUTHORITY.pem)
        context.verify_mode = ssl.CERT_REQUIRED
    if newest:
        context.maximum_version = newest
    return context


@contextmanager
def _serve(folder: Path, **options: Any) -> Generator[RawServer]:  # noqa: ANN401 - passed on
    with serve_raw(OK, _server_context(folder, **options)) as server:
        yield server


def _at(server: RawServer) -> str:
    return f"https://localhost:{server.port}"


def _identity(issued: Issued = ME, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - settings are
    return {"client_certificate": issued.pem, "client_key": issued.key_pem(), "ca_bundle": AUTHORITY.pem, **options}


def _refusal(**options: Any) -> str:  # noqa: ANN401 - settings are
    with pytest.raises(ValidationError) as caught:
        settings("https://api.test", **options)
    [error] = caught.value.errors(include_url=False, include_input=False)
    return f"{'.'.join(to_camel(str(name)) for name in error['loc'])}: {error['msg'].removeprefix('Value error, ')}"


def _spellings(folder: Path) -> dict[str, dict[str, Any]]:
    """Every way to write the same certificate down."""
    (folder / "me.crt").write_text(ME.pem)
    (folder / "me.key").write_text(ME.key_pem())
    (folder / "both.pem").write_text(f"Bag Attributes\n{ME.key_pem()}\n{ME.pem}{AUTHORITY.pem}")
    (folder / "locked.pem").write_text(f"{ME.pem}{ME.key_pem('hunter22')}")
    (folder / "ca.pem").write_text(f"# ours\n{STRANGER.pem}\n{AUTHORITY.pem}")
    bundle = str(folder / "ca.pem")
    return {
        "text": _identity(),
        "one line": _identity(
            client_certificate=ME.pem.replace("\n", "\\n"), client_key=ME.key_pem().replace("\n", "\\n")
        ),
        "files": {
            "client_certificate": str(folder / "me.crt"),
            "client_key": str(folder / "me.key"),
            "ca_bundle": bundle,
        },
        "one file": {"client_certificate": str(folder / "both.pem"), "ca_bundle": bundle},
        "locked": {
            "client_certificate": str(folder / "locked.pem"),
            "client_key_password": "hunter22",
            "ca_bundle": bundle,
        },
        "one text": {"client_certificate": ME.pem + ME.key_pem(), "ca_bundle": AUTHORITY.pem},
    }


@pytest.mark.parametrize("spelling", ["text", "one line", "files", "one file", "locked", "one text"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks_for_a_certificate_gets_it(
    spelling: str, newest: ssl.TLSVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = settings("https://localhost", **_spellings(tmp_path)[spelling])
    for file in tmp_path.iterdir():
        file.unlink()  # they were read with the settings
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with _serve(tmp_path, newest=newest) as server:
        [response] = fetch(connection.model_copy(update={"base_url": _at(server)}), get(f"{_at(server)}/u"))

    assert response.content == b"[]"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("newest", "by", "message"),
    [
        (ssl.TLSVersion.TLSv1_3, None, "the server asks for a client certificate: set clientCertificate"),
        (ssl.TLSVersion.TLSv1_2, None, "it may want a client certificate: set clientCertificate"),
        (ssl.TLSVersion.TLSv1_3, OTHER, "the server refuses the client certificate: unknown ca"),
        (ssl.TLSVersion.TLSv1_2, OTHER, "the server refuses the client certificate: unknown ca"),
        (ssl.TLSVersion.TLSv1_3, AUTHORITY, "the server refuses the client certificate: certificate expired"),
    ],
)
def test_a_refusal_of_the_certificate_is_said_and_not_tried_again(
    newest: ssl.TLSVersion, by: Issued | None, message: str, tmp_path: Path
) -> None:
    end = timedelta(seconds=-5 if by is AUTHORITY else 600)
    certificate = issue("me", by, valid=(-HOUR, end))
    options = _identity(certificate) if by else {"ca_bundle": AUTHORITY.pem}
    with _serve(tmp_path, newest=newest) as server, pytest.raises(RequestFailedError, match=message) as caught:
        fetch(settings(_at(server), **options), get(_at(server)))

    assert caught.value.attempts == 1
    assert server.received == []


def test_a_bundle_adds_to_those_who_are_trusted_anyway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with _serve(tmp_path, asks=False) as server:
        with pytest.raises(RequestFailedError, match="the certificate is not trusted") as caught:
            fetch(settings(_at(server)), get(_at(server)))
        [response] = fetch(settings(_at(server), ca_bundle=AUTHORITY.pem), get(_at(server)))
        (tmp_path / "environment.pem").write_text(AUTHORITY.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "environment.pem"))
        [again] = fetch(settings(_at(server), ca_bundle=STRANGER.pem), get(_at(server)))

    assert "caBundle may name the authority" in str(caught.value)
    assert (response.status, again.status) == (200, 200)


def test_a_bundle_leaves_the_checks_on(tmp_path: Path) -> None:
    elsewhere = issue("elsewhere.test", AUTHORITY)
    with _serve(tmp_path, asks=False, shows=elsewhere) as server:
        with pytest.raises(RequestFailedError, match="Hostname mismatch"):
            fetch(settings(_at(server), ca_bundle=AUTHORITY.pem), get(_at(server)))
        with pytest.raises(RequestFailedError, match="the certificate is not trusted"):
            fetch(settings(_at(server), ca_bundle=STRANGER.pem), get(_at(server)))
    context = make_tls_context(settings("https://api.test", ca_bundle=AUTHORITY.pem))

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) > 1


def test_the_certificate_itself_may_be_what_is_trusted(tmp_path: Path) -> None:
    with _serve(tmp_path, asks=False) as server:
        [response] = fetch(settings(_at(server), ca_bundle=SERVER.pem), get(_at(server)))

    assert response.status == 200


def test_token_endpoints_get_the_certificate_too(tmp_path: Path) -> None:
    async def run(url: str) -> httpx.Response:
        connection = settings("https://api.test", **_identity())
        async with Wire(connection) as wire:
            return await context_of(connection, wire=wire).send(httpx.Request("POST", f"{url}/token"))

    with _serve(tmp_path) as server:
        response = asyncio.run(run(_at(server)))

    assert response.status_code == 200
    assert server.received[0].startswith("POST /token ")


_EXPIRED = issue("me", AUTHORITY, valid=(-HOUR, timedelta(minutes=-2)))
_EARLY = issue("me", AUTHORITY, valid=(HOUR, 2 * HOUR))
_NEITHER = "no certificate and no private key is in it: expected PEM text, -----BEGIN ... to -----END ..."
_LOCKED = ME.key_pem("hunter22")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"client_certificate": "no.pem"}, "clientCertificate: the file cannot be read: No such file or directory"),
        ({"client_certificate": 5}, "clientCertificate: expected PEM text, or the path of a file with it"),
        ({"client_certificate": "-----BEGIN CERTIFICATE-----"}, f"clientCertificate: {_NEITHER}"),
        ({"client_certificate": ME.key_pem()}, "clientCertificate: no certificate is in it"),
        (
            {"client_certificate": ME.pem.replace("MII", "MIX", 1), "client_key": ME.key_pem()},
            "clientCertificate: a certificate in it does not parse",
        ),
        (_identity(_EXPIRED), "clientCertificate: the certificate expired on 20"),
        (_identity(_EARLY), "clientCertificate: the certificate is valid from 20"),
        ({"client_certificate": ME.pem}, ": clientCertificate holds no private key: set clientKey"),
        ({"client_key": ME.key_pem()}, ": clientKey needs clientCertificate"),
        (_identity(client_key=ME.pem), "clientKey: no private key is in it"),
        (_identity(client_key="no.key"), "clientKey: the file cannot be read: No such file or directory"),
        (_identity(client_key=STRANGER.key_pem()), "clientKey: the private key does not belong to the certificate"),
        (
            {"client_certificate": ME.pem + STRANGER.key_pem()},
            "clientCertificate: the private key does not belong to the certificate",
        ),
        ({"client_certificate": ME.pem + ME.key_pem() * 2}, "clientCertificate: more than one private key is in it"),
        (_identity(client_key=_LOCKED), "clientKey: the private key is encrypted: set clientKeyPassword"),
        (_identity(client_key=_LOCKED, client_key_password="x"), "clientKey: clientKeyPassword is wrong"),
        (
            _identity(client_key_password="x"),
            "clientKey: the private key is not encrypted: leave out clientKeyPassword",
        ),
        (
            _identity(client_key=ME.key_pem().replace("MIG", "MIX", 1)),
            "clientKey: the private key does not parse",
        ),
        (
            _identity(issue("me", AUTHORITY, key=rsa.generate_private_key(65537, 1024))),
            "clientKey: certificate and key cannot be used: EE_KEY_TOO_SMALL",
        ),
        ({"ca_bundle": "no.pem"}, "caBundle: the file cannot be read: No such file or directory"),
        ({"ca_bundle": ME.key_pem()}, "caBundle: no certificate is in it"),
        ({"ca_bundle": ME.pem.replace("MII", "MIX", 1)}, "caBundle: a certificate in it does not parse"),
    ],
)
def test_what_cannot_work_is_said_before_any_request(options: dict[str, Any], message: str) -> None:
    assert _refusal(**options).startswith(message)


def test_a_minute_of_difference_between_the_clocks_is_nothing() -> None:
    for valid in ((-HOUR, timedelta(seconds=-50)), (timedelta(seconds=50), HOUR)):
        assert settings("https://api.test", **_identity(issue("me", AUTHORITY, valid=valid))).identity is not None


def test_a_problem_is_reported_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("me.pem").write_text(ME.pem + STRANGER.key_pem())
    text = "connection:\n  baseUrl: https://api.test\n  clientCertificate: me.pem\n  caBundle: no.pem\nresources: []\n"

    assert sorted(map(str, problems(text))) == [
        "penstock.yml:3: connection.clientCertificate: the private key does not belong to the certificate",
        "penstock.yml:4: connection.caBundle: the file cannot be read: No such file or directory",
    ]


def test_the_key_shows_nowhere() -> None:
    connection = settings("https://api.test", **_identity(client_key=_LOCKED, client_key_password="hunter22"))
    redact = Redactor(secrets_in(connection))
    shown = (repr(connection), str(connection), connection.model_dump_json(), repr(connection.identity))

    for line in (*_LOCKED.split("\n")[1:-3], "hunter22"):
        assert not any(line in text for text in shown)
        assert line not in redact(f"before {line} after")
    assert ME.pem in redact(ME.pem)  # a certificate is for everybody
    assert pem(ME.key) not in "".join(shown)


def test_without_a_certificate_no_cryptography_is_imported() -> None:
    code = (
        "import sys; from penstock.config.models import HttpSettings;"
        "HttpSettings(base_url='https://api.test').identity; print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
    assert HttpSettings(base_url="https://api.test").identity is None

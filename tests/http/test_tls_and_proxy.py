"""TLS as the settings say, and proxies, over real sockets."""

import base64
import logging
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.http.failures import RequestFailedError
from penstock.http.routes import make_tls_context
from support.fetching import fetch, get, settings
from support.raw import RawServer, serve_raw
from support.server import Reply, serve

TLS = Path(__file__).parent / "tls"
"""Certificates with their keys, made for these tests: of localhost, but for ``elsewhere``. ``sloppy`` and its authority
lack what RFC 5280 asks for; the others vouch for themselves."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"


@contextmanager
def serve_tls(certificate: str) -> Generator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{certificate}.pem")
    with serve_raw(OK, context) as server:
        yield server


def at(server: RawServer) -> str:
    return f"https://localhost:{server.port}"


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once_with_a_hint() -> None:
    with serve_tls("strict") as server, pytest.raises(RequestFailedError) as caught:
        fetch(settings(at(server)), get(at(server)))
    assert "the certificate is not trusted (self" in str(caught.value)
    assert "caBundle may name the authority, verifySsl: false trusts anybody" in str(caught.value)
    assert caught.value.attempts == 1
    assert server.received == []


def test_ssl_cert_file_names_whom_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "strict.pem"))
    with serve_tls("strict") as server:
        [response] = fetch(settings(at(server)), get(f"{at(server)}/u"))
    assert response.content == b"[]"
    assert server.received[0].startswith("GET /u HTTP/1.1\r\n")


def test_ssl_cert_dir_names_whom_to_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # OpenSSL finds an authority by the hash of its name; this is CN=localhost's.
    (tmp_path / "ce275665.0").write_bytes((TLS / "strict.pem").read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with serve_tls("strict") as server:
        [response] = fetch(settings(at(server)), get(at(server)))
    assert response.status == 200


def test_a_folder_may_hold_more_certificates_to_trust(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "elsewhere.pem"))
    monkeypatch.setenv("PENSTOCK_CA_DIR", str(tmp_path))
    with serve_tls("strict") as server:
        with pytest.raises(RequestFailedError, match="the certificate is not trusted"):
            fetch(settings(at(server)), get(at(server)))
        (tmp_path / "cert.crt").write_bytes((TLS / "strict.pem").read_bytes())
        (tmp_path / "other.pem").write_text("nonsense")
        (tmp_path / "README").write_text("nonsense")
        [response] = fetch(settings(at(server)), get(at(server)))
    assert response.status == 200
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == [str(tmp_path / "other.pem")]


def test_a_file_of_that_folder_adds_to_the_usual_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cert.crt"
    file.write_bytes((TLS / "strict.pem").read_bytes())
    monkeypatch.setenv("PENSTOCK_CA_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    trusted = make_tls_context(settings("https://localhost")).cert_store_stats()["x509_ca"]
    assert trusted > 50


def test_the_host_name_must_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "elsewhere.pem"))
    with serve_tls("elsewhere") as server, pytest.raises(RequestFailedError, match="Hostname mismatch"):
        fetch(settings(at(server)), get(at(server)))


def test_strict_checks_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "sloppy-authority.pem"))
    with serve_tls("sloppy") as server:
        with pytest.raises(RequestFailedError, match="the certificate is not trusted"):
            fetch(settings(at(server)), get(at(server)))
        [response] = fetch(settings(at(server), strict_x509=False), get(at(server)))
    assert response.status == 200


def test_verification_can_be_turned_off_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with serve_tls("sloppy") as server, caplog.at_level(logging.WARNING, "penstock.http"):
        [response] = fetch(settings(at(server), verify_ssl=False), get(at(server)))
    assert response.status == 200
    assert "verifySsl is off" in caplog.text


def test_a_server_that_does_not_speak_tls_is_named() -> None:
    greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with serve_raw(b"", greeting=greeting) as server, pytest.raises(RequestFailedError, match="no TLS connection"):
        fetch(settings(at(server)), get(at(server)))


@contextmanager
def proxy() -> Generator[RawServer]:
    """Run a proxy that answers plain requests itself, and tunnels the others."""

    def talk(head: bytes, client: socket.socket) -> None:
        method, target, _ = head.split(b" ", 2)
        if method != b"CONNECT":
            client.sendall(OK)
            return
        host, _, port = target.decode().rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()

    with serve_raw(talk) as server:
        yield server


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def header(head: str, name: str) -> list[str]:
    pairs = [line.partition(": ") for line in head.split("\r\n")[1:]]
    return [value for key, _, value in pairs if key.lower() == name]


BASIC = "Basic " + base64.b64encode(b"joe:p@ss").decode()


def test_a_proxy_of_the_settings_gets_the_whole_url_and_its_own_credentials() -> None:
    with proxy() as relay:
        secret = SecretStr(f"http://joe:p%40ss@127.0.0.1:{relay.port}")
        connection = settings("http://api.invalid", proxy=secret)
        fetch(connection, get("http://api.invalid/u?page=1"), get("http://api.invalid/v"))
    assert [head.partition(" HTTP")[0] for head in relay.received] == [
        "GET http://api.invalid/u?page=1",
        "GET http://api.invalid/v",
    ]
    assert header(relay.received[0], "proxy-authorization") == [BASIC]


def test_https_goes_through_a_tunnel_that_alone_sees_the_proxy_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "strict.pem"))
    with proxy() as relay, serve_tls("strict") as server:
        secret = SecretStr(f"http://joe:p%40ss@127.0.0.1:{relay.port}")
        [response] = fetch(settings(at(server), proxy=secret), get(f"{at(server)}/u"))
    assert response.content == b"[]"
    assert relay.received[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\n")
    assert header(relay.received[0], "proxy-authorization") == [BASIC]
    assert server.received[0].startswith("GET /u HTTP/1.1\r\n")
    assert header(server.received[0], "proxy-authorization") == []


def test_the_environment_names_proxies_and_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy() as relay, serve(lambda _: Reply([])) as api:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{relay.port}")
        fetch(settings("http://api.invalid"), get("http://api.invalid/u"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        fetch(settings(api.url), get(f"{api.url}/direct"))
    assert len(relay.received) == 1
    assert header(relay.received[0], "proxy-authorization") == []
    assert api.targets() == ["/direct"]


def test_a_proxy_that_is_not_there_is_named_without_its_credentials() -> None:
    with serve(lambda _: Reply([])) as gone:
        place = gone.url.removeprefix("http://")
    secret = SecretStr(f"http://joe:hunter22@{place}")
    with pytest.raises(RequestFailedError, match=f"cannot connect to the proxy {place}") as caught:
        fetch(settings("http://api.invalid", proxy=secret, max_retries=0), get("http://api.invalid/u"))
    assert "hunter22" not in str(caught.value)


def test_a_proxy_that_refuses_the_tunnel_is_named() -> None:
    with (
        serve_raw(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as relay,
        pytest.raises(RequestFailedError, match="the proxy refused: 407"),
    ):
        fetch(settings("https://api.invalid", proxy=SecretStr(relay.url)), get("https://api.invalid/u"))
    assert len(relay.received) == 1

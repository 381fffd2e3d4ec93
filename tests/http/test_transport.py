"""What importing aiohttp without certificates leaves to others who use it: connections that are as safe as ever."""

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.http.transport import certificates_on_first_use
from support.raw import serve_raw

TLS = Path(__file__).parent / "tls"
STRANGER = """
import asyncio, sys
import penstock.http.client
import aiohttp

async def get(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status

print(asyncio.run(get(sys.argv[1])))
"""


def _ask_as_a_stranger(authority: str) -> subprocess.CompletedProcess[str]:
    """Send a request with aiohttp's own settings, in a process in which penstock imported it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "strict.pem")
    with serve_raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", context) as server:
        return subprocess.run(
            [sys.executable, "-c", STRANGER, f"https://localhost:{server.port}"],
            env={"SSL_CERT_FILE": str(TLS / f"{authority}.pem")},
            capture_output=True,
            text=True,
            check=False,
        )


def test_whoever_uses_aiohttp_without_a_context_trusts_the_default_authorities() -> None:
    assert _ask_as_a_stranger("strict").stdout == "204\n"


def test_whoever_uses_aiohttp_without_a_context_trusts_nobody_else() -> None:
    refused = _ask_as_a_stranger("elsewhere")

    assert refused.stdout == ""
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


@pytest.fixture
def _one_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "strict.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")


@pytest.mark.usefixtures("_one_authority")
def test_certificates_are_loaded_by_the_first_connection() -> None:
    with certificates_on_first_use():
        context = ssl.create_default_context()
    before = context.cert_store_stats()["x509"]

    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")

    assert (before, context.cert_store_stats()["x509"]) == (0, 1)


@pytest.mark.usefixtures("_one_authority")
def test_the_first_connection_may_be_of_a_socket() -> None:
    with certificates_on_first_use():
        context = ssl.create_default_context()

    with socket.socket() as plain, context.wrap_socket(plain, server_hostname="localhost"):
        loaded = context.cert_store_stats()["x509"]

    assert loaded == 1


@pytest.mark.usefixtures("_one_authority")
def test_other_contexts_load_their_certificates_at_once() -> None:
    class Own(ssl.SSLContext):
        pass

    with certificates_on_first_use():
        of_a_kind = Own(ssl.PROTOCOL_TLS_CLIENT)
        of_a_kind.load_default_certs()
    made_later = ssl.create_default_context()

    assert [context.cert_store_stats()["x509"] for context in (of_a_kind, made_later)] == [1, 1]


@pytest.mark.usefixtures("_one_authority")
def test_another_way_to_certificates_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ssl.SSLContext] = []

    def ask_the_system(context: ssl.SSLContext) -> None:
        asked.append(context)

    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", ask_the_system)

    with certificates_on_first_use():
        context = ssl.create_default_context()

    assert asked == [context]
    assert ssl.SSLContext.set_default_verify_paths is ask_the_system

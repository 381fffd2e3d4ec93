"""Why there is no answer, in words, and whether asking again may help."""

from __future__ import annotations

import ssl

import httpx

from penstock.http.retry import Trouble
from penstock.http.transport import aiohttp


class SilenceError(Exception):
    """One attempt brought no answer, or half of one."""

    def __init__(self, message: str, trouble: Trouble, *, cut_off: bool = False) -> None:
        super().__init__(message)
        self.trouble: Trouble = trouble
        self.cut_off = cut_off
        """Whether an answer had begun."""


def explain(error: Exception, timeout: float) -> SilenceError:
    """Return what an exception of the transport means; an httpx error says little, but keeps the cause."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    if refusal := _refusal_of_certificate(cause):
        return SilenceError(refusal, "permanent")
    match cause:
        case TimeoutError():
            return SilenceError(f"no whole answer within {timeout:g} s (timeout)", "transient")
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError() | aiohttp.ServerDisconnectedError():
            return _explain_answer(cause)
        case ssl.SSLError() | aiohttp.ClientConnectorError():
            return _explain_connection(cause)
        case ValueError():
            return SilenceError(f"the request cannot be sent: {cause}", "permanent")
        case _:
            return SilenceError(f"the connection broke: {cause or type(cause).__name__}", "transient")


def _refusal_of_certificate(error: BaseException) -> str:
    """Return what a server's alert says of our certificate (RFC 8446 section 6.2), nothing where there is none.

    With TLS 1.3 it comes after the handshake, when the answer is read.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    reason = error.reason if type(error) is ssl.SSLError else None  # aiohttp's own kinds have none
    if reason is None or "ALERT" not in reason:
        return ""
    said = reason.partition("ALERT_")[2].replace("_", " ").lower()
    if said == "certificate required":
        return "the server asks for a client certificate: set clientCertificate"
    if said == "handshake failure":
        return "the server broke the TLS handshake off; it may want a client certificate: set clientCertificate"
    if "certificate" in said or said in {"unknown ca", "access denied"}:
        return f"the server refuses the client certificate: {said}"
    return ""


def _explain_answer(
    error: aiohttp.ClientPayloadError | aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError,
) -> SilenceError:
    match error:
        case aiohttp.ClientPayloadError():
            return SilenceError("the answer was cut off", "transient", cut_off=True)
        case aiohttp.ServerDisconnectedError():
            return SilenceError("the server closed the connection without an answer", "transient")
        case aiohttp.ClientHttpProxyError():
            return SilenceError(f"the proxy refused: {error.status} {error.message}", "permanent")
        case _:
            return SilenceError(f"the answer is not valid HTTP: {' '.join(error.message.split())}", "transient")


def _explain_connection(error: ssl.SSLError | aiohttp.ClientConnectorError) -> SilenceError:
    match error:
        case ssl.SSLError():
            return SilenceError(f"no TLS connection: {_tls_reason(error)}", "permanent")
        case aiohttp.ClientConnectorDNSError():
            return SilenceError(f'the host name "{error.host}" cannot be resolved', "unsent")
        case aiohttp.ClientProxyConnectionError():
            return SilenceError(f"cannot connect to the proxy {error.host}:{error.port}", "unsent")
        case _:
            reason = error.os_error.strerror or str(error.os_error)
            return SilenceError(f"cannot connect to {error.host}:{error.port}: {reason}", "unsent")


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError) and isinstance(
        error.certificate_error, ssl.SSLCertVerificationError
    ):
        return (
            f"the certificate is not trusted ({error.certificate_error.verify_message}); "
            "caBundle may name the authority, verifySsl: false trusts anybody"
        )
    return str(error)

"""A server that fails in every way, and says in each what it was asked: secrets of the request, in any spelling."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from support.canaries import Canaries
from support.server import Received, Reply

Fault = Callable[[Received], Reply]
_PUBLIC: Final = frozenset({"host", "user-agent", "connection"})
_HTML: Final = {"Content-Type": "text/html"}
_MESSAGE: Final = 300
"""Characters that messages of an auth have room for: what is cut there must not be half a secret."""


def said(request: Received) -> str:
    """Return what of a request may be a secret, on one line."""
    headers = [value for name, value in request.headers.items() if name.lower() not in _PUBLIC | _accepted(name)]
    return " ".join((*headers, request.target, request.body.decode(errors="replace").replace("\n", " ")))


def _accepted(name: str) -> set[str]:
    return {name.lower()} if name.lower().startswith(("accept", "content-")) else set()


def _backwards(request: Received) -> str:
    return f"{request.body.decode(errors='replace')} {request.target} {said(request)}"


def _refused(text: str, status: int = 400, error: str = "invalid_request") -> Reply:
    return Reply({"error": error, "error_description": text, "message": text}, status)


def _page(request: Received, status: int) -> Reply:
    return Reply(f"<p>{said(request)} {html.escape(said(request))}</p>".encode(), status, _HTML)


def _in_base64(shift: int) -> Fault:
    return lambda request: _refused(b64encode(b"x" * shift + said(request).encode()).decode())


def _everything(request: Received, status: int) -> Reply:
    headers = dict(request.headers.items())
    return Reply({"target": request.target, "headers": headers, "body": request.body.decode(errors="replace")}, status)


def _records(request: Received) -> Reply:
    """One record that holds what was asked, in a body, a header and a next link that leads in a circle."""
    asked = said(request)
    return Reply(
        [{"id": 1, "name": "Ada", "asked": asked}],
        headers={"X-Asked": asked.encode("ascii", "replace").decode(), "Link": f'<{request.target}>; rel="next"'},
    )


def _half(request: Received) -> Reply:
    body = json.dumps({"error": said(request), "access_token": "x"}).encode()
    return Reply(body, 200, {"Content-Length": str(len(body) + 10), "Connection": "close"})


def _silence(request: Received) -> Reply:
    raise ConnectionAbortedError(request.path)


def _names(request: Received) -> Reply:
    """Members whose names are what was asked: one is cut where a message ends."""
    return Reply({said(request): 1, f"{'a' * (_MESSAGE - 25)}{_backwards(request)}": 2})


FAULTS: Final[Mapping[str, Fault]] = {
    "401": lambda request: _refused(said(request), 401, "invalid_token"),
    "401, cut": lambda request: _refused("x" * (_MESSAGE - 24) + _backwards(request), 401, "invalid_token"),
    "401 with a challenge": lambda request: Reply(
        {}, 401, {"WWW-Authenticate": f'Digest realm="r", nonce="n", algorithm="{_header(request)}"'}
    ),
    "401 with another challenge": lambda request: Reply({}, 401, {"WWW-Authenticate": _header(request)}),
    "403 in HTML": lambda request: _page(request, 403),
    "400": lambda request: _refused(_backwards(request), error="invalid_client"),
    "400 in a URL": lambda request: _refused(f"https://x.test/?q={quote(said(request), safe='')}"),
    "400 as JSON": lambda request: _refused(json.dumps(json.dumps(said(request)))),
    "400 as HTML": lambda request: _refused(html.escape(_backwards(request))),
    "400 in base64": _in_base64(0),
    "400 in base64, one later": _in_base64(1),
    "400 in base64, two later": _in_base64(2),
    "400 of a secret sort": lambda request: _refused("no", error=said(request)),
    "500": lambda request: _everything(request, 500),
    "500 in HTML": lambda request: _page(request, 500),
    "429 for hours": lambda request: Reply(said(request), 429, {"Retry-After": "9999"}),
    "200 in HTML": lambda request: _page(request, 200),
    "200 of a secret type": lambda request: Reply(b"x", 200, {"Content-Type": _header(request)}),
    "200 without anything of use": lambda request: _everything(request, 200),
    "200 with secret names": _names,
    "200 with a token of a secret type": lambda request: Reply({"access_token": "x", "token_type": said(request)}),
    "200 that says it failed": lambda request: Reply({"ok": False, "error": said(request)}),
    "200 with what was asked": _records,
    "redirect to another origin": lambda request: _to("http://localhost:9/?asked=", request),
    "redirect to nowhere": lambda request: _to("ftp://localhost/?asked=", request),
    "cut off": _half,
    "no answer": _silence,
}
"""What goes wrong, at an API or at a token endpoint."""


def _header(request: Received) -> str:
    return said(request).encode("ascii", "replace").decode()[:4000]


def _to(place: str, request: Received) -> Reply:
    return Reply(b"", 302, {"Location": place + quote(said(request), safe="")})


class Leaky:
    """The server: an API below ``/f`` that fails as the path says, and an authorization server that can be told to.

    Every token it gives is a canary.
    """

    def __init__(self, secret: Canaries) -> None:
        self.fault: Fault | None = None
        """What answers token requests."""
        self.asked: Callable[[], object] = lambda: None
        """Called before each answer, while whoever asked is waiting."""
        self.url = ""
        self._secret = secret

    def __call__(self, request: Received) -> Reply:
        self.asked()
        if request.headers.get("X-Wants") == "digest" and not request.headers.get("Authorization"):
            return Reply({}, 401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'})
        if request.path.startswith("/f/"):
            return self._api(request)
        if request.path == "/authorize":
            return self._consent(request)
        if self.fault is not None and request.method == "POST":
            return self.fault(request)
        return Reply(self._granted(request.path))

    def _granted(self, path: str) -> dict[str, Any]:
        if path == "/device":
            return self._device()
        if path.startswith("/.well-known/"):
            return {"issuer": self.url, "token_endpoint": f"{self.url}/token"}
        return self._token()

    def _api(self, request: Received) -> Reply:
        name = list(FAULTS)[int(request.path.rpartition("/")[2])]
        return FAULTS[name](request)

    def _token(self) -> dict[str, Any]:
        return {
            "access_token": self._secret("access token", "At0Plain1Of2Some3Length"),
            "refresh_token": self._secret("refresh token"),
            "token_type": "Bearer",
            "expires_in": 3600,
            "session": {"id": self._secret("session", "se5/=ss%ion")},
        }

    def _device(self) -> dict[str, Any]:
        return {
            "device_code": self._secret("device code"),
            "user_code": "ABCD",
            "verification_uri": f"{self.url}/activate",
            "interval": 0,
            "expires_in": 600,
        }

    def _consent(self, request: Received) -> Reply:
        asked = parse_qs(urlsplit(request.target).query)
        code = quote(self._secret("authorization code"), safe="")
        return Reply(b"", 302, {"Location": f"{asked['redirect_uri'][0]}?code={code}&state={asked['state'][0]}"})

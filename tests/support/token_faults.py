"""What goes wrong at token endpoints: each answers one request in place of the real server, for tests."""

from __future__ import annotations

import threading

from support.server import Handler, Received, Reply


def says(body: object, status: int = 200, content_type: str = "application/json") -> Handler:
    """Answer this."""
    return lambda _: Reply(body, status, {"content-type": content_type})


def html(status: int = 200) -> Handler:
    """Answer as a gateway does that knows nothing of tokens."""
    return says(b"<html><body>Please sign in</body></html>", status, "text/html; charset=utf-8")


def empty(status: int = 200) -> Handler:
    """Answer without a body."""
    return says(b"", status)


def refuses(error: str, description: str = "", status: int = 400) -> Handler:
    """Answer with an error as RFC 6749 section 5.2 has it."""
    body = {"error": error, "error_description": description} if description else {"error": error}
    return says(body, status)


def echo(status: int = 400) -> Handler:
    """Answer with all that the request said, secrets included."""

    def handler(request: Received) -> Reply:
        said = f"{request.headers.get('Authorization', '')} {request.body.decode()}"
        return Reply({"error": "invalid_request", "error_description": f"cannot parse {said}"}, status)

    return handler


def slow(release: threading.Event) -> Handler:
    """Answer when ``release`` is set, which is after everybody's patience ended."""

    def handler(request: Received) -> Reply:
        del request
        release.wait()
        return Reply({"access_token": "late", "token_type": "Bearer"})

    return handler

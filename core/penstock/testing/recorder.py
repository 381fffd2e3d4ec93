"""Records what a real API answers, without secrets, and answers so again in tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

from penstock.redaction import MASK, Secrets, looks_secret, secret_parts
from penstock.testing.server import Received, Reply

VERSION: Final = 1
_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "date", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
_KEPT_HEADERS: Final = frozenset({"accept", "content-type"})
"""Of a request: the others are the client's, or secret."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they are kept: no secret in either."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: str
    status: int
    answer_headers: Mapping[str, str]
    answer: Any
    """The JSON document, or text."""


class Recorder:
    """Stands between a client and a real API, and keeps what they say to each other.

    ``penstock.testing.serve`` makes it a server: point ``baseUrl`` at that, and a sync, or any client, records::

        with Recorder("https://api.acme.test", secrets=[token]) as recorder:
            with serve(recorder) as api:
                ...  # use api.url as the base URL
            recorder.write(Path("users.json"))

    Args:
        upstream: The base URL of the real API.
        secrets: What must not be kept, wherever it is said: tokens, passwords, names of customers.
        members: Names of JSON members whose values must not be kept, beside those that look secret.
        client: What sends; one with time limits of its own by default.
    """

    def __init__(
        self,
        upstream: str,
        *,
        secrets: Iterable[str] = (),
        members: Iterable[str] = (),
        client: httpx.Client | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._upstream = upstream.rstrip("/")
        self._secrets = Secrets([part for secret in secrets for part in (secret, *secret_parts(secret))])
        self._members = frozenset(members)
        self._client = client or httpx.Client(timeout=60, follow_redirects=False)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._client.close()

    def __call__(self, request: Received) -> Reply:
        """Ask the real API, keep the exchange, and hand on the answer as it came."""
        sent = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        answer = self._client.request(
            request.method, f"{self._upstream}{request.target}", headers=sent, content=request.body
        )
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        self._learn(request)
        self.exchanges.append(self._kept(request, answer, headers))
        return Reply(answer.content, answer.status_code, headers)

    def write(self, file: Path) -> None:
        """Write what was recorded, to be read by ``Recording.read``."""
        document = {"penstock_recording": VERSION, "exchanges": [_to_json(one) for one in self.exchanges]}
        text = json.dumps(document, ensure_ascii=False, indent=2)
        file.write_text(f"{self._secrets(text)}\n", encoding="utf-8")

    def _learn(self, request: Received) -> None:
        """Know the credentials of a request again, wherever they are repeated."""
        headers = [value for name, value in request.headers.items() if looks_secret(name) or name.lower() == "cookie"]
        query = [value for name, value in parse_qsl(urlsplit(request.target).query) if looks_secret(name)]
        self._secrets.learn(*dict.fromkeys(part for said in (*headers, *query) for part in secret_parts(said)))

    def _kept(self, request: Received, answer: httpx.Response, headers: Mapping[str, str]) -> Exchange:
        kept = {name: value for name, value in request.headers.items() if name.lower() in _KEPT_HEADERS}
        answered = {name: MASK if self._hides(name) else value for name, value in headers.items()}
        answered.pop("set-cookie", None)
        body = request.body.decode(errors="replace")
        return Exchange(
            request.method,
            self._masked_target(request.target),
            kept,
            self._secrets(_dumped(self._masked(_parsed(body)))),
            answer.status_code,
            answered,
            self._masked(_parsed(answer.text)),
        )

    def _masked_target(self, target: str) -> str:
        path, mark, query = target.partition("?")
        pairs = [
            (name, MASK if self._hides(name) else value) for name, value in parse_qsl(query, keep_blank_values=True)
        ]
        return self._secrets(f"{path}{mark}{urlencode(pairs, safe='*', quote_via=quote)}")

    def _masked(self, value: object, *, secret: bool = False) -> object:
        if isinstance(value, dict):
            members = cast("dict[str, object]", value).items()
            return {name: self._masked(member, secret=secret or self._hides(name)) for name, member in members}
        if isinstance(value, list):
            return [self._masked(one, secret=secret) for one in cast("list[object]", value)]
        if isinstance(value, str):
            return MASK if secret else self._secrets(value)
        return value

    def _hides(self, name: str) -> bool:
        return looks_secret(name) or name in self._members


@dataclass(slots=True)
class Recording:
    """Answers as a real API did: a handler for ``penstock.testing.serve``.

    Each request is answered with what was recorded for the same method, path and query, in the order it was recorded;
    the last one again and again. What was never recorded is a 404 that says so, and is listed in ``unknown``.
    """

    exchanges: Sequence[Exchange]
    unknown: list[str] = field(default_factory=list[str])
    """Method and target of requests that were not recorded."""
    _given: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a recording.

        Raises:
            ValueError: The file is none, or of a newer format.
        """
        read: object = json.loads(file.read_text(encoding="utf-8"))
        document = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        version = document.get("penstock_recording")
        if version != VERSION:
            message = f"{file} is no recording of format {VERSION}: its penstock_recording is {version!r}"
            raise ValueError(message)
        return cls([_from_json(one) for one in document["exchanges"]])

    def __call__(self, request: Received) -> Reply:
        """Answer as the real API did."""
        asked = (request.method, _canonical(request.target))
        found = [one for one in self.exchanges if (one.method, _canonical(one.target)) == asked]
        if not found:
            self.unknown.append(f"{request.method} {request.target}")
            return Reply({"error": "not recorded", "target": request.target}, 404)
        number = self._given.get(asked, 0)
        self._given[asked] = number + 1
        one = found[min(number, len(found) - 1)]
        body = one.answer.encode() if isinstance(one.answer, str) else one.answer
        return Reply(body, one.status, one.answer_headers)


def _canonical(target: str) -> str:
    """Return a target whose secret parameters are masked, and whose others are in one order."""
    path, _, query = target.partition("?")
    pairs = [(name, MASK if looks_secret(name) else value) for name, value in parse_qsl(query, keep_blank_values=True)]
    return f"{path}?{urlencode(sorted(pairs))}"


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _dumped(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _to_json(one: Exchange) -> dict[str, Any]:
    return {
        "request": {"method": one.method, "target": one.target, "headers": dict(one.headers), "body": one.body},
        "response": {"status": one.status, "headers": dict(one.answer_headers), "body": one.answer},
    }


def _from_json(document: dict[str, Any]) -> Exchange:
    asked, answered = document["request"], document["response"]
    return Exchange(
        asked["method"],
        asked["target"],
        asked["headers"],
        asked["body"],
        answered["status"],
        answered["headers"],
        answered["body"],
    )

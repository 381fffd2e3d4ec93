"""One token for all requests, over real sockets through the real client: counted at the server, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.http.client import ApiClient
from penstock.http.failures import AuthFailedError
from support.authenticating import authenticated, chosen
from support.clock import FakeClock
from support.fetching import get, settings
from support.project import Project, resource
from support.server import Received, Reply, serve

PATHS = [f"/items/{number}" for number in range(64)]
FOREVER = 1_000_000


class TokenApi:
    """An API whose tokens allow ``uses`` requests each; it counts how many it issued and refused."""

    def __init__(
        self, uses: int = FOREVER, *, only_newest: bool = False, answer: Mapping[str, object] | None = None
    ) -> None:
        self.issued = 0
        self.refused: Counter[str] = Counter()
        self.closed: set[str] = set()
        """Paths that answer 401 to any token."""
        self.login: Callable[[int], Reply | None] = lambda _: None
        """What the n-th token request is answered with, instead of a token."""
        self._uses = uses
        self._only_newest = only_newest
        self._answer = answer or {}
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def revoke(self) -> None:
        self._left.clear()

    def __call__(self, request: Received) -> Reply:
        with self._lock:
            return self._issue() if request.path == "/login" else self._page(request)

    def _issue(self) -> Reply:
        self.issued += 1
        reply = self.login(self.issued)
        if reply is not None:
            return reply
        if self._only_newest:
            self._left.clear()
        token = f"token-{self.issued}"
        self._left[token] = self._uses
        return Reply({"token": token, **self._answer})

    def _page(self, request: Received) -> Reply:
        token = str(request.headers["Authorization"]).removeprefix("Bearer ")
        alive = self._left.get(token, 0)
        self._left[token] = alive - 1
        if alive <= 0 or request.path in self.closed:
            self.refused[request.path] += 1
            return Reply({"error": "unauthorized"}, 401)
        number = int(request.param("page", "0"))
        return Reply({"items": [{"id": number, "name": "x"}], "total": int(request.param("total", "0"))})


AUTH: dict[str, Any] = {
    "customAuthRequest": {"endpoint": "/login", "body": {"user": "ada", "password": "pw-of-ada"}},
    "customAuthRequestTemplate": {"headers": {"Authorization": "Bearer {{ .token }}"}},
}


async def _get(client: ApiClient, url: str, paths: Sequence[str]) -> list[int | str]:
    """Get all paths at once; the status of each, or what was wrong."""

    async def one(path: str) -> int | str:
        try:
            return (await client.send(get(f"{url}{path}"))).status
        except AuthFailedError as error:
            return str(error)

    return await asyncio.gather(*map(one, paths))


def _in_turn(api: TokenApi, *rounds: Sequence[str], slots: int = 64, clock: FakeClock | None = None) -> list[list[Any]]:
    """Send each round of requests at once, one round after another; tokens are revoked between rounds."""

    async def run() -> list[list[Any]]:
        with serve(api) as server:
            connection = settings(server.url, max_concurrent_requests=slots, max_retries=2)
            async with authenticated(connection, chosen("custom", AUTH), clock=clock) as client:
                results: list[list[Any]] = []
                for paths in rounds:
                    results.append(await _get(client, server.url, paths))
                    api.revoke()
                return results

    return asyncio.run(run())


def test_requests_that_begin_together_share_one_token() -> None:
    api = TokenApi()

    assert _in_turn(api, PATHS) == [[200] * 64]
    assert api.issued == 1


def test_64_requests_that_are_refused_together_cost_one_token_request() -> None:
    api = TokenApi()

    assert _in_turn(api, PATHS[:1], PATHS, PATHS) == [[200], [200] * 64, [200] * 64]
    assert api.issued == 3
    assert sum(api.refused.values()) == 128


@pytest.mark.parametrize("only_newest", [False, True])
@pytest.mark.parametrize("uses", [1, 2, 3, 7])
def test_no_request_is_lost_to_tokens_that_allow_a_few_uses(uses: int, *, only_newest: bool) -> None:
    api = TokenApi(uses, only_newest=only_newest)

    assert _in_turn(api, PATHS, PATHS, slots=8) == [[200] * 64] * 2
    assert api.issued <= 128


def _paged(folder: Path, url: str, pages: int, **connection: Any) -> Project:  # noqa: ANN401
    selector = {
        "data_path": ".items",
        "query_params": {"total": pages},
        "pagination": {"pagination_type": "page", "page_size": 1},
    }
    return Project(folder, url, [resource("/items", selector=selector)], authType="custom", **AUTH, **connection)


def test_a_token_that_dies_every_three_requests_costs_a_long_run_the_renewals_only(tmp_path: Path) -> None:
    api = TokenApi(3)
    with serve(api) as server:
        [kind] = _paged(tmp_path, server.url, 2_000, prefetchPages=8).sync().kinds

    assert (kind.status, kind.pages, kind.created, kind.errors) == ("complete", 2_000, 2_000, [])
    assert 2_000 / 3 <= api.issued <= 2_000


def test_an_endpoint_that_always_answers_401_costs_two_renewals_a_request_and_the_others_nothing() -> None:
    api = TokenApi()
    api.closed = {"/closed"}
    paths = ["/closed" if number % 8 == 0 else path for number, path in enumerate(PATHS)]

    [statuses] = _in_turn(api, paths, slots=8)

    assert [status for path, status in zip(paths, statuses, strict=True) if path != "/closed"] == [200] * 56
    assert all("401" in str(status) for path, status in zip(paths, statuses, strict=True) if path == "/closed")
    assert api.issued <= 1 + 2 * 8


def test_an_endpoint_that_always_answers_401_loses_no_request_where_tokens_die_of_use_too() -> None:
    api = TokenApi(3)
    api.closed = {"/closed"}
    paths = ["/closed" if number % 8 == 0 else path for number, path in enumerate(PATHS)]

    [statuses] = _in_turn(api, paths, slots=8)

    assert [status for path, status in zip(paths, statuses, strict=True) if path != "/closed"] == [200] * 56


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_an_api_that_refuses_every_token_is_not_asked_for_ever(slots: int) -> None:
    api = TokenApi()
    api.closed = set(PATHS)

    results = _in_turn(api, PATHS, PATHS, PATHS, slots=slots)

    assert all("401 Unauthorized" in status for statuses in results for status in statuses)
    assert api.issued <= 8


def test_an_api_that_begins_to_refuse_every_token_is_not_asked_for_ever() -> None:
    api = TokenApi()

    async def run() -> None:
        with serve(api) as server:
            async with authenticated(settings(server.url), chosen("custom", AUTH)) as client:
                assert await _get(client, server.url, PATHS * 4) == [200] * 256
                api.closed = set(PATHS)
                await _get(client, server.url, PATHS * 4)
                api.closed.clear()
                assert await _get(client, server.url, PATHS) == [200] * 64

    asyncio.run(run())
    assert api.issued <= 40


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": "invalid_client", "error_description": "unknown user"}, "invalid_client: unknown user"),
        (403, {}, "403 Forbidden (application/json)"),
        (400, {"error": "invalid_grant"}, "400 Bad Request (application/json): invalid_grant"),
        (200, {"error": "access_denied"}, "200 OK (application/json): access_denied"),
    ],
)
def test_wrong_credentials_are_sent_once_ever(status: int, body: object, said: str) -> None:
    api = TokenApi()
    api.login = lambda _: Reply(body, status)

    results = _in_turn(api, PATHS, PATHS)

    assert all(said in text and "/login" in text for texts in results for text in texts)
    assert api.issued == 1


def test_credentials_that_turn_wrong_are_not_sent_again() -> None:
    api = TokenApi()
    api.login = lambda number: Reply({}, 401) if number > 1 else None

    results = _in_turn(api, PATHS, PATHS, PATHS)

    assert results[0] == [200] * 64
    assert all("401 Unauthorized" in text for texts in results[1:] for text in texts)
    assert api.issued == 2


@pytest.mark.parametrize("reply", [Reply({"error": "busy"}, 503), Reply(b"<html>", 200, {"Content-Type": "text/html"})])
def test_a_token_endpoint_that_fails_from_the_start_is_asked_for_one_request(reply: Reply) -> None:
    api = TokenApi()
    api.login = lambda _: reply

    results = _in_turn(api, PATHS, PATHS)

    assert all("the credentials could not be obtained" in text for texts in results for text in texts)
    assert api.issued == (3 if reply.status == 503 else 1)


def test_a_token_endpoint_that_fails_later_is_asked_for_three_requests() -> None:
    api = TokenApi()
    api.login = lambda number: Reply(b"<html>", 200, {"Content-Type": "text/html"}) if number > 1 else None

    results = _in_turn(api, PATHS, *[PATHS] * 5)

    assert results[0] == [200] * 64
    assert all("expected JSON that holds a token" in text for texts in results[1:] for text in texts)
    assert api.issued == 4


def test_a_token_endpoint_that_recovers_is_used_again() -> None:
    api = TokenApi()
    api.login = lambda number: Reply({}, 400) if number in {2, 3} else None

    # one request each while it fails: of many, some may come late enough to ask once more
    results = _in_turn(api, PATHS, PATHS[:1], PATHS[:1], PATHS)

    assert [type(statuses[0]) for statuses in results] == [int, str, str, int]
    assert results[3] == [200] * 64
    assert api.issued == 4


@pytest.mark.parametrize("first", [True, False])
def test_cancelling_the_request_that_asks_for_a_token_takes_it_from_nobody(*, first: bool) -> None:
    """The first request, or a renewal."""
    api = TokenApi()
    asked, go = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        if number == (1 if first else 2):
            asked.set()
            assert go.wait(10)

    api.login = wait

    async def run() -> None:
        with serve(api) as server:
            async with authenticated(settings(server.url), chosen("custom", AUTH)) as client:
                if not first:
                    await client.send(get(f"{server.url}/items/0"))
                    api.revoke()
                asking = asyncio.create_task(client.send(get(f"{server.url}/items/1")))
                await asyncio.to_thread(asked.wait, 10)
                others = [asyncio.create_task(client.send(get(f"{server.url}{path}"))) for path in PATHS[:8]]
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.wait({asking})
                go.set()
                assert [(await other).status for other in others] == [200] * 8
                assert asking.cancelled()

    asyncio.run(run())
    assert api.issued == (1 if first else 2)


@pytest.mark.parametrize(
    ("life", "margin"), [({"expires_in": 3600}, 60), ({"expires_in": "300"}, 30), ({"expires_in": 10}, 1)]
)
def test_a_token_is_renewed_before_it_expires(life: dict[str, object], margin: float) -> None:
    api, clock = TokenApi(answer=life), FakeClock()
    seconds = float(str(life["expires_in"]))

    async def run() -> list[int]:
        with serve(api) as server:
            async with authenticated(settings(server.url), chosen("custom", AUTH), clock=clock) as client:
                issued: list[int] = []
                for later in (0, seconds - margin - 0.5, 1, 0):
                    clock.now += later
                    assert await _get(client, server.url, PATHS) == [200] * 64
                    issued.append(api.issued)
                return issued

    assert asyncio.run(run()) == [1, 1, 2, 2]
    assert api.refused.total() == 0

"""Refresh tokens that may be used once, shared by tasks and processes, and what somebody who logged in left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock import Token
from penstock.http.client import ApiClient
from penstock.http.failures import AuthFailedError
from penstock.tokens import FileTokens
from penstock_auth._oauth2_settings import OAuth2Config
from penstock_auth._oauth2_stored import label_of
from support import token_faults as faults
from support.authenticating import authenticated, statuses
from support.authorization_ledger import Client, Rotation
from support.authorization_server import Identity, identity
from support.clock import FakeClock
from support.fetching import context_of, get, settings
from support.oauth2 import oauth2
from support.server import Received, Reply


@dataclass
class _Run:
    """Runs against one server with one folder of tokens."""

    server: Identity
    tokens: Path

    def auth(self, seed: str, **options: Any) -> Any:  # noqa: ANN401
        return oauth2(self.server, grantType="refresh_token", refreshToken=seed, **options)

    @asynccontextmanager
    async def client(self, auth: Any, clock: FakeClock | None = None) -> AsyncGenerator[ApiClient]:  # noqa: ANN401
        async with authenticated(settings(self.server.api_url), auth, tokens=self.tokens, clock=clock) as client:
            yield client

    async def read(self, client: ApiClient) -> int:
        return (await client.send(get(f"{self.server.api_url}/users"))).status

    def once(self, auth: Any, clock: FakeClock | None = None) -> int:  # noqa: ANN401
        [status] = statuses(settings(self.server.api_url), auth, "/users", tokens=self.tokens, clock=clock)
        return status

    def refresh_tokens(self) -> list[str]:
        return [form["refresh_token"] for form in self.server.forms()]

    def failure(self, auth: Any) -> str:  # noqa: ANN401
        with pytest.raises(AuthFailedError) as caught:
            self.once(auth)
        return str(caught.value).partition("could not be obtained: ")[2]


def test_a_replaced_refresh_token_is_used_from_then_on(tmp_path: Path) -> None:
    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        for _ in range(3):
            assert run.once(run.auth(seed)) == 200
            server.expire_tokens()

    assert run.refresh_tokens() == [seed, *(issued.refresh_token for issued in server.ledger.issued[1:3])]
    assert not server.ledger.issued[0].grant.revoked


def test_a_kept_access_token_is_used_by_the_next_run(tmp_path: Path) -> None:
    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()

        assert [run.once(run.auth(seed)), run.once(run.auth(seed))] == [200, 200]
    assert run.refresh_tokens() == [seed]


def test_a_kept_access_token_that_has_expired_is_not_even_tried(tmp_path: Path) -> None:
    clock = FakeClock()
    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        run.once(run.auth(seed), clock)
        clock.now += 3600
        run.once(run.auth(seed), clock)

    assert [request.path for request in server.received] == ["/token", "/api/users"] * 2


def test_a_refresh_token_that_is_not_replaced_stays_in_use(tmp_path: Path) -> None:
    with identity(rotation=Rotation.KEPT) as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        for _ in range(2):
            assert run.once(run.auth(seed)) == 200
            server.expire_tokens()

    assert run.refresh_tokens() == [seed, seed]


def test_another_seed_begins_anew_and_the_first_one_is_not_forgotten(tmp_path: Path) -> None:
    with identity() as server:
        run, first, second = _Run(server, tmp_path), server.ledger.seed(), server.ledger.seed()
        for seed in (first, second, first):
            assert run.once(run.auth(seed)) == 200
            server.expire_tokens()
        [third] = [issued.refresh_token for issued in server.ledger.issued if issued.grant.subject and issued.parent][
            :1
        ]

    assert run.refresh_tokens() == [first, second, third]


def test_many_requests_and_many_runs_at_once_refresh_once(tmp_path: Path) -> None:
    async def reads(run: _Run, seed: str) -> list[int]:
        async with run.client(run.auth(seed)) as one, run.client(run.auth(seed)) as other:
            return await asyncio.gather(*[run.read(client) for client in (one, other) for _ in range(32)])

    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()

        assert set(asyncio.run(reads(run, seed))) == {200}
    assert run.refresh_tokens() == [seed]


def test_what_another_run_renewed_meanwhile_is_used(tmp_path: Path) -> None:
    async def reads(run: _Run, seed: str) -> None:
        async with run.client(run.auth(seed)) as one, run.client(run.auth(seed)) as other:
            await run.read(one)
            await run.read(other)
            run.server.expire_tokens()
            await run.read(one)
            await run.read(other)

    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        asyncio.run(reads(run, seed))

    assert len(run.refresh_tokens()) == 2
    assert [issued.uses for issued in server.ledger.issued[1:]] == [4, 2]  # the 401s count


def test_a_token_is_renewed_before_it_expires_although_it_is_the_one_that_is_kept(tmp_path: Path) -> None:
    clock = FakeClock()

    async def reads(run: _Run, seed: str) -> None:
        async with run.client(run.auth(seed), clock) as client:
            await run.read(client)
            clock.now += 3550
            await run.read(client)

    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        asyncio.run(reads(run, seed))

    assert [request.path for request in server.received] == ["/token", "/api/users"] * 2


def test_the_new_refresh_token_is_on_the_disk_before_the_new_access_token_is_used(tmp_path: Path) -> None:
    kept: list[bool] = []

    def api(request: Received) -> Reply:
        used = request.headers["Authorization"].removeprefix("Bearer ")
        kept.append(any(used in file.read_text() for file in tmp_path.rglob("*.json")))
        return Reply({})

    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        server.api = api
        run.once(run.auth(seed))

    assert kept == [True]


def test_a_renewal_that_has_begun_is_kept_where_the_run_is_interrupted(tmp_path: Path) -> None:
    asked, release = threading.Event(), threading.Event()

    async def interrupted(run: _Run, seed: str) -> None:
        async with run.client(run.auth(seed)) as client:
            reading = asyncio.create_task(run.read(client))
            await asyncio.to_thread(asked.wait)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            release.set()

    def slowly(answer: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        release.wait()
        return answer

    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        server.after = slowly
        asyncio.run(interrupted(run, seed))

        assert run.once(run.auth(seed)) == 200
    assert run.refresh_tokens() == [seed]


def test_a_grant_that_is_no_longer_good_is_told_with_the_way_out_and_tried_once(tmp_path: Path) -> None:
    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        run.once(run.auth(seed))
        server.expire_tokens()
        server.ledger.issued[-1].grant.revoked = True
        failure = run.failure(run.auth(seed))

    assert failure.endswith(
        "400 Bad Request (application/json): invalid_grant: the refresh token is unknown, used or revoked; "
        "the grant is no longer good: set a new refreshToken"
    )
    assert len(run.refresh_tokens()) == 2


def test_a_client_that_is_refused_is_not_mistaken_for_a_grant_that_is(tmp_path: Path) -> None:
    with identity() as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        server.faults.append(faults.refuses("invalid_client", "locked", 401))
        failure = run.failure(run.auth(seed))

    assert failure.endswith("invalid_client: locked")


def test_an_answer_that_is_lost_costs_nothing_where_the_server_waits_for_the_new_token(tmp_path: Path) -> None:
    with identity(rotation=Rotation.GRACE) as server:
        run, seed = _Run(server, tmp_path), server.ledger.seed()
        replies = iter([faults.html(200)])
        server.after = lambda answer: (next(replies, None) and b"<html>cut off") or answer
        with pytest.raises(AuthFailedError):
            run.once(run.auth(seed))

        assert run.once(run.auth(seed)) == 200
    assert run.refresh_tokens() == [seed, seed]


def test_a_store_that_cannot_be_used_is_told_before_the_refresh_token_is_used(tmp_path: Path) -> None:
    with identity() as server:
        run, seed = _Run(server, tmp_path / "file" / "tokens"), server.ledger.seed()
        (tmp_path / "file").touch()
        failure = run.failure(run.auth(seed))

    assert "token" in failure
    assert "cannot be used" in failure
    assert server.token_requests == []


def test_tokens_of_client_credentials_are_not_kept(tmp_path: Path) -> None:
    with identity() as server:
        assert _Run(server, tmp_path).once(oauth2(server)) == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("grant", ["authorization_code", "device_code"])
def test_what_somebody_who_logged_in_left_behind_is_used_and_renewed(grant: str, tmp_path: Path) -> None:
    client = Client("penstock-public", auth_method="none")
    with identity(client) as server:
        run = _Run(server, tmp_path)
        auth = oauth2(
            server,
            tokenEndpoint=None,
            issuer=server.issuer,
            clientId=client.client_id,
            clientSecret=None,
            grantType=grant,
            scope="a",
        )
        without = run.failure(auth)
        _store(auth.config, run, Token("old", server.ledger.seed(client_id=client.client_id)))

        assert run.once(auth) == 200
    [form] = server.forms()

    assert without.endswith("run `penstock auth login`")
    assert set(form) == {"grant_type", "refresh_token", "client_id"}  # the scope was settled at the login
    assert (form["grant_type"], form["client_id"]) == ("refresh_token", "penstock-public")


def test_a_login_without_refresh_token_is_over_when_its_token_is(tmp_path: Path) -> None:
    with identity() as server:
        run = _Run(server, tmp_path)
        auth = oauth2(server, grantType="authorization_code", authorizationEndpoint=f"{server.url}/authorize")
        _store(auth.config, run, Token("gone-token", expires_at=1.0))
        failure = run.failure(auth)

    assert failure == (
        "the stored token has expired, and the server gave no refresh token with it: run `penstock auth login`"
    )


def _store(config: OAuth2Config, run: _Run, token: Token) -> None:
    async def store() -> None:
        label = label_of(config, context_of(settings(run.server.api_url)))
        async with FileTokens(run.tokens).locked(label) as slot:
            slot.write(token)

    asyncio.run(store())


def _label(**options: object) -> str:
    config = OAuth2Config.model_validate(
        {"tokenEndpoint": "https://id.test/token?k=s3cret", "clientId": "c", **options}
    )
    return label_of(config, context_of(settings("https://api.test")))


def test_a_label_says_what_a_grant_is_for_and_no_secret() -> None:
    login = {"grantType": "authorization_code", "authorizationEndpoint": "https://id.test/a"}
    seed = {"grantType": "refresh_token", "refreshToken": "s3cret"}

    assert _label(**login) == "oauth2 authorization_code https://id.test/token client c"
    assert _label(**login, scope="b a") == _label(**login, scope=["a", "b"])
    assert _label(**login, scope="a") == f"{_label(**login)} scope a"
    assert _label(**seed) == "oauth2 refresh_token https://id.test/token client c seed 1ec1c26b50d5d3c5"
    assert _label(**seed) == _label(**seed, scope="a")  # the server replaces one refresh token, whatever it is used for

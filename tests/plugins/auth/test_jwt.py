"""``authType: jwt`` against an API that checks every token with the other half of the key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError
from penstock.http.wire import Wire
from penstock_auth.jwt import Jwt, JwtConfig
from support.clock import FakeClock
from support.fetching import context_of, fetch, get, opened, post, settings
from support.keys import P256, RSA, pem
from support.server import ApiServer, Received, Reply, serve

SECRET = "0123456789-0123456789-0123456789"
NOW = int(FakeClock().now)


def _config(**options: object) -> JwtConfig:
    return JwtConfig.model_validate(options)


def _fetch(api: ApiServer, config: JwtConfig, *requests: ApiRequest, clock: FakeClock | None = None) -> None:
    connection, clock = settings(api.url, max_retries=0), clock or FakeClock()
    auth = Jwt().build(config, context_of(connection, wire=Wire(connection, clock)))
    fetch(connection, *requests, auth=auth, clock=clock)


def _token(request: Received, key: Any = SECRET, algorithms: str = "HS256", **options: Any) -> dict[str, Any]:  # noqa: ANN401
    scheme, _, token = str(request.headers["Authorization"]).partition(" ")
    assert scheme == "Bearer"
    verify = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": "audience" in options}
    return jwt.decode(token, key, algorithms=[algorithms], options=verify, **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def _refusal(**options: object) -> str:
    with pytest.raises(ValidationError) as caught:
        _config(**options)
    [error] = caught.value.errors(include_url=False, include_input=False)
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


def test_a_token_says_who_for_whom_and_until_when() -> None:
    config = _config(
        privateKey=pem(RSA), keyId="k1", jwtIssuer="app-7", jwtSubject="ada", jwtAudience="https://api.test"
    )
    with serve(lambda _: Reply([])) as api:
        _fetch(api, config, get(api.url))
    [request] = api.received
    claims = _token(request, RSA.public_key(), "RS256", audience="https://api.test", issuer="app-7")
    jti = claims.pop("jti")

    assert claims == {
        "iss": "app-7",
        "sub": "ada",
        "aud": "https://api.test",
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW + 300,
    }
    assert len(jti) == 36
    assert jwt.get_unverified_header(str(request.headers["Authorization"])[7:])["kid"] == "k1"


def test_further_claims_replace_add_and_leave_out() -> None:
    claims = {
        "aud": ["a", "b"],
        "nbf": None,
        "scope": ["GET /v1"],
        "at": "{now}",
        "text": "at {now}",
        "n": {"x": 1},
    }
    with serve(lambda _: Reply([])) as api:
        _fetch(api, _config(jwtSecret=SECRET, jwtClaims=claims, jwtLifetime=20, jwtClockSkew=0), get(api.url))
    token = _token(api.received[0])

    assert token.pop("jti")
    assert token == {
        "aud": ["a", "b"],
        "scope": ["GET /v1"],
        "at": NOW,
        "text": f"at {NOW}",
        "n": {"x": 1},
        "iat": NOW,
        "exp": NOW + 20,
    }


def test_the_token_may_go_into_another_header_in_other_words() -> None:
    config = _config(
        jwtSecret=SECRET,
        jwtHeader="X-Assertion",
        jwtHeaderValue="JWT {token};v=1",
        joseHeaders={"typ": "x", "c": "y"},
    )
    with serve(lambda _: Reply([])) as api:
        _fetch(api, config, get(api.url, {"x-assertion": "mine"}))
    [value] = api.received[0].headers.get_all("X-Assertion") or []
    header = jwt.get_unverified_header(value.removeprefix("JWT ").removesuffix(";v=1"))

    assert header == {"alg": "HS256", "typ": "x", "c": "y"}
    assert api.received[0].headers["Authorization"] is None


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        (SECRET, "text"),
        (SECRET.encode().hex(), "hex"),
        ("MDEyMzQ1Njc4OS0wMTIzNDU2Nzg5LTAxMjM0NTY3ODk=", "base64"),
        ("MDEyMzQ1Njc4OS0wMTIzNDU2Nzg5LTAxMjM0NTY3ODk", "base64"),
    ],
)
def test_a_secret_may_be_written_in_several_ways(written: str, encoding: str) -> None:
    with serve(lambda _: Reply([])) as api:
        _fetch(api, _config(jwtSecret=written, jwtSecretEncoding=encoding), get(api.url))

    assert _token(api.received[0])["exp"] == NOW + 300


def test_one_token_serves_until_a_clock_that_is_ahead_may_call_it_expired() -> None:
    clock = FakeClock()
    with serve(lambda _: Reply([])) as api:
        connection = settings(api.url)
        auth = Jwt().build(_config(jwtSecret=SECRET), context_of(connection, wire=Wire(connection, clock)))
        for seconds in (0, 100, 115, 2):
            clock.now += seconds
            fetch(connection, get(api.url), auth=auth, clock=clock)
    ids = [_token(request)["jti"] for request in api.received]

    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert _token(api.received[3])["exp"] == NOW + 217 + 300


def test_requests_at_once_share_one_token() -> None:
    async def run(api: ApiServer) -> None:
        connection = settings(api.url)
        auth = Jwt().build(_config(jwtSecret=SECRET), context_of(connection))
        async with opened(connection, auth) as client:
            await asyncio.gather(*(client.send(get(f"{api.url}/{number}")) for number in range(20)))

    with serve(lambda _: Reply([])) as api:
        asyncio.run(run(api))

    assert len({_token(request)["jti"] for request in api.received}) == 1


def test_a_refused_token_is_replaced_once() -> None:
    def refuse(times: int) -> Callable[[Received], Reply]:
        return lambda _: Reply([], 401 if len(api.received) <= times else 200)

    with serve(lambda _: Reply([])) as api:
        api.handler = refuse(1)
        _fetch(api, _config(jwtSecret=SECRET), get(api.url))
        assert len({_token(request)["jti"] for request in api.received}) == 2
        api.received.clear()
        api.handler = refuse(100)
        with pytest.raises(AuthFailedError, match="401"):
            _fetch(api, _config(jwtSecret=SECRET), get(api.url))
        assert len(api.received) == 2


def test_a_token_per_request_can_speak_of_the_request() -> None:
    claims = {
        "uri": "{method} {host}{path}",
        "target": "{target}",
        "query": "{query}",
        "url": "{url}",
        "origin": "{origin}",
        "bodyHash": "{bodyHash}",
    }
    config = _config(privateKey=pem(P256), jwtPerRequest=True, jwtClaims=claims)
    with serve(lambda _: Reply([])) as api:
        _fetch(api, config, get(f"{api.url}/a%20b?q=%7e&x=1"), post(f"{api.url}/c", {"n": 1}))
    one, other = (_token(request, P256.public_key(), "ES256") for request in api.received)
    host = api.url.removeprefix("http://")

    assert one["uri"] == f"GET {host}/a%20b"
    assert (one["target"], one["query"]) == ("/a%20b?q=%7e&x=1", "q=%7e&x=1")
    assert (one["url"], one["origin"]) == (f"{api.url}/a%20b?q=%7e&x=1", api.url)
    assert one["bodyHash"] == sha256(b"").hexdigest()
    assert other["uri"] == f"POST {host}/c"
    assert other["bodyHash"] == sha256(api.received[1].body).hexdigest()
    assert one["jti"] != other["jti"]


def test_a_token_per_request_is_made_anew_for_each_attempt() -> None:
    with serve(lambda _: Reply([], 503 if len(api.received) < 3 else 200)) as api:
        connection, clock = settings(api.url), FakeClock()
        config = _config(jwtSecret=SECRET, jwtPerRequest=True)
        auth = Jwt().build(config, context_of(connection, wire=Wire(connection, clock)))
        fetch(connection, get(api.url), auth=auth, clock=clock)

    assert len({_token(request)["jti"] for request in api.received}) == 3


def test_no_token_shows_in_an_error() -> None:
    with serve(lambda request: Reply({"error": str(request.headers["Authorization"])}, 403)) as api:
        with pytest.raises(AuthFailedError) as caught:
            _fetch(api, _config(jwtSecret=SECRET), get(api.url))
        token = str(api.received[0].headers["Authorization"])[7:]

    for part in (token, *token.split("."), token[:12]):
        assert part not in str(caught.value)


_KEYS = "authType jwt needs one of privateKey, privateKeyFile and jwtSecret"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, f": {_KEYS}"),
        ({"jwtSecret": SECRET, "privateKey": pem(P256)}, f": {_KEYS}"),
        (
            {"jwtSecret": "short"},
            "jwtSecret: is too short: HS256 needs a secret of 32 bytes or more (RFC 7518",
        ),
        ({"jwtSecret": SECRET, "algorithm": "RS256"}, "jwtSecret: is a secret, which cannot sign with RS256"),
        ({"jwtSecret": "x" * 64, "jwtSecretEncoding": "hex"}, "jwtSecret: is not written in hex"),
        ({"jwtSecret": "é" * 64, "jwtSecretEncoding": "base64"}, "jwtSecret: is not written in base64"),
        ({"jwtSecret": pem(P256)}, "jwtSecret: is empty, or a PEM key, certificate or JWK: expected the secret itself"),
        ({"jwtSecret": SECRET, "joseHeaders": {"alg": "none"}}, "joseHeaders: must not contain alg: set algorithm"),
        ({"jwtSecret": SECRET, "joseHeaders": {"kid": "x"}}, "joseHeaders: must not contain kid: set keyId"),
        ({"jwtSecret": SECRET, "jwtHeaderValue": "Bearer"}, "jwtHeaderValue: must contain {token}"),
        ({"jwtSecret": SECRET, "jwtHeaderValue": "{jwt}"}, "jwtHeaderValue: has {jwt}, which nothing fills"),
        (
            {"jwtSecret": SECRET, "jwtClaims": {"a": ["{time}"]}},
            ": has {time}, which nothing fills; known are {bodyHash}",
        ),
        (
            {"jwtSecret": SECRET, "jwtClaims": {"a": {"b": "{path}"}}},
            ": a claim with {path} differs from request to request: set jwtPerRequest",
        ),
        ({"jwtSecret": SECRET, "jwtClaims": {"iss": 7}}, ": the claim iss must be text (RFC 7519 section 4.1.1)"),
        ({"jwtSecret": SECRET, "jwtLifetime": 0}, "jwtLifetime: Input should be greater than or equal to 1"),
        ({"privateKey": pem(P256), "algorithm": "RS256"}, "privateKey: is an EC key on P-256, which cannot sign"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_setting_and_the_reason(
    options: dict[str, object], message: str
) -> None:
    assert _refusal(**options).startswith(message)


def test_a_secret_shows_nowhere() -> None:
    config = _config(jwtSecret=SECRET)
    built = Jwt().build(config, context_of(settings("https://api.test")))

    for text in (repr(config), config.model_dump_json(), repr(config.key), repr(built), json.dumps(str(config))):
        assert SECRET[:8] not in text

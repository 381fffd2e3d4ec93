"""What is sent to a token endpoint, and what is made of the answer."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import jwt
import pytest

from penstock.http.clock import SystemClock
from penstock.http.failures import AuthFailedError
from support import token_faults as faults
from support.authenticating import authenticated, chosen, statuses
from support.authorization_ledger import Client
from support.authorization_server import Identity, identity
from support.clock import FakeClock
from support.fetching import get, settings
from support.keys import RSA
from support.oauth2 import CLIENTS, LONG_SECRET, PEM, SECRET, oauth2
from support.server import Handler, Received, Reply, routes, serve

ENDPOINT: Final = r"POST http://127\.0\.0\.1:\d+/token"


def _assert_read(server: Identity, auth: Any, count: int = 1, clock: FakeClock | SystemClock | None = None) -> None:  # noqa: ANN401
    connection = settings(server.api_url, timeout=5, max_retries=3)
    assert statuses(connection, auth, *["/users"] * count, clock=clock) == [200] * count


def _failure(server: Identity, auth: Any, **connection: Any) -> str:  # noqa: ANN401
    with pytest.raises(AuthFailedError) as caught:
        statuses(settings(server.api_url, **connection), auth, "/users")
    return str(caught.value)


def _assert_told(failure: str, message: str) -> None:
    assert re.search(rf"the credentials could not be obtained: {ENDPOINT}: {message}$", failure), failure


def _pairs(request: Received) -> list[tuple[str, str]]:
    return parse_qsl(request.body.decode(), keep_blank_values=True)


def _basic(request: Received) -> str:
    return base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("grant_type", "client_credentials")]),
        ({"scope": "a b"}, [("grant_type", "client_credentials"), ("scope", "a b")]),
        ({"scope": ["a", "b"]}, [("grant_type", "client_credentials"), ("scope", "a b")]),
        (
            {"audience": "x", "resource": ["https://a.test/1", "https://a.test/2"]},
            [
                ("grant_type", "client_credentials"),
                ("audience", "x"),
                ("resource", "https://a.test/1"),
                ("resource", "https://a.test/2"),
            ],
        ),
        (
            {"scope": "a", "tokenParameters": {"tenant": "ö & co", "scope": "z"}},
            [("grant_type", "client_credentials"), ("tenant", "ö & co"), ("scope", "z")],
        ),
        (
            {
                "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subjectToken": "t",
                "audience": ["a", "b"],
            },
            [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", "t"),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                ("audience", "a"),
                ("audience", "b"),
            ],
        ),
    ],
)
def test_a_token_request_is_a_form_with_what_the_settings_say(
    options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    usual = {"tokenEndpoint": "/token", "clientId": "penstock", "clientSecret": SECRET}
    with serve(routes({"/token": {"access_token": "t"}, "/users": {}})) as api:
        statuses(settings(api.url), chosen("oauth2", usual | options), "/users")
    [request, signed] = api.received

    assert signed.headers["Authorization"] == "Bearer t"
    assert _pairs(request) == expected
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert _basic(request) == f"penstock:{SECRET}"


def test_id_and_secret_are_encoded_before_they_are_joined() -> None:
    client = Client("pen:stock ü", "s3cret+/%: ~ü")
    with identity(client) as server:
        _assert_read(server, oauth2(server, clientId=client.client_id, clientSecret=client.secret))
    [request] = server.token_requests

    assert _basic(request) == "pen%3Astock%20%C3%BC:s3cret%2B%2F%25%3A%20~%C3%BC"


def test_further_headers_are_sent_with_token_requests_only() -> None:
    seen: list[str | None] = []

    def api(request: Received) -> Reply:
        seen.append(request.headers["X-Tenant"])
        return Reply({})

    with identity() as server:
        server.api = api
        _assert_read(server, oauth2(server, tokenHeaders={"X-Tenant": "t1"}))
    [request] = server.token_requests

    assert request.headers["X-Tenant"] == "t1"
    assert seen == [None]


def test_headers_of_the_connection_are_not_sent_to_the_token_endpoint() -> None:
    with identity() as server:
        connection = settings(server.api_url, custom_headers={"X-Team": "blue", "Authorization": "mine"})
        statuses(connection, oauth2(server), "/users")
    [request] = server.token_requests

    assert request.headers["X-Team"] is None
    assert _basic(request) == f"penstock:{SECRET}"


@pytest.mark.parametrize(
    ("method", "client", "extra"),
    [
        ("private_key_jwt", "penstock-key", {"privateKey": PEM, "keyId": "2026-01", "clientSecret": None}),
        ("client_secret_jwt", "penstock-hmac", {"clientSecret": LONG_SECRET}),
    ],
)
def test_an_assertion_says_who_for_whom_and_until_when_and_is_never_the_same(
    method: str, client: str, extra: dict[str, Any]
) -> None:
    with identity(*CLIENTS) as server:
        server.ledger.uses_per_token = 1
        auth = oauth2(server, clientId=client, clientAuthMethod=method, assertionLifetime=240, **extra)
        _assert_read(server, auth, 3, SystemClock())
    forms = server.forms()
    key = RSA.public_key() if method == "private_key_jwt" else LONG_SECRET
    claims = [
        jwt.decode(form["client_assertion"], key, algorithms=["RS256", "HS256"], audience=server.token_endpoint)
        for form in forms
    ]

    assert {form["client_assertion_type"] for form in forms} == {
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    }
    assert {(claim["iss"], claim["sub"], claim["exp"] - claim["iat"]) for claim in claims} == {(client, client, 240)}
    assert len({claim["jti"] for claim in claims}) == 3
    assert all("client_secret" not in form and "Authorization" not in form for form in forms)


def test_an_attempt_that_was_heard_and_not_answered_does_not_use_up_an_assertion() -> None:
    with identity(*CLIENTS) as server:

        def heard(request: Received) -> Reply:
            server.ledger.jwt_ids.add(_jti(request))
            return Reply("gateway timeout", 504)

        server.faults.append(heard)
        auth = oauth2(
            server, clientId="penstock-key", clientSecret=None, clientAuthMethod="private_key_jwt", privateKey=PEM
        )
        _assert_read(server, auth, clock=SystemClock())

    assert len(server.token_requests) == 2


def _jti(request: Received) -> str:
    assertion = dict(_pairs(request))["client_assertion"]
    return str(jwt.decode(assertion, options={"verify_signature": False})["jti"])


def test_a_service_account_signs_what_the_settings_say() -> None:
    with identity(*CLIENTS) as server:
        auth = oauth2(
            server,
            clientId=None,
            clientSecret=None,
            grantType="jwt_bearer",
            privateKey=PEM,
            assertionIssuer="penstock@acme.iam.test",
            assertionSubject="ada",
            assertionAudience=server.issuer,
            assertionClaims={"scope": "read", "groups": ["a"]},
        )
        _assert_read(server, auth, clock=SystemClock())
    [form] = server.forms()
    claims = jwt.decode(form["assertion"], RSA.public_key(), algorithms=["RS256"], audience=server.issuer)

    assert claims | {"iat": 0, "exp": 0, "jti": ""} == {
        "iss": "penstock@acme.iam.test",
        "sub": "ada",
        "aud": server.issuer,
        "scope": "read",
        "groups": ["a"],
        "iat": 0,
        "exp": 0,
        "jti": "",
    }
    assert set(form) == {"grant_type", "assertion"}
    assert server.ledger.issued[-1].grant.subject == "ada"


def test_a_token_file_is_read_for_every_exchange(tmp_path: Path) -> None:
    file = tmp_path / "projected"
    with identity() as server:
        server.ledger.subject_tokens |= {"first": "pod", "second": "pod"}
        server.ledger.uses_per_token = 1
        connection = settings(server.api_url)

        async def run() -> None:
            auth = oauth2(server, grantType="token_exchange", subjectTokenFile=str(file), audience="api")
            async with authenticated(connection, auth) as client:
                for token in ("first", "second"):
                    file.write_text(f"{token}\n")
                    await client.send(get(f"{server.api_url}/users"))

        asyncio.run(run())

    assert [form["subject_token"] for form in server.forms()] == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file or directory"), (b" \n", "is empty"), (b"\xff\xfe", "holds no text")],
)
def test_a_token_file_that_cannot_be_used_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "projected"
    if content is not None:
        file.write_bytes(content)
    with identity() as server:
        failure = _failure(server, oauth2(server, grantType="token_exchange", subjectTokenFile=str(file)))

    assert failure.endswith(f"the token file {file} {message}")
    assert server.token_requests == []


def test_an_actor_is_named_in_an_exchange() -> None:
    with identity() as server:
        server.ledger.subject_tokens |= {"s": "ada", "a": "penstock"}
        auth = oauth2(
            server,
            grantType="token_exchange",
            subjectToken="s",
            subjectTokenType="id_token",
            actorToken="a",
            requestedTokenType="urn:x:token",
            audience="api",
        )
        _assert_read(server, auth)
    [form] = server.forms()

    assert form["subject_token_type"] == "urn:ietf:params:oauth:token-type:id_token"
    assert form["actor_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    assert form["requested_token_type"] == "urn:x:token"
    assert server.ledger.issued[-1].grant.subject == "ada by penstock"


def test_a_token_of_another_auth_is_exchanged_and_renewed_when_the_exchange_fails() -> None:
    with identity() as server:
        inner = {"authType": "oauth2", "tokenEndpoint": server.token_endpoint, "clientId": "penstock"}
        auth = oauth2(server, grantType="token_exchange", audience="api", subjectAuth={**inner, "clientSecret": SECRET})
        connection = settings(server.api_url)

        async def run() -> None:
            async with authenticated(connection, auth) as client:
                await client.send(get(f"{server.api_url}/users"))
                server.ledger.issued.clear()  # the server forgets them all
                await client.send(get(f"{server.api_url}/users"))

        asyncio.run(run())

    assert [form["grant_type"].rpartition(":")[2] for form in server.forms()] == [
        "client_credentials",
        "token-exchange",
        "token-exchange",  # with a subject token that is no longer good
        "client_credentials",
        "token-exchange",
    ]


def test_a_fixed_bearer_token_can_be_exchanged() -> None:
    with identity() as server:
        server.ledger.subject_tokens["fixed"] = "ada"
        subject = {"authType": "bearer_token", "apiToken": "fixed"}
        _assert_read(server, oauth2(server, grantType="token_exchange", audience="api", subjectAuth=subject))

    assert [form["subject_token"] for form in server.forms()] == ["fixed"]


def test_an_auth_that_gives_no_bearer_token_cannot_be_exchanged() -> None:
    with identity() as server:
        auth = oauth2(server, grantType="token_exchange", subjectAuth={"authType": "basic", "username": "u"})
        failure = _failure(server, auth)

    assert failure.endswith("subjectAuth puts no bearer token on requests, so there is nothing to exchange")


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [
        (100, 90.0),
        (3600, 3540.0),
        ("100", 90.0),
        (" 100 ", 90.0),
        (100.5, 90.45),
        ("100.5", 90.45),
        (0, None),
        (-1, None),
        ("0", None),
        (None, None),
        ("soon", None),
        ("", None),
        (True, None),
        ([100], None),
        ("nan", None),
        (10**400, None),
    ],
)
def test_the_life_of_a_token_may_be_written_in_any_shape(expires_in: object, renewed_after: float | None) -> None:
    clock = FakeClock()
    with identity() as server:
        server.ledger.token_life = 10**9
        server.after = lambda answer: {**answer, "expires_in": expires_in}
        connection = settings(server.api_url)

        async def run() -> list[int]:
            counts: list[int] = []
            async with authenticated(connection, oauth2(server), clock=clock) as client:
                for moment in (0.0, (renewed_after or 10**8) - 0.01, (renewed_after or 10**8) + 0.01):
                    clock.now = 1_800_000_000.0 + moment
                    await client.send(get(f"{server.api_url}/users"))
                    counts.append(len(server.token_requests))
            return counts

        assert asyncio.run(run()) == [1, 1, 2 if renewed_after else 1]


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", "BearerToken", "N_A", "", None, 3])
def test_a_bearer_token_goes_by_several_names(token_type: object) -> None:
    with identity() as server:
        server.after = lambda answer: {**answer, "token_type": token_type}
        _assert_read(server, oauth2(server))


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "pop"])
def test_a_token_that_needs_a_proof_is_not_sent_as_a_bearer_token(token_type: str) -> None:
    with identity() as server:
        server.after = lambda answer: {**answer, "token_type": token_type}
        failure = _failure(server, oauth2(server))

    assert failure.endswith(f'the token is of type "{token_type}"; oauth2 sends bearer tokens only')


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("data.token", {"data": {"token": "{}"}}),
        (".data.token", {"data": {"token": "{}"}}),
        ("data.token", {"data.token": "{}"}),
        ("id_token", {"id_token": "{}", "access_token": "another"}),
    ],
)
def test_the_token_may_be_anywhere_in_the_answer(path: str, answer: object) -> None:
    with identity() as server:
        server.after = lambda issued: json.loads(json.dumps(answer).replace("{}", str(issued["access_token"])))
        _assert_read(server, oauth2(server, tokenPath=path))


UNUSABLE: Final[list[tuple[Handler, str]]] = [
    (faults.html(), r"200 OK \(text/html; charset=utf-8\): expected a JSON object that holds a token"),
    (faults.empty(), r"200 OK \(empty answer\): expected a JSON object that holds a token"),
    (faults.says({}), r"200 OK \(application/json\): the answer is an empty object"),
    (
        faults.says(["t"]),
        r"200 OK \(application/json\): expected a JSON object that holds a token; the answer is a list",
    ),
    (
        faults.says({"token": "x", "expires": 3}),
        r"200 OK \(application/json\): there is no text at access_token; the answer has expires, token",
    ),
    (
        faults.says({"access_token": 7}),
        r"200 OK \(application/json\): there is no text at access_token; the answer has access_token",
    ),
    (faults.says({"access_token": ""}), r"200 OK .*: there is no text at access_token; .*"),
    (faults.html(302), r"302 Found \(text/html; charset=utf-8\)"),
    (faults.html(404), r"404 Not Found \(text/html; charset=utf-8\)"),
    (faults.refuses("unsupported_grant_type"), r"400 Bad Request \(application/json\): unsupported_grant_type"),
]


@pytest.mark.parametrize(("fault", "message"), UNUSABLE)
def test_an_answer_without_a_token_is_told_by_status_type_and_keys(fault: Handler, message: str) -> None:
    with identity() as server:
        server.faults.extend([fault] * 20)
        failure = _failure(server, oauth2(server))

    _assert_told(failure, message)
    assert len(server.token_requests) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.refuses("invalid_client", "unknown", 401), r"401 Unauthorized .*: invalid_client: unknown"),
        (faults.refuses("invalid_grant", "expired"), r"400 Bad Request .*: invalid_grant: expired"),
        (faults.refuses("unauthorized_client"), r"400 Bad Request .*: unauthorized_client"),
        (faults.refuses("invalid_scope", status=200), r"200 OK .*: invalid_scope"),
        (faults.says(b"nothing", 401), r"401 Unauthorized \(application/json\)"),
        (faults.says(["nothing"], 401), r"401 Unauthorized \(application/json\)"),
        (faults.html(403), r"403 Forbidden \(text/html; charset=utf-8\)"),
    ],
)
def test_wrong_credentials_are_tried_once_however_many_requests_there_are(fault: Handler, message: str) -> None:
    with identity() as server:
        server.faults.extend([fault] * 100)
        connection = settings(server.api_url)

        async def run() -> set[str]:
            async with authenticated(connection, oauth2(server)) as client:
                sends = [client.send(get(f"{server.api_url}/{number}")) for number in range(20)]
                first = await asyncio.gather(*sends, return_exceptions=True)
                later = await asyncio.gather(client.send(get(f"{server.api_url}/later")), return_exceptions=True)
                return {str(error).partition(": ")[2] for error in [*first, *later]}

        [failure] = asyncio.run(run())

    _assert_told(failure, message)
    assert len(server.token_requests) == 1


def test_an_endpoint_that_fails_for_a_while_is_asked_again() -> None:
    clock = FakeClock()
    with identity() as server:
        server.faults.extend([faults.html(503), faults.html(502)])
        _assert_read(server, oauth2(server), clock=clock)

    assert len(server.token_requests) == 3
    assert clock.sleeps == [0.1, 0.2]


def test_an_endpoint_that_fails_on_and_on_is_given_up() -> None:
    with identity() as server:
        server.faults.extend([faults.html(503)] * 100)
        failure = _failure(server, oauth2(server), max_retries=4)

    _assert_told(failure, r"503 Service Unavailable \(text/html; charset=utf-8\)")
    assert len(server.token_requests) == 5


def test_an_endpoint_that_is_down_is_named() -> None:
    with serve(lambda _: Reply()) as gone:
        url = gone.url
    with identity() as server:
        failure = _failure(server, oauth2(server, tokenEndpoint=f"{url}/token"))

    assert f"the credentials could not be obtained: POST {url}/token: " in failure
    assert failure.endswith("after 3 attempts")


def test_an_endpoint_that_is_slow_is_given_up() -> None:
    release = threading.Event()
    with identity() as server:
        server.faults.extend([faults.slow(release)] * 10)
        failure = _failure(server, oauth2(server), timeout=0.2)
        release.set()

    _assert_told(failure, r".*0\.2 s.* after 3 attempts")


@pytest.mark.parametrize(
    ("client", "options"),
    [
        ("penstock", {}),
        ("penstock", {"clientSecret": "s3cret/of+penst:ock ü"}),
        ("penstock-form", {"clientAuthMethod": "client_secret_post"}),
        ("penstock", {"grantType": "password", "username": "ada", "password": "pw/of +ada"}),
        ("penstock", {"grantType": "token_exchange", "subjectToken": "subject.of.penstock"}),
        (
            "penstock-key",
            {"clientSecret": None, "clientAuthMethod": "private_key_jwt", "privateKey": PEM, "scope": "s" * 400},
        ),
    ],
)
def test_a_server_that_echoes_the_request_gives_no_secret_away(client: str, options: dict[str, Any]) -> None:
    with identity(*CLIENTS) as server:
        server.faults.extend([faults.echo()] * 9)
        auth = oauth2(server, clientId=client, **options)
        failure = _failure(server, auth)
    [request] = server.token_requests
    secrets = {value for name, value in _pairs(request) if name in {"client_secret", "password", "subject_token"}}
    secrets |= {part for name, value in _pairs(request) if name == "client_assertion" for part in value.split(".")}
    secrets |= {request.headers.get("Authorization", "Basic none").removeprefix("Basic ")}

    assert "invalid_request" in failure
    assert [secret for secret in secrets for start in (secret[:12], secret[-12:]) if start in failure] == []


def test_neither_settings_nor_auth_show_a_secret() -> None:
    auth = chosen(
        "oauth2",
        {
            "tokenEndpoint": "https://id.test/token",
            "grantType": "password",
            "clientId": "c",
            "clientSecret": "s3cret-1",
            "username": "s3cret-2",
            "password": "s3cret-3",
            "tokenParameters": {"pin": "s3cret-4"},
            "tokenHeaders": {"X-Key": "s3cret-5"},
        },
    )

    assert "s3cret" not in repr(auth.config)
    assert "s3cret" not in json.dumps(auth.config.model_dump(mode="json", exclude={"username"}))

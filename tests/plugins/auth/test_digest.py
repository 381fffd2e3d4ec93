"""``authType: digest`` against a server that computes RFC 7616 by itself and accepts no nonce count twice."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import Sequence
from urllib.parse import unquote

import pytest
from pydantic import SecretStr, ValidationError

from penstock.errors import AuthError
from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError
from penstock_auth._digest import Challenge, Credentials, Target, answer, read_challenge
from penstock_auth.digest import Digest, DigestConfig
from support.fetching import context_of, get, opened, post, settings
from support.server import ApiServer, Received, Reply, serve

USER, PASSWORD = 'Jäsøn "Doe"', "Secret, or not?"


class DigestApi:
    """An API that asks for digests. Every nonce counts its uses."""

    def __init__(
        self,
        algorithm: str | None = "SHA-256",
        qop: str | None = "auth",
        *,
        userhash: bool = False,
        uses: int = 1_000_000,
        says_stale: bool = True,
        next_nonces: bool = False,
    ) -> None:
        self.algorithm, self.qop, self.userhash = algorithm, qop, userhash
        self.uses, self.says_stale, self.next_nonces = uses, says_stale, next_nonces
        self.password = PASSWORD
        self.counts: dict[str, set[str]] = {}
        self.challenges = 0
        self._lock = threading.Lock()

    def __call__(self, request: Received) -> Reply:
        with self._lock:
            return self._answer(request)

    def _nonce(self) -> str:
        nonce = f"n{len(self.counts)}"
        self.counts[nonce] = set()
        return nonce

    def _challenge(self, *, stale: bool = False) -> Reply:
        self.challenges += 1
        algorithm = f", algorithm={self.algorithm}" if self.algorithm else ""
        qop = f', qop="{self.qop}"' if self.qop else ""
        more = (", userhash=true" if self.userhash else "") + (", stale=true" if stale else "")
        value = f'Digest realm="the \\"realm\\"", nonce="{self._nonce()}", opaque="o"{algorithm}{qop}{more}'
        return Reply({"error": "digest"}, 401, {"WWW-Authenticate": f'Basic realm="x", {value}, Negotiate abc=='})

    def _answer(self, request: Received) -> Reply:
        header = str(request.headers["Authorization"] or "")
        if not header.startswith("Digest "):
            return self._challenge()
        said = {
            name: re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
            for name, quoted, plain in re.findall(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', header)
        }
        if not self._is_right(said, request):
            return self._challenge()
        counts = self.counts.get(said["nonce"])
        if counts is None or said.get("nc", "") in counts or len(counts) >= self.uses:
            return self._challenge(stale=self.says_stale)
        counts.add(said.get("nc", str(len(counts))))
        info = {"Authentication-Info": f'nextnonce="{self._nonce()}"'} if self.next_nonces else {}
        return Reply([{"nonce": said["nonce"], "nc": said.get("nc")}], headers=info)

    def _is_right(self, said: dict[str, str], request: Received) -> bool:
        algorithm = self.algorithm or "MD5"
        name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.removesuffix("-sess")]

        def h(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        realm = 'the "realm"'
        user = h(f"{USER}:{realm}") if self.userhash else USER
        told = unquote(said["username*"].removeprefix("UTF-8''")) if "username*" in said else said["username"]
        a1 = h(f"{USER}:{realm}:{self.password}")
        if algorithm.endswith("-sess"):
            a1 = h(f"{a1}:{said['nonce']}:{said['cnonce']}")
        a2 = f"{request.method}:{request.target}"
        if said.get("qop") == "auth-int":
            a2 += f":{hashlib.new(name, request.body).hexdigest()}"
        middle = f":{said['nc']}:{said['cnonce']}:{said['qop']}" if self.qop else ""
        return (
            said["response"] == h(f"{a1}:{said['nonce']}{middle}:{h(a2)}")
            and said["uri"] == request.target
            and told == user
            and said["realm"] == realm
            and said["opaque"] == "o"
            and said.get("algorithm") == self.algorithm
        )


def _config(password: str = PASSWORD) -> DigestConfig:
    return DigestConfig.model_validate({"username": USER, "password": password})


def _fetch(
    api: ApiServer, requests: Sequence[ApiRequest], *, config: DigestConfig | None = None, at_once: bool = False
) -> list[object]:
    """Send the requests; return answers and errors."""

    async def run() -> list[object]:
        connection = settings(api.url, max_retries=0)
        auth = Digest().build(config or _config(), context_of(connection))
        async with opened(connection, auth) as client:
            if at_once:
                return list(await asyncio.gather(*map(client.send, requests), return_exceptions=True))
            return [await client.send(request) for request in requests]

    return asyncio.run(run())


@pytest.mark.parametrize("algorithm", [None, "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("qop", [None, "auth", "auth-int", "auth-int, auth"])
@pytest.mark.parametrize("userhash", [False, True])
def test_every_algorithm_and_protection_is_answered(algorithm: str | None, qop: str | None, userhash: bool) -> None:  # noqa: FBT001
    digest = DigestApi(algorithm, qop, userhash=userhash)
    with serve(digest) as api:
        _fetch(api, [get(f'{api.url}/a%20b?q=%7e,"x'), post(f"{api.url}/c", {"n": "é"}), get(api.url)])

    assert digest.challenges == 1
    assert len(api.received) == 4


def test_requests_at_once_share_one_challenge_and_no_count_comes_twice() -> None:
    digest = DigestApi()
    with serve(digest) as api:
        answers = _fetch(api, [get(f"{api.url}/{number}") for number in range(50)], at_once=True)

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert digest.challenges == 1
    assert len(api.received) == 51
    assert digest.counts == {"n0": {f"{number:08x}" for number in range(1, 51)}}


@pytest.mark.parametrize("says_stale", [True, False])
@pytest.mark.parametrize("uses", [1, 3, 10])
def test_a_nonce_that_wears_out_is_replaced(uses: int, says_stale: bool) -> None:  # noqa: FBT001
    digest = DigestApi(uses=uses, says_stale=says_stale)
    with serve(digest) as api:
        answers = _fetch(api, [get(f"{api.url}/{number}") for number in range(60)], at_once=True)

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert len(api.received) <= 121


def test_the_next_nonce_is_used_as_soon_as_it_is_given() -> None:
    digest = DigestApi(uses=1, next_nonces=True)
    with serve(digest) as api:
        _fetch(api, [get(f"{api.url}/{number}") for number in range(5)])

    assert digest.challenges == 1
    assert len(api.received) == 6


def test_a_wrong_password_ends_after_one_answer() -> None:
    with serve(DigestApi()) as api:
        with pytest.raises(AuthFailedError, match="401 Unauthorized") as caught:
            _fetch(api, [get(api.url)], config=_config("wrong-password"))
        header = str(api.received[1].headers["Authorization"])

    assert len(api.received) == 2
    assert "wrong-password" not in f"{caught.value}{header}"


def test_a_wrong_password_of_many_requests_is_not_tried_in_a_loop() -> None:
    with serve(DigestApi()) as api:
        requests = [get(f"{api.url}/{number}") for number in range(10)]
        answers = _fetch(api, requests, config=_config("wrong-password"), at_once=True)

    assert all(isinstance(answer, AuthFailedError) for answer in answers)
    assert len(api.received) == 20


def test_a_server_that_always_says_stale_is_left_alone() -> None:
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", stale=true'}
    with serve(lambda _: Reply([], 401, challenge)) as api, pytest.raises(AuthFailedError, match="401 Unauthorized"):
        _fetch(api, [get(api.url)])

    assert len(api.received) == 4


def test_a_server_that_wants_no_digest_is_not_asked_twice() -> None:
    with serve(lambda _: Reply([])) as api:
        _fetch(api, [get(f"{api.url}/{number}") for number in range(10)], at_once=True)

    assert len(api.received) == 10
    assert [request for request in api.received if request.headers["Authorization"]] == []


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        ({}, "401 without a Digest challenge; the server offers nothing"),
        ({"WWW-Authenticate": 'Bearer error="x", Basic realm="y"'}, "the server offers Bearer, Basic"),
        (
            {"WWW-Authenticate": 'Digest realm="r", nonce="n", algorithm=TIGER, qop="auth"'},
            "the server asks for a Digest that cannot be computed: algorithm TIGER, qop auth",
        ),
        ({"WWW-Authenticate": 'Digest nonce="n", qop="auth-x"'}, "cannot be computed: algorithm MD5, qop auth-x"),
        ({"WWW-Authenticate": 'Digest realm="r"'}, "cannot be computed"),
    ],
)
def test_a_challenge_that_cannot_be_met_is_said(offered: dict[str, str], message: str) -> None:
    with serve(lambda _: Reply([], 401, offered)) as api, pytest.raises(AuthFailedError, match=re.escape(message)):
        _fetch(api, [get(api.url)])

    assert len(api.received) == 1


def test_the_first_challenge_that_can_be_met_is_taken() -> None:
    offered = [
        'Digest realm="a", nonce="1", algorithm=TIGER',
        'Digest realm="b", nonce="2", algorithm=SHA-256, qop="auth"',
    ]

    assert read_challenge(offered) == Challenge("b", "2", "SHA-256", "auth", None, named_algorithm=True)


def test_a_challenge_is_read_as_servers_write_it() -> None:
    header = (
        'DIGEST Realm = "a, b=\\"c\\"" ,NONCE="n==",,  qop="AUTH,auth-int",algorithm="md5-SESS", stale=TRUE, domain="/"'
    )

    assert read_challenge([header]) == Challenge('a, b="c"', "n==", "MD5-sess", "auth", None, named_algorithm=True)


# RFC 7616 section 3.9.1; the values of 3.9.2 are wrong, its errata say: they are a cut SHA-512, not SHA-512/256
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_rfc_come_out(algorithm: str, response: str) -> None:
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    challenge = Challenge("http-auth@example.org", nonce, algorithm, "auth", "o", named_algorithm=True)
    credentials = Credentials("Mufasa", SecretStr("Circle of Life"))
    target = Target("GET", "/dir/index.html", b"")

    header = answer(challenge, credentials, target, 1, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")

    assert f'response="{response}"' in header
    assert "nc=00000001" in header


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"username": "a:b", "password": "x"}, "username: must not contain a colon: it parts user name and realm"),
        ({"username": "", "password": "x"}, "username: String should have at least 1 character"),
        ({"username": "a", "password": "hunter22\n"}, "password: must not contain a line break"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DigestConfig.model_validate(options)
    [error] = caught.value.errors(include_url=False, include_input=False)

    assert f"{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}".startswith(message)
    assert "hunter22" not in str(caught.value)


def test_a_digest_needs_an_asynchronous_client() -> None:
    auth = Digest().build(_config(), context_of(settings("https://api.test")))

    with pytest.raises(RuntimeError, match="asynchronous"):
        next(auth.sync_auth_flow(None))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(AuthError, match="cannot be computed"):
        read_challenge(["Digest realm=x"])

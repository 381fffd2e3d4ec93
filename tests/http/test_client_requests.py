"""What the client sends and returns when all goes well: headers, body, credentials, cookies."""

import base64
import json
import socket
from collections.abc import AsyncGenerator, Generator

import httpx
import pytest
from pydantic import SecretStr

from penstock.errors import ReadError
from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError, RequestFailedError
from penstock.values import StopReason
from support.fetching import fetch, get, post, settings
from support.raw import read_head, serve_raw
from support.server import Received, Reply, routes, serve


class Bearer(httpx.Auth):
    """Like the built-in ones: leaves a header that is there already."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.setdefault("Authorization", "Bearer t0ken-of-auth")
        yield request


class TokenFlow(httpx.Auth):
    """Gets a token first, and once more after a 401."""

    requires_response_body = True

    def __init__(self, token_url: str) -> None:
        self._token_url = token_url
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._token:
            yield from self._login()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401:
            yield from self._login()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _login(self) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield httpx.Request("POST", self._token_url, data={"grant_type": "client_credentials"})
        self._token = answer.json()["access_token"]


def test_an_answer_comes_back_whole() -> None:
    with serve(routes({"/u": Reply({"a": 1}, headers={"X-Total": "7"})})) as api:
        [response] = fetch(settings(api.url), get(f"{api.url}/u?page=2"))
    assert response.status == 200
    assert response.url == f"{api.url}/u?page=2"
    assert response.headers["x-total"] == "7"
    assert json.loads(response.content) == {"a": 1}
    assert response.seconds >= 0


@pytest.mark.parametrize("status", [200, 201, 206, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    with serve(lambda _: Reply([], status)) as api:
        [response] = fetch(settings(api.url), get(api.url))
    assert response.status == status


def test_no_content_is_an_empty_body() -> None:
    with serve(lambda _: Reply(b"", 204)) as api:
        [response] = fetch(settings(api.url), get(api.url))
    assert response.content == b""


def test_later_headers_replace_earlier_ones_whatever_their_case() -> None:
    mine = {"x-tenant": SecretStr("one"), "USER-AGENT": SecretStr("mine/2"), "X-B": SecretStr("b")}
    with serve(lambda _: Reply([])) as api:
        fetch(settings(api.url, custom_headers=mine), get(api.url), get(api.url, {"X-Tenant": "two"}))
    first, second = (request.headers for request in api.received)
    assert (first["User-Agent"], first["X-Tenant"], first["X-B"]) == ("mine/2", "one", "b")
    assert (second["User-Agent"], second.get_all("X-Tenant"), second["X-B"]) == ("mine/2", ["two"], "b")


def test_requests_say_who_sends_them() -> None:
    with serve(lambda _: Reply([])) as api:
        fetch(settings(api.url), get(api.url))
    [request] = api.received
    assert request.headers["User-Agent"].startswith("penstock/")
    assert request.headers["Accept-Encoding"] == "gzip, deflate"


def test_a_body_goes_as_json_with_every_digit() -> None:
    with serve(lambda _: Reply([])) as api:
        fetch(
            settings(api.url),
            post(api.url, {"é": [1, None, True]}),
            post(api.url, {"n": 123456789012345678901234}),
            ApiRequest("PATCH", api.url, {"content-type": "application/vnd.x+json"}, {}),
        )
    first, second, third = api.received
    assert (first.headers["Content-Type"], first.body.decode()) == ("application/json", '{"é":[1,null,true]}')
    assert second.body == b'{"n":123456789012345678901234}'
    assert (third.headers.get_all("Content-Type"), third.body) == (["application/vnd.x+json"], b"{}")


def test_a_request_without_body_has_neither_body_nor_content_type() -> None:
    with serve(lambda _: Reply([])) as api:
        fetch(settings(api.url), get(api.url))
    [request] = api.received
    assert request.body == b""
    assert "Content-Type" not in request.headers


def test_the_url_arrives_as_it_was_built() -> None:
    with serve(lambda _: Reply([])) as api:
        fetch(settings(api.url), get(f"{api.url}/a%2Fb%20c?q=x%20y&f%5B0%5D=%2B&t=a+b&$s='n':1"))
    assert api.targets() == ["/a%2Fb%20c?q=x%20y&f%5B0%5D=%2B&t=a+b&$s='n':1"]


def test_the_auth_signs_last_and_may_leave_what_the_user_set() -> None:
    with serve(lambda _: Reply([])) as api:
        fetch(settings(api.url), get(api.url), get(api.url, {"authorization": "Mine"}), auth=Bearer())
    assert [request.headers["Authorization"] for request in api.received] == ["Bearer t0ken-of-auth", "Mine"]


def test_user_info_of_the_base_url_becomes_basic_credentials_below_the_auth() -> None:
    with serve(lambda _: Reply([])) as api:
        with_user = api.url.replace("http://", "http://joe:p%40ss@")
        fetch(settings(with_user), get(f"{api.url}/x"), get(f"{with_user}/y"))
    expected = "Basic " + base64.b64encode(b"joe:p@ss").decode()
    assert [request.headers["Authorization"] for request in api.received] == [expected, expected]


@pytest.mark.parametrize("query", ["sig=a%2Fb+c%3D", "a=%7e;b&c", "d=%C3%BC%20%26&e=:@,"])
def test_a_query_is_sent_as_it_is_for_it_may_be_signed(query: str) -> None:
    with serve(routes({"/u": []})) as server:
        fetch(settings(server.url), get(f"{server.url}/u?{query}"))

    assert server.targets() == [f"/u?{query}"]


def test_a_post_without_body_has_no_content_type() -> None:
    with serve(routes({"/u": []})) as server:
        fetch(settings(server.url), ApiRequest("POST", f"{server.url}/u"))

    [request] = server.received
    assert (request.headers["Content-Type"], request.headers["Content-Length"]) == (None, "0")


def test_what_the_auth_adds_to_the_query_is_sent_and_not_shown() -> None:
    class InQuery(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.url = request.url.copy_merge_params({"sesame": "0pen-please"})
            yield request

    def answer(request: Received) -> Reply:
        return Reply([]) if request.path == "/ok" else Reply(f"bad {request.target}".encode(), 400)

    with serve(answer) as api:
        [response] = fetch(settings(api.url), get(f"{api.url}/ok?p=1"), auth=InQuery())
        with pytest.raises(RequestFailedError) as caught:
            fetch(settings(api.url), get(f"{api.url}/bad"), auth=InQuery())
    assert response.url == f"{api.url}/ok?p=1"
    assert api.targets()[0] == "/ok?p=1&sesame=0pen-please"
    assert "0pen-please" not in str(caught.value)
    assert "bad /bad?sesame=***" in str(caught.value)


def test_a_token_flow_shares_the_only_slot_without_blocking_itself() -> None:
    table: dict[str, object] = {"/token": {"access_token": "t1"}, "/u": []}
    with serve(routes(table)) as api:
        fetch(
            settings(api.url, max_concurrent_requests=1, custom_headers={"X-Own": SecretStr("1")}),
            get(f"{api.url}/u"),
            get(f"{api.url}/u"),
            auth=TokenFlow(f"{api.url}/token"),
        )
    token, first, second = api.received
    assert (token.path, token.body) == ("/token", b"grant_type=client_credentials")
    assert [first.headers["Authorization"], second.headers["Authorization"]] == ["Bearer t1", "Bearer t1"]
    assert "X-Own" not in token.headers
    assert token.headers["User-Agent"].startswith("penstock/")


def test_a_token_may_come_from_another_origin_and_the_api_is_not_told_where() -> None:
    with serve(routes({"/token": {"access_token": "t1"}})) as identity, serve(routes({"/u": []})) as api:
        fetch(settings(api.url), get(f"{api.url}/u"), auth=TokenFlow(f"{identity.url}/token"))
    assert identity.targets() == ["/token"]
    assert api.received[0].headers["Authorization"] == "Bearer t1"


def test_the_flow_may_answer_a_401_once_and_the_next_one_is_final() -> None:
    tokens = iter(["old", "new", "newer"])

    def answer(request: Received) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": next(tokens)})
        good = request.path == "/u" and request.headers["Authorization"] == "Bearer new"
        return Reply([]) if good else Reply({"error": "expired"}, 401)

    with serve(answer) as api:
        auth = TokenFlow(f"{api.url}/token")
        [response] = fetch(settings(api.url), get(f"{api.url}/u"), auth=auth)
        with pytest.raises(AuthFailedError):
            fetch(settings(api.url), get(f"{api.url}/never"), auth=auth)
    assert response.status == 200
    assert api.targets() == ["/token", "/u", "/token", "/u", "/never", "/token", "/never"]


def test_an_async_flow_is_driven_as_well_and_closed_when_a_request_fails() -> None:
    events: list[str] = []

    class Locked(httpx.Auth):
        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            try:
                response = yield request
                await response.aread()
                events.append(response.text)
            finally:
                events.append("closed")

    with serve(routes({"/u": Reply(b"fine")})) as api:
        fetch(settings(api.url), get(f"{api.url}/u"), auth=Locked())
    with pytest.raises(RequestFailedError):
        fetch(settings(api.url, max_retries=0), get(f"{api.url}/u"), auth=Locked())  # nobody listens any more
    assert events == ["fine", "closed", "closed"]


@pytest.mark.parametrize(("body", "what"), [({}, "KeyError: 'access_token'"), (b"<html>", "JSONDecodeError")])
def test_a_flow_that_fails_is_an_auth_failure_that_says_how(body: object, what: str) -> None:
    with (
        serve(routes({"/token": Reply(body)})) as api,
        pytest.raises(AuthFailedError, match="the credentials could not be obtained") as caught,
    ):
        fetch(settings(api.url), get(f"{api.url}/u"), auth=TokenFlow(f"{api.url}/token"))
    assert caught.value.reason is StopReason.AUTH_FAILED
    assert what in str(caught.value)


def test_an_error_that_a_flow_raises_on_purpose_stays_what_it_is() -> None:
    class Refusing(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            raise ReadError("the token has expired", reason=StopReason.AUTH_FAILED)
            yield request

    with serve(routes({})) as api, pytest.raises(ReadError, match=r"^the token has expired$"):
        fetch(settings(api.url), get(api.url), auth=Refusing())


def test_a_flow_that_sends_nothing_is_an_auth_failure() -> None:
    class Silent(httpx.Auth):
        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            for _ in range(0):
                yield request

    with serve(routes({})) as api, pytest.raises(AuthFailedError, match=r"the auth plugin .* sent no request"):
        fetch(settings(api.url), get(api.url), auth=Silent())


def test_a_token_answer_that_cannot_be_read_is_an_auth_failure_that_names_it() -> None:
    table: dict[str, object] = {"/token": Reply(b"no gzip", headers={"Content-Encoding": "gzip"})}
    with (
        serve(routes(table)) as api,
        pytest.raises(AuthFailedError, match=r"POST http.*/token: the answer cannot be dec"),
    ):
        fetch(settings(api.url), get(f"{api.url}/u"), auth=TokenFlow(f"{api.url}/token"))


def test_a_url_that_no_client_takes_is_an_error() -> None:
    with serve(routes({})) as api, pytest.raises(RequestFailedError, match="URL too long"):
        fetch(settings(api.url), get(f"{api.url}/{'u' * 70_000}"))


def test_an_unreachable_token_endpoint_is_an_auth_failure_that_names_it() -> None:
    with serve(routes({})) as gone:
        nowhere = f"{gone.url}/token"
    with serve(routes({})) as api, pytest.raises(AuthFailedError) as caught:
        fetch(settings(api.url, max_retries=0), get(f"{api.url}/u"), auth=TokenFlow(nowhere))
    assert f"POST {nowhere}: cannot connect to 127.0.0.1" in str(caught.value)
    assert api.received == []


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_fail_at_once_and_stay_secret(status: int) -> None:
    def answer(request: Received) -> Reply:
        return Reply({"error": f"bad credentials {request.headers['Authorization']}"}, status)

    with serve(answer) as api, pytest.raises(AuthFailedError) as caught:
        fetch(settings(api.url), get(f"{api.url}/u?api_key=qu3ry"), auth=Bearer())
    assert len(api.received) == 1
    assert caught.value.status == status
    assert caught.value.reason is StopReason.AUTH_FAILED
    assert f"GET {api.url}/u?api_key=***: {status} " in str(caught.value)
    assert "t0ken-of-auth" not in str(caught.value)
    assert "qu3ry" not in str(caught.value)


def test_basic_credentials_that_the_server_echoes_are_masked_decoded_too() -> None:
    def answer(request: Received) -> Reply:
        encoded = request.headers["Authorization"].split()[1]
        return Reply(f"{encoded} means {base64.b64decode(encoded).decode()}".encode(), 401)

    with serve(answer) as api, pytest.raises(AuthFailedError) as caught:
        fetch(settings(api.url), get(api.url), auth=httpx.BasicAuth("joe", "pa55word!"))
    assert str(caught.value).endswith(": *** means ***")


def test_cookies_are_kept_for_the_length_of_a_connection() -> None:
    def answer(_: Received) -> Reply:
        return Reply([], headers={"Set-Cookie": "session=abc; Path=/"})

    with serve(answer) as api:
        local = api.url.replace("127.0.0.1", "localhost")
        fetch(settings(local), get(f"{local}/a"), get(f"{local}/b"))
    assert [request.headers["Cookie"] for request in api.received] == [None, "session=abc"]


def test_a_header_that_cannot_be_sent_is_an_error_that_does_not_show_it() -> None:
    class Broken(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers["Authorization"] = "Bearer s3cret-token\nX-Evil: 1"
            yield request

    with serve(lambda _: Reply([])) as api, pytest.raises(RequestFailedError, match="cannot be sent") as caught:
        fetch(settings(api.url), get(api.url), auth=Broken())
    assert api.received == []
    assert "s3cret-token" not in str(caught.value)


def test_connections_are_used_again() -> None:
    def answer(head: bytes, connection: socket.socket) -> None:
        while head:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
            head = read_head(connection)

    with serve_raw(answer) as server:
        responses = fetch(settings(server.url), *[get(server.url) for _ in range(5)])
    assert len(responses) == 5
    assert len(server.received) == 1


def test_the_configured_auth_wins_over_user_info_and_a_header_of_the_user_over_both() -> None:
    class Polite(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers.setdefault("Authorization", "Bearer t0ken")
            yield request

    with serve(lambda _: Reply([])) as api:
        with_user = api.url.replace("http://", "http://joe:p%40ss@")
        fetch(settings(with_user), get(api.url), get(api.url, {"authorization": "Mine"}), auth=Polite())
        own = settings(with_user, custom_headers={"Authorization": SecretStr("Own")})
        fetch(own, get(api.url))
    assert [request.headers.get_all("Authorization") for request in api.received] == [
        ["Bearer t0ken"],
        ["Mine"],
        ["Own"],
    ]


@pytest.mark.parametrize("headers", [{"X-A": "é"}, {"X-A": 1}, {"X-é": "a"}, {"X-A": "a\nX-B: b"}])
def test_a_header_that_cannot_be_sent_is_an_error_of_its_request(headers: dict[str, str]) -> None:
    with serve(lambda _: Reply([])) as api, pytest.raises(RequestFailedError, match=f"^GET {api.url}"):
        fetch(settings(api.url, max_retries=0), get(api.url, headers))
    assert api.received == []

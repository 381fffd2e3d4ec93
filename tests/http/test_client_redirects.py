"""Redirects and foreign origins: credentials go nowhere else (connection.md section 4, C13, C14)."""

from collections.abc import Generator

import httpx
import pytest
from pydantic import SecretStr

from penstock.http.client import ApiRequest
from penstock.http.failures import ForeignLinkError, RequestFailedError
from penstock.values import StopReason
from support.fetching import fetch, get, post, settings
from support.server import Received, Reply, routes, serve


class Bearer(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = "Bearer t0ken"
        yield request


def to(location: str, status: int = 302) -> Reply:
    return Reply(b"", status, {"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_is_followed_with_credentials_and_headers(status: int) -> None:
    with serve(routes({"/old": to("/new?page=2", status), "/new": [1]})) as api:
        connection = settings(api.url, custom_headers={"X-Tenant": SecretStr("one")})
        [response] = fetch(connection, get(f"{api.url}/old", {"X-Own": "2"}), auth=Bearer())
    assert response.url == f"{api.url}/new?page=2"
    assert api.targets() == ["/old", "/new?page=2"]
    for request in api.received:
        headers = (request.headers["Authorization"], request.headers["X-Tenant"], request.headers["X-Own"])
        assert headers == ("Bearer t0ken", "one", "2")


def test_relative_redirects_resolve_against_the_url_that_redirects() -> None:
    table: dict[str, object] = {"/v1/a": to("b/?x=1"), "/v1/b/": to("../c"), "/v1/c": []}
    with serve(routes(table)) as api:
        fetch(settings(api.url), get(f"{api.url}/v1/a"))
    assert api.targets() == ["/v1/a", "/v1/b/?x=1", "/v1/c"]


def test_a_redirect_to_another_origin_is_an_error_and_sends_it_nothing() -> None:
    with serve(routes({"/x": []})) as foreign, serve(lambda _: to(f"{foreign.url}/x?token=abc")) as api:
        connection = settings(api.url, custom_headers={"X-Tenant": SecretStr("one")})
        with pytest.raises(ForeignLinkError) as caught:
            fetch(connection, get(f"{api.url}/u"), auth=Bearer())
    assert foreign.received == []
    assert len(api.received) == 1
    assert caught.value.reason is StopReason.FOREIGN_LINK
    assert str(caught.value) == (
        f"GET {api.url}/u: redirects to {foreign.url}, which is neither the origin of baseUrl nor in allowedOrigins; "
        "credentials are not sent there"
    )


def test_a_redirect_to_a_listed_origin_is_followed_with_credentials() -> None:
    with serve(routes({"/x": []})) as other, serve(lambda _: to(f"{other.url}/x")) as api:
        [response] = fetch(settings(api.url, allowed_origins=(other.url,)), get(f"{api.url}/u"), auth=Bearer())
    assert response.url == f"{other.url}/x"
    assert other.received[0].headers["Authorization"] == "Bearer t0ken"


def test_a_request_to_a_foreign_origin_is_not_sent_at_all() -> None:
    with serve(routes({})) as foreign, serve(routes({})) as api, pytest.raises(ForeignLinkError, match="leads to"):
        fetch(settings(api.url), get(f"{foreign.url}/x"), auth=Bearer())
    assert foreign.received == api.received == []


def test_user_info_that_mimics_the_base_host_does_not_help() -> None:
    with serve(routes({})) as foreign, serve(routes({})) as api:
        mimic = f"{api.url}@{foreign.url.removeprefix('http://')}/x"
        with pytest.raises(ForeignLinkError):
            fetch(settings(api.url), get(mimic), auth=Bearer())
    assert foreign.received == []


def test_five_redirects_are_followed_and_no_more() -> None:
    def answer(request: Received) -> Reply:
        left = int(request.param("left"))
        return to(f"/?left={left - 1}") if left else Reply([])

    with serve(answer) as api:
        [response] = fetch(settings(api.url), get(f"{api.url}/?left=5"))
        assert response.url == f"{api.url}/?left=0"
        with pytest.raises(RequestFailedError, match="302 Found: more than 5 redirects"):
            fetch(settings(api.url), get(f"{api.url}/?left=6"))
    assert len(api.received) == 12


def test_a_redirect_of_a_post_is_an_error() -> None:
    with serve(lambda _: to("/new")) as api, pytest.raises(RequestFailedError, match="for GET and HEAD only, not POST"):
        fetch(settings(api.url), post(api.url, {"q": 1}))
    assert len(api.received) == 1


def test_a_head_request_is_redirected() -> None:
    with serve(routes({"/old": to("/new"), "/new": Reply(b"")})) as api:
        fetch(settings(api.url), ApiRequest("HEAD", f"{api.url}/old"))
    assert [request.method for request in api.received] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("location", ["ftp://a.test/x", "http://[::1", "javascript:alert(1)"])
def test_a_redirect_to_no_usable_url_is_an_error(location: str) -> None:
    with serve(lambda _: to(location)) as api, pytest.raises(RequestFailedError, match="no usable http or https URL"):
        fetch(settings(api.url), get(api.url))


def test_a_redirect_without_a_location_is_an_error_status() -> None:
    with serve(lambda _: Reply("moved", 302)) as api, pytest.raises(RequestFailedError, match=r'302 Found .*: "moved"'):
        fetch(settings(api.url), get(api.url))


def test_redirects_do_not_use_up_the_retries() -> None:
    replies = iter([Reply("", 503), to("/a"), Reply("", 503), to("/b"), Reply([])])
    with serve(lambda _: next(replies)) as api:
        fetch(settings(api.url, max_retries=2), get(api.url))
    assert api.targets() == ["/", "/", "/a", "/a", "/b"]

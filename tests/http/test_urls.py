"""URLs: connection.md section 3, C13, C14, C18."""

import subprocess
import sys

import pytest

from penstock.http.urls import (
    ForeignUrlError,
    UrlError,
    build_url,
    encode_segment,
    fill_path,
    is_allowed,
    origin,
    resolve_link,
    with_params,
)
from penstock.values import JSON, QueryValue, StopReason


@pytest.mark.parametrize(
    ("base", "endpoint", "expected"),
    [
        ("https://a.test/", "/v1/users", "https://a.test/v1/users"),
        ("https://a.test///", "///v1/users", "https://a.test/v1/users"),
        ("https://a.test/api/v3", "teams", "https://a.test/api/v3/teams"),
        ("http://localhost:8080", "/x", "http://localhost:8080/x"),
        ("https://a.test/api", "/api/users.list", "https://a.test/api/api/users.list"),
        ("https://a.test/api/v3", "/", "https://a.test/api/v3"),
        ("https://a.test", "/", "https://a.test/"),
        ("https://a.test", "/users/", "https://a.test/users/"),
        ("https://a.test", "/items?state=open", "https://a.test/items?state=open"),
        ("https://a.test/v1?apiKey=K", "/items", "https://a.test/v1/items?apiKey=K"),
        ("https://a.test/v1?apiKey=K", "/items?state=open", "https://a.test/v1/items?apiKey=K&state=open"),
        ("https://a.test/v1?v=1&k=2", "/items?v=3", "https://a.test/v1/items?k=2&v=3"),
        ("https://a.test", "?x=1", "https://a.test/?x=1"),
        ("https://A.test:443", "/x", "https://a.test/x"),
        ("https://user:secret@a.test", "/x", "https://a.test/x"),
        ("https://a.test", "/a b/é", "https://a.test/a%20b/%C3%A9"),
        ("https://a.test", "/a%20b/100%", "https://a.test/a%20b/100%25"),
        ("https://a.test", "/x#part", "https://a.test/x"),
        ("https://[::1]:8443", "/x", "https://[::1]:8443/x"),
    ],
)
def test_base_url_and_endpoint_make_the_url(base: str, endpoint: str, expected: str) -> None:
    assert build_url(base, endpoint, {}) == expected


@pytest.mark.parametrize("endpoint", ["", "  "])
def test_an_empty_endpoint_is_an_error_that_says_what_to_write(endpoint: str) -> None:
    with pytest.raises(UrlError, match="write / for the base URL itself"):
        build_url("https://a.test", endpoint, {})


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"a": "x y"}, "a=x%20y"),
        ({"a": "1+1=2&b"}, "a=1%2B1%3D2%26b"),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"n": 7, "f": 1.5, "big": 12345678901234567890}, "n=7&f=1.5&big=12345678901234567890"),
        ({"a": None}, "a="),
        ({"a": [1, "x", None, True]}, "a=1&a=x&a=&a=true"),
        ({"a": []}, ""),
        ({"filter[x]": "[1]"}, "filter%5Bx%5D=%5B1%5D"),
        ({"$filter": "name eq 'x'"}, "$filter=name%20eq%20'x'"),
        ({"t": "2026-01-01T00:00:00+00:00"}, "t=2026-01-01T00:00:00%2B00:00"),
        ({"é": "ü#;"}, "%C3%A9=%C3%BC%23%3B"),
    ],
)
def test_query_parameters_are_spelled_one_way(params: dict[str, QueryValue], query: str) -> None:
    expected = f"https://a.test/x?{query}" if query else "https://a.test/x"
    assert build_url("https://a.test", "/x", params) == expected
    assert with_params("https://a.test/x", params) == expected


def test_later_parameters_replace_earlier_ones_of_the_same_name_in_every_spelling() -> None:
    url = build_url("https://a.test?a=1&keep=%20", "/x?b%5B%5D=2&a=3&a=4", {"b[]": "5"})
    assert url == "https://a.test/x?keep=%20&a=3&a=4&b%5B%5D=5"
    assert with_params(url, {"a": 6, "keep": []}) == "https://a.test/x?b%5B%5D=5&a=6"


def test_what_the_user_has_encoded_in_a_query_stays() -> None:
    url = build_url("https://a.test", "/x?q=a%2Fb+c&w=ü b", {"n": 1})
    assert url == "https://a.test/x?q=a%2Fb+c&w=%C3%BC%20b&n=1"


@pytest.mark.parametrize("value", [{"a": 1}, [[1]], [{"a": 1}]])
def test_a_nested_query_value_is_an_error(value: QueryValue) -> None:
    with pytest.raises(UrlError, match='query parameter "p" cannot be'):
        build_url("https://a.test", "/x", {"p": value})


def test_an_absolute_endpoint_of_the_same_origin_keeps_the_base_query() -> None:
    assert build_url("https://a.test/v1?k=1", "https://A.test:443/y?b=2", {}) == "https://a.test/y?k=1&b=2"


def test_an_absolute_endpoint_of_an_allowed_origin_goes_without_the_base_query() -> None:
    url = build_url("https://a.test/v1?k=1", "https://b.test/y", {"z": 1}, allowed_origins=("https://b.test",))
    assert url == "https://b.test/y?z=1"


def test_an_absolute_endpoint_of_another_origin_is_an_error_that_names_both() -> None:
    with pytest.raises(ForeignUrlError) as caught:
        build_url("https://a.test/v1", "https://b.test/y", {})
    assert caught.value.reason is StopReason.FOREIGN_LINK
    assert str(caught.value) == (
        "https://b.test is not the origin of baseUrl (https://a.test), and credentials stay there; "
        "list it in allowedOrigins to trust it"
    )


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("a/b c", "a%2Fb%20c"),
        ("a?b#c&d", "a%3Fb%23c%26d"),
        ("50%", "50%25"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("ü", "%C3%BC"),
        ("https://evil.test/", "https%3A%2F%2Fevil.test%2F"),
        (True, "true"),
        (False, "false"),
        (12345678901234567890, "12345678901234567890"),
        (-1, "-1"),
        (1.5, "1.5"),
    ],
)
def test_a_path_value_is_one_segment(value: JSON, segment: str) -> None:
    assert encode_segment(value) == segment


@pytest.mark.parametrize("value", [".", "..", "", None, [], ["a"], {"a": 1}, "\ud800"])
def test_a_value_that_cannot_be_one_segment_is_an_error(value: JSON) -> None:
    with pytest.raises(UrlError):
        encode_segment(value)


def test_every_placeholder_is_filled() -> None:
    values = {"team": encode_segment("a/b"), "user": "7"}
    assert fill_path("/teams/{team}/users/{user}?of={team}", values) == "/teams/a%2Fb/users/7?of=a%2Fb"


def test_a_placeholder_without_value_is_an_error_that_names_it() -> None:
    with pytest.raises(UrlError, match=r"no value is known for \{user\}"):
        fill_path("/teams/{team}/users/{user}", {"team": "a"})


@pytest.mark.parametrize(
    ("current", "link", "expected"),
    [
        ("https://a.test/u?page=1", "/u?page=2", "https://a.test/u?page=2"),
        ("https://a.test/u?page=1", "?page=2", "https://a.test/u?page=2"),
        ("https://a.test/v1/u?page=1", "u?page=2", "https://a.test/v1/u?page=2"),
        ("https://a.test/u", " https://a.test/u?c=%2B%3D ", "https://a.test/u?c=%2B%3D"),
        ("https://a.test/u", "https://a.test/u?q=a b[0]", "https://a.test/u?q=a%20b%5B0%5D"),
        ("https://a.test/u", "//b.test/x", "https://b.test/x"),
        ("https://a.test/u", "https://me:pw@a.test/x#f", "https://a.test/x"),
    ],
)
def test_a_link_resolves_against_the_current_url(current: str, link: str, expected: str) -> None:
    assert resolve_link(current, link) == expected


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "ftp://a.test/x",
        "file:///etc/passwd",
        "https://:80/",
        "https://a.test:99999/",
        "https://a.test:0/",
        "http://[::1",
        "https://a.test\\@evil.test/",
        "https://a .test/",
        "https://a.test/\x00",
    ],
)
def test_a_link_that_is_no_http_url_is_an_error(link: str) -> None:
    with pytest.raises(UrlError, match="no usable http or https URL"):
        resolve_link("https://a.test/u", link)


def test_an_unusable_link_is_quoted_without_its_secrets() -> None:
    with pytest.raises(UrlError) as caught:
        resolve_link("https://a.test/u", "ftp://joe:s3cret@a.test/x?token=s3cret")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://A.Test/x?y#z", "https://a.test"),
        ("https://a.test:443", "https://a.test"),
        ("http://a.test:80/", "http://a.test"),
        ("http://a.test:443/", "http://a.test:443"),
        ("https://a.test:8443/", "https://a.test:8443"),
        ("https://u:p@a.test/", "https://a.test"),
        ("https://bücher.test/", "https://xn--bcher-kva.test"),
        ("https://straße.test/", "https://xn--strae-oqa.test"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://a.test/x", True),
        ("https://A.TEST:443/x", True),
        ("https://b.test:8443/x", True),
        ("http://a.test/x", False),
        ("https://a.test:8443/x", False),
        ("https://a.test.evil.test/x", False),
        ("https://sub.a.test/x", False),
        ("https://a.test@evil.test/x", False),
        ("https://b.test/x", False),
    ],
)
def test_only_the_base_origin_and_listed_ones_are_allowed(url: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_allowed(url, "https://a.test/v1", ("https://b.test:8443",)) is allowed


def test_urls_and_documents_load_no_client() -> None:
    code = "import sys, penstock.http.urls, penstock.http.documents; print({'httpx', 'aiohttp'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

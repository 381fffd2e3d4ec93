"""Every setting of connection.md 2.1 to 2.3 and of ours, from every place and in every spelling."""

from __future__ import annotations

import json
from typing import cast

import pytest
from pydantic import SecretStr

from penstock.config.models import Settings
from support.configuring import load, problems, warnings

BASE = "https://api.test"
CASES: list[tuple[str, str, object, object, dict[str, str]]] = [
    # camelCase, snake_case, what is written, what is meant, what else the setting needs
    ("authType", "auth_type", "basic", "basic", {"username": "u"}),
    ("apiToken", "api_token", "s3cret", "s3cret", {"authType": "bearer_token"}),
    ("username", "username", "ada", "ada", {"authType": "basic"}),
    ("password", "password", "s3cret", "s3cret", {"authType": "basic"}),
    ("apiKey", "api_key", "s3cret", "s3cret", {"authType": "api_key"}),
    ("apiKeyHeader", "api_key_header", "X-Key", "X-Key", {"authType": "api_key", "apiKey": "k"}),
    ("apiKeyIn", "api_key_in", "query", "query", {"authType": "api_key", "apiKey": "k"}),
    ("customHeaders", "custom_headers", '{"X-A": "1"}', {"X-A": "1"}, {}),
    ("paginationType", "pagination_type", "offset", "offset", {}),
    ("pageSize", "page_size", "25", 25, {"paginationType": "offset"}),
    ("paginationParam", "pagination_param", "skip", "skip", {"paginationType": "offset"}),
    ("sizeParam", "size_param", "top", "top", {"paginationType": "page"}),
    ("startPage", "start_page", "0", 0, {"paginationType": "page"}),
    ("cursorPath", "cursor_path", "meta.next", "meta.next", {"paginationType": "cursor"}),
    ("hasMorePath", "has_more_path", "meta.more", "meta.more", {"paginationType": "cursor"}),
    ("lastPagePath", "last_page_path", "data.last", "data.last", {"paginationType": "page"}),
    ("paginationIn", "pagination_in", "body", "body", {"paginationType": "offset"}),
    ("nextLinkPath", "next_link_path", "links.next", "links.next", {"paginationType": "next_link"}),
    ("headerLinkRel", "header_link_rel", "more", "more", {"paginationType": "header_link"}),
    ("timeout", "timeout", "7", 7, {}),
    ("verifySsl", "verify_ssl", "no", False, {}),
    ("strictX509", "strict_x509", "off", False, {}),
    ("maxConcurrentRequests", "max_concurrent_requests", "32", 32, {}),
    ("requestsPerSecond", "requests_per_second", "0.5", 0.5, {}),
    ("requestsPerMinute", "requests_per_minute", "90", 90, {}),
    ("burst", "burst", "5", 5, {"requestsPerMinute": "90"}),
    ("rateLimitHeaders", "rate_limit_headers", "false", False, {}),
    ("rateLimitWhen", "rate_limit_when", " .body.code == 7", ".body.code == 7", {}),
    ("prefetchPages", "prefetch_pages", "8", 8, {}),
    ("maxPages", "max_pages", "5", 5, {}),
    ("maxEmptyPages", "max_empty_pages", "5", 5, {}),
    ("maxRetries", "max_retries", "0", 0, {}),
    ("maxRetryWait", "max_retry_wait", "1.5", 1.5, {}),
    ("retryPost", "retry_post", "false", False, {}),
    ("maxResponseBytes", "max_response_bytes", "1000", 1000, {}),
    ("allowedOrigins", "allowed_origins", '["https://B.test:443/"]', ("https://b.test",), {}),
    ("proxy", "proxy", "http://proxy.test:3128", "http://proxy.test:3128", {}),
]


def _value(settings: Settings, name: str) -> object:
    """Return a setting of the connection wherever it ended up, secrets laid open."""
    connection = settings.connection
    named = {"auth_type": connection.auth.strategy.name, "pagination_type": connection.pagination.strategy.name}
    if name in named:
        return named[name]
    [found] = [
        getattr(part, name)
        for part in (connection.http, connection.auth.config, connection.pagination.config)
        if hasattr(part, name)
    ]
    return _open(found)


def _open(value: object) -> object:
    if isinstance(value, dict):
        return {key: _open(item) for key, item in cast("dict[str, object]", value).items()}
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _file(settings: dict[str, object], **more: object) -> str:
    return json.dumps({"connection": settings, "resources": [], **more})


table = pytest.mark.parametrize(("camel", "snake", "written", "meant", "needs"), CASES, ids=[case[0] for case in CASES])


@table
def test_a_setting_is_read_from_the_file_in_camel_case(
    camel: str, snake: str, written: object, meant: object, needs: dict[str, str]
) -> None:
    settings = load(_file({"baseUrl": BASE, **needs, camel: written}))

    assert _value(settings, snake) == meant


@table
def test_a_setting_is_read_from_the_file_in_snake_case(
    camel: str, snake: str, written: object, meant: object, needs: dict[str, str]
) -> None:
    del camel
    settings = load(_file({"baseUrl": BASE, **needs, snake: written}))

    assert _value(settings, snake) == meant


@table
@pytest.mark.parametrize(
    "prefix", ["PENSTOCK__CONNECTION__", "OCEAN__INTEGRATION__CONFIG__", "OCEAN__INTEGRATION__SECRETS__"]
)
def test_a_setting_is_read_from_the_environment(
    camel: str, snake: str, written: str, meant: object, needs: dict[str, str], prefix: str
) -> None:
    del camel
    settings = load(_file({"baseUrl": BASE, **needs}), environ={prefix + snake.upper(): written})

    assert _value(settings, snake) == meant
    assert [warning for warning in warnings(settings) if "no such setting" in warning] == []


@table
@pytest.mark.parametrize("variable", ["PENSTOCK__CONNECTION", "OCEAN__INTEGRATION__CONFIG"])
def test_a_setting_is_read_from_one_json_object_in_the_environment(
    camel: str, snake: str, written: object, meant: object, needs: dict[str, str], variable: str
) -> None:
    for spelling in (camel, snake):
        settings = load(_file({"baseUrl": BASE, **needs}), environ={variable: json.dumps({spelling: written})})

        assert _value(settings, snake) == meant


@table
@pytest.mark.parametrize("block", ["config", "secrets"])
def test_a_setting_is_read_from_the_blocks_of_an_ocean_installation(
    camel: str, snake: str, written: object, meant: object, needs: dict[str, str], block: str
) -> None:
    settings = load(_file({"baseUrl": BASE, **needs}, integration={block: {camel: written}}))

    assert _value(settings, snake) == meant


def test_everything_may_come_from_the_environment_without_a_file() -> None:
    settings = load(
        None,
        environ={
            "PENSTOCK__CONNECTION__BASE_URL": "https://api.test/v1/",
            "PENSTOCK__CONNECTION__AUTH_TYPE": "bearer_token",
            "PENSTOCK__CONNECTION__API_TOKEN": "s3cret",
            "PENSTOCK__RESOURCES": "[]",
        },
    )

    assert settings.connection.http.base_url == "https://api.test/v1"
    assert _value(settings, "api_token") == "s3cret"
    assert settings.warnings == ()


def test_settings_that_are_not_written_have_the_documented_defaults() -> None:
    settings = load()
    http = settings.connection.http

    assert settings.connection.auth.strategy.name == "none"
    assert settings.connection.pagination.strategy.name == "none"
    assert (http.timeout, http.verify_ssl, http.max_concurrent_requests) == (30, True, 10)
    assert (settings.sink.strategy.name, settings.source) == ("sqlite", "api.test")
    assert str(settings.state_dir) == ".penstock"
    assert settings.expressions.timeout == 5
    assert settings.flags.entity_deletion_threshold == 0.9


@pytest.mark.parametrize(
    ("kind", "parameter", "size"),
    [("offset", "offset", "limit"), ("page", "page", "size"), ("cursor", "cursor", "limit")],
)
def test_parameter_names_have_the_defaults_of_their_pagination_type(kind: str, parameter: str, size: str) -> None:
    settings = load(_file({"baseUrl": BASE, "paginationType": kind}))

    assert (_value(settings, "pagination_param"), _value(settings, "size_param")) == (parameter, size)
    assert _value(settings, "page_size") == 100


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://api.test", "https://api.test"),
        ("https://api.test/", "https://api.test"),
        ("https://api.test///", "https://api.test"),
        ("https://api.test/api/v3/", "https://api.test/api/v3"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://api.test/v1/?key=K", "https://api.test/v1?key=K"),
        ("https://[::1]:8443/x/", "https://[::1]:8443/x"),
    ],
)
def test_trailing_slashes_of_the_base_url_are_dropped(written: str, meant: str) -> None:
    assert load(_file({"baseUrl": written})).connection.http.base_url == meant


_NO_URL = "expected a URL with scheme and host, such as https://api.example.com"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "is required, here or as PENSTOCK__CONNECTION__BASE_URL"),
        ("api.test", _NO_URL),
        ("ftp://api.test", _NO_URL),
        ("https://", _NO_URL),
        ("https:///v1", _NO_URL),
        ("https://api test/", _NO_URL),
        ("https://user:s3cret@:80/", _NO_URL),
        ("https://api.test:99999/", "is no URL: host or port are malformed"),
        ("https://user:s3cret@api.test:port/", "is no URL: host or port are malformed"),
        ("https://api.test/#top", "must not have a fragment (#...)"),
    ],
)
def test_a_base_url_that_cannot_be_used_is_refused_without_repeating_it(written: str, complaint: str) -> None:
    [problem] = problems(_file({"baseUrl": written}))

    assert problem == f"penstock.yml:1: connection.baseUrl: {complaint}"


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "on", "t", "Y", True, 1])
def test_booleans_may_be_words_that_mean_true(word: object) -> None:
    assert load(_file({"baseUrl": BASE, "retryPost": word})).connection.http.retry_post is True


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "OFF", "f", "n", False, 0])
def test_booleans_may_be_words_that_mean_false(word: object) -> None:
    assert load(_file({"baseUrl": BASE, "retryPost": word})).connection.http.retry_post is False


@pytest.mark.parametrize(
    ("name", "written", "complaint"),
    [
        ("timeout", "soon", "expected a number"),
        ("timeout", True, "expected a number"),
        ("timeout", 0, "must be greater than 0"),
        ("timeout", "inf", "expected a finite number"),
        ("timeout", [5], "expected a number"),
        ("maxPages", 1.5, "expected a whole number"),
        ("maxPages", "many", "expected a whole number"),
        ("maxPages", False, "expected a number"),
        ("maxConcurrentRequests", 0, "must be at least 1"),
        ("verifySsl", "maybe", "expected true or false"),
        ("verifySsl", 2, "expected true or false"),
        ("customHeaders", "[1", "expected a mapping"),
        ("customHeaders", "[1]", "expected a mapping"),
        ("allowedOrigins", {"a": 1}, "expected a list"),
        (
            "allowedOrigins",
            ["https://a.test/path"],
            "expected an origin, scheme and host alone, such as https://api.example.com",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_a_problem_that_says_what_was_expected(
    name: str, written: object, complaint: str
) -> None:
    assert problems(_file({"baseUrl": BASE, name: written})) == [f"penstock.yml:1: connection.{name}: {complaint}"]


def test_numbers_are_fine_where_text_is_meant_and_keep_their_spelling() -> None:
    settings = load(
        "connection:\n"
        "  baseUrl: https://api.test\n"
        "  authType: basic\n"
        "  username: 0123\n"
        "  password: 1.10\n"
        "  customHeaders: {X-Version: 2.0, X-Flag: true, X-Count: 3}\n"
        "resources: []\n"
    )

    assert (_value(settings, "username"), _value(settings, "password")) == ("0123", "1.10")
    assert _value(settings, "custom_headers") == {"X-Version": "2.0", "X-Flag": "true", "X-Count": "3"}


def test_a_list_may_be_written_with_commas_in_the_environment() -> None:
    origins = {"PENSTOCK__CONNECTION__ALLOWED_ORIGINS": "https://a.test, https://b.test"}

    assert load(environ=origins).connection.http.allowed_origins == ("https://a.test", "https://b.test")


@pytest.mark.parametrize("blank", ["''", "", "~"])
def test_blank_means_not_set(blank: str) -> None:
    settings = load(f"connection:\n  baseUrl: {BASE}\n  timeout: {blank}\n  apiToken: {blank}\nresources: []\n")

    assert settings.connection.http.timeout == 30
    assert settings.warnings == ()


def test_two_spellings_that_differ_are_a_problem_and_two_that_agree_are_not() -> None:
    text = "connection:\n  baseUrl: https://api.test\n  maxPages: 5\n  max_pages: {}\nresources: []\n"

    assert problems(text.replace("{}", "6")) == [
        (
            "penstock.yml:4: connection.max_pages: differs from connection.maxPages (penstock.yml:3), "
            "another spelling of this setting"
        )
    ]
    assert load(text.replace("{}", "'5'")).connection.http.max_pages == 5


def test_switching_certificate_checks_off_is_warned_of() -> None:
    settings = load(f"connection:\n  baseUrl: {BASE}\n  verifySsl: false\nresources: []\n")

    assert warnings(settings) == [
        (
            "penstock.yml:3: connection.verifySsl: certificate checks are off: "
            "whoever is between can read and change everything"
        )
    ]


def test_a_setting_of_another_plugin_is_accepted_and_warned_of() -> None:
    settings = load(_file({"baseUrl": BASE, "authType": "basic", "username": "u", "apiToken": "t", "pageSize": 5}))

    assert warnings(settings) == [
        "penstock.yml:1: connection.apiToken: has no effect with authType basic",
        "penstock.yml:1: connection.pageSize: has no effect with paginationType none",
    ]


def test_secrets_are_in_no_representation_of_the_settings() -> None:
    settings = load(
        _file(
            {
                "baseUrl": BASE,
                "authType": "bearer_token",
                "apiToken": "s3cret",
                "customHeaders": {"X": "s3cret"},
                "proxy": "http://u:s3cret@proxy.test",
            }
        )
    )

    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.connection)


def test_no_problem_repeats_a_secret() -> None:
    found = problems(
        _file(
            {
                "baseUrl": "s3cret",
                "authType": "bearer_token",
                "apiToken": ["s3cret"],
                "customHeaders": '{"X": s3cret}',
                "proxy": {"url": "s3cret"},
                "timeout": "s3cret",
                "verifySsl": "s3cret",
            }
        )
    )

    assert len(found) == 6
    assert "s3cret" not in "\n".join(found)

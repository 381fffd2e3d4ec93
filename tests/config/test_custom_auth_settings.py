"""The settings of ``authType: custom`` as people write them; every mistake is told with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.config.secrets import secrets_of
from support.configuring import load, problems

REQUEST: dict[str, Any] = {"endpoint": "/login"}
TEMPLATE: dict[str, Any] = {"headers": {"Authorization": "Bearer {{.access_token}}"}}


def _file(request: object = REQUEST, template: object = TEMPLATE) -> str:
    settings = {"customAuthRequest": request, "customAuthRequestTemplate": template}
    connection = {"baseUrl": "https://api.test", "authType": "custom", **settings}
    return json.dumps({"connection": connection, "resources": []})


def _problems(text: str) -> list[str]:
    return [problem.removeprefix("penstock.yml:1: connection.") for problem in problems(text)]


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        {"endpoint": "https://id.test/login", "method": "GET", "headers": {"X-A": "b", "X-Number": 5, "X-Flag": True}},
        {"endpoint": "login", "body": {"a": {"b": ["c", 1, None, True]}}, "queryParams": {"a": [1, "b"], "c": None}},
        {"endpoint": "/login", "bodyForm": "a=b", "body": None, "headers": ""},
        {"endpoint": "/login", "body_form": "a=b", "reauthenticateIntervalSeconds": "3600"},
        {"endpoint": "/login", "reauthenticate_interval_seconds": 1, "query_params": {"a": "b"}},
        {"endpoint": "/login", "auth": {"authType": "basic", "username": "ada", "password": "x"}},
        {"endpoint": "/login", "auth": {"auth_type": "bearer", "api_token": "x"}},
        {"endpoint": "/login", "auth": {"authType": "basic_auth", "username": 5}},
        {
            "endpoint": "/exchange",
            "auth": {"authType": "custom", "customAuthRequest": REQUEST, "customAuthRequestTemplate": TEMPLATE},
        },
    ],
)
def test_a_token_request_may_be_written_so(request_: dict[str, Any]) -> None:
    assert load(_file(request_)).connection.auth.strategy.name == "custom"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "customAuthRequest.endpoint: is required"),
        ({"endpoint": ""}, "customAuthRequest.endpoint: is required"),
        ({"endpoint": " "}, "customAuthRequest.endpoint: expected a path, or an absolute URL"),
        (
            {"endpoint": "ftp://id.test/login"},
            "customAuthRequest.endpoint: expected a path, or an http or https URL without user-info",
        ),
        (
            {"endpoint": "https://joe:s3cret@id.test/login"},
            "customAuthRequest.endpoint: expected a path, or an http or https URL without user-info",
        ),
        (
            {"endpoint": "https://id .test/login"},
            "customAuthRequest.endpoint: expected a path, or an http or https URL without user-info",
        ),
        (
            {"endpoint": "https://id.test:99999/login"},
            "customAuthRequest.endpoint: expected a path, or an http or https URL without user-info",
        ),
        (
            {"endpoint": "/login", "method": "POT"},
            'customAuthRequest.method: expected one of GET, POST, PUT, PATCH, DELETE; did you mean "POST"?',
        ),
        (
            {"endpoint": "/login", "body": {"a": "b"}, "bodyForm": "a=b"},
            "customAuthRequest: body and bodyForm exclude each other",
        ),
        ({"endpoint": "/login", "body": ["a"]}, "customAuthRequest.body: expected a mapping"),
        ({"endpoint": "/login", "bodyForm": {"a": "b"}}, "customAuthRequest.bodyForm: expected text"),
        ({"endpoint": "/login", "headers": {"X-A": ["b"]}}, "customAuthRequest.headers.X-A: expected text"),
        (
            {"endpoint": "/login", "headers": {"X A": "b"}},
            "customAuthRequest.headers: the name of a header is letters, digits and hyphens",
        ),
        (
            {"endpoint": "/login", "headers": {"X-A": "b\n"}},
            (
                "customAuthRequest.headers: the header X-A must not contain a line break "
                "(a secret read from a file often ends in one)"
            ),
        ),
        (
            {"endpoint": "/login", "queryParams": {"a": {"b": "c"}}},
            "customAuthRequest.queryParams: a: expected text, a number, a boolean, null or a list of them",
        ),
        (
            {"endpoint": "/login", "reauthenticateIntervalSeconds": 0},
            "customAuthRequest.reauthenticateIntervalSeconds: must be at least 1",
        ),
        (
            {"endpoint": "/login", "reauthenticateIntervalSeconds": True},
            "customAuthRequest.reauthenticateIntervalSeconds: expected a whole number",
        ),
        (
            {"endpoint": "/login", "reauthenticateInterval": 5},
            (
                "customAuthRequest.reauthenticateInterval: there is no such setting; "
                'did you mean "reauthenticateIntervalSeconds"?'
            ),
        ),
        (
            {"endpoint": "/login", "query_param": {}},
            'customAuthRequest.query_param: there is no such setting; did you mean "query_params"?',
        ),
        (
            {"endpoint": "/login", "auth": {"username": "ada"}},
            "customAuthRequest.auth: expected authType, the name of an auth plugin, among its settings",
        ),
        (
            {"endpoint": "/login", "auth": {"authType": "basic", "username": "ada", "pasword": "s3cret"}},
            'customAuthRequest.auth.pasword: there is no such setting; did you mean "password"?',
        ),
        (
            {"endpoint": "/login", "auth": {"authType": "basic", "username": "a:b"}},
            (
                "customAuthRequest.auth.username: must not contain a colon: it parts user name and password "
                "(RFC 7617 section 2)"
            ),
        ),
        ({"endpoint": "/login", "auth": {"authType": "bearer"}}, "customAuthRequest.auth.apiToken: is required"),
        (
            {
                "endpoint": "/login",
                "auth": {"authType": "custom", "customAuthRequest": {"endpoit": "/a"}},
            },
            'customAuthRequest.auth.customAuthRequest.endpoit: there is no such setting; did you mean "endpoint"?',
        ),
        ("s3cret", "customAuthRequest: expected a mapping of settings"),
    ],
)
def test_a_token_request_that_cannot_work_is_told_with_its_place(request_: object, expected: str) -> None:
    found = _problems(_file(request_))

    assert expected in found
    assert "s3cret" not in str(found)


def test_a_nested_auth_that_is_not_installed_is_told_with_the_ones_that_are() -> None:
    [problem] = _problems(_file({"endpoint": "/login", "auth": {"authType": "basik"}}))

    assert problem.startswith('customAuthRequest.auth: no auth plugin is called "basik"; did you mean "basic"?')


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({}, "customAuthRequestTemplate: expected headers, queryParams or body: at least one that is not empty"),
        (
            {"headers": {}, "queryParams": None, "body": ""},
            "customAuthRequestTemplate: expected headers, queryParams or body: at least one that is not empty",
        ),
        (
            {"header": {"A": "b"}},
            'customAuthRequestTemplate.header: there is no such setting; did you mean "headers"?',
        ),
        (
            {"queryParams": {"a": [["{{.b}}"]]}},
            "customAuthRequestTemplate.queryParams: a: expected text, a number, a boolean, null or a list of them",
        ),
        (
            {"headers": {"X A": "b"}},
            "customAuthRequestTemplate.headers: the name of a header is letters, digits and hyphens",
        ),
        (
            {"headers": {"X-A": "{{.a}}é"}},
            (
                "customAuthRequestTemplate.headers: the header X-A must contain ASCII characters only: "
                "it is sent in a header"
            ),
        ),
        ({"headers": {"X-A": ["b"]}}, "customAuthRequestTemplate.headers.X-A: expected text"),
    ],
)
def test_a_template_that_cannot_work_is_told_with_its_place(template: object, expected: str) -> None:
    assert expected in _problems(_file(template=template))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{token}}", "expected jq that begins with a dot between {{ and }}, such as {{ .access_token }}"),
        ("{{}}", "expected jq that begins with a dot between {{ and }}, such as {{ .access_token }}"),
        ("Bearer {{.a", "{{ is not closed by }}"),
        ("{{.a}} {{ b }}", "expected jq that begins with a dot between {{ and }}, such as {{ .access_token }}"),
        ("{{.a | }}", "jq does not compile: `.a |`: "),
        ("{{ .a | no_such }}", "jq does not compile: `.a | no_such`: no_such/0 is not defined"),
    ],
)
@pytest.mark.parametrize(
    ("template", "place"),
    [
        ({"headers": {"Authorization": "TEXT"}}, "headers.Authorization"),
        ({"queryParams": {"t": "TEXT"}}, "queryParams.t"),
        ({"query_params": {"t": ["a", "TEXT"]}}, "query_params.t[1]"),
        ({"body": {"tokens": ["a", "TEXT"]}}, "body.tokens[1]"),
        ({"body": {"list": {"object": [{"text": "TEXT"}]}}}, "body.list.object[0].text"),
    ],
)
def test_a_bad_expression_is_told_with_its_place_before_anything_is_sent(
    template: dict[str, Any], place: str, text: str, expected: str
) -> None:
    filled = json.loads(json.dumps(template).replace("TEXT", text))

    [problem] = _problems(_file(template=filled))

    assert problem.startswith(f"customAuthRequestTemplate.{place}: {expected}")


@pytest.mark.parametrize(
    "variables",
    [
        {
            "OCEAN__INTEGRATION__CONFIG__CUSTOM_AUTH_REQUEST": '{"endpoint": "/login", "body_form": "pw=s3cret-1"}',
            "OCEAN__INTEGRATION__CONFIG__CUSTOM_AUTH_RESPONSE": '{"query_params": {"t": "{{.t}}", "k": "s3cret-2"}}',
        },
        {
            "PENSTOCK__CONNECTION__CUSTOM_AUTH_REQUEST": '{"endpoint": "/login", "body": {"pw": ["s3cret-1"]}}',
            "OCEAN__INTEGRATION__SECRETS__CUSTOM_AUTH_REQUEST_TEMPLATE": '{"headers": {"T": "s3cret-2 {{.t}}"}}',
        },
        {
            "OCEAN__INTEGRATION__CONFIG": json.dumps(
                {
                    "custom_auth_request": {
                        "endpoint": "/login",
                        "auth": {"auth_type": "bearer", "api_token": "s3cret-1"},
                    },
                    "customAuthResponse": {"body": {"t": {"u": "{{.t}}"}, "k": "s3cret-2"}},
                }
            )
        },
    ],
)
def test_both_come_from_the_environment_as_json_text_and_their_secrets_are_known(variables: dict[str, str]) -> None:
    text = "connection: {baseUrl: https://api.test, authType: custom}\nresources: []\n"

    settings = load(text, environ=variables)

    secrets = "\n".join(secrets_of(settings))
    assert "s3cret-1" in secrets
    assert "s3cret-2" in secrets
    assert "s3cret" not in f"{settings!r} {settings}"


def test_a_mistake_in_the_environment_is_told_with_its_place_and_without_the_secret() -> None:
    name = "OCEAN__INTEGRATION__CONFIG__CUSTOM_AUTH_REQUEST"
    text = (
        "connection: {baseUrl: https://api.test, authType: custom, customAuthResponse: {body: {a: b}}}\nresources: []\n"
    )

    found = problems(text, environ={name: '{"endpoint": "/login", "boddy": {"pw": "s3cret"}}'})

    assert found == [
        f'environment {name}: connection.customAuthRequest.boddy: there is no such setting; did you mean "body"?'
    ]


def test_every_text_of_the_settings_is_a_known_secret() -> None:
    request = {
        "endpoint": "/login?key=s3cret-0",
        "headers": {"Authorization": "Token s3cret-1", "Content-Type": "application/json"},
        "body": {"a": [{"b": "s3cret-2"}], "grant_type": "client_credentials"},
        "queryParams": {"c": ["s3cret-3"]},
        "auth": {"authType": "basic", "username": "ada", "password": "s3cret-4"},
    }
    template = {
        "headers": {"X-Key": "s3cret-5"},
        "body": {"d": ["s3cret-6"]},
        "queryParams": {"e": "s3cret-7"},
    }
    settings = load(_file(request, template))

    secrets = set(secrets_of(settings))

    assert {f"s3cret-{number}" for number in range(8)} <= secrets
    assert not secrets & {"application/json", "client_credentials"}
    config = settings.connection.auth.config
    assert "s3cret" not in f"{config!r} {config.model_dump_json()}"

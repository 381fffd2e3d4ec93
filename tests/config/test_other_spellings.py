"""The spellings of connection.md 2.4 that users paste from guides."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import BaseModel, SecretStr

from support.configuring import AUTH_TYPES, load, problems, warnings, with_acme

BASE = "https://api.test"


def _file(**connection: object) -> str:
    return json.dumps({"connection": {"baseUrl": BASE, **connection}, "resources": []})


def _shown(config: BaseModel) -> dict[str, object]:
    """Return the settings that were set, secrets laid open."""
    found = {name: getattr(config, name) for name in config.model_fields_set}
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in found.items()}


@pytest.mark.parametrize(
    ("written", "meant"), [("bearer", "bearer_token"), ("basic_auth", "basic"), ("bearer_token", "bearer_token")]
)
def test_auth_types_have_other_names(written: str, meant: str) -> None:
    settings = load(_file(authType=written, apiToken="t", username="u"))

    assert settings.connection.auth.strategy.name == meant


def test_skip_token_is_next_link_with_the_default_path() -> None:
    pagination = load(_file(paginationType="skip_token")).connection.pagination

    assert pagination.strategy.name == "next_link"
    assert _shown(pagination.config) == {}


@pytest.mark.parametrize(
    ("auth_type", "value", "meant"),
    [
        ("bearer_token", "s3cret", {"api_token": "s3cret"}),
        ("bearer", "a:b", {"api_token": "a:b"}),
        ("api_key", "s3cret", {"api_key": "s3cret"}),
        ("basic", "ada:s3:cret", {"username": "ada", "password": "s3:cret"}),
        ("basic", base64.b64encode(b"ada:s3cret").decode(), {"username": "ada", "password": "s3cret"}),
        ("basic_auth", "ada:", {"username": "ada"}),
    ],
)
@pytest.mark.parametrize("place", ["file", "OCEAN__INTEGRATION__CONFIG__", "OCEAN__INTEGRATION__SECRETS__"])
def test_auth_value_stands_for_the_credentials_of_the_auth_type(
    auth_type: str, value: str, meant: dict[str, str], place: str
) -> None:
    if place == "file":
        settings = load(_file(authType=auth_type, authValue=value))
    else:
        settings = load(_file(authType=auth_type), environ={place + "AUTH_VALUE": value})

    found = _shown(settings.connection.auth.config)
    assert {name: text for name, text in found.items() if text} == meant
    assert settings.warnings == ()


@pytest.mark.parametrize("value", ["s3cret", base64.b64encode(b"s3cret").decode(), "/+=!", "w7=="])
def test_an_auth_value_that_cannot_be_taken_apart_is_refused_without_repeating_it(value: str) -> None:
    assert problems(_file(authType="basic", authValue=value))[0] == (
        "penstock.yml:1: connection.authValue: expected username:password, or the base64 of it"
    )


def test_an_auth_value_without_a_use_for_it_is_warned_of() -> None:
    assert warnings(load(_file(authValue="s3cret"))) == [
        "penstock.yml:1: connection.authValue: has no effect with authType none"
    ]


@pytest.mark.parametrize("variable", ["OCEAN__INTEGRATION__SECRETS__TOKEN", "PENSTOCK__CONNECTION__TOKEN"])
def test_token_is_api_token(variable: str) -> None:
    settings = load(_file(authType="bearer_token"), environ={variable: "s3cret"})

    assert _shown(settings.connection.auth.config) == {"api_token": "s3cret"}


def test_a_plugin_that_has_a_setting_of_that_very_name_gets_it() -> None:
    settings = load(_file(authType="acme", acmeTicket="t", token="mine"), plugins=with_acme())

    assert _shown(settings.connection.auth.config) == {"acme_ticket": "t", "token": "mine"}


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("offset", "OFFSET_PARAM", "pagination_param"),
        ("page", "PAGE_PARAM", "pagination_param"),
        ("cursor", "CURSOR_PARAM", "pagination_param"),
        ("offset", "LIMIT_PARAM", "size_param"),
        ("cursor", "LIMIT_PARAM", "size_param"),
    ],
)
def test_parameter_names_have_other_names_by_pagination_type(kind: str, written: str, meant: str) -> None:
    file = load(_file(paginationType=kind, **{written: "x"}))
    environment = load(_file(paginationType=kind), environ={f"OCEAN__INTEGRATION__CONFIG__{written}": "x"})

    assert _shown(file.connection.pagination.config) == {meant: "x"}
    assert _shown(environment.connection.pagination.config) == {meant: "x"}


@pytest.mark.parametrize(
    ("kind", "written"), [("page", "offsetParam"), ("offset", "cursorParam"), ("page", "limitParam")]
)
def test_a_parameter_name_of_another_pagination_type_is_warned_of(kind: str, written: str) -> None:
    settings = load(_file(paginationType=kind, **{written: "x"}))

    assert warnings(settings) == [f"penstock.yml:1: connection.{written}: has no effect with paginationType {kind}"]


NESTED = {
    "pagination_type": "cursor",
    "cursor_path": ".paging.next.after",
    "cursor_query_param": "after",
    "limit_query_param": "count",
    "limit": 20,
}


def test_a_nested_pagination_block_is_read() -> None:
    meant = {"cursor_path": "paging.next.after", "pagination_param": "after", "size_param": "count", "page_size": 20}
    in_connection = load(_file(pagination=NESTED))
    in_integration = load(
        json.dumps({"integration": {"config": {"baseUrl": BASE, "pagination": NESTED}}, "resources": []})
    )
    in_environment = load(_file(), environ={"OCEAN__INTEGRATION__CONFIG__PAGINATION": json.dumps(NESTED)})

    for settings in (in_connection, in_integration, in_environment):
        assert settings.connection.pagination.strategy.name == "cursor"
        assert _shown(settings.connection.pagination.config) == meant


def test_a_pagination_block_that_is_none_is_a_problem() -> None:
    assert problems(_file(pagination="cursor")) == [
        "penstock.yml:1: connection.pagination: expected a mapping of pagination settings"
    ]


def test_two_spellings_that_differ_are_a_problem() -> None:
    assert problems(_file(authType="bearer_token", apiToken="one", token="two")) == [
        (
            "penstock.yml:1: connection.token: differs from connection.apiToken (penstock.yml:1), "
            "another spelling of this setting"
        )
    ]


def test_config_wins_over_secrets_and_the_difference_is_warned_of() -> None:
    environ = {
        "OCEAN__INTEGRATION__CONFIG__API_TOKEN": "config",
        "OCEAN__INTEGRATION__SECRETS__AUTH_VALUE": "secret",
    }
    settings = load(_file(authType="bearer_token"), environ=environ)

    assert _shown(settings.connection.auth.config) == {"api_token": "config"}
    assert warnings(settings) == [
        (
            "environment OCEAN__INTEGRATION__SECRETS__AUTH_VALUE: connection.authValue: "
            "differs from environment OCEAN__INTEGRATION__CONFIG__API_TOKEN, which wins"
        )
    ]


def test_config_and_secrets_that_agree_are_not_warned_of() -> None:
    environ = {"OCEAN__INTEGRATION__CONFIG__API_TOKEN": "s", "OCEAN__INTEGRATION__SECRETS__API_TOKEN": "s"}

    assert load(_file(authType="bearer_token"), environ=environ).warnings == ()


def test_an_unknown_auth_is_named_without_complaints_about_its_own_settings() -> None:
    text = _file(authType="kerberos", keytab="/etc/krb5.keytab", principal="s3cret")

    assert problems(text) == [
        (f'penstock.yml:1: connection.authType: no auth plugin is called "kerberos" (installed: {AUTH_TYPES})')
    ]


def test_oauth2_takes_the_spelling_of_published_examples() -> None:
    environ = {
        "OCEAN__INTEGRATION__CONFIG__AUTH_TYPE": "oauth2",
        "OCEAN__INTEGRATION__CONFIG__AUTH_ENDPOINT": "https://acme.auth0.test/oauth/token",
        "OCEAN__INTEGRATION__CONFIG__CLIENT_ID": "c",
        "OCEAN__INTEGRATION__SECRETS__CLIENT_SECRET": "s3cret",
        "OCEAN__INTEGRATION__CONFIG__GRANT_TYPE": "client_credentials",
        "OCEAN__INTEGRATION__CONFIG__TOKEN_PATH": "data.token",
    }
    auth = load(_file(), environ=environ).connection.auth

    assert auth.strategy.name == "oauth2"
    assert auth.config.model_dump(include={"auth_endpoint", "client_id", "grant_type", "token_path"}) == {
        "auth_endpoint": "https://acme.auth0.test/oauth/token",
        "client_id": "c",
        "grant_type": "client_credentials",
        "token_path": "data.token",
    }

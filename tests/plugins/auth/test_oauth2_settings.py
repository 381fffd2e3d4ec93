"""Settings of ``authType: oauth2`` that cannot work: all told at once, each at its place, before any request."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from penstock_auth._oauth2_settings import OAuth2Config
from support.configuring import load, problems
from support.keys import P256, pem
from support.oauth2 import LONG_SECRET, PEM

SECRET: Final = "s3cret-value"
CLIENT: Final = {"tokenEndpoint": "https://id.test/token", "clientId": "c", "clientSecret": SECRET}


def _problems(settings: dict[str, Any]) -> list[str]:
    """Return what is wrong, as ``setting: message``."""
    connection = {"baseUrl": "https://api.test", "authType": "oauth2", **settings}
    found = problems(json.dumps({"connection": connection, "resources": []}))
    return sorted(problem.removeprefix("penstock.yml:1: connection.") for problem in found)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:  # noqa: ANN401
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {},
            [
                "clientId: is required by grantType client_credentials",
                "clientSecret: is required by clientAuthMethod client_secret_basic, or another clientAuthMethod",
                "tokenEndpoint: is required by authType oauth2, or issuer",
            ],
        ),
        (
            {**CLIENT, "grantType": "password"},
            [
                "password: is required by grantType password",
                "username: is required by grantType password",
            ],
        ),
        ({**CLIENT, "grantType": "refresh_token"}, ["refreshToken: is required by grantType refresh_token"]),
        (
            {"tokenEndpoint": "https://id.test/token", "grantType": "jwt_bearer"},
            [
                "assertionIssuer: is required by grantType jwt_bearer, or clientId",
                "privateKey: is required by grantType jwt_bearer, or privateKeyFile",
            ],
        ),
        (
            {**CLIENT, "grantType": "token_exchange"},
            ["subjectToken: is required by grantType token_exchange, or subjectTokenFile, or subjectAuth"],
        ),
        (
            {**CLIENT, "grantType": "authorization_code"},
            ["authorizationEndpoint: is required by grantType authorization_code, or issuer"],
        ),
        (
            {**CLIENT, "grantType": "device_code"},
            ["deviceAuthorizationEndpoint: is required by grantType device_code, or issuer"],
        ),
        (
            {"tokenEndpoint": "https://id.test/token", "grantType": "refresh_token", "refreshToken": SECRET}
            | {"clientSecret": SECRET},
            ["clientId: is required by clientAuthMethod client_secret_basic, or another clientAuthMethod"],
        ),
        (
            {"tokenEndpoint": "https://id.test/token", "clientId": "c", "clientAuthMethod": "private_key_jwt"},
            ["privateKey: is required by clientAuthMethod private_key_jwt, or privateKeyFile"],
        ),
        (
            {**CLIENT, "clientSecret": None, "clientAuthMethod": "client_secret_jwt"},
            ["clientSecret: is required by clientAuthMethod client_secret_jwt"],
        ),
    ],
)
def test_what_a_grant_needs_and_does_not_have_is_told_at_its_place(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert _problems(settings) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {**CLIENT, "authEndpoint": "https://id.test/token"},
            ["authEndpoint: tokenEndpoint is set, too: they exclude each other"],
        ),
        (
            {**CLIENT, "grantType": "token_exchange", "subjectToken": SECRET, "subjectTokenFile": "/x"},
            ["subjectTokenFile: subjectToken is set, too: they exclude each other"],
        ),
        (
            {**CLIENT, "refreshToken": SECRET},
            ["refreshToken: has no effect with grantType client_credentials, only with refresh_token"],
        ),
        (
            {**CLIENT, "privateKey": PEM},
            ["privateKey: has no effect without clientAuthMethod private_key_jwt or grantType jwt_bearer"],
        ),
        ({**CLIENT, "grantType": "implicit"}, ["grantType: expected one of client_credentials, refresh_token, "]),
        ({**CLIENT, "clientAuthMethod": "basic"}, ["clientAuthMethod: expected one of client_secret_basic, "]),
        (
            {**CLIENT, "tokenEndpoint": "https://u:s3cret-value@id.test/token"},
            ["tokenEndpoint: must not contain a user name or password: set clientId and clientSecret"],
        ),
        (
            {**CLIENT, "issuer": "id.test"},
            ["issuer: expected an http or https URL without query and fragment (RFC 8414 section 2)"],
        ),
        (
            {**CLIENT, "issuer": "https://id.test?tenant=1"},
            ["issuer: expected an http or https URL without query and fragment (RFC 8414 section 2)"],
        ),
        ({**CLIENT, "assertionLifetime": 60}, ["assertionLifetime: must be at least 120"]),
        (
            {**CLIENT, "grantType": "token_exchange", "subjectToken": SECRET, "subjectTokenType": "opaque"},
            ["subjectTokenType: expected a URI, or one of access_token, id_token, jwt, refresh_token, saml1, saml2"],
        ),
        (
            {**CLIENT, "clientAuthMethod": "client_secret_jwt"},
            ["clientSecret: is too short: HS256 needs a secret of 32 bytes or more (RFC 7518 section 3.2)"],
        ),
        (
            {**CLIENT, "clientAuthMethod": "client_secret_jwt", "clientSecret": LONG_SECRET, "algorithm": "HS512"},
            ["clientSecret: is too short: HS512 needs a secret of 64 bytes or more (RFC 7518 section 3.2)"],
        ),
        (
            {**CLIENT, "clientSecret": None, "clientAuthMethod": "private_key_jwt", "privateKey": "s3cret-value"},
            ["privateKey: is no key: expected a private key"],
        ),
        (
            {**CLIENT, "clientSecret": None, "clientAuthMethod": "private_key_jwt", "privateKey": pem(P256)}
            | {"algorithm": "RS256"},
            ["privateKey: is an EC key on P-256, which cannot sign with RS256"],
        ),
        (
            {**CLIENT, "tokenHeaders": {"X Key": "v"}},
            ["tokenHeaders.X Key: expected the name of a header: letters, digits and hyphens"],
        ),
        (
            {**CLIENT, "grantType": "token_exchange", "subjectAuth": {"authType": "bearer_token"}},
            ["subjectAuth.apiToken: is required"],
        ),
    ],
)
def test_what_cannot_be_is_told_at_its_place(settings: dict[str, Any], expected: list[str]) -> None:
    found = _problems(settings)

    assert len(found) == len(expected), found
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(beginning)
    assert SECRET not in " ".join(found)


def test_what_is_wrong_in_itself_and_what_is_missing_come_at_once() -> None:
    settings = {"issuer": "id.test", "grantType": "password", "assertionLifetime": 1, "usrname": "ada", "clientId": "c"}

    assert _problems(settings) == [
        "assertionLifetime: must be at least 120",
        "issuer: expected an http or https URL without query and fragment (RFC 8414 section 2)",
        "password: is required by grantType password",
        "username: is required by grantType password",
        'usrname: there is no such setting; did you mean "username"?',
    ]


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        (CLIENT, "client_secret_basic"),
        ({"authEndpoint": "https://id.test/token", "clientId": "c", "clientSecret": SECRET}, "client_secret_post"),
        ({**CLIENT, "clientAuthMethod": "client_secret_post"}, "client_secret_post"),
        ({**CLIENT, "clientSecret": None, "clientAuthMethod": "none"}, "none"),
        ({"tokenEndpoint": "/token", "grantType": "refresh_token", "refreshToken": SECRET}, "none"),
    ],
)
def test_a_client_authenticates_as_its_settings_suggest(settings: dict[str, Any], method: str) -> None:
    assert OAuth2Config.model_validate(settings).client_authentication == method


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer"),
        ("urn:ietf:params:oauth:grant-type:token-exchange", "token_exchange"),
        ("urn:ietf:params:oauth:grant-type:device_code", "device_code"),
    ],
)
def test_the_urn_of_a_grant_is_its_name_too(written: str, name: str) -> None:
    settings = {**CLIENT, "issuer": "https://id.test", "grantType": written}
    settings |= {"jwt_bearer": {"privateKey": PEM}, "token_exchange": {"subjectToken": "t"}}.get(name, {})

    config = OAuth2Config.model_validate(settings)

    assert (config.grant_type, config.grant_parameter) == (name, written)


def test_settings_may_come_from_the_environment() -> None:
    environ = {
        "PENSTOCK__CONNECTION__CLIENT_ID": "c",
        "PENSTOCK__CONNECTION__CLIENT_SECRET": SECRET,
        "PENSTOCK__CONNECTION__TOKEN_PARAMETERS": '{"tenant": "t"}',
        "PENSTOCK__CONNECTION__SCOPE": "a b",
        "PENSTOCK__CONNECTION__TOKEN_ENDPOINT": "https://id.test/token",
        "PENSTOCK__CONNECTION__CLIENT_AUTH_METHOD": "",
    }
    text = "connection: {baseUrl: https://api.test, authType: oauth2}\nresources: []\n"
    config = load(text, environ=environ).connection.auth.config

    assert isinstance(config, OAuth2Config)
    assert (config.client_id, config.scope, config.client_auth_method) == ("c", "a b", None)
    assert config.token_parameters["tenant"].get_secret_value() == "t"


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in OAuth2Config.model_fields.items() if not field.description] == []

"""Connections with a secret in every setting that may hold one, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from support.canaries import PLAIN, Canaries
from support.certificates import issue
from support.keys import P256, RSA, jwk, pem

Build: TypeAlias = Callable[[Canaries, str, Path], dict[str, Any]]
"""From the canaries, the server's URL and a folder for files to the ``connection`` block."""
BEARER: Final = {"headers": {"Authorization": "Bearer {{ .access_token }}"}}


def _oauth2(**settings: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"authType": "oauth2", "tokenEndpoint": "/token", "clientId": "me", **settings}


def _custom(request: Mapping[str, Any], template: Mapping[str, Any] = BEARER) -> dict[str, Any]:
    asked: dict[str, Any] = {"endpoint": "/login", "body": {}, **request}
    if "bodyForm" in asked:
        del asked["body"]
    return {"authType": "custom", "customAuthRequest": asked, "customAuthRequestTemplate": dict(template)}


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def _hmac(secret: Canaries, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    usual = {
        "hmacKey": secret("hmac key"),
        "hmacMessage": "{method}{target}{timestamp}{nonce}",
        "hmacHeaders": {"X-Signature": "{signature}"},
        "hmacParams": {"sig": "{signature}"},
    }
    return {"authType": "hmac", **usual, **settings}


STATIC: Final[Mapping[str, Build]] = {
    "bearer_token": lambda secret, _url, _folder: {"authType": "bearer_token", "apiToken": secret("token")},
    "bearer_token, plain": lambda secret, _url, _folder: {
        "authType": "bearer_token",
        "apiToken": secret("token", PLAIN),
    },
    "basic": lambda secret, _url, _folder: {
        "authType": "basic",
        "username": "joe",
        "password": secret("password", "xy:/@ 5&%yz"),
    },
    "basic, no password": lambda secret, _url, _folder: {"authType": "basic", "username": secret("user", PLAIN)},
    "api_key": lambda secret, _url, _folder: {"authType": "api_key", "apiKey": secret("key")},
    "api_key in the query": lambda secret, _url, _folder: {
        "authType": "api_key",
        "apiKey": secret("key"),
        "apiKeyIn": "query",
        "apiKeyParam": "zz",
    },
    "own headers": lambda secret, _url, _folder: {
        "customHeaders": {"X-Tenant": secret("header"), "Authorization": f"Token {secret('scheme')}"}
    },
    "proxy": lambda secret, url, _folder: {
        "baseUrl": "http://api.test",
        "proxy": url.replace("//", f"//joe:{quote(secret('proxy'), safe='')}@"),
    },
    "base URL": lambda secret, url, _folder: {
        "baseUrl": url.replace("//", f"//joe:{quote(secret('user-info'), safe='')}@")
        + f"?kk={quote(secret('query'), safe='')}"
    },
    "client certificate": lambda secret, _url, _folder: {
        "clientCertificate": (me := issue("me")).pem,
        "clientKey": secret.text("client key", me.key_pem(password := secret("password of the key"))),
        "clientKeyPassword": password,
        "authType": "bearer_token",
        "apiToken": secret("token"),
    },
    "digest": lambda secret, _url, _folder: {
        "authType": "digest",
        "username": "joe",
        "password": secret("password"),
        "customHeaders": {"X-Wants": "digest"},
    },
    "hmac": lambda secret, _url, _folder: _hmac(secret),
    "hmac, basic": lambda secret, _url, _folder: _hmac(
        secret, hmacKeyId="id-7", hmacHeaders={"Authorization": "Basic {basic}", "X-Signature": "{signature}"}
    ),
    "jwt, secret": lambda secret, _url, _folder: {"authType": "jwt", "jwtSecret": secret.long("jwt secret")},
    "jwt, key": lambda secret, _url, _folder: {
        "authType": "jwt",
        "privateKey": secret.text("private key", pem(P256)),
        "jwtPerRequest": True,
    },
    "jwt, file": lambda secret, _url, folder: {
        "authType": "jwt",
        "privateKeyFile": _file(
            folder, "key.pem", secret.text("private key", pem(RSA, password := secret("password of the key")))
        ),
        "privateKeyPassword": password,
        "jwtHeader": "X-Jwt",
        "jwtHeaderValue": "JWT {token}",
    },
    "jwt, JWK": lambda secret, _url, _folder: {
        "authType": "jwt",
        "privateKey": secret.text("private key", jwk(P256)),
    },
}
"""Auths that ask nobody for a token."""

TOKENS: Final[Mapping[str, Build]] = {
    "custom, JSON": lambda secret, _url, _folder: _custom(
        {
            "endpoint": f"/login?kk={quote(secret('query of the endpoint'), safe='')}",
            "headers": {"X-Tenant": f"Token {secret('header')}", "Authorization": f"Basic {secret('scheme')}"},
            "queryParams": {"zz": [secret("parameter")]},
            "body": {"user": "joe", "login": [{"pw": secret("password"), "n": 7}]},
        },
        {
            "headers": {"X-Session": "{{ .session.id }}", "X-Key": secret("template header")},
            "queryParams": {"t": "{{ .access_token }}", "u": secret("template parameter")},
        },
    ),
    "custom, form and basic": lambda secret, _url, _folder: _custom(
        {
            "bodyForm": f"user=joe&pw={quote(secret('password'), safe='')}",
            "auth": {"authType": "basic", "username": "joe", "password": secret("nested password")},
        },
        {"body": {"session": "{{ .session.id }}", "all": ["{{ . | tojson }}"], "k": secret("template member")}},
    ),
    "custom and jwt": lambda secret, _url, _folder: _custom(
        {"auth": {"authType": "jwt", "privateKey": secret.text("nested key", pem(P256))}}
    ),
    "custom and hmac": lambda secret, _url, _folder: _custom({"auth": _hmac(secret)}),
    "custom and digest": lambda secret, _url, _folder: _custom(
        {
            "headers": {"X-Wants": "digest"},
            "auth": {"authType": "digest", "username": "joe", "password": secret("nested password")},
        }
    ),
    "custom and oauth2": lambda secret, url, _folder: _custom(
        {"auth": _oauth2(tokenEndpoint=f"{url}/token", clientSecret=secret("nested secret"))}
    ),
    "oauth2": lambda secret, _url, _folder: _oauth2(clientSecret=secret("client secret", "wd :/+&% öxyz")),
    "oauth2, form": lambda secret, _url, _folder: _oauth2(
        clientSecret=secret("client secret"),
        clientAuthMethod="client_secret_post",
        tokenParameters={"ticket": secret("parameter")},
        tokenHeaders={"X-Tenant": secret("header")},
    ),
    "oauth2, secret that signs": lambda secret, _url, _folder: _oauth2(
        clientSecret=secret.long("client secret"), clientAuthMethod="client_secret_jwt"
    ),
    "oauth2, key": lambda secret, url, folder: {
        "authType": "oauth2",
        "issuer": url,
        "clientId": "me",
        "clientAuthMethod": "private_key_jwt",
        "privateKeyFile": _file(folder, "client.pem", secret.text("private key", pem(RSA))),
    },
    "oauth2, jwt_bearer": lambda secret, _url, _folder: _oauth2(
        grantType="jwt_bearer", privateKey=secret.text("private key", pem(P256)), assertionIssuer="me"
    ),
    "oauth2, password": lambda secret, _url, _folder: _oauth2(
        grantType="password", username="joe", password=secret("password"), clientSecret=secret("client")
    ),
    "oauth2, refresh_token": lambda secret, _url, _folder: _oauth2(
        grantType="refresh_token", refreshToken=secret("seed"), clientSecret=secret("client secret")
    ),
    "oauth2, token_exchange": lambda secret, _url, _folder: _oauth2(
        grantType="token_exchange", subjectToken=secret("subject token"), actorToken=secret("actor token")
    ),
    "oauth2, token_exchange of files": lambda secret, _url, folder: _oauth2(
        grantType="token_exchange",
        subjectTokenFile=_file(folder, "subject", secret("subject token")),
        actorTokenFile=_file(folder, "actor", secret("actor token")),
    ),
    "oauth2, token_exchange of an auth": lambda secret, url, _folder: _oauth2(
        grantType="token_exchange",
        clientSecret=secret("client secret"),
        subjectAuth=_oauth2(tokenEndpoint=f"{url}/first", clientSecret=secret("nested secret")),
    ),
}
"""Auths that obtain a token first."""

LOGINS: Final[Mapping[str, Build]] = {
    "device_code": lambda secret, _url, _folder: _oauth2(
        grantType="device_code", deviceAuthorizationEndpoint="/device", clientSecret=secret("client secret")
    ),
    "device_code, key": lambda secret, _url, _folder: _oauth2(
        grantType="device_code",
        deviceAuthorizationEndpoint="/device",
        clientAuthMethod="private_key_jwt",
        privateKey=secret.text("private key", pem(P256)),
    ),
    "authorization_code": lambda secret, url, _folder: _oauth2(
        grantType="authorization_code", authorizationEndpoint=f"{url}/authorize", clientSecret=secret("client secret")
    ),
}
"""Auths that need a person once."""
EVERY: Final = {**STATIC, **TOKENS, **LOGINS}

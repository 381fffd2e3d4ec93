"""``authType: hmac``: known schemes in configuration, each checked by a server that computes it in its own way."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from pydantic import ValidationError

from penstock.http.client import ApiRequest
from penstock.http.failures import AuthFailedError
from penstock.http.wire import Wire
from penstock_auth.hmac import Hmac, HmacConfig
from support.clock import FakeClock
from support.fetching import context_of, fetch, get, post, settings
from support.server import ApiServer, Received, Reply, serve

KEY = "correct horse battery staple"
NOW = int(FakeClock().now)
MINIMAL: dict[str, Any] = {"hmacKey": KEY, "hmacMessage": "{target}", "hmacHeaders": {"X-Signature": "{signature}"}}


def _config(**options: object) -> HmacConfig:
    return HmacConfig.model_validate(options)


def _fetch(api: ApiServer, config: HmacConfig, *requests: ApiRequest, headers: dict[str, str] | None = None) -> None:
    connection, clock = settings(api.url, max_retries=2, custom_headers=headers or {}), FakeClock()
    auth = Hmac().build(config, context_of(connection, wire=Wire(connection, clock)))
    fetch(connection, *requests, auth=auth, clock=clock)


def _header(request: Received, name: str) -> str:
    [value] = request.headers.get_all(name) or [""]
    return value


def _as_amazon_s3_v2(request: Received) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html."""
    amz = sorted(
        (name.lower(), value.strip()) for name, value in request.headers.items() if name.lower().startswith("x-amz-")
    )
    text = f"{request.method}\n{_header(request, 'Content-MD5')}\n{_header(request, 'Content-Type')}\n"
    text += f"{_header(request, 'Date')}\n" + "".join(f"{name}:{value}\n" for name, value in amz)
    text += urlsplit(request.target).path
    right = b64encode(hmac.new(KEY.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return _header(request, "Authorization") == f"AWS AKID:{right}" and _header(request, "Date") == formatdate(
        NOW, usegmt=True
    )


def _as_webhook(request: Received) -> bool:
    """As Stripe signs what it sends: https://docs.stripe.com/webhooks#verify-manually."""
    pairs = dict(part.split("=", 1) for part in _header(request, "Acme-Signature").split(","))
    right = hmac.new(KEY.encode(), pairs["t"].encode() + b"." + request.body, "sha256").hexdigest()
    return pairs == {"t": str(NOW), "v1": right}


def _as_azure_storage(request: Received) -> bool:
    """https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key, for the account ``acme``."""
    names = ("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date")
    more = ("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range")
    lines = [request.method, *(_header(request, name) for name in (*names, *more))]
    ms = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-ms-")}
    lines += [f"{name}:{ms[name]}" for name in sorted(ms)]
    url = urlsplit(request.target)
    resource = f"/acme{url.path}"
    query = parse_qs(url.query, keep_blank_values=True)
    for name in sorted(query):
        resource += f"\n{name.lower()}:{','.join(sorted(query[name]))}"
    text = "\n".join([*lines, resource])
    right = b64encode(hmac.new(b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()).decode()
    return _header(request, "Authorization") == f"SharedKey acme:{right}" and ms["x-ms-version"] == "2021-08-06"


AZURE_KEY = b64encode(bytes(range(64))).decode()


def _as_binance(request: Received) -> bool:
    """https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security."""
    query, _, signature = request.target.partition("?")[2].rpartition("&signature=")
    right = hmac.new(KEY.encode(), query.encode() + request.body, hashlib.sha256).hexdigest()
    return (
        signature == right
        and dict(parse_qsl(query))["timestamp"] == str(NOW * 1000)
        and _header(request, "X-MBX-APIKEY") == "AKID"
    )


def _as_duo(request: Received) -> bool:
    """https://duo.com/docs/adminapi#authentication: five lines, in the password of Basic authentication."""
    url = urlsplit(request.target)
    query = "&".join(sorted(url.query.split("&")))
    lines = [_header(request, "Date"), request.method, _header(request, "Host").lower(), url.path, query]
    right = hmac.new(KEY.encode(), "\n".join(lines).encode(), hashlib.sha512).hexdigest()
    return _header(request, "Authorization") == f"Basic {b64encode(f'AKID:{right}'.encode()).decode()}"


def _as_kong(request: Received) -> bool:
    """https://developer.konghq.com/plugins/hmac-auth, with the digest of the body."""
    digest = f"SHA-256={b64encode(hashlib.sha256(request.body).digest()).decode()}"
    text = f"date: {_header(request, 'Date')}\n@request-target: {request.method.lower()} {request.target}\n"
    text += f"digest: {digest}"
    right = b64encode(hmac.new(KEY.encode(), text.encode(), hashlib.sha256).digest()).decode()
    shown = f'hmac username="AKID", algorithm="hmac-sha256", headers="date @request-target digest", signature="{right}"'
    return _header(request, "Authorization") == shown and _header(request, "Digest") == digest


SCHEMES: dict[str, tuple[dict[str, Any], Callable[[Received], bool]]] = {
    "Amazon S3, version 2": (
        {
            "hmacKey": KEY,
            "hmacKeyId": "AKID",
            "hmacHash": "sha1",
            "hmacEncoding": "base64",
            "hmacTimestamp": "http_date",
            "hmacSignedHeaders": ["x-amz-*"],
            "hmacMessage": ("{method}\n{header:Content-MD5}\n{header:Content-Type}\n{header:Date}\n{headers}{path}"),
            "hmacHeaders": {"Date": "{timestamp}", "Authorization": "AWS {keyId}:{signature}"},
        },
        _as_amazon_s3_v2,
    ),
    "webhook": (
        {
            "hmacKey": KEY,
            "hmacMessage": "{timestamp}.{body}",
            "hmacHeaders": {"Acme-Signature": "t={timestamp},v1={signature}"},
        },
        _as_webhook,
    ),
    "Azure storage": (
        {
            "hmacKey": AZURE_KEY,
            "hmacKeyEncoding": "base64",
            "hmacKeyId": "acme",
            "hmacEncoding": "base64",
            "hmacTimestamp": "http_date",
            "hmacSignedHeaders": ["x-ms-*"],
            "hmacMessage": (
                "{method}\n\n\n{header:Content-Length}\n\n{header:Content-Type}\n\n\n\n\n\n\n"
                "{headers}/{keyId}{path}{queryLines}"
            ),
            "hmacHeaders": {
                "x-ms-date": "{timestamp}",
                "x-ms-version": "2021-08-06",
                "Authorization": "SharedKey {keyId}:{signature}",
            },
        },
        _as_azure_storage,
    ),
    "Binance": (
        {
            "hmacKey": KEY,
            "hmacKeyId": "AKID",
            "hmacTimestamp": "milliseconds",
            "hmacMessage": "{query}{body}",
            "hmacHeaders": {"X-MBX-APIKEY": "{keyId}"},
            "hmacParams": {"timestamp": "{timestamp}", "signature": "{signature}"},
        },
        _as_binance,
    ),
    "Duo": (
        {
            "hmacKey": KEY,
            "hmacKeyId": "AKID",
            "hmacHash": "sha512",
            "hmacTimestamp": "http_date",
            "hmacQuery": "sorted",
            "hmacMessage": "{header:Date}\n{method}\n{host}\n{path}\n{query}",
            "hmacHeaders": {"Date": "{timestamp}", "Authorization": "Basic {basic}"},
        },
        _as_duo,
    ),
    "Kong": (
        {
            "hmacKey": KEY,
            "hmacKeyId": "AKID",
            "hmacEncoding": "base64",
            "hmacTimestamp": "http_date",
            "hmacBodyHashEncoding": "base64",
            "hmacMessage": "date: {header:Date}\n@request-target: {methodLower} {target}\ndigest: {header:Digest}",
            "hmacHeaders": {
                "Date": "{timestamp}",
                "Digest": "SHA-256={bodyHash}",
                "Authorization": (
                    'hmac username="{keyId}", algorithm="hmac-sha256", '
                    'headers="date @request-target digest", signature="{signature}"'
                ),
            },
        },
        _as_kong,
    ),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_known_scheme_needs_nothing_but_configuration(scheme: str) -> None:
    options, is_right = SCHEMES[scheme]
    requests = (
        "/bucket/a%20b?prefix=x%2Fy&list-type=2&z=&A=1",
        "/v1/users",
        "/v1/users?signature=old&timestamp=1&page=2",
    )
    with serve(lambda request: Reply([], 200 if is_right(request) else 401)) as api:
        _fetch(
            api,
            _config(**options),
            *(get(f"{api.url}{target}") for target in requests),
            post(f"{api.url}/v1/query?b=2&a=1", {"naïve": "é", "n": [1, 2]}),
            headers={"X-Amz-Tag": " b ", "X-Ms-Client": "c", "Authorization": "mine"},
        )

    assert len(api.received) == 4


def _signature(text: bytes, name: str = "sha256") -> bytes:
    return hmac.new(KEY.encode(), text, name).digest()


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512"])
def test_a_signature_is_written_in_hex_or_base64(name: str) -> None:
    with serve(lambda _: Reply([])) as api:
        for encoding in ("hex", "base64", "base64url"):
            _fetch(api, _config(**MINIMAL, hmacHash=name, hmacEncoding=encoding), get(f"{api.url}/u?a=1"))
    digest = _signature(b"/u?a=1", name)

    assert [_header(request, "X-Signature") for request in api.received] == [
        digest.hex(),
        b64encode(digest).decode(),
        urlsafe_b64encode(digest).decode().rstrip("="),
    ]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("seconds", "1800000000"),
        ("milliseconds", "1800000000000"),
        ("iso8601", "2027-01-15T08:00:00Z"),
        ("basic", "20270115T080000Z"),
        ("http_date", "Fri, 15 Jan 2027 08:00:00 GMT"),
    ],
)
def test_the_time_is_written_as_the_api_wants_it(form: str, text: str) -> None:
    options = {**MINIMAL, "hmacTimestamp": form, "hmacHeaders": {"X-T": "{timestamp}", "X-S": "{signature}"}}
    with serve(lambda _: Reply([])) as api:
        _fetch(api, _config(**options), get(api.url))

    assert _header(api.received[0], "X-T") == text


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha384", "sha512"])
def test_the_body_has_a_hash_of_its_own(name: str) -> None:
    options = {**MINIMAL, "hmacMessage": "{bodyHash}", "hmacBodyHash": name, "hmacBodyHashEncoding": "base64"}
    with serve(lambda _: Reply([])) as api:
        _fetch(api, _config(**options), post(f"{api.url}/u", {"a": 1}))
    body_hash = b64encode(hashlib.new(name, api.received[0].body).digest())

    assert _header(api.received[0], "X-Signature") == _signature(body_hash).hex()


def test_every_attempt_is_signed_anew() -> None:
    options = {**MINIMAL, "hmacMessage": "{nonce}", "hmacHeaders": {"X-N": "{nonce}", "X-S": "{signature}"}}
    with serve(lambda _: Reply([], 503 if len(api.received) < 3 else 200)) as api:
        _fetch(api, _config(**options), get(api.url))
    nonces = [_header(request, "X-N") for request in api.received]

    assert len(set(nonces)) == 3
    assert [_header(request, "X-S") for request in api.received] == [_signature(n.encode()).hex() for n in nonces]


def test_a_refusal_is_final_and_shows_no_signature() -> None:
    echo: Callable[[Received], Reply] = lambda request: Reply(f"{request.target} {request.headers}".encode(), 401)  # noqa: E731
    options = {**MINIMAL, "hmacKeyId": "AKID", "hmacParams": {"s": "{signature}"}}
    options["hmacHeaders"] = {"X-S": "t=1,v1={signature}", "X-B": "Basic {basic}"}
    with serve(echo) as api, pytest.raises(AuthFailedError) as caught:
        _fetch(api, _config(**options), get(f"{api.url}/u"))
    signature = _signature(b"/u").hex()

    assert len(api.received) == 1
    assert signature in str(api.received[0].headers)
    for part in (signature[:8], b64encode(f"AKID:{signature}".encode()).decode()[:12], KEY):
        assert part not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hmacKey": ""}, "hmacKey: expected text that is not empty"),
        ({"hmacKey": "xyz", "hmacKeyEncoding": "hex"}, "hmacKey: is not written in hex"),
        ({"hmacKey": "?", "hmacKeyEncoding": "base64"}, "hmacKey: is not written in base64"),
        ({"hmacKeyId": "a\nb"}, "hmacKeyId: must not contain a line break"),
        ({"hmacMessage": "{verb}"}, "hmacMessage: has {verb}, which nothing fills; known are {body}, {bodyHash}"),
        ({"hmacMessage": "{signature}"}, "hmacMessage: has {signature}, which nothing fills"),
        ({"hmacMessage": "{headr:Date}"}, "hmacMessage: has {headr:Date}, which nothing fills"),
        ({"hmacHeaders": {"X-S": "{body}{signature}"}}, "hmacHeaders.X-S: has {body}, which nothing fills"),
        ({"hmacHeaders": {"X-S": "{signature}\r\nX-T: 1"}}, "hmacHeaders.X-S: must not contain a line break"),
        ({"hmacHeaders": {"X S": "{signature}"}}, "hmacHeaders.X S.[key]: expected the name of a header"),
        (
            {"hmacHeaders": {"X-S": "{timestamp}"}},
            ": nothing carries the signature: hmacHeaders or hmacParams needs {signature} or {basic}",
        ),
        ({"hmacHash": "md5"}, "hmacHash: Input should be 'sha1', 'sha256', 'sha384' or 'sha512'"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_setting_and_the_reason(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        _config(**{**MINIMAL, **options})
    [error] = caught.value.errors(include_url=False, include_input=False)

    assert f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}".startswith(message)
    assert KEY not in str(caught.value)


def test_the_key_shows_nowhere() -> None:
    config = _config(**MINIMAL)
    built = Hmac().build(config, context_of(settings("https://api.test")))

    for text in (repr(config), config.model_dump_json(), repr(built)):
        assert re.search(KEY[:6], text) is None

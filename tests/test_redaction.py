"""No secret reaches a message or a log, in any spelling (connection.md C24, sync.md section 11)."""

import base64
import io
import json
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from penstock.config.models import HttpSettings
from penstock.redaction import (
    RedactingFilter,
    Redactor,
    Secrets,
    looks_secret,
    mask_base_url,
    mask_url,
    scrub,
    secret_parts,
    secrets_in,
)
from penstock.values import JSON

SECRET = "p@ss/wörd+ 1=%"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://a.test/x", "https://a.test/x"),
        ("https://a.test/x?page=2&limit=10", "https://a.test/x?page=2&limit=10"),
        ("https://joe:pw@a.test/x", "https://***@a.test/x"),
        ("https://joe@a.test:8443/x", "https://***@a.test:8443/x"),
        ("https://a:b@c:d@a.test/", "https://***@a.test/"),
        ("//joe:pw@a.test/x", "//***@a.test/x"),
        ("https://a.test/users/joe@a.test", "https://a.test/users/joe@a.test"),
        ("https://a.test/x?api_key=abc&page=2", "https://a.test/x?api_key=***&page=2"),
        ("https://a.test/x?page=2&apiKey=abc#access_token=t", "https://a.test/x?page=2&apiKey=***#access_token=***"),
        ("https://a.test/x?X-Amz-Signature=abc&X-Amz-Date=1", "https://a.test/x?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://a.test/x?acc%65ss_token=abc", "https://a.test/x?acc%65ss_token=***"),
        ("https://a.test/x?token", "https://a.test/x?token"),
        ("https://a.test/x?token=", "https://a.test/x?token="),
        ("/x?token=abc=def", "/x?token=***"),
        ("not a url", "not a url"),
        ("http://[::1?sig=x", "http://[::1?sig=***"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, masked: str) -> None:
    assert mask_url(url) == masked


def test_further_names_can_be_masked() -> None:
    assert mask_url("https://a.test/x?tenant=9&page=1", also={"tenant"}) == "https://a.test/x?tenant=***&page=1"


def test_the_query_of_a_base_url_is_masked_whole() -> None:
    assert mask_base_url("https://joe:pw@a.test/v1?k=1&x") == "https://***@a.test/v1?***"
    assert mask_base_url("https://a.test/v1") == "https://a.test/v1"


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "apikey",
        "apiKey",
        "X-Api-Key",
        "APIKEY",
        "privateKey",
        "token",
        "access_token",
        "skipToken",
        "secret",
        "client_secret",
        "password",
        "passwd",
        "pwd",
        "signature",
        "sig",
        "auth",
        "Authorization",
        "code",
        "jwt",
        "session",
        "sid",
        "X-Amz-Credential",
    ],
)
def test_these_names_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["page", "limit", "author", "keyword", "codec", "passenger", "side", "cursor", "q", "", "signed", "expand"]
)
def test_these_names_do_not(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"joe:{SECRET}".encode()).decode(),
        base64.b64encode(f"joey:{SECRET}".encode()).decode(),
        base64.b64encode(f"joeyy:{SECRET}:more".encode()).decode(),
        quote(base64.b64encode(f"joeyy:{SECRET}:more".encode()).decode(), safe=""),
        "p@ss%2Fw%c3%b6rd+ 1%3D%",
        quote(quote(SECRET, safe=""), safe=""),
        "p@ss\\/w\\u00F6rd\\u002B 1\\u003d%",
        "p@ss&#x2F;w&#246;rd+ 1=%",
        json.dumps(json.dumps(json.dumps(SECRET))).replace("\\", "").replace('"', ""),
        json.dumps(json.dumps("p@ss\\u002fw\\u00f6rd+ 1=%")),
        quote(quote(quote_plus(SECRET), safe=""), safe=""),
        "p@ss&amp;#x2F;w&amp;amp;#246;rd+ 1=%",
        base64.b64encode(f"token={quote_plus(SECRET)}&x=1".encode()).decode(),
        base64.b64encode(json.dumps({"token": SECRET}).encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_spelling(text: str) -> None:
    shown = Redactor([SECRET])(f"before {text} after")
    assert shown.translate(dict.fromkeys(map(ord, "\\\"'"))) == "before *** after"


def test_backslashes_of_a_secret_are_masked_however_many_json_makes_of_them() -> None:
    secret = 'Qx"\\\\Z\\x'
    text = secret
    for _ in range(4):
        assert "Qx" not in Redactor([secret])(f"{text} and {quote(text)}")
        text = json.dumps(text)


def test_a_secret_is_masked_wherever_it_stands_and_leaves_no_prefix() -> None:
    assert Redactor(["s3cret-t0ken"])("xs3cret-t0keny,s3cret-t0ken") == "x***y,***"


@pytest.mark.parametrize(
    "text",
    [
        'string ("/users?q=p@ss%2Fw...") cannot be parsed',
        "q=p@ss/…",
        "q=p%40ss%2Fw%C3…",
        "q=p@ss%2…",
        "q=p%2540ss%252Fw%25…",
        'the answer has "p@ss\\\\/w\\\\u00f…',
        "p@ss&#x2F;w&#24…",
        f"Basic {base64.b64encode(f'joe:{SECRET}'.encode()).decode()[:14]}…",
    ],
)
def test_the_beginning_of_a_secret_is_masked_where_the_text_was_cut(text: str) -> None:
    shown = Redactor([SECRET])(text)
    assert "***" in shown
    assert [part for part in ("p@ss", "p%40ss", "cEBzcy", "BAc3") if part in shown] == []


def test_dots_after_other_words_hide_nothing() -> None:
    assert Redactor(["s3cret-t0ken"])("waiting for the s3c... done…") == "waiting for the s3c... done…"


def test_a_long_text_without_blanks_is_redacted_in_reasonable_time() -> None:
    assert Redactor(["s3cret-t0ken+"])(f"{'a' * 300_000}://x s3cret-t0ken+").endswith("://x ***")


def test_the_longer_of_two_secrets_is_masked_first() -> None:
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh abcd") == "*** ***"


def test_a_very_short_secret_is_masked_where_it_stands_alone() -> None:
    assert Redactor(["a"])("a cat sat: a") == "*** cat sat: ***"


def test_blank_secrets_mask_nothing_and_blanks_around_one_do_not_hide_it() -> None:
    assert Redactor(["", "  "])("nothing here") == "nothing here"
    assert Redactor(["s3cret-t0ken\n"])("the token s3cret-t0ken") == "the token ***"


def test_secrets_may_be_learned_later() -> None:
    redact = Redactor()
    assert redact("fresh-token") == "fresh-token"
    redact.add(["fresh-token"])
    assert redact("fresh-token") == "***"


def test_every_text_within_json_is_redacted() -> None:
    value: JSON = {"s3cret-t0ken": ["s3cret-t0ken", 1, None, {"a": "b s3cret-t0ken"}], "n": True}
    assert Redactor(["s3cret-t0ken"]).json(value) == {"***": ["***", 1, None, {"a": "b ***"}], "n": True}


def test_urls_within_a_text_lose_what_looks_secret_though_unknown() -> None:
    text = 'GET "https://joe:pw@a.test/x?sig=abc&page=1" failed'
    assert Redactor()(text) == 'GET "https://***@a.test/x?sig=***&page=1" failed'


_BEGIN, _END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----"
_PGP = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x-1\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----"


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        f"ghp_{'a1B2' * 9}",
        f"gho_{'a1B2' * 9}",
        f"ghr_{'a1B2' * 19}",
        f"github_pat_{'a1B2' * 5}ab_{'a1B2' * 15}",
        f"AIza{'Sy_-9' * 7}",
        f"ya29.{'a0Af_-' * 20}",
        "xoxb-123456789012-abcdefghijkl",
        f"{_BEGIN}\nMIIEab+/cd==\n{_END}",
        f"{_BEGIN}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIEab\n{_END}",
        f"{_BEGIN}\\nMIIEab\\n{_END}",
        _OPENSSH,
        _PGP,
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", 'value "{}" is odd', "a\\n{}\\tb", "x=%22{}%22", "https://a.test/{}/b", "({})."]
)
def test_a_secret_that_nobody_has_told_is_masked_by_its_shape(secret: str, around: str) -> None:
    assert Redactor()(around.format(secret)) == around.format("***")


@pytest.mark.parametrize(
    "secret", [f"{_BEGIN}\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASC…", "'ghp_abcdefghijklmnopqrstuvwxyz012345"]
)
def test_a_shape_is_masked_though_the_text_was_cut_off_within_it(secret: str) -> None:
    shown = Redactor()(f"it has {secret}")

    assert shown.removesuffix("…").replace("'", "") == "it has ***"


@pytest.mark.parametrize(
    "text",
    [
        "expected a private key as PEM text (-----BEGIN PRIVATE KEY-----) or as a JWK in JSON",
        f"{_BEGIN} and {_BEGIN} have to be there",
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END CERTIFICATE-----",
        "AKIA is a prefix, ASIA a continent; AKIAIOSFODNN7EXAMPLETOO and xAKIAIOSFODNN7EXAMPLE are words",
        "/github_pat_list, ghp_ and gho_short, a highlight_of_the_night_in_ghostbusters",
        "AIza, MAIzabcdefghijklmnopqrstuvwxyz0123456789, ya29.short",
        "xoxo-love, foxox-9, the xoxb- prefix",
        "550e8400-e29b-41d4-a716-446655440000 da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ],
)
def test_what_only_resembles_such_a_shape_stays(text: str) -> None:
    assert Redactor()(text) == text


@pytest.mark.parametrize(
    "part", [f"{_BEGIN}\n", f"{_BEGIN}\nMIIEvQIBADANBgkqhkiG9w0BAQ\n", "AKIA", "xoxb-", "ghp_", "-", "%AAIza"]
)
def test_a_text_of_nothing_but_beginnings_is_redacted_in_reasonable_time(part: str) -> None:
    begun = time.monotonic()
    Redactor()("PRIVATE KEY" + part * (300_000 // len(part)))

    assert time.monotonic() - begun < 5


class Inner(BaseModel):
    token: SecretStr
    raw: SecretBytes = SecretBytes(b"in-bytes")
    by_name: dict[str, SecretStr] = {}
    several: tuple[SecretStr, ...] = ()
    plain: str = "plain"


class Outer(BaseModel):
    inner: Inner
    number: int = 7
    nothing: None = None


def test_secrets_are_found_however_deep_they_are() -> None:
    inner = Inner(token=SecretStr("t1"), by_name={"X-A": SecretStr("t2")}, several=(SecretStr("t3"), SecretStr("t4")))
    assert sorted(secrets_in(["x", {"k": Outer(inner=inner)}])) == ["in-bytes", "t1", "t2", "t3", "t4"]


LINES = ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7/+x0", "abcd")


@pytest.mark.parametrize(
    "key",
    [
        "\n".join(["-----BEGIN PRIVATE KEY-----", *LINES, "-----END PRIVATE KEY-----", ""]),
        "\\n".join(["-----BEGIN PRIVATE KEY-----", *LINES, "-----END PRIVATE KEY-----"]),
        json.dumps({"private_key": "\n".join(["-----BEGIN PRIVATE KEY-----", *LINES, "-----END PRIVATE KEY-----"])}),
        json.dumps({"kty": "RSA", "d": LINES[0], "p": LINES[1]}),
    ],
)
def test_a_private_key_is_masked_in_parts_too(key: str) -> None:
    redact = Redactor(secrets_in(SecretStr(key)))

    assert redact(f"line 3: {LINES[1]}") == "line 3: ***"
    for text in (key, key.replace("\n", " "), base64.b64encode(key.encode()).decode()):
        assert LINES[0] not in redact(text)
        assert base64.b64encode(LINES[1].encode()).decode()[:12] not in redact(text)


def test_json_as_a_secret_is_masked_whole_and_by_its_long_members() -> None:
    redact = Redactor(secrets_in(SecretStr('{"password": "pw", "token": "0123456789abcdef"}')))

    assert redact('{"password": "pw", "token": "0123456789abcdef"}') == "***"
    assert redact("bad token 0123456789abcdef") == "bad token ***"


def test_what_urls_of_the_settings_carry_is_a_secret() -> None:
    settings = HttpSettings(
        base_url="https://joe:p%40ss@a.test/v1?apiKey=K1&v=2&blob=0123456789",
        proxy=SecretStr("http://me:hunter2@proxy.test"),
    )
    assert {"p@ss", "K1", "0123456789", "hunter2"} <= set(secrets_in(settings))
    assert "2" not in set(secrets_in(settings))


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        ("s3cret", []),
        ("Token s3cret", ["s3cret"]),
        ("Bearer x", []),
        ("Basic am9lOnMzY3JldA==", ["am9lOnMzY3JldA==", "joe:s3cret", "s3cret"]),
        ("user=joe&pw=s3cret&note=long-enough&key=%C3%BC1", ["long-enough", "s3cret", "ü1"]),
        ("s3cret==", []),
        ("/login?key=s3cret&page=2", ["s3cret"]),
    ],
)
def test_what_a_secret_holds_is_a_secret_too(secret: str, parts: list[str]) -> None:
    assert sorted(secrets_in({"x": [SecretStr(secret)]})) == sorted([secret, *parts])


def test_words_of_a_standard_are_no_secrets() -> None:
    members = {"Content-Type": SecretStr("application/json"), "grant_type": SecretStr("password"), "x": SecretStr("y")}

    assert list(secrets_in(members)) == ["y"]


def test_a_user_without_a_password_is_a_secret() -> None:
    assert set(secrets_in(["https://0a1b2c@a.test", "https://joe:pw@a.test"])) == {"0a1b2c", "pw"}


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        ('{"session": {"id": "s-1 of/many"}, "n": 1}', ["s-1 of/many"]),
        ('[{"access_token": "T0ken:1234"}]', ["T0ken:1234"]),
        ('{"token_type": "Bearer-Token", "token_uri": "https://id.test/t"}', []),
        ('{"name": "Ada of many words"}', []),
        ('{"token": "short"}', []),
        ('{"token": "not JSON', []),
    ],
)
def test_the_members_of_json_that_are_secret_by_name_are_masked_alone(secret: str, parts: list[str]) -> None:
    assert [part for part in secret_parts(secret) if part != secret] == parts


def test_secrets_are_seen_in_what_is_to_be_kept() -> None:
    secrets = Secrets(["p@ss/wörd+", "abc"])
    secrets.learn("Bearer t0ken-1")
    for text in (
        "x p@ss/wörd+",
        quote("p@ss/wörd+"),
        quote_plus("p@ss/wörd+"),
        json.dumps("p@ss/wörd+"),
        base64.b64encode(b"joe:" + "p@ss/wörd+".encode()).decode(),
        base64.urlsafe_b64encode(b"joey:" + "p@ss/wörd+".encode()).decode(),
        '{"sent": "Bearer t0ken-1"}',
    ):
        assert secrets.are_in(b"", text.encode())
    assert not secrets.are_in(b"p@ss/word and abc")
    secrets.learn("t0ken-1")
    assert secrets.are_in(b"t0ken-1")


def test_a_secret_in_use_is_not_forgotten_for_all_those_that_come_after_it() -> None:
    secrets = Secrets()
    secrets.learn("device-code")
    for number in range(100):
        secrets.learn(f"assertion-{number}-of-many", "device-code")
    assert secrets("device-code assertion-99-of-many") == "*** ***"


def _fail() -> None:
    try:
        raise KeyError("s3cret-t0ken", {"token": "s3cret-t0ken"}, 7)  # noqa: TRY301
    except KeyError as error:
        error.add_note("it was s3cret-t0ken")
        raise ExceptionGroup("s3cret-t0ken", [ValueError("s3cret-t0ken")]) from error


def test_an_exception_is_scrubbed_with_all_that_is_behind_it() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        _fail()
    raised = caught.value
    scrub(raised, Redactor(["s3cret-t0ken"]))

    assert raised.__cause__ is not None
    assert raised.__cause__.args == ("***", "{'token': '***'}", 7)
    assert raised.__cause__.__notes__ == ["it was ***"]
    assert [str(one) for one in raised.exceptions] == ["***"]
    assert raised.args[0] == "***"


@contextmanager
def logger_to(stream: io.StringIO, secret: str) -> Generator[logging.Logger]:
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter(Redactor([secret])))
    logger = logging.getLogger("test_redaction")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield logger
    finally:
        logger.removeHandler(handler)


def test_log_records_are_redacted_message_arguments_and_traceback() -> None:
    stream = io.StringIO()
    with logger_to(stream, "s3cret-t0ken") as logger:
        logger.warning("plain s3cret-t0ken and %s", "s3cret-t0ken")
        logger.warning("a mapping %(t)s", {"t": "s3cret-t0ken"})
        try:
            raise ValueError("refused: s3cret-t0ken")  # noqa: TRY301
        except ValueError:
            logger.exception("failed", stack_info=True)
    shown = stream.getvalue()
    assert "s3cret" not in shown
    assert shown.startswith("plain *** and ***\na mapping ***\nfailed\nTraceback")
    assert "ValueError: refused: ***" in shown


def test_a_record_whose_arguments_do_not_fit_is_kept_and_redacted() -> None:
    record = logging.LogRecord("x", logging.INFO, "here", 1, "one %s", ("s3cret-t0ken", "two"), None)
    assert RedactingFilter(Redactor(["s3cret-t0ken"])).filter(record)
    assert record.getMessage() == "one %s ('***', 'two')"


def test_what_was_redacted_stays_as_it_is() -> None:
    once = Redactor()("GET https://a.test/u?api_key=s3cret-t0ken&page=1: 401 (see https://a.test/?token=abc).")

    assert Redactor()("GET https://a.test/u?api_key=***: 401") == "GET https://a.test/u?api_key=***: 401"
    assert Redactor()(once) == once

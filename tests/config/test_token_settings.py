from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from penstock.config.secrets import secrets_of
from support.configuring import load, problems

BASE = "connection: {baseUrl: https://api.test}\nresources: []\n"
KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HOW = (
    "expected a key, 32 bytes in base64 (make one with `openssl rand -base64 32`), or several with blanks between them"
)


@pytest.mark.parametrize(
    ("text", "environ", "path"),
    [
        ("", {}, ".penstock/tokens"),
        ("stateDir: state", {}, "state/tokens"),
        ("tokens: {path: grants}", {}, "grants"),
        ("tokens: {path: grants}\nstateDir: state", {"PENSTOCK__TOKENS__PATH": "others"}, "others"),
    ],
)
def test_tokens_are_kept_beside_the_state_unless_a_setting_says_otherwise(
    text: str, environ: dict[str, str], path: str
) -> None:
    assert load(BASE + text, environ=environ).tokens.path == Path(path)


@pytest.mark.parametrize(
    ("text", "environ", "keys"),
    [
        ("", {}, []),
        (f"tokens: {{key: '{KEY}'}}", {}, [KEY]),
        ("tokens: {key: '${STORE_KEY}'}", {"STORE_KEY": KEY}, [KEY]),
        (f"tokens: {{key: '{KEY}'}}", {"PENSTOCK__TOKENS__KEY": OTHER}, [OTHER]),
        ("", {"PENSTOCK__TOKENS__KEY": f"{OTHER} {KEY}"}, [OTHER, KEY]),
        ("tokens: {keyFile: store.key}", {}, [KEY]),
        ("", {"PENSTOCK__TOKENS__KEY_FILE": "store.key"}, [KEY]),
    ],
)
def test_the_key_comes_from_the_environment_or_a_file(text: str, environ: dict[str, str], keys: list[str]) -> None:
    Path("store.key").write_text(f"{KEY}\n")

    settings = load(BASE + text, environ=environ)
    assert [key.get_secret_value() for key in settings.tokens.keys] == keys
    assert set(keys) <= set(secrets_of(settings))
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tokens: {key: s3cret}", f"penstock.yml:3: tokens.key: {HOW}"),
        ("tokens: {keyFile: penstock.yml}", f"penstock.yml:3: tokens.keyFile: {HOW}"),
        ("tokens: {keyFile: none}", "penstock.yml:3: tokens.keyFile: none cannot be read: No such file or directory"),
        ("tokens: {keyFile: raw}", "penstock.yml:3: tokens.keyFile: raw cannot be read: it is no text"),
        (
            f"tokens: {{key: '{KEY}', keyFile: raw}}",
            "penstock.yml:3: tokens.keyFile: is one key too many: there is tokens.key too",
        ),
        ("tokens: {keyfile: raw}", 'penstock.yml:3: tokens.keyfile: there is no such setting; did you mean "keyFile"?'),
        ("tokens: 5", "penstock.yml:3: tokens: expected a mapping of settings"),
    ],
)
def test_a_key_that_cannot_be_used_is_a_mistake_in_the_settings(text: str, problem: str) -> None:
    Path("raw").write_bytes(b"\xff\xfe")

    assert problems(BASE + text) == [problem]

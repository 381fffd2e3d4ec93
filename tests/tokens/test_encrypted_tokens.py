from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from cryptography.fernet import Fernet

from penstock.errors import AuthError
from penstock.tokens.keys import parse_keys
from support.keeping import LABEL, TOKEN, file_of, keep, kept, store

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
WRONG = "it is encrypted with another key than those of tokens.key or tokens.keyFile, or damaged"
MISSING = "it is encrypted; set tokens.key or tokens.keyFile"


def test_an_encrypted_file_shows_its_label_and_nothing_else(tmp_path: Path) -> None:
    keep(store(tmp_path, KEY))

    assert kept(store(tmp_path, KEY)) == TOKEN
    content = orjson.loads(file_of(tmp_path).read_bytes())
    assert set(content) == {"format", "label", "sealed"}
    assert content["label"] == LABEL
    assert b"access" not in file_of(tmp_path).read_bytes()


@pytest.mark.parametrize(("keys", "why"), [((OTHER,), WRONG), ((), MISSING)], ids=["another key", "no key"])
def test_without_its_key_a_token_is_neither_read_nor_written_over(
    tmp_path: Path, keys: tuple[str, ...], why: str
) -> None:
    keep(store(tmp_path, KEY))
    file = file_of(tmp_path)

    with pytest.raises(AuthError) as caught:
        kept(store(tmp_path, *keys))
    assert str(caught.value) == f"the stored token {file} cannot be used: {why}"
    with pytest.raises(AuthError) as caught:
        keep(store(tmp_path, *keys))
    assert str(caught.value) == f"{file} is not written over: {why}"
    [shown] = store(tmp_path, *keys).stored()
    assert (shown.label, shown.token, shown.problem) == (LABEL, None, why)
    assert kept(store(tmp_path, KEY)) == TOKEN


def test_a_token_kept_before_there_was_a_key_is_encrypted_by_the_next_write(tmp_path: Path) -> None:
    keep(store(tmp_path))

    assert kept(store(tmp_path, KEY)) == TOKEN
    keep(store(tmp_path, KEY))
    assert b"refresh-1" not in file_of(tmp_path).read_bytes()
    assert kept(store(tmp_path, KEY)) == TOKEN


def test_a_key_is_replaced_by_naming_both_for_a_while(tmp_path: Path) -> None:
    keep(store(tmp_path, OTHER))

    assert kept(store(tmp_path, KEY, OTHER)) == TOKEN
    keep(store(tmp_path, KEY, OTHER))
    assert kept(store(tmp_path, KEY)) == TOKEN


def test_a_token_in_the_place_of_another_is_noticed(tmp_path: Path) -> None:
    tokens = store(tmp_path, KEY)
    keep(tokens, label="low")
    low = file_of(tmp_path)
    sealed = orjson.loads(low.read_bytes())["sealed"]
    low.unlink()
    keep(tokens, label="high")
    file = file_of(tmp_path)
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | {"sealed": sealed}))

    with pytest.raises(AuthError, match="it holds another label's token"):
        kept(tokens, "high")


@pytest.mark.parametrize("text", ["+" * 43 + "=", "-" * 43 + "=", f" {KEY}\n"])
def test_keys_are_read_in_either_alphabet(text: str) -> None:
    [key] = parse_keys(text)

    assert Fernet(key)


def test_several_keys_have_blanks_between_them() -> None:
    assert parse_keys(f"{KEY} {OTHER}\n") == (KEY, OTHER)


@pytest.mark.parametrize("text", ["", " \n", "s3cret", KEY[:-1], KEY[:-5], f"{KEY},{OTHER}", f"{KEY} s3cret", "ü" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a key, 32 bytes in base64 \(make one with `openssl rand") as caught:
        parse_keys(text)
    assert "s3cret" not in str(caught.value)


def test_a_store_without_a_key_loads_no_cryptography(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[2])\n"
        "from support.keeping import keep, store\nkeep(store(Path(sys.argv[1])))\n"
        "assert not [name for name in sys.modules if name.startswith('cryptography')]"
    )
    support = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "tokens"), support], check=True)

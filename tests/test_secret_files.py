"""A secret that a setting names by its file's path."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from penstock import PluginConfig, SecretFile
from penstock.redaction import secrets_in


class Config(PluginConfig):
    key_file: SecretFile


def _refusal(value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"keyFile": value})
    [error] = caught.value.errors(include_url=False, include_input=False)
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


def test_the_file_is_read_with_the_settings_and_its_text_is_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret-value")
    config = Config.model_validate({"keyFile": str(file)})
    file.unlink()

    assert config.key_file.text.get_secret_value() == "s3cret-value"
    assert "s3cret-value" in list(secrets_in(config))
    assert Config.model_validate({"keyFile": config.key_file}) == config
    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "s3cret-value" not in shown
        assert str(file) in shown
    assert Config.model_json_schema()["properties"]["keyFile"]["format"] == "path"


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x30\x82\xff")
    (tmp_path / "large").write_text(" " * (1024 * 1024 + 1))

    assert _refusal(str(tmp_path / "no")) == "keyFile: the file cannot be read: No such file or directory"
    assert _refusal(str(tmp_path)) == "keyFile: the file cannot be read: Is a directory"
    assert _refusal(str(tmp_path / "binary")) == "keyFile: the file is binary; expected text"
    assert _refusal(str(tmp_path / "large")) == "keyFile: the file is larger than 1048576 bytes"
    assert _refusal(5) == "keyFile: expected a path"

"""Keys that sign JWTs: settings that several auths share, and the value that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, cast

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from penstock import JSON, PluginConfig

if TYPE_CHECKING:
    from penstock_auth._key_material import Material, PrivateKey

Algorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
]
_LARGEST_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, the algorithm it signs with, and the name under which the other side knows it."""

    algorithm: str
    key_id: str | None
    _key: PrivateKey | bytes = field(repr=False)

    @classmethod
    def of_secret(cls, secret: bytes, algorithm: Algorithm | None = None, key_id: str | None = None) -> SigningKey:
        """Return a key for HS256, HS384 or HS512.

        Raises:
            ValueError: The secret is shorter than the hash (RFC 7518 section 3.2), or the algorithm another.
        """
        from penstock_auth._key_material import of_secret  # noqa: PLC0415 - see _read

        return _made(of_secret(secret), algorithm, key_id)

    def sign(self, claims: Mapping[str, JSON], headers: Mapping[str, JSON] | None = None) -> str:
        """Return the JWT in compact form; ``kid`` is in its header when it is known.

        Args:
            claims: As they are sent.
            headers: Further JOSE headers; they replace ``kid`` and ``typ`` of the same name.
        """
        import jwt  # noqa: PLC0415 - see _read

        names: dict[str, JSON] = {"kid": self.key_id} if self.key_id else {}
        return jwt.encode(dict(claims), self._key, algorithm=self.algorithm, headers={**names, **(headers or {})})


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file's path as a setting, with what the file holds: read when the settings are, so that it is missed then."""

    path: Path
    text: SecretStr
    """A field of its own, for that is where redaction looks for secrets."""

    @classmethod
    def read(cls, value: object) -> KeyFile:
        """Read the file.

        Raises:
            ValueError: It cannot be read, or is no text.
        """
        if isinstance(value, KeyFile):
            return value
        if not isinstance(value, str | Path):
            message = "expected a path"
            raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
        path = Path(value)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
            text = content.decode()
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise ValueError(message) from None
        except UnicodeDecodeError:
            message = "is a binary file: expected PEM or a JWK in JSON"
            raise ValueError(message) from None
        if len(content) > _LARGEST_FILE:
            message = "is too large for a key: expected PEM or a JWK in JSON"
            raise ValueError(message)
        return cls(path, SecretStr(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the file that is named; written again, it is its path."""
        del source, handler
        written = core_schema.plain_serializer_function_ser_schema(_written)
        return core_schema.no_info_plain_validator_function(cls.read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show a path."""
        del schema, handler
        return {"type": "string", "format": "path"}


def _written(file: KeyFile) -> str:
    return str(file.path)


class KeyConfig(PluginConfig):
    """The settings of a signing key, checked whole before the first request; for a ``Config`` to inherit.

    The fields that explain a key come before it, for its validator looks at them.
    """

    algorithm: Algorithm | None = Field(
        default=None, description="how JWTs are signed (RFC 7518); by default what the key is for"
    )
    key_id: str | None = Field(
        default=None, description="the header kid, by which the other side finds its key; by default that of the JWK"
    )
    private_key_password: SecretStr | None = Field(default=None, description="of an encrypted private key")
    private_key: SecretStr | None = Field(
        default=None, description="what signs: PEM text, a JWK in JSON, or the JSON key of a Google service account"
    )
    private_key_file: KeyFile | None = Field(default=None, description="path to a file with the same")

    @field_validator("private_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is not None:
            _read(key, info.data)
        return key

    @field_validator("private_key_file")
    @classmethod
    def _holds_a_key(cls, file: KeyFile | None, info: ValidationInfo) -> KeyFile | None:
        if file is not None:
            _read(file.text, info.data)
        return file

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.private_key and self.private_key_file:
            message = "privateKey and privateKeyFile exclude each other"
            raise ValueError(message)
        return self

    @cached_property
    def signing_key(self) -> SigningKey | None:
        """What ``privateKey`` or ``privateKeyFile`` comes to; None where neither is set."""
        text = self.private_key_file.text if self.private_key_file else self.private_key
        if text is None:
            return None
        written = {name: getattr(self, name) for name in ("private_key_password", "algorithm", "key_id")}
        return _read(text, written)


def _read(text: SecretStr, settings: Mapping[str, object]) -> SigningKey:
    """Return the key with what the settings beside it say; one that was refused is not there.

    Raises:
        ValueError: It cannot be used.
    """
    # pyjwt and cryptography take a tenth of a second, which a run that signs nothing should not pay
    from penstock_auth._key_material import read_key  # noqa: PLC0415

    password = cast("SecretStr | None", settings.get("private_key_password"))
    material = read_key(text.get_secret_value(), password.get_secret_value() if password else None)
    return _made(
        material, cast("Algorithm | None", settings.get("algorithm")), cast("str | None", settings.get("key_id"))
    )


def _made(material: Material, algorithm: Algorithm | None, key_id: str | None) -> SigningKey:
    return SigningKey(material.choose(algorithm), key_id or material.key_id, material.key)

"""From PEM or JWK text to a private key, and what it can sign with. Imports what costs a tenth of a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt import algorithms

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final = {"secp256r1": ("P-256", "ES256"), "secp384r1": ("P-384", "ES384"), "secp521r1": ("P-521", "ES512")}
_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_SMALLEST_RSA: Final = 2048
_ENCRYPTED: Final = "is encrypted: set privateKeyPassword"
_EXPECTED: Final = "expected a private key as PEM text (-----BEGIN PRIVATE KEY-----) or as a JWK in JSON"


@dataclass(frozen=True, slots=True)
class Material:
    """A key, and what is known of it."""

    key: PrivateKey | bytes = field(repr=False)
    what: str
    """``an RSA key of 2048 bits``."""
    algorithms: tuple[str, ...]
    """What it can sign with; the first is the usual choice."""
    key_id: str | None = None
    algorithm: str | None = None
    """What a JWK says it is for."""

    def choose(self, wanted: str | None) -> str:
        """Return the algorithm to sign with.

        Raises:
            ValueError: The key cannot sign with what is wanted.
        """
        choice = wanted or self.algorithm or self.algorithms[0]
        if wanted and self.algorithm and wanted != self.algorithm:
            message = f"is a JWK for {self.algorithm}, not for {wanted}"
            raise ValueError(message)
        if choice in _SECRET_BYTES and isinstance(self.key, bytes) and len(self.key) < _SECRET_BYTES[choice]:
            least = _SECRET_BYTES[choice]
            message = f"is too short: {choice} needs a secret of {least} bytes or more (RFC 7518 section 3.2)"
            raise ValueError(message)
        if choice not in self.algorithms:
            message = f"is {self.what}, which cannot sign with {choice}; it can with {', '.join(self.algorithms)}"
            raise ValueError(message)
        return choice


def read_key(text: str, password: str | None) -> Material:
    """Read a private key from PEM text, a JWK (RFC 7517) or a Google service account's key file.

    Raises:
        ValueError: It is none, or one that cannot be used; never shows the text.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text, password)
    return _described(_from_pem(text, password))


def of_secret(secret: bytes) -> Material:
    """Return the material for HS256 and its kin.

    Raises:
        ValueError: It is no secret, but a key of another sort.
    """
    try:
        algorithms.HMACAlgorithm(algorithms.HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        message = "is empty, or a PEM key, certificate or JWK: expected the secret itself"
        raise ValueError(message) from None
    return Material(secret, "a secret", tuple(_SECRET_BYTES))


def _from_pem(text: str, password: str | None) -> object:
    if "-----BEGIN " not in text:
        message = f"is no key: {_EXPECTED}"
        raise ValueError(message)
    if "PRIVATE KEY-----" not in text:
        kind = "a certificate" if "CERTIFICATE-----" in text else "a public key" if "PUBLIC KEY-----" in text else ""
        message = f"is {kind or 'another sort of PEM'}: expected the private key"
        raise ValueError(message)
    if "\n" not in text.strip():  # as JSON and .env files carry it
        text = text.replace("\\r", "").replace("\\n", "\n")
    load = serialization.load_ssh_private_key if "OPENSSH PRIVATE KEY" in text else serialization.load_pem_private_key
    try:
        return load(text.strip().encode(), password.encode() if password else None)
    except TypeError:
        message = (
            "is not encrypted: leave out privateKeyPassword" if password else "is encrypted: set privateKeyPassword"
        )
    except UnsupportedAlgorithm:
        message = "is of a sort that cannot be read: expected RSA, EC or Ed25519"
    except ValueError:
        encrypted = password and ("ENCRYPTED" in text or "OPENSSH" in text)
        message = "cannot be decrypted: privateKeyPassword is wrong" if encrypted else "does not parse as a PEM key"
    raise ValueError(message)


def _described(key: object) -> Material:
    match key:
        case rsa.RSAPrivateKey():
            if key.key_size < _SMALLEST_RSA:
                message = f"is an RSA key of {key.key_size} bits: it needs {_SMALLEST_RSA} (RFC 7518 section 3.3)"
                raise ValueError(message)
            return Material(key, f"an RSA key of {key.key_size} bits", _RSA)
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            curve, algorithm = _CURVES[key.curve.name]
            return Material(key, f"an EC key on {curve}", (algorithm,))
        case ec.EllipticCurvePrivateKey():
            message = f"is an EC key on {key.curve.name}: expected P-256, P-384 or P-521"
        case ed25519.Ed25519PrivateKey():
            return Material(key, "an Ed25519 key", ("EdDSA",))
        case ed448.Ed448PrivateKey():
            return Material(key, "an Ed448 key", ("EdDSA",))
        case _:
            message = f"is a {type(key).__name__}: expected RSA, EC, Ed25519 or Ed448"
    raise ValueError(message)


def _from_json(text: str, password: str | None) -> Material:
    try:
        document = cast("Mapping[str, object]", json.loads(text))
    except (ValueError, RecursionError):
        message = f"is no JSON: {_EXPECTED}"
        raise ValueError(message) from None
    inner = document.get("private_key")
    if isinstance(inner, str):
        return _with_names(_described(_from_pem(inner, password)), document.get("private_key_id"), None)
    if "keys" in document:
        message = "is a set of JWKs: expected one JWK"
        raise ValueError(message)
    return _with_names(_from_jwk(document), document.get("kid"), document.get("alg"))


def _with_names(material: Material, key_id: object, algorithm: object) -> Material:
    return Material(
        material.key,
        material.what,
        material.algorithms,
        key_id if isinstance(key_id, str) and key_id else None,
        algorithm if isinstance(algorithm, str) and algorithm else None,
    )


def _from_jwk(document: Mapping[str, object]) -> Material:
    kind = document.get("kty")
    private = "k" if kind == "oct" else "d"
    if kind in {"RSA", "EC", "OKP"} and private not in document:
        message = "is a public JWK: expected the private one, with its member d"
        raise ValueError(message)
    try:
        match kind:
            case "oct":
                return of_secret(algorithms.HMACAlgorithm.from_jwk(dict(document)))
            case "RSA":
                key: object = algorithms.RSAAlgorithm.from_jwk(dict(document))
            case "EC":
                key = algorithms.ECAlgorithm.from_jwk(dict(document))
            case "OKP":
                key = algorithms.OKPAlgorithm.from_jwk(dict(document))
            case _:
                key = None
    except (jwt.InvalidKeyError, AttributeError, LookupError, TypeError, ValueError):  # pyjwt checks less than it reads
        message = f"does not parse as a JWK of type {kind}"
        raise ValueError(message) from None
    if key is None:
        message = "is no JWK: expected a member kty of RSA, EC, OKP or oct"
        raise ValueError(message)
    return _described(key)

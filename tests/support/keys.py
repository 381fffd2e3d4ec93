"""Keys made for tests, as people write them into settings."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
RSA: Final = rsa.generate_private_key(65537, 2048)
P256: Final = ec.generate_private_key(ec.SECP256R1())
P384: Final = ec.generate_private_key(ec.SECP384R1())
P521: Final = ec.generate_private_key(ec.SECP521R1())
ED25519: Final = ed25519.Ed25519PrivateKey.generate()
ED448: Final = ed448.Ed448PrivateKey.generate()


def pem(key: PrivateKey, password: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key: PrivateKey, **members: Any) -> str:  # noqa: ANN401 - as JSON has them
    match key:
        case rsa.RSAPrivateKey():
            document = RSAAlgorithm.to_jwk(key, as_dict=True)
        case ec.EllipticCurvePrivateKey():
            document = ECAlgorithm.to_jwk(key, as_dict=True)
        case _:
            document = OKPAlgorithm.to_jwk(key, as_dict=True)
    return json.dumps({**document, **members})

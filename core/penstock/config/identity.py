"""The certificate that shows a server who we are (mTLS), checked with the settings: no request is needed to fail.

Imports ``cryptography``, which costs a twentieth of a second: to be imported by those who have a certificate.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from penstock.config.pem import Identity

_SKEW: Final = timedelta(seconds=60)
"""How wrong our clock may be."""


def check_certificates(pem: str) -> None:
    """Refuse text that does not parse.

    Raises:
        ValueError: It holds no certificate, or one that does not parse.
    """
    _certificates(pem)


def check_validity(pem: str) -> None:
    """Refuse a certificate, the first of the text, that is not valid today.

    Raises:
        ValueError: It is none, has expired or is not valid yet.
    """
    now, certificate = datetime.now(UTC), _certificates(pem)[0]
    if certificate.not_valid_after_utc < now - _SKEW:
        message = f"the certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
        raise ValueError(message)
    if certificate.not_valid_before_utc > now + _SKEW:
        message = f"the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC only"
        raise ValueError(message)


def check_identity(identity: Identity) -> None:
    """Refuse what cannot be shown to a server.

    Raises:
        ValueError: The key does not parse, is locked, or belongs to another certificate.
    """
    key, certificate = _key(identity), _certificates(identity.certificates)[0]
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        message = "the private key does not belong to the certificate"
        raise ValueError(message)
    load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), identity)


def load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    """Let a context show the certificate to servers that ask for one.

    Raises:
        ValueError: It cannot.
    """
    # ssl reads keys from files only; this one is locked with a password that nobody else ever learns
    password = token_hex(16)
    locked = _key(identity).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    with NamedTemporaryFile() as file:
        file.write(b"%s\n%s" % (identity.certificates.encode(), locked))
        file.flush()
        try:
            context.load_cert_chain(file.name, password=password)
        except ssl.SSLError as error:
            message = f"certificate and key cannot be used: {error.reason or error}"
            raise ValueError(message) from None


def _certificates(pem: str) -> list[x509.Certificate]:
    if not pem:
        message = "no certificate is in it"
        raise ValueError(message)
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        message = "a certificate in it does not parse"
        raise ValueError(message) from None


def _key(identity: Identity) -> PrivateKeyTypes:
    password = identity.password.get_secret_value().encode() if identity.password else None
    text = identity.key.get_secret_value()
    try:
        return load_pem_private_key(text.encode(), password)
    except TypeError:
        message = "the private key is not encrypted: leave out clientKeyPassword"
        if password is None:
            message = "the private key is encrypted: set clientKeyPassword"
    except UnsupportedAlgorithm:
        message = "the private key is of a sort that cannot be read"
    except ValueError:
        locked = password is not None and "ENCRYPTED" in text
        message = "clientKeyPassword is wrong" if locked else "the private key does not parse"
    raise ValueError(message)

"""Keys that sign JWTs: what is understood, and what is refused before any request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.redaction import Redactor, secrets_in
from penstock_auth._key_material import read_key
from penstock_auth._keys import KeyConfig, SigningKey
from support.keys import ED448, ED25519, P256, P384, P521, RSA, PrivateKey, jwk, pem, public_pem

PKCS1 = PrivateFormat.TraditionalOpenSSL
CERTIFICATE = Path(__file__).parents[2] / "http" / "tls" / "strict.pem"
OCT = '{"kty": "oct", "k": "%s"}'


def _config(**settings: object) -> KeyConfig:
    return KeyConfig.model_validate(settings)


def _key(**settings: object) -> SigningKey:
    key = _config(**settings).signing_key
    assert key is not None
    return key


def _refusal(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        _config(**settings)
    [error] = caught.value.errors(include_url=False, include_input=False)
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


@pytest.mark.parametrize(
    ("key", "text", "algorithm"),
    [
        (RSA, pem(RSA), "RS256"),
        (RSA, pem(RSA, form=PKCS1), "RS256"),
        (RSA, pem(RSA, form=PrivateFormat.OpenSSH), "RS256"),
        (RSA, f"\n  {pem(RSA)}\n\n", "RS256"),
        (RSA, pem(RSA).replace("\n", "\\n"), "RS256"),
        (RSA, pem(RSA).replace("\n", "\r\n"), "RS256"),
        (RSA, jwk(RSA), "RS256"),
        (RSA, jwk(RSA, alg="PS384"), "PS384"),
        (RSA, json.dumps({"type": "service_account", "private_key": pem(RSA)}), "RS256"),
        (P256, pem(P256), "ES256"),
        (P256, pem(P256, form=PKCS1), "ES256"),
        (P256, jwk(P256), "ES256"),
        (P384, pem(P384), "ES384"),
        (P521, pem(P521), "ES512"),
        (P521, jwk(P521), "ES512"),
        (ED25519, pem(ED25519), "EdDSA"),
        (ED25519, jwk(ED25519), "EdDSA"),
        (ED448, pem(ED448), "EdDSA"),
    ],
)
def test_a_key_signs_with_the_algorithm_it_is_for(key: PrivateKey, text: str, algorithm: str) -> None:
    token = _key(privateKey=text).sign({"iss": "me"})

    assert jwt.decode(token, key.public_key(), algorithms=[algorithm]) == {"iss": "me"}
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_signs_with_any_of_its_algorithms(algorithm: str) -> None:
    token = _key(privateKey=pem(RSA), algorithm=algorithm).sign({"iss": "me"})

    assert jwt.decode(token, RSA.public_key(), algorithms=[algorithm]) == {"iss": "me"}


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_signs_when_it_is_as_long_as_the_hash(algorithm: str, size: int) -> None:
    secret = b"\x00\xff" * (size // 2)
    key = SigningKey.of_secret(secret, algorithm, "k1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert jwt.decode(key.sign({"iss": "me"}), secret, algorithms=[algorithm]) == {"iss": "me"}
    with pytest.raises(ValueError, match=f"is too short: {algorithm} needs a secret of {size} bytes or more"):
        SigningKey.of_secret(secret[1:], algorithm)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_secret_may_be_a_jwk() -> None:
    secret = "x" * 43
    token = _key(privateKey=OCT % secret).sign({})

    assert jwt.decode(token, jwt.PyJWK(json.loads(OCT % secret), "HS256").key, algorithms=["HS256"]) == {}


@pytest.mark.parametrize("secret", [b"", pem(RSA).encode(), jwk(P256).encode(), CERTIFICATE.read_bytes()])
def test_a_key_of_another_sort_is_no_secret(secret: bytes) -> None:
    with pytest.raises(ValueError, match="expected the secret itself"):
        SigningKey.of_secret(secret)


def test_the_header_names_the_key() -> None:
    def header(key: SigningKey, headers: dict[str, object] | None = None) -> dict[str, object]:
        return jwt.get_unverified_header(key.sign({}, headers))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    account = json.dumps({"private_key": pem(RSA), "private_key_id": "g1"})
    assert header(_key(privateKey=jwk(P256, kid="j1")))["kid"] == "j1"
    assert header(_key(privateKey=jwk(P256, kid="j1"), keyId="k1"))["kid"] == "k1"
    assert header(_key(privateKey=account))["kid"] == "g1"
    assert header(_key(privateKey=pem(P256), keyId="k1"), {"typ": "at+jwt", "x5t": "abc"}) == {
        "alg": "ES256",
        "typ": "at+jwt",
        "kid": "k1",
        "x5t": "abc",
    }


def test_an_encrypted_key_opens_with_its_password() -> None:
    for form in (PrivateFormat.PKCS8, PKCS1):
        token = _key(privateKey=pem(RSA, "hunter22", form), privateKeyPassword="hunter22").sign({"a": 1})
        assert jwt.decode(token, RSA.public_key(), algorithms=["RS256"]) == {"a": 1}


def test_a_file_holds_the_same(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(P256, "hunter22"))
    config = _config(privateKeyFile=str(file), privateKeyPassword="hunter22")
    file.unlink()  # it was read when the settings were

    assert config.signing_key is not None
    assert jwt.decode(config.signing_key.sign({"a": 1}), P256.public_key(), algorithms=["ES256"]) == {"a": 1}
    assert json.loads(config.model_dump_json(by_alias=True))["privateKeyFile"] == str(file)
    assert KeyConfig.model_validate(config).private_key_file == config.private_key_file


def test_without_a_key_there_is_none() -> None:
    assert _config(algorithm="HS256").signing_key is None


def _small() -> str:
    return pem(rsa.generate_private_key(65537, 1024))


def _dsa() -> str:
    key = dsa.generate_private_key(1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_NO_KEY = "expected a private key as PEM text (-----BEGIN PRIVATE KEY-----) or as a JWK in JSON"
_RSA = "RS256, RS384, RS512, PS256, PS384, PS512"
_ENCRYPTED = pem(RSA, "hunter22")


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("hunter22", {}, f"is no key: {_NO_KEY}"),
        ("", {}, f"is no key: {_NO_KEY}"),
        ("{", {}, f"is no JSON: {_NO_KEY}"),
        ('{"a":' * 10_000, {}, f"is no JSON: {_NO_KEY}"),
        ("{}", {}, "is no JWK: expected a member kty of RSA, EC, OKP or oct"),
        ('{"keys": []}', {}, "is a set of JWKs: expected one JWK"),
        (pem(RSA)[:400], {}, "does not parse as a PEM key"),
        (pem(RSA)[:400] + pem(RSA)[500:], {}, "does not parse as a PEM key"),
        (public_pem(RSA), {}, "is a public key: expected the private key"),
        (
            "-----BEGIN CERTIFICATE-----" + CERTIFICATE.read_text().partition("-----BEGIN CERTIFICATE-----")[2],
            {},
            "is a certificate: expected the private key",
        ),
        ("-----BEGIN CMS-----\nabcd\n-----END CMS-----", {}, "is another sort of PEM: expected the private key"),
        (_ENCRYPTED, {}, "is encrypted: set privateKeyPassword"),
        (_ENCRYPTED, {"privateKeyPassword": "other"}, "cannot be decrypted: privateKeyPassword is wrong"),
        (pem(RSA, "hunter22", PKCS1), {}, "is encrypted: set privateKeyPassword"),
        (pem(RSA), {"privateKeyPassword": "other"}, "is not encrypted: leave out privateKeyPassword"),
        (_small(), {}, "is an RSA key of 1024 bits: it needs 2048 (RFC 7518 section 3.3)"),
        (_dsa(), {}, "is a DSAPrivateKey: expected RSA, EC, Ed25519 or Ed448"),
        (
            pem(ec.generate_private_key(ec.SECP256K1())),
            {},
            "is an EC key on secp256k1: expected P-256, P-384 or P-521",
        ),
        (
            pem(RSA),
            {"algorithm": "ES256"},
            f"is an RSA key of 2048 bits, which cannot sign with ES256; it can with {_RSA}",
        ),
        (pem(P256), {"algorithm": "ES384"}, "is an EC key on P-256, which cannot sign with ES384; it can with ES256"),
        (pem(ED25519), {"algorithm": "HS256"}, "is an Ed25519 key, which cannot sign with HS256; it can with EdDSA"),
        (OCT % ("x" * 43), {"algorithm": "RS256"}, "is a secret, which cannot sign with RS256; it can with HS256"),
        (OCT % "aGVsbG8", {}, "is too short: HS256 needs a secret of 32 bytes or more (RFC 7518 section 3.2)"),
        (
            OCT % ("x" * 43),
            {"algorithm": "HS512"},
            "is too short: HS512 needs a secret of 64 bytes or more (RFC 7518 section 3.2)",
        ),
        (jwk(RSA, alg="RS512"), {"algorithm": "RS256"}, "is a JWK for RS512, not for RS256"),
        (jwk(RSA, alg="RSA-OAEP"), {}, "is an RSA key of 2048 bits, which cannot sign with RSA-OAEP"),
        (jwk(RSA, p="AQAB"), {}, "does not parse as a JWK of type RSA"),
        (jwk(P256, crv="P-384"), {}, "does not parse as a JWK of type EC"),
        (jwk(ED25519, x=5), {}, "does not parse as a JWK of type OKP"),
        ('{"kty": "oct"}', {}, "does not parse as a JWK of type oct"),
        (public_pem(P256).replace("PUBLIC", "PRIVATE"), {}, "does not parse as a PEM key"),
        ('{"kty": "EC", "crv": "P-256"}', {}, "is a public JWK: expected the private one, with its member d"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_the_reason(
    text: str, more: dict[str, object], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(text)

    assert _refusal(privateKey=text, **more).startswith(f"privateKey: {message}")
    assert _refusal(privateKeyFile=str(file), **more).startswith(f"privateKeyFile: {message}")


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "key.der").write_bytes(b"\x30\x82\xff")
    (tmp_path / "large.pem").write_text(" " * 70_000)

    assert (
        _refusal(privateKeyFile=str(tmp_path / "no.pem")) == "privateKeyFile: cannot be read: No such file or directory"
    )
    assert _refusal(privateKeyFile=str(tmp_path)) == "privateKeyFile: cannot be read: Is a directory"
    assert _refusal(privateKeyFile=5) == "privateKeyFile: expected a path"
    assert "is a binary file" in _refusal(privateKeyFile=str(tmp_path / "key.der"))
    assert "is too large" in _refusal(privateKeyFile=str(tmp_path / "large.pem"))


def test_there_is_one_key(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(P256))

    assert (
        _refusal(privateKey=pem(P256), privateKeyFile=str(file)) == ": privateKey and privateKeyFile exclude each other"
    )


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "d", "k", "x", "y", "n", "e", "p", "q", "dp", "dq", "qi", "kid", "alg"]),
        st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB", "", "é"]) | st.integers() | st.none(),
    )
)
def test_any_json_is_a_key_or_refused(document: dict[str, object]) -> None:
    try:
        read_key(json.dumps(document), None)
    except ValueError as error:
        assert str(error).startswith(("is ", "does not parse"))  # noqa: PT017 - a key may come of it, too


@pytest.mark.parametrize("text", [pem(RSA), pem(RSA).replace("\n", "\\n"), jwk(RSA)])
def test_no_key_shows(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(text)
    for config in (_config(privateKey=text), _config(privateKeyFile=str(file))):
        redact = Redactor(secrets_in(config))
        inside = text.replace("\\n", "\n").split("\n")[5][:20] if "BEGIN" in text else json.loads(text)["d"]

        for shown in (repr(config), str(config), config.model_dump_json(), repr(config.signing_key)):
            assert inside not in shown
        assert inside not in redact(f"the file holds {text}")


def test_settings_without_a_key_import_no_cryptography() -> None:
    code = (
        "import sys; from penstock_auth._keys import KeyConfig; KeyConfig();"
        "print([name for name in ('jwt', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

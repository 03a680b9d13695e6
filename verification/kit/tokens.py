"""Makes the tokens of tests: those of an issuer, and others that look like them."""

import base64
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET: Final = "of the issuer and the service, and of nobody else"  # noqa: S105 - of tests
ISSUER, AUDIENCE = "https://login.example", "seats"
FOR_AN_HOUR: Final = 3_600


def claims(**changed: object) -> dict[str, object]:
    """The claims of a token for Ann of acme, who may do all that a user may. None leaves one out."""
    now = int(time.time())
    all_of_them = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + FOR_AN_HOUR,
        "sub": "ann",
        "org": "acme",
        "scope": "read hold confirm",
    } | changed
    return {name: value for name, value in all_of_them.items() if value is not None}


def token(secret: str = SECRET, algorithm: str = "HS256", **changed: object) -> str:
    """A token that the secret signs, with these claims changed."""
    return jwt.encode(claims(**changed), secret, algorithm)


def unsigned(alg: str = "none", kid: str = "", **changed: object) -> str:
    """A token that says that it needs no signature."""
    return f"{_written({'alg': alg, 'typ': 'JWT'} | ({'kid': kid} if kid else {}), **changed)}."


def hashed_with(secret: bytes, *, alg: str, kid: str) -> str:
    """A token signed with any secret, also one that no library would take: a public key."""
    signed = _written({"alg": alg, "typ": "JWT", "kid": kid})
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), alg.replace('HS', 'sha')))}"


class IssuerKey:
    """A private key of an issuer, the tokens that it signs, and what the issuer publishes of it."""

    def __init__(self, algorithm: str, kid: str, *, rsa_bits: int = 2_048) -> None:
        self.algorithm = algorithm
        self.kid = kid
        match algorithm:
            case "ES256":
                self._private: Any = ec.generate_private_key(ec.SECP256R1())
            case "EdDSA":
                self._private = ed25519.Ed25519PrivateKey.generate()
            case _:
                self._private = rsa.generate_private_key(public_exponent=65_537, key_size=rsa_bits)

    def token(self, kid: str | None = None, **changed: object) -> str:
        """A token that this key signs."""
        headers = {"kid": self.kid if kid is None else kid}
        return jwt.encode(claims(**changed), self._private, self.algorithm, headers=headers)

    def published(self, **changed: object) -> dict[str, Any]:
        """The public key as a JWK."""
        return self._described(self._private.public_key()) | {"kid": self.kid, "use": "sig", **changed}

    def known_to_all(self) -> Sequence[bytes]:
        """The public key in every form in which it is passed on."""
        public, info = self._private.public_key(), PublicFormat.SubjectPublicKeyInfo
        pem, der = (public.public_bytes(each, info) for each in (Encoding.PEM, Encoding.DER))
        return pem, pem.rstrip(), der, json.dumps(self.published()).encode()

    def private(self) -> dict[str, Any]:
        """The private key as a JWK, which no issuer should publish."""
        return self._described(self._private) | {"kid": self.kid}

    def _described(self, key: Any) -> dict[str, Any]:  # noqa: ANN401 - of any algorithm
        kinds: dict[str, Any] = {"ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        described: dict[str, Any] = json.loads(kinds.get(self.algorithm, RSAAlgorithm).to_jwk(key))
        return described


def _written(header: dict[str, str], **changed: object) -> str:
    """What is signed of a token."""
    return ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims(**changed)))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

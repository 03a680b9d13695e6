"""The keys with which tokens are verified: each has one algorithm, which no token can choose."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SECRET_BYTES_MIN: Final = 32
RSA_BITS_MIN: Final = 2_048
ALGORITHMS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {("RSA", ""): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
)
"""The algorithm of each kind of public key, by its type and curve."""


class Key(NamedTuple):
    """What verifies tokens, and the only algorithm with which it does."""

    algorithm: str
    material: Any
    """Bytes of a secret, or a public key of `cryptography`."""


class Keys(Protocol):
    """Where keys are found."""

    async def find(self, kid: str) -> Sequence[Key]:
        """The keys of that id, "" if the token names none: an issuer may have given it to several. Raises
        BackendUnavailable if no key is known.
        """
        ...


class SharedSecret:
    """Keys: one secret, known to us and to who makes the tokens, whatever they call it."""

    def __init__(self, secret: bytes | Callable[[], str]) -> None:
        """`secret` may tell it as it is now. Raises ValueError for one that could be guessed."""
        self._secret = secret
        check_secret(secret if isinstance(secret, bytes) else secret().encode())

    async def find(self, kid: str) -> Sequence[Key]:
        """The secret."""
        return (Key("HS256", self._secret if isinstance(self._secret, bytes) else self._secret().encode()),)


def check_secret(secret: bytes) -> None:
    """Raises ValueError for one that could be guessed."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"must have at least {SECRET_BYTES_MIN} bytes")


def public_key(described: Mapping[str, Any]) -> Key | None:
    """The key that a JWK describes (RFC 7517); None if it is of no use here: another kind, for encryption, too weak."""
    if "d" in described:  # a private key: whoever publishes it has lost it
        return None
    if not _is_for_signatures(described):
        return None
    algorithm = ALGORITHMS.get((str(described.get("kty", "")), str(described.get("crv", ""))))
    if algorithm is None or described.get("alg", algorithm) != algorithm:
        return None
    try:
        material = jwt.PyJWK(dict(described), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(material, RSAPublicKey) and material.key_size < RSA_BITS_MIN:
        return None
    return Key(algorithm, material)


def _is_for_signatures(described: Mapping[str, Any]) -> bool:
    """Whether it may verify, as far as its issuer says (RFC 7517, 4.2 and 4.3)."""
    may = described.get("key_ops", ["verify"])
    return described.get("use", "sig") == "sig" and isinstance(may, list) and "verify" in may

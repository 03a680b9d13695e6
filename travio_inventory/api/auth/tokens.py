"""Authentication by bearer tokens: JWTs (RFC 7519) of one issuer, for one audience."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, NamedTuple

import jwt

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.keys import Key, Keys
from travio_inventory.api.auth.port import Credentials
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.ids import fault_of
from travio_inventory.kernel.refusals import Unauthenticated

TOKEN_BYTES_MAX: Final = 8_192
TOKENS_KNOWN_MAX: Final = 10_000
KNOWN_S_MAX: Final = 60
"""How long a token is believed before it is verified again: so soon is a key that was withdrawn of no use."""
REQUIRED: Final = ("exp", "iat", "sub", "aud", "iss")
WORDS: Final = frozenset(Grant) - {Grant.HEALTH, Grant.VIEW}
"""The words of a scope that mean something here."""
INVALID: Final = "invalid_token"
MALFORMED: Final = "the token is not valid"
SAID: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidAudienceError, "the token is for another audience"),
    (jwt.InvalidIssuerError, "the token is of another issuer"),
    (jwt.InvalidAlgorithmError, "the token is signed with an algorithm that its key does not have"),
    (jwt.MissingRequiredClaimError, f"the token lacks one of the claims {', '.join(REQUIRED)}"),
)


class TokenRules(NamedTuple):
    """Which tokens are believed, and where they name the organization."""

    issuer: str
    audience: str
    organization_claim: str
    organization_default: str
    """Of tokens without the claim."""
    leeway_s: int


class _Known(NamedTuple):
    identity: Identity
    until_ms: int


class TokenAuthentication:
    """Authentication. The token alone says who calls; a call without one is `anonymous`, where there is such a one."""

    def __init__(self, keys: Keys, rules: TokenRules, *, clock: Clock, anonymous: Identity | None = None) -> None:
        self._keys = keys
        self._rules = rules
        self._clock = clock
        self._anonymous = anonymous
        self._known: dict[bytes, _Known] = {}

    async def identify(self, credentials: Credentials) -> Identity:
        """Whom the token names. Raises Unauthenticated, BackendUnavailable."""
        token = credentials.token
        if not token:
            return self._without_token()
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise Unauthenticated(INVALID, MALFORMED)
        digest, now_ms = sha256(token.encode()).digest(), self._clock.now_ms()
        if (known := self._believed(digest, now_ms)) is not None:
            return known
        claims = self._verified(token, await self._keys_of(token))
        identity = identity_of(claims, self._rules)
        self._remember(digest, identity, min(identity.expires_at_s, now_ms // 1_000 + KNOWN_S_MAX))
        return identity

    def known(self, credentials: Credentials) -> Identity | None:
        """See Authentication. Only a token that was verified a moment ago is known."""
        if not (token := credentials.token):
            return self._anonymous
        return self._believed(sha256(token.encode()).digest(), self._clock.now_ms()) if token.isascii() else None

    def _believed(self, digest: bytes, now_ms: int) -> Identity | None:
        """Whom a token named when it was verified, if that was a moment ago."""
        known = self._known.get(digest)
        return known.identity if known is not None and now_ms < known.until_ms else None

    def forget(self) -> None:
        """The keys have changed: what they verified before does not count."""
        self._known.clear()

    def _without_token(self) -> Identity:
        if self._anonymous is None:
            raise Unauthenticated
        return self._anonymous

    async def _keys_of(self, token: str) -> Sequence[Key]:
        """The keys that the token names, one at least. Raises Unauthenticated, BackendUnavailable."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Unauthenticated(INVALID, MALFORMED) from None
        if not (keys := await self._keys.find(kid)):
            raise Unauthenticated(INVALID, "the token is signed with a key that the issuer does not have")
        return keys

    def _verified(self, token: str, keys: Sequence[Key]) -> Mapping[str, Any]:
        """The claims of the token, which one of the keys has signed. Raises Unauthenticated, without the token in what
        is told or in its cause.
        """
        *others, last = keys
        try:
            for key in others:
                with suppress(jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                    return self._claims(token, key)
            return self._claims(token, last)
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError) as wrong:
            said = next((said for kind, said in SAID if isinstance(wrong, kind)), MALFORMED)
            raise Unauthenticated(INVALID, said) from None

    def _claims(self, token: str, key: Key) -> Mapping[str, Any]:
        """As PyJWT verifies them. Raises PyJWTError, ValueError, TypeError, ArithmeticError."""
        rules = self._rules
        return jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=rules.leeway_s,
            options={"require": list(REQUIRED)},
        )

    def _remember(self, digest: bytes, identity: Identity, until_s: float) -> None:
        if len(self._known) >= TOKENS_KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known.pop(digest, None)
        self._known[digest] = _Known(identity, int(until_s * 1_000))


def identity_of(claims: Mapping[str, Any], rules: TokenRules) -> Identity:
    """Whom verified claims name. Raises Unauthenticated if that is nobody here."""
    subject = _id(claims["sub"], "sub")
    organization = _id(claims.get(rules.organization_claim, rules.organization_default), rules.organization_claim)
    grants = granted(claims.get("scope", ""))
    is_delegate = Grant.DELEGATE in grants
    return Identity(
        grants,
        organization,
        "" if is_delegate else subject,
        subject=subject,
        names_user=is_delegate,
        expires_at_s=int(claims["exp"]) + rules.leeway_s,
    )


def granted(scope: object) -> frozenset[Grant]:
    """The words of a scope that mean something here: of a text with spaces (RFC 8693), or of a list."""
    words = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else []
    return frozenset(Grant(word) for word in words if isinstance(word, str) and word in WORDS)


def _id(value: object, claim: str) -> str:
    if not isinstance(value, str) or fault_of(value):
        raise Unauthenticated(INVALID, f"the claim {claim} of the token is not an id")
    return value

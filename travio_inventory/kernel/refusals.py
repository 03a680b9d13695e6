"""Refusals that do not depend on what is reserved; the branch of the tree says what the caller should do.

Refusal
├── WrongRequest         change the request
│   ├── InvalidRequest
│   └── IdempotencyKeyReused
├── FinalRefusal         give up
│   ├── Unauthenticated
│   └── PermissionDenied
└── RetryableRefusal     the same request may succeed later
    ├── Overloaded
    ├── RateLimited
    ├── BackendUnavailable
    └── OutcomeUnknown
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple


class Violation(NamedTuple):
    """A field of the request and what is wrong with it."""

    field: str
    description: str


class Refusal(Exception):
    """The call is declined; the message and `reason` are for the caller."""

    reason: ClassVar[str]
    """The public name of the refusal: `ErrorInfo.reason` on the wire."""


class WrongRequest(Refusal):
    """The request itself must change."""


class InvalidRequest(WrongRequest):
    """One or more fields are wrong; nothing was done."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(_said(violations))
        self.violations = tuple(violations)

    def rename(self, name: Callable[[str], str]) -> None:
        """Call each field what `name` makes of it."""
        self.violations = tuple([Violation(name(field), description) for field, description in self.violations])
        self.args = (_said(self.violations),)


class IdempotencyKeyReused(WrongRequest):
    """The idempotency key belongs to another request; nothing was changed."""

    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for another request; use a new key")


class FinalRefusal(Refusal):
    """A retry of the same request will not help."""


class Unauthenticated(FinalRefusal):
    """Nobody knows whose call it is; nothing was done. `error` is "invalid_token" if the caller showed something that
    cannot be believed, "" if it showed nothing.
    """

    reason = "UNAUTHENTICATED"

    def __init__(self, error: str = "", said: str = "this call needs a token") -> None:
        super().__init__(said)
        self.error = error


class PermissionDenied(FinalRefusal):
    """The actor may not do that; nothing was done. `scope` is the one that it needs, "" if none would help."""

    reason = "PERMISSION_DENIED"

    def __init__(self, scope: str, said: str = "") -> None:
        super().__init__(said or f"this needs the scope {scope}")
        self.scope = scope


class RetryableRefusal(Refusal):
    """A retry may succeed; `retry_after_ms` says when."""

    def __init__(self, said: str, *, retry_after_ms: int) -> None:
        super().__init__(said)
        self.retry_after_ms = retry_after_ms

    @property
    def retry_after(self) -> float:
        """Seconds to wait before a retry."""
        return self.retry_after_ms / 1_000


class Overloaded(RetryableRefusal):
    """The service is at its limit; nothing was done."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("too many requests in flight", retry_after_ms=200)


class RateLimited(RetryableRefusal):
    """The caller makes more requests than it may; nothing was done. `whose`: those of the holder, the organization or
    the address.
    """

    reason = "RATE_LIMITED"

    def __init__(self, whose: str, *, retry_after_ms: int) -> None:
        super().__init__(f"too many requests of this {whose}", retry_after_ms=retry_after_ms)
        self.whose = whose


class BackendUnavailable(RetryableRefusal):
    """A backend is not available; nothing was done."""

    reason = "BACKEND_UNAVAILABLE"

    def __init__(self, why: str = "the store is unavailable") -> None:
        super().__init__(f"{why}; retry", retry_after_ms=500)


class OutcomeUnknown(RetryableRefusal):
    """It may have happened or may still happen: retry with the same idempotency key or hold id."""

    reason = "OUTCOME_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("the outcome is unknown; retry with the same key", retry_after_ms=500)


def _said(violations: Sequence[Violation]) -> str:
    return "; ".join(f"{field}: {description}" for field, description in violations)

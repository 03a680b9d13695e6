"""Refusals that do not depend on what is reserved; the branch of the tree tells the caller what to do next.

Refusal
├── WrongRequest            change the request
│   ├── InvalidRequest
│   └── IdempotencyKeyReused
├── FinalNo                 give up
│   └── PermissionDenied
└── AskAgain                the same request may succeed later
    ├── Overloaded
    ├── BackendUnavailable
    └── OutcomeUnknown
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class Violation(NamedTuple):
    """A field of the request and what is wrong with it."""

    field: str
    description: str


class Refusal(Exception):
    """A "no" with a reason that the caller may see."""

    reason: ClassVar[str]
    """The public name of the refusal: `ErrorInfo.reason` on the wire."""


class WrongRequest(Refusal):
    """The request itself must change."""


class InvalidRequest(WrongRequest):
    """One or more fields are wrong; nothing was done."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = tuple(violations)


class IdempotencyKeyReused(WrongRequest):
    """The idempotency key belongs to another request; nothing was changed."""

    reason = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for another request; use a new key")


class FinalNo(Refusal):
    """Asking again in the same way will not help."""


class PermissionDenied(FinalNo):
    """Who asks may not do that; nothing was done."""

    reason = "PERMISSION_DENIED"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this needs the scope {scope}")
        self.scope = scope


class AskAgain(Refusal):
    """Nothing is decided against the caller; `retry_after_ms` says when to ask again."""

    def __init__(self, said: str, *, retry_after_ms: int) -> None:
        super().__init__(said)
        self.retry_after_ms = retry_after_ms

    @property
    def retry_after(self) -> float:
        """Seconds to wait before asking again."""
        return self.retry_after_ms / 1_000


class Overloaded(AskAgain):
    """The service does as much as it can already."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("too many requests in flight", retry_after_ms=200)


class BackendUnavailable(AskAgain):
    """What it takes is not there; nothing was done."""

    reason = "BACKEND_UNAVAILABLE"

    def __init__(self, why: str = "the store is unavailable") -> None:
        super().__init__(f"{why}; ask again", retry_after_ms=500)


class OutcomeUnknown(AskAgain):
    """It may have happened or may still: ask again with the same idempotency key or hold id."""

    reason = "OUTCOME_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("the outcome is unknown; ask again with the same key", retry_after_ms=500)

"""Refusals about holds, whatever they claim, in the branches of the tree of `kernel.refusals`.

Refusal
├── FinalRefusal         give up
│   ├── HoldEnded
│   │   ├── HoldExpired
│   │   ├── HoldReleased
│   │   ├── HoldConfirmed
│   │   └── BookingCancelled
│   ├── ExtensionTooLong
│   ├── HoldChanged
│   └── HoldNotFound
└── RetryableRefusal     the same request may succeed later
    └── HoldLimitReached
"""

from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal


class HoldEnded(FinalRefusal):
    """The hold is over; `at_ms` is when its time ran out, in Unix milliseconds, 0 where it ended otherwise."""

    said = "the hold has ended"

    def __init__(self, at_ms: int = 0) -> None:
        super().__init__(self.said)
        self.at_ms = at_ms


class HoldExpired(HoldEnded):
    """The hold's time ran out and its claims are free."""

    reason = "HOLD_EXPIRED"
    said = "hold has expired"


class HoldReleased(HoldEnded):
    """The hold was released."""

    reason = "HOLD_RELEASED"
    said = "hold was released"


class HoldConfirmed(HoldEnded):
    """The hold became a booking: of another order, or one that can only be cancelled."""

    reason = "HOLD_CONFIRMED"
    said = "hold is confirmed"


class BookingCancelled(HoldEnded):
    """The booking was cancelled."""

    reason = "BOOKING_CANCELLED"
    said = "booking was cancelled"


class ExtensionTooLong(FinalRefusal):
    """A hold may not be kept longer than the cap on its total time."""

    reason = "EXTENSION_TOO_LONG"

    def __init__(self, until_ms: int) -> None:
        super().__init__("the hold may not be extended any further")
        self.until_ms = until_ms


class HoldChanged(FinalRefusal):
    """The hold is not as the caller last saw it: its version is another."""

    reason = "HOLD_CHANGED"

    def __init__(self, version: int) -> None:
        super().__init__(f"the hold has changed since: its version is {version}; read it and decide again")
        self.version = version


class HoldNotFound(FinalRefusal):
    """There is no such hold, or it is another holder's; the refusal is the same."""

    reason = "HOLD_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("hold not found")


class HoldLimitReached(RetryableRefusal):
    """The holder has as many live holds as are allowed."""

    reason = "HOLD_LIMIT"

    def __init__(self, holds_max: int) -> None:
        super().__init__(f"maximum concurrent holds exceeded: {holds_max}", retry_after_ms=1_000)
        self.holds_max = holds_max

"""A payment for a hold, as another service tells of it, and what comes of it."""

from dataclasses import dataclass
from enum import StrEnum

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.protocol.hold import parse_hold_id
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.seats.commands import HOLD_ID_BYTES_MAX
from travio_inventory.seats.hold import Cancelled, Confirmed, Hold

AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
"""The reason of a refund: what was paid is not the price of the hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment for a hold under an order, as that event of that source tells of it. The amount is in minor
    units, None if it is not told, and then it is not checked. Raises InvalidRequest.
    """

    source: str
    event: str
    hold_id: str
    order_id: str
    amount_minor: int | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.text("hold_id", self.hold_id, HOLD_ID_BYTES_MAX, required=True)
        if self.hold_id:
            try:
                parse_hold_id(self.hold_id)
            except HoldNotFound:
                found.wrong("hold_id", "no hold can have this id")
        found.id("order_id", self.order_id)
        if self.amount_minor is not None:
            found.number("amount_minor", self.amount_minor, 0, limits.PRICE_MINOR_MAX)
        found.text("currency", self.currency, 3)
        if self.currency and self.amount_minor is None:
            found.wrong("currency", "needs an amount_minor")
        found.finish()

    def fits(self, hold: Hold) -> bool:
        """Whether it is what the hold costs. A hold without prices costs nothing that is known here."""
        if self.amount_minor is None or not hold.prices or not hold.currency:
            return True
        return self.amount_minor == hold.price_minor and self.currency in ("", hold.currency)

    def has_booked(self, hold: Hold) -> bool:
        """Whether the hold was booked under its order, whatever came of the booking since."""
        state = hold.state
        return isinstance(state, Confirmed | Cancelled) and state.order == self.order_id


class Settled(StrEnum):
    """What came of an event about a payment."""

    BOOKED = "booked"
    REFUND_REQUIRED = "refund required"
    RELEASED = "released"
    NOTHING_TO_RELEASE = "nothing to release"
    """The hold is booked, or has ended, or never was: a payment that failed changes nothing of that."""

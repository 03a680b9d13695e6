"""How a command ends: one line with the problem and what to do, and an exit status that scripts can rely on."""

from enum import IntEnum
from typing import NamedTuple

from grpclib.const import Status

from travio_inventory.client.refusals import ClientError
from travio_inventory.client.unreachable import NoService, NoTls
from travio_inventory.kernel.refusals import (
    FinalRefusal,
    OutcomeUnknown,
    PermissionDenied,
    Refusal,
    RetryableRefusal,
    WrongRequest,
)
from travio_inventory.seats.refusals import InvalidJourney, InvalidSeats, SalesClosed
from travio_inventory.stock.refusals import StockNotFound


class Exit(IntEnum):
    """The exit statuses."""

    DONE = 0
    NO = 1
    """Refused for good; for a bench: the counts were wrong."""
    WRONG = 2
    """Wrong input: an option, file, setting or field."""
    ASK_AGAIN = 3
    """A retry may succeed."""
    NO_SERVICE = 4
    """No service at the target; nothing was done."""
    BROKEN = 5
    """The command itself failed, which is a bug; the outcome is unknown."""
    INTERRUPTED = 130
    """Ctrl-C; the outcome is unknown."""


class Failure(NamedTuple):
    """Why a command failed. `advice` says what to do, if there is anything to say."""

    status: Exit
    reason: str
    message: str
    advice: str = ""

    @property
    def line(self) -> str:
        """The problem and the advice, for people."""
        return f"{self.message}: {self.advice}" if self.advice else self.message


class Failed(Exception):
    """The command failed although no call did."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.line)
        self.failure = failure


NOT_OURS = frozenset({Status.UNAVAILABLE, Status.UNIMPLEMENTED})
"""Errors from something else that listens there: without our method, or without our kind of TLS."""
BUGS = frozenset({Status.INTERNAL, Status.UNKNOWN, Status.DATA_LOSS})
"""Errors of a call that only reads: they refuse nothing."""
ADVICE = {
    "HOLD_CHANGED": "`travio-inventory holds show` says what it is now",
    "INVALID_JOURNEY": "`travio-inventory trip show TRIP` lists the stops in order",
    "REPLY_TOO_LARGE": "add --section; `travio-inventory summary TRIP FROM TO` lists the sections",
    "INVALID_SEATS": "`travio-inventory trip show TRIP --seats` lists the seats",
    "SALES_CLOSED": "`travio-inventory trip show` tells the state; `trip reopen` and `trip unfreeze` sell again",
    "DEPARTED": "choose a journey that begins at a later stop",
    "TRIP_CHANGED": "`travio-inventory trip show` tells the version; repeat with it, or without --version",
    "TRIP_CANCELLED": "`travio-inventory trip open FILE --id ID` opens another",
    "SEAT_PLAN_NOT_FOUND": "`travio-inventory plan list` lists the stored plans",
    "TRIP_NOT_FOUND": "open it with `travio-inventory trip open FILE`, or name its --organization",
    "TRIP_DEFINED_OTHERWISE": "open it under another id with --id",
    "TRIP_BEING_FORGOTTEN": "--id gives it another id",
    "SEAT_HELD": "choose another seat, or retry when that hold is over",
    "SEAT_UNAVAILABLE": "choose a free seat; `travio-inventory map TRIP FROM TO` shows them",
    "SEAT_CONTENDED": "retry in a moment, or choose another seat",
    "HOLD_NOT_FOUND": "it must be the --user's own, in the --organization; `travio-inventory holds list` shows them",
    "HOLD_EXPIRED": "hold the seats again",
    "HOLD_RELEASED": "hold the seats again",
    "HOLD_CONFIRMED": "`travio-inventory holds show` names its order, `travio-inventory cancel` cancels it",
    "BOOKING_CANCELLED": "hold the seats again",
    "NOT_ON_WAITLIST": "`travio-inventory waitlist list` shows the --user's places",
    "UNAUTHENTICATED": "name a token in TRAVIO_TOKEN, or a file with one with --token-file",
    "PERMISSION_DENIED": "ask the operator of the service for that scope",
    "EXTENSION_TOO_LONG": "confirm it in time; `travio-inventory settings` shows the limit",
    "IDEMPOTENCY_KEY_REUSED": "use another --key",
    "HOLD_LIMIT": "release or confirm a hold first",
    "RATE_LIMITED": "retry in a moment, or ask the operator of the service for a higher limit",
    "OUTCOME_UNKNOWN": "run the same command again",
}
_WAREHOUSES = "`travio-inventory stock warehouses` lists them"
NOT_THERE = {
    "entry": "`travio-inventory stock list` lists the entries",
    "warehouse": _WAREHOUSES,
    "source warehouse": _WAREHOUSES,
    "destination warehouse": _WAREHOUSES,
    "supplier": "`travio-inventory stock suppliers` lists them",
    "transfer": "`travio-inventory stock transfers` lists them",
    "purchase order": "`travio-inventory stock orders` lists them",
    "approval": "`travio-inventory stock approvals --all` lists them",
    "reservation": "add --order if it is the id of an order",
}
"""What helps where there is no such thing of stock."""
OTHER_ORGANIZATION = "name the --organization of the token"
CANCELLED = frozenset({"cancelling", "cancelled"})
"""Sales in these states are never opened again."""
NO_SEAT = "has no seat"
"""Said of a seat that the trip has not: then it helps to list them."""
UNKNOWN = "the outcome is unknown"
"""Without the service's advice to keep the key, which only `hold` has."""
START_ONE = "start one with `travio-inventory serve`, or set --target"
SPEAK_TLS = "add --tls if it uses TLS, or set --target"
TRUST_IT = "set --ca-file to the CA of its certificate, or omit --tls"


def failure_of(refusal: Refusal) -> Failure:
    """The failure that reports a refusal."""
    match refusal:
        case WrongRequest():
            status = Exit.WRONG
        case FinalRefusal():
            status = Exit.NO
        case RetryableRefusal():
            status = Exit.ASK_AGAIN
        case _:
            raise AssertionError(f"{type(refusal).__name__} is on no branch")
    if isinstance(refusal, InvalidJourney) and refusal.candidates:
        choices = ", or ".join(f"--segments {first}-{last}" for first, last in refusal.candidates)
        return Failure(status, refusal.reason, str(refusal), f"say which: {choices}")
    if isinstance(refusal, PermissionDenied) and not refusal.scope:
        return Failure(status, refusal.reason, str(refusal), OTHER_ORGANIZATION)
    if isinstance(refusal, SalesClosed) and refusal.state in CANCELLED:
        return Failure(status, refusal.reason, str(refusal), ADVICE["TRIP_CANCELLED"])
    if isinstance(refusal, StockNotFound):
        what = str(refusal).removeprefix("there is no such ").partition(" of ")[0]
        return Failure(
            status, refusal.reason, str(refusal), "" if "of the order" in str(refusal) else NOT_THERE.get(what, "")
        )
    if isinstance(refusal, InvalidSeats) and NO_SEAT not in str(refusal):
        return Failure(status, refusal.reason, str(refusal))
    said = UNKNOWN if isinstance(refusal, OutcomeUnknown) else str(refusal)
    return Failure(status, refusal.reason, said, ADVICE.get(refusal.reason, ""))


def failure_of_error(error: ClientError) -> Failure:
    """The failure to report if another service answered, or one with a bug."""
    reason, said = error.status.name, str(error)
    if error.status in NOT_OURS:
        return Failure(Exit.NO_SERVICE, reason, said, "the target is not a service of this version; see --target")
    if error.status in BUGS:
        return Failure(Exit.ASK_AGAIN, reason, said, "the service's log says why")
    return Failure(Exit.NO, reason, said)


def not_reached(failure: NoService | NoTls, *, with_tls: bool) -> Failure:
    """The failure to report if no service answers, though something may listen there."""
    if isinstance(failure, NoTls):
        return Failure(Exit.NO_SERVICE, "NO_TLS", failure.message, TRUST_IT)
    advice = SPEAK_TLS if failure.is_there and not with_tls else START_ONE
    return Failure(Exit.NO_SERVICE, "NO_SERVICE", failure.said, advice)

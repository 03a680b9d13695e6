"""How a command ends: one line that says what and what to do, and an exit status that scripts can rely on."""

from enum import IntEnum
from typing import NamedTuple

from grpclib.const import Status

from travio_inventory.client.refusals import ClientError
from travio_inventory.client.unreachable import NoService, NoTls
from travio_inventory.kernel.refusals import FinalRefusal, Refusal, RetryableRefusal, WrongRequest


class Exit(IntEnum):
    """The exit statuses."""

    DONE = 0
    NO = 1
    """A definite no; for a bench: the counts were wrong."""
    WRONG = 2
    """What was asked for cannot be: a wrong option, file, setting or field."""
    ASK_AGAIN = 3
    """Nothing is decided; the same command may succeed later."""
    NO_SERVICE = 4
    """No service answers there; nothing was done."""
    BROKEN = 5
    """The command itself broke: a bug. What became of it is not known."""
    INTERRUPTED = 130
    """Ctrl-C. What became of it is not known."""


class Failure(NamedTuple):
    """Why a command did not do what was asked. `advice` says what to do, "" where there is nothing to say."""

    status: Exit
    reason: str
    message: str
    advice: str = ""

    @property
    def line(self) -> str:
        """What and what to do, for people."""
        return f"{self.message}: {self.advice}" if self.advice else self.message


NOT_OURS = frozenset({Status.UNAVAILABLE, Status.UNIMPLEMENTED})
"""Errors of somebody else who listens there: without our method, or without TLS as we speak it."""
BUGS = frozenset({Status.INTERNAL, Status.UNKNOWN, Status.DATA_LOSS})
"""Errors in the place of an answer to a question, which is therefore no "no"."""
ADVICE = {
    "INVALID_JOURNEY": "`travio-inventory trip show TRIP` lists the stops in order",
    "INVALID_SEATS": "`travio-inventory trip show TRIP --seats` lists the seats",
    "TRIP_NOT_FOUND": "open it with `travio-inventory trip open FILE`, or name its --organization",
    "TRIP_DEFINED_OTHERWISE": "open it under another id with --id",
    "SEAT_HELD": "choose another seat, or ask again when that hold is over",
    "SEAT_UNAVAILABLE": "choose a free seat, `travio-inventory map TRIP FROM TO` shows them",
    "SEAT_CONTENDED": "ask again in a moment, or choose another seat",
    "HOLD_NOT_FOUND": "it must be the --user's own, in the --organization; `travio-inventory holds list` shows them",
    "HOLD_EXPIRED": "hold the seats again",
    "HOLD_RELEASED": "hold the seats again",
    "HOLD_CONFIRMED": "`travio-inventory holds show` names its order, `travio-inventory cancel` gives it back",
    "BOOKING_CANCELLED": "hold the seats again",
    "NOT_ON_WAITLIST": "`travio-inventory waitlist list` shows what the --user waits for",
    "PERMISSION_DENIED": "ask whoever runs the service for that scope",
    "EXTENSION_TOO_LONG": "confirm it in time; `travio-inventory settings` shows the longest time",
    "IDEMPOTENCY_KEY_REUSED": "give --key another value",
    "HOLD_LIMIT": "release or confirm a hold first",
    "OUTCOME_UNKNOWN": "run the same command again",
}
START_ONE = "start one with `travio-inventory serve`, or name another with --target"
SPEAK_TLS = "add --tls if it speaks TLS, or name another with --target"
TRUST_IT = "name who signed its certificate with --ca-file, or leave --tls out"


def failure_of(refusal: Refusal) -> Failure:
    """What to tell of a refusal."""
    match refusal:
        case WrongRequest():
            status = Exit.WRONG
        case FinalRefusal():
            status = Exit.NO
        case RetryableRefusal():
            status = Exit.ASK_AGAIN
        case _:
            raise AssertionError(f"{type(refusal).__name__} is on no branch")
    return Failure(status, refusal.reason, str(refusal), ADVICE.get(refusal.reason, ""))


def failure_of_error(error: ClientError) -> Failure:
    """What to tell where no service of ours answered, or one that has a bug."""
    reason, said = error.status.name, str(error)
    if error.status in NOT_OURS:
        return Failure(Exit.NO_SERVICE, reason, said, "what answers there is no service of this version; see --target")
    if error.status in BUGS:
        return Failure(Exit.ASK_AGAIN, reason, said, "the service's log says why")
    return Failure(Exit.NO, reason, said)


def not_reached(failure: NoService | NoTls, *, with_tls: bool) -> Failure:
    """What to tell where no service answers, though somebody may listen there."""
    if isinstance(failure, NoTls):
        return Failure(Exit.NO_SERVICE, "NO_TLS", failure.message, TRUST_IT)
    advice = SPEAK_TLS if failure.is_there and not with_tls else START_ONE
    return Failure(Exit.NO_SERVICE, "NO_SERVICE", failure.said, advice)

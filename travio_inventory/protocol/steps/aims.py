"""What a step makes of a hold, or of some of its parts: the others stay as they are, or are given back with it.

    step       of parts P                               of all that it has
    -------    -------------------------------------    ------------------
    release    gives P back, the others stay held       released
    cancel     gives P back, the others stay booked     cancelled
    confirm    books P, gives the others back           confirmed

Parts that the hold has given back already are done: a repeated step finds what it wanted, and says so. Parts that it
got others for by a move are not: who names them does not know what the hold has.
"""

from collections.abc import Collection

from travio_inventory.protocol.hold import Aborted, Cancelled, Confirmed, Forgotten, Held, HoldState
from travio_inventory.protocol.resource import H


def aim_at(hold: H, state: HoldState, parts: Collection[str] | None) -> H | None:
    """The hold after the step to `state`, of these parts alone if they are named; None if nothing leads there any
    more, or nothing is left to do. Raises the refusal for parts that it never had, or got others for, or gave up and is
    to book.
    """
    if isinstance(hold.state, Aborted | Forgotten):
        return None
    had = hold.given_up if isinstance(state, Confirmed) else hold.given_back
    if parts is not None and (unknown := {*parts}.difference(hold.parts, had)):
        raise hold.never_had(unknown)
    if not isinstance(hold.state, Confirmed if isinstance(state, Cancelled) else Held):
        return None
    if isinstance(hold.state, Confirmed):
        state = Cancelled(hold.state.order)
    if isinstance(state, Confirmed) and parts is not None and (lost := {*parts}.difference(hold.parts)):
        raise hold.never_had(lost)
    if parts is None or not {*hold.parts}.difference(parts):
        return hold.with_state(state)
    if isinstance(state, Confirmed):
        return hold.keeping(parts, state)
    kept = [part for part in hold.parts if part not in parts]
    return hold.keeping(kept, hold.state) if len(kept) < len(hold.parts) else None


def is_done(hold: H, parts: Collection[str] | None) -> bool:
    """Whether the hold has given back these parts, whatever became of the others."""
    return parts is not None and {*hold.given_back}.issuperset(parts)


def has_more(hold: H, parts: Collection[str] | None) -> bool:
    """Whether a booking was made of more parts than these, so that it is not the one that was asked for. One that was
    moved may have been made of these: it is the answer, as it is now.
    """
    return parts is not None and not hold.moves and not {*parts}.issuperset(hold.parts)

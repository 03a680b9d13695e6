"""What each refusal about seats, trips and holds says to its caller, and when to try again."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.refusals import Refusal, Violation
from travio_inventory.seats import refusals
from travio_inventory.seats.refusals import BY_STORE, Decided, TakenCell

CONTENTION = "seat query contention - please retry"
SINCE = " (it was changed since it was opened)"
CELLS = [TakenCell("A1", 0, "held"), TakenCell("A1", 1, "held"), TakenCell("A2", 0, "held")]


@pytest.mark.parametrize(
    ("refuse", "said"),
    [
        (refusals.TripDefinedOtherwise, "this trip is already open with another definition; nothing was changed"),
        (
            lambda: refusals.TripDefinedOtherwise(["seats", "prices"], was_changed=True),
            f"this trip is already open with other seats, prices{SINCE}; nothing was changed",
        ),
        (lambda: refusals.SeatHeld(CELLS), f"{CONTENTION}: A1, A2 held"),
        (lambda: refusals.SeatHeld(CELLS[:1], own_hold="h"), f"{CONTENTION}: A1 held in your own hold h"),
        (lambda: refusals.SeatUnavailable(CELLS), "A1, A2 not available"),
        (lambda: refusals.SeatUnavailable([]), "a seat not available"),
        (refusals.HoldExpired, "hold has expired"),
        (lambda: refusals.ExtensionTooLong(7), "the hold may not be extended any further"),
        (
            lambda: refusals.HoldChanged(7),
            "the hold has changed since: its version is 7; read it and decide again",
        ),
        (refusals.HoldNotFound, "hold not found"),
        (refusals.TripNotFound, "trip not found"),
        (refusals.SeatPlanNotFound, "seat plan not found"),
        (refusals.TripCancelled, "the trip is cancelled, and stays so; open another one under another id"),
        (
            lambda: refusals.TripChanged(7),
            "the trip has changed and is of version 7 now: read it, and decide again",
        ),
        (
            lambda: refusals.Departed(7),
            "the trip has left the first stop of this journey: nothing of it is sold any more",
        ),
        (
            lambda: refusals.SalesClosed("frozen"),
            "the sales of this trip are frozen: no new holds, and no booking of an expired one",
        ),
        (lambda: refusals.ReplyTooLarge([Violation("section_id", "name one")]), "section_id: name one"),
        (refusals.NotOnWaitlist, "not on this waiting list"),
        (lambda: refusals.SeatContended(["A1", "A2"], retry_after_ms=1), f"{CONTENTION}: A1, A2 being taken"),
        (refusals.TripOpening, "the trip is still being opened"),
        (
            refusals.TripBeingForgotten,
            "the trip of this id is over and is being forgotten; open it again in a few hours, or under another id",
        ),
        (lambda: refusals.HoldLimitReached(4), "maximum concurrent holds exceeded: 4"),
    ],
)
def test_it_says_why(refuse: Callable[[], Refusal], said: str) -> None:
    assert str(refuse()) == said


def test_it_says_when_to_try_again() -> None:
    assert refusals.SeatContended([], retry_after_ms=30).retry_after_ms == 30
    assert refusals.TripOpening().retry_after_ms == 500
    assert refusals.TripBeingForgotten().retry_after_ms == 3_600_000
    assert refusals.HoldLimitReached(4).retry_after_ms == 1_000


def test_it_carries_what_a_caller_may_need() -> None:
    edge = Decided("edge", 7)
    held = refusals.SeatHeld(CELLS, held_until_ms=5, own_hold="h", decided=edge)
    assert (held.cells, held.held_until_ms, held.own_hold, held.decided) == (tuple(CELLS), 5, "h", edge)
    plain = refusals.SeatHeld(CELLS)
    assert (plain.held_until_ms, plain.own_hold, plain.decided) == (0, "", BY_STORE)
    taken = refusals.SeatUnavailable(CELLS, decided=edge)
    assert (taken.cells, taken.decided) == (tuple(CELLS), edge)
    contended = refusals.SeatContended(["A1"], retry_after_ms=1, decided=edge)
    assert (contended.seats, contended.decided) == (("A1",), edge)
    assert (refusals.HoldExpired(3).at_ms, refusals.HoldExpired().at_ms) == (3, 0)
    assert refusals.ExtensionTooLong(7).until_ms == 7
    assert refusals.SalesClosed("frozen").state == "frozen"
    assert refusals.TripChanged(7).version == refusals.HoldChanged(7).version == 7
    assert refusals.Departed(7).departed_at_s == 7
    assert refusals.ReplyTooLarge([], ["c9", "c10"]).sections == ("c9", "c10")
    defined = refusals.TripDefinedOtherwise(["seats", "prices"], was_changed=True)
    assert (defined.differences, defined.was_changed) == (("seats", "prices"), True)
    assert refusals.HoldLimitReached(4).holds_max == 4

"""The event of each step of a hold and of a block, and reading it again."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, Step
from travio_inventory.seats import events
from travio_inventory.seats.events import Data, data_of, data_text, step_to
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldState,
    Passenger,
    Released,
)
from travio_inventory.seats.trip import Journey, TripKey

HOLD = Hold("h", TripKey("org", "t"), "ann", ("A1", "é"), (0, 0), Journey(1, 2), 5, "c", Held(7), reason="why")
HOLD = replace(HOLD, prices=(900, 1_100), currency="BDT")
BLOCK = replace(HOLD, holder="")
OF_HOLD = '"hold_id":"h","trip":"t","user_id":"ann","seats":["A1","é"],"first_segment":1,"last_segment":2'
OF_HOLD += ',"prices":[900,1100],"currency":"BDT"'
OF_BLOCK = '"block_id":"h","trip":"t","seats":["A1","é"],"first_segment":1,"last_segment":2'
ABOUT = ("h", "t", "ann", ("A1", "é"), 1, 2)
PRICES: dict[str, Any] = {"prices": (900, 1_100), "currency": "BDT"}
ABOUT_BLOCK = ("h", "t", ("A1", "é"), 1, 2)
ORDER = ',"order":"o","created_at_ms":5'
BOUGHT = ORDER + ',"given_back":[]'
USER, HOUSE, SYSTEM = ActorKind.USER, ActorKind.HOUSE, ActorKind.SYSTEM


def an_event(step: Step) -> Event:
    return Event("e", step.type, step.version, 5, step.actor, "org", "h", step.ordinal, "t", step.data)


def told(ordinal: int, kind: str, more: str = "", *, actor: ActorKind = USER) -> Step:
    """The event of a step of the hold."""
    return Step(ordinal, kind, 1, actor, f"{{{OF_HOLD}{more}}}")


@pytest.mark.parametrize(
    ("state", "extensions", "step", "data"),
    [
        (Held(7), 0, told(0, "hold.created", ',"expires_at_ms":7'), events.HoldCreated(*ABOUT, 7, **PRICES)),
        (Held(9), 2, told(2, "hold.extended", ',"expires_at_ms":9'), events.HoldExtended(*ABOUT, 9, **PRICES)),
        (
            Confirmed("o"),
            2,
            told(3, "seats.purchased", BOUGHT),
            events.SeatsPurchased(*ABOUT, "o", 5, **PRICES),
        ),
        (Released(), 0, told(1, "hold.released"), events.HoldReleased(*ABOUT, **PRICES)),
        (Expired(7), 2, told(3, "hold.expired", actor=SYSTEM), events.HoldExpired(*ABOUT, **PRICES)),
        (Cancelled("o"), 2, told(4, "booking.cancelled", ORDER), events.BookingCancelled(*ABOUT, "o", 5, **PRICES)),
    ],
)
def test_each_step_of_a_hold_has_its_event(state: HoldState, extensions: int, step: Step, data: Data) -> None:
    found = step_to(replace(HOLD, state=state, extensions=extensions))
    assert found == step
    assert data_of(an_event(found)) == data


@pytest.mark.parametrize(
    ("state", "step", "data"),
    [
        (
            Held(7),
            Step(0, "seats.blocked", 1, HOUSE, f'{{{OF_BLOCK},"reason":"why"}}'),
            events.SeatsBlocked(*ABOUT_BLOCK, "why"),
        ),
        (Released(), Step(1, "seats.unblocked", 1, HOUSE, f"{{{OF_BLOCK}}}"), events.SeatsUnblocked(*ABOUT_BLOCK)),
    ],
)
def test_both_steps_of_a_block_have_their_events(state: HoldState, step: Step, data: Data) -> None:
    found = step_to(replace(BLOCK, state=state))
    assert found == step
    assert data_of(an_event(found)) == data


def test_what_runs_out_is_caused_by_the_system() -> None:
    assert step_to(replace(BLOCK, state=Expired(7))).actor is SYSTEM


def test_an_attempt_that_came_to_nothing_has_no_event() -> None:
    with pytest.raises(ValueError, match=r"^an aborted attempt has no event"):
        step_to(replace(HOLD, state=Aborted("refused")))


def test_a_newer_field_is_ignored() -> None:
    event = an_event(step_to(HOLD))
    newer = replace(event, data=event.data.replace("{", '{"newer":1,', 1))
    assert data_of(newer) == data_of(event)


@pytest.mark.parametrize(("kind", "version"), [("hold.created", 2), ("hold.lost", 1)])
def test_an_unknown_type_is_not_read(kind: str, version: int) -> None:
    strange = replace(an_event(step_to(HOLD)), type=kind, version=version)
    with pytest.raises(ValueError, match=rf"^event {kind} of version {version} is not known here$"):
        data_of(strange)


def test_data_is_written_as_short_as_json_can_be() -> None:
    assert data_text(events.HoldReleased(*ABOUT, **PRICES)) == f"{{{OF_HOLD}}}"


def test_an_unknown_state_has_no_event() -> None:
    lost: Any = "lost"
    with pytest.raises(AssertionError, match="lost"):
        step_to(replace(HOLD, state=lost))


WAS = replace(HOLD, seats=("B1", "A1"), groups=(0, 0), journey=Journey(0, 1), prices=(100, 200))
BEFORE = (("B1", "A1"), 0, 1, (100, 200))
NAMED = Confirmed("o", (Passenger("A1", "Ann"),))


@pytest.mark.parametrize(
    ("state", "before", "ordinal", "data"),
    [
        (Held(7), WAS, 2, events.HoldChanged(*ABOUT, *BEFORE, 7, **PRICES)),
        (
            Confirmed("o"),
            replace(WAS, state=Confirmed("o")),
            3,
            events.BookingChanged(*ABOUT, *BEFORE, "o", 5, **PRICES),
        ),
        (Confirmed("o"), WAS, 3, events.SeatsPurchased(*ABOUT, "o", 5, given_back=("B1",), **PRICES)),
        (Confirmed("o"), replace(WAS, state=Expired(7)), 3, events.SeatsPurchased(*ABOUT, "o", 5, **PRICES)),
        (Confirmed("o"), replace(HOLD, state=NAMED), 3, events.PassengersErased(*ABOUT, "o", **PRICES)),
    ],
)
def test_a_step_from_what_was_before_says_what_that_was(
    state: HoldState, before: Hold, ordinal: int, data: Data
) -> None:
    found = step_to(replace(HOLD, state=state, extensions=2, before=before))
    assert (found.ordinal, found.type, found.data) == (ordinal, data.type, data_text(data))
    assert data_of(an_event(found)) == data


def test_a_block_that_was_changed_counts_on() -> None:
    assert [step_to(replace(BLOCK, state=state, extensions=2)).ordinal for state in (Held(7), Released())] == [2, 3]

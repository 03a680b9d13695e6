"""Why seats cannot be held, and what a refused caller may know of it."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import claimant_of
from travio_inventory.seats.refusals import BY_STORE, Decided, SeatHeld, SeatUnavailable, TakenCell
from travio_inventory.seats.taken import fit_to_keep, is_final, refusal_of

ANN, BOB = (claimant_of(Actor("org", name), "key") for name in ("ann", "bob"))
ANNS = TakenCell("A1", 0, "held", claimant_of(Actor("org", "ann"), "another"), "anns", 5_000)
BOBS = TakenCell("A2", 1, "held", BOB, "bobs", 7_000)
SOLD = TakenCell("A3", 0, "sold", BOB, "bobs")
BLOCKED = TakenCell("A4", 0, "blocked")


def test_sold_and_blocked_are_reported_before_held() -> None:
    for cell in (SOLD, BLOCKED):
        assert is_final([BOBS, cell])
        refusal = refusal_of([BOBS, cell], ANN)
        assert isinstance(refusal, SeatUnavailable)
        assert (refusal.cells, refusal.decided) == ((BOBS, cell), BY_STORE)
    assert not is_final([ANNS, BOBS])
    assert not is_final([])


def test_held_seats_are_reported_with_the_moment_when_all_may_be_free() -> None:
    refusal = refusal_of([BOBS, ANNS], "")
    assert isinstance(refusal, SeatHeld)
    assert (refusal.cells, refusal.held_until_ms, refusal.own_hold) == ((BOBS, ANNS), 7_000, "")


def test_the_holders_own_hold_is_named() -> None:
    refusal = refusal_of([BOBS, ANNS], ANN)
    assert isinstance(refusal, SeatHeld)
    assert refusal.own_hold == "anns"


def test_without_a_cell_there_is_nothing_to_wait_for() -> None:
    assert isinstance(refusal_of([], ANN), SeatUnavailable)


def test_the_refusal_says_who_decided() -> None:
    edge = Decided("edge", 3)
    for cells in ([ANNS], [SOLD], []):
        assert refusal_of(cells, ANN, edge).decided == edge


def test_a_loser_keeps_only_the_states_of_others_cells() -> None:
    assert fit_to_keep([ANNS, BOBS], ANN) == [ANNS, TakenCell("A2", 1, "held", "", "", 7_000)]

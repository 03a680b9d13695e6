"""Why seats cannot be had, and what of it a loser may know."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import claimant_of
from travio_inventory.seats.refusals import BY_STORE, Decided, SeatHeld, SeatUnavailable, TakenCell
from travio_inventory.seats.taken import fit_to_keep, is_final, refusal_of

ANN, BOB = (claimant_of(Actor("org", name), "key") for name in ("ann", "bob"))
ANNS = TakenCell("A1", 0, "held", claimant_of(Actor("org", "ann"), "another"), "anns", 5_000)
BOBS = TakenCell("A2", 1, "held", BOB, "bobs", 7_000)
SOLD = TakenCell("A3", 0, "sold", BOB, "bobs")
BLOCKED = TakenCell("A4", 0, "blocked")


def test_sold_and_blocked_are_told_before_what_is_held() -> None:
    for cell in (SOLD, BLOCKED):
        assert is_final([BOBS, cell])
        refusal = refusal_of([BOBS, cell], ANN)
        assert isinstance(refusal, SeatUnavailable)
        assert (refusal.cells, refusal.decided) == ((BOBS, cell), BY_STORE)
    assert not is_final([ANNS, BOBS])
    assert not is_final([])


def test_what_is_held_is_told_with_the_moment_when_all_may_be_free() -> None:
    refusal = refusal_of([BOBS, ANNS], "")
    assert isinstance(refusal, SeatHeld)
    assert (refusal.cells, refusal.held_until_ms, refusal.own_hold) == ((BOBS, ANNS), 7_000, "")


def test_the_holders_own_hold_is_named() -> None:
    refusal = refusal_of([BOBS, ANNS], ANN)
    assert isinstance(refusal, SeatHeld)
    assert refusal.own_hold == "anns"


def test_without_a_cell_there_is_nothing_to_wait_for() -> None:
    assert isinstance(refusal_of([], ANN), SeatUnavailable)


def test_who_decided_is_told() -> None:
    edge = Decided("edge", 3)
    for cells in ([ANNS], [SOLD], []):
        assert refusal_of(cells, ANN, edge).decided == edge


def test_a_loser_keeps_of_others_cells_only_what_they_are() -> None:
    assert fit_to_keep([ANNS, BOBS], ANN) == [ANNS, TakenCell("A2", 1, "held", "", "", 7_000)]

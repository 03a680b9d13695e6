"""Seats of one vehicle and those of another: which stands for which, and which have none."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.swapping import SeatMatches, Why, match_seats, swapped

BUS = tuple(Seat(f"bus-{n}", str(n), row=n, column=1, seat_class="first" if n < 3 else "second") for n in range(1, 7))
COACH = tuple(replace(seat, id=f"coach-{seat.number}", column=2) for seat in BUS[:4])


def test_a_seat_keeps_its_id_wherever_it_is() -> None:
    moved = replace(BUS[0], row=9, number="9", section="rear")
    assert match_seats(BUS, (moved, *BUS[1:])).matched == {seat.id: seat.id for seat in BUS}


def test_a_seat_without_its_id_is_found_by_section_row_number_and_class() -> None:
    found = match_seats(BUS, COACH)
    assert found.matched == {f"bus-{n}": f"coach-{n}" for n in range(1, 5)}
    assert found.left == {"bus-5": Why.NOT_THERE, "bus-6": Why.NOT_THERE}
    assert found.unused == ()
    assert match_seats(COACH, BUS).unused == ("bus-5", "bus-6")


def test_a_row_is_known_by_what_people_call_it() -> None:
    old, new = replace(BUS[0], row=1, row_label="AA"), replace(COACH[0], row=7, row_label="AA")
    assert match_seats([old], [new]).matched == {old.id: new.id}
    assert match_seats([old], [replace(new, row_label="BB")]).left == {old.id: Why.NOT_THERE}
    assert match_seats([old], [replace(new, section="upper")]).left == {old.id: Why.NOT_THERE}


def test_no_seat_changes_its_class() -> None:
    """Neither one that keeps its id nor one that is found by its place."""
    same_id, same_place = replace(BUS[0], seat_class="second"), replace(COACH[1], seat_class="second")
    assert match_seats(BUS[:2], [same_id, same_place]) == SeatMatches(
        {}, {"bus-1": Why.OTHER_CLASS, "bus-2": Why.OTHER_CLASS}, (same_id.id, same_place.id)
    )


def test_a_place_that_two_seats_have_stands_for_neither() -> None:
    twice = (COACH[0], replace(COACH[0], id="coach-1b"))
    assert match_seats(BUS[:1], twice).left == {"bus-1": Why.SEVERAL}
    assert match_seats((BUS[0], replace(BUS[0], id="bus-1b")), COACH[:1]).left == {
        "bus-1": Why.SEVERAL,
        "bus-1b": Why.SEVERAL,
    }


def test_a_hold_is_moved_with_all_its_seats_or_not_at_all() -> None:
    matches = match_seats(BUS, COACH)
    assert swapped(("bus-2", "bus-1"), matches).seats == ("coach-2", "coach-1")
    assert swapped(("bus-2", "bus-1"), matches).is_possible
    assert swapped(("bus-1", "bus-6", "gone"), matches) == ((), {"bus-6": Why.NOT_THERE, "gone": Why.NOT_THERE})


SEATS = st.lists(
    st.builds(
        Seat,
        id=st.sampled_from("abcdef"),
        number=st.sampled_from("12"),
        row=st.integers(1, 2),
        column=st.just(1),
        seat_class=st.sampled_from(["", "first"]),
        section=st.sampled_from(["", "upper"]),
    ),
    max_size=6,
    unique_by=lambda seat: seat.id,
)


@given(old=SEATS, new=SEATS)
def test_each_seat_has_one_of_its_class_to_itself_or_a_reason(old: list[Seat], new: list[Seat]) -> None:
    found = match_seats(old, new)
    assert found.matched.keys() | found.left.keys() == {seat.id for seat in old}
    assert not found.matched.keys() & found.left.keys()
    assert len(set(found.matched.values())) == len(found.matched)
    assert {*found.matched.values(), *found.unused} == {seat.id for seat in new}
    classes = _classes(old), _classes(new)
    assert all(classes[0][one] == classes[1][other] for one, other in found.matched.items())
    assert match_seats(old[::-1], new[::-1]).matched == found.matched
    assert match_seats(old, old).matched == {seat.id: seat.id for seat in old}


def _classes(seats: Sequence[Seat]) -> dict[str, str]:
    return {seat.id: seat.seat_class for seat in seats}

"""Keys in Redis: every trip has its own, whatever characters its id has, and one slot for all keys of a seat group."""

from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from travio_inventory.edge.keys import lock_keys, map_key, taken_keys, word
from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.trip import TripKey
from verification.kit.legal_ids import legal_ids


@given(st.text())
def test_an_encoded_name_is_plain_and_can_be_decoded(text: str) -> None:
    made = word(text)
    assert not set(made) & set(" :{}")
    assert made.isascii()
    assert unquote(made, errors="surrogatepass") == text


@given(st.builds(TripKey, legal_ids, legal_ids), st.builds(TripKey, legal_ids, legal_ids))
@example(TripKey("a:b", "c"), TripKey("a", "b:c"))
@example(TripKey("a", "b%3Ac"), TripKey("a", "b:c"))
def test_no_two_trips_share_a_key(one: TripKey, other: TripKey) -> None:
    assert (map_key(one) == map_key(other)) == (one == other)


groups = st.builds(SeatGroupKey, st.builds(TripKey, legal_ids, legal_ids), st.integers(0, 12))
cells = st.builds(Cell, legal_ids, st.integers(0, 12))


FIRST = SeatGroupKey(TripKey("o", "t"), 1)


@given(groups, cells, groups, cells)
@example(FIRST, Cell("1A", 1), FIRST, Cell("A", 11))
@example(FIRST, Cell("1:1", 1), FIRST, Cell("1", 1))
@example(FIRST, Cell("A", 1), SeatGroupKey(FIRST.trip, 11), Cell("A", 1))
def test_no_two_cells_share_a_key(group: SeatGroupKey, cell: Cell, other_group: SeatGroupKey, other_cell: Cell) -> None:
    is_same = (group, cell) == (other_group, other_cell)
    assert (lock_keys(group, [cell]) == lock_keys(other_group, [other_cell])) == is_same
    assert (taken_keys(group, [cell]) == taken_keys(other_group, [other_cell])) == is_same
    assert lock_keys(group, [cell]) != taken_keys(other_group, [other_cell])

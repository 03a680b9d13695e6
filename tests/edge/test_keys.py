"""Names in Redis: every trip has its own, whatever signs its id has, and one slot for all of a block."""

from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from tests.legal_ids import legal_ids
from travio_inventory.domain.trip import TripKey
from travio_inventory.edge.keys import lock_keys, map_key, taken_keys, word
from travio_inventory.engine.ports import BlockKey, Cell


@given(st.text())
def test_a_word_is_plain_and_says_what_it_was_made_of(text: str) -> None:
    made = word(text)
    assert not set(made) & set(" :{}")
    assert made.isascii()
    assert unquote(made, errors="surrogatepass") == text


@given(st.builds(TripKey, legal_ids, legal_ids), st.builds(TripKey, legal_ids, legal_ids))
@example(TripKey("a:b", "c"), TripKey("a", "b:c"))
@example(TripKey("a", "b%3Ac"), TripKey("a", "b:c"))
def test_no_two_trips_share_a_key(one: TripKey, other: TripKey) -> None:
    assert (map_key(one) == map_key(other)) == (one == other)


blocks = st.builds(BlockKey, st.builds(TripKey, legal_ids, legal_ids), st.integers(0, 12))
cells = st.builds(Cell, legal_ids, st.integers(0, 12))


FIRST = BlockKey(TripKey("o", "t"), 1)


@given(blocks, cells, blocks, cells)
@example(FIRST, Cell("1A", 1), FIRST, Cell("A", 11))
@example(FIRST, Cell("1:1", 1), FIRST, Cell("1", 1))
@example(FIRST, Cell("A", 1), BlockKey(FIRST.trip, 11), Cell("A", 1))
def test_no_two_cells_share_a_key(block: BlockKey, cell: Cell, other_block: BlockKey, other_cell: Cell) -> None:
    is_same = (block, cell) == (other_block, other_cell)
    assert (lock_keys(block, [cell]) == lock_keys(other_block, [other_cell])) == is_same
    assert (taken_keys(block, [cell]) == taken_keys(other_block, [other_cell])) == is_same
    assert lock_keys(block, [cell]) != taken_keys(other_block, [other_cell])

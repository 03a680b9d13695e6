"""Titles: under what a hold has a claim, and where a hold is moved."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.protocol.hold import HoldId, Title, read_title
from travio_inventory.seats.records.seat_rows import names
from verification.kit.legal_ids import legal_ids

ID = f"t~0~{'0' * 32}"


@given(legal_ids, st.booleans(), st.integers(0, 10**9))
def test_a_title_is_read_as_it_was_written(trip: str, is_late: bool, move: int) -> None:
    hold_id = str(HoldId(trip, 0, "0" * 32, is_late))
    assert read_title(str(Title(hold_id, move))) == (hold_id, move)
    assert read_title(hold_id) == (hold_id, 0)


def test_what_a_hold_was_made_with_is_owned_by_its_id() -> None:
    assert (str(Title(ID)), str(Title(ID, 3))) == (ID, f"{ID}+3")
    assert read_title("") == ("", 0)


@pytest.mark.parametrize("hold_id", [f"a+1~0~{'0' * 32}", f"a+b~0~{'0' * 32}", "7", "a+", "a+b", "a+\u0663"])
def test_a_mark_in_the_id_of_a_hold_is_none_of_a_move(hold_id: str) -> None:
    assert read_title(hold_id) == (hold_id, 0)
    assert read_title(str(Title(hold_id, 3))) == (hold_id, 3)


@pytest.mark.parametrize(
    ("row", "cell", "move", "is_named"),
    [
        ({}, ("A1", 0), 0, True),
        ({}, ("A3", 0), 1, False),
        ({"given_up": "A3"}, ("A1", 1), 0, True),
        ({"given_up": "A3"}, ("A3", 0), 0, False),
        ({"moves": 1}, ("A1", 2), 0, False),
        ({"moves": 2}, ("A2", 1), 2, True),
        ({"moves": 2}, ("A1", 1, 1), 2, False),
    ],
)
def test_a_home_row_names_what_its_hold_has(row: Row, cell: tuple[Any, ...], move: int, *, is_named: bool) -> None:
    """Without a look at the seats, if it never had others and the cell is not that of a move."""
    home: Row = {"seats": "0 A1\n1 A2", "first_segment": 0, "last_segment": 1, **row}
    seat, segment, *group = cell
    in_group = group[0] if group else int(seat == "A2")
    assert names(home, in_group, RowKey(Kind.CELL, seat, segment), move) is is_named

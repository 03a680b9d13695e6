"""A plan is the same plan after it was written out and read."""

import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.imports.plan_text import plan_json, plan_toml
from travio_inventory.imports.seat_plans import SeatPlan, plan_from
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE

IDS = st.text("aA1-_{} é\\\"'=#.🚌", min_size=1, max_size=6).map(str.strip).filter(bool)
NUMBERS = st.one_of(
    st.text('A1 -_{}\\"\N{NO-BREAK SPACE}é', max_size=4),
    st.integers(0, 12).map(str),
    st.builds("{}{}".format, st.sampled_from(["A", "B-", "Balcony C-", "1-"]), st.integers(0, 12)),
)


@st.composite
def plans(draw: st.DrawFn) -> SeatPlan:
    """Seats wherever they may be, with any number on them."""
    classes = draw(st.lists(st.tuples(IDS, st.text("ab", max_size=2), st.integers(0, 9)), min_size=1, max_size=3))
    prefix, own = draw(st.sampled_from(["", "seat-", "{x}"])), draw(st.booleans())
    seats = {}
    for _ in range(draw(st.integers(1, 25))):
        seat_class, seat_type, price = draw(st.sampled_from(classes))
        number = draw(NUMBERS)
        seat_id = f"{prefix}{number}".strip() if own else draw(IDS)
        seats[seat_id or "x"] = Seat(
            seat_id or "x", number, draw(st.integers(0, 4)), draw(st.integers(0, 14)), seat_class, seat_type, price,
            draw(st.booleans()), draw(st.booleans()), draw(st.booleans()),
        )  # fmt: skip
    size = draw(st.sampled_from([OUR_CHOICE, ALL_IN_ONE_GROUP, 4]))
    return SeatPlan(draw(st.text('a"\\é', max_size=4)), tuple(seats.values()), draw(IDS), "EUR", size)


@settings(deadline=None)
@given(plans())
def test_a_plan_is_the_same_after_it_was_written_as_toml(plan: SeatPlan) -> None:
    assert plan_from(tomllib.loads(plan_toml(plan)), source="x.toml") == plan


@settings(deadline=None)
@given(plans())
def test_a_plan_is_the_same_after_it_was_written_as_json(plan: SeatPlan) -> None:
    assert plan_from(json.loads(plan_json(plan)), source="x.json") == plan


def test_a_section_may_begin_before_the_end_of_the_one_before() -> None:
    rows = (("a", 1), ("a", 4), ("b", 2), ("c", 4))
    plan = SeatPlan("p", tuple(Seat(f"{at}", f"{at}", row, 1, kind) for at, (kind, row) in enumerate(rows)))
    assert plan_from(tomllib.loads(plan_toml(plan)), source="x.toml") == plan


def test_rows_are_written_compactly() -> None:
    seats = [Seat(f"hall/A{number}", f"A{number}", 1, number + (number > 3), "stalls") for number in range(1, 7)]
    seats.append(Seat("hall/box", "box", 3, 1, "stalls"))
    text = plan_toml(SeatPlan("p", tuple(seats), currency="EUR"))
    assert (
        text
        == """\
[plan]
name = "p"
currency = "EUR"

[[sections]]
id = "1"
class = "stalls"
price_minor = 0
seat_id = "hall/{row}{column}"
rows = [
  { row = "A", seats = "1-3 _ 4-6" },
  { at = 3, seats = "box" },
]
"""
    )

"""Any order and repetition of any steps: legal states, right maps, and no seat that is stuck."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.kernel.refusals import FinalRefusal, Refusal, WrongRequest
from travio_inventory.protocol.batches import Batches
from travio_inventory.seats.hold import Confirmed, Hold
from travio_inventory.seats.refusals import SeatContended
from verification.kit.sale import GRACE_S, TTL_S_MAX, Market, Sale
from verification.kit.trips import PerGroup

STOPS = "ABCD"
SEATS = 4
JOURNEYS = [f"{origin}-{destination}" for origin, destination in combinations(STOPS, 2)]
HOLDERS = ("ann", "bob")
SETTINGS = settings(max_examples=20, derandomize=True, database=None)
GROUPS = pytest.mark.parametrize("per_group", [1, pytest.param(3, marks=pytest.mark.once), "all"])


class Step(NamedTuple):
    """One step of a holder: `on` picks one of the holder's holds, or a key."""

    verb: str
    by: str
    seats: str
    ends: str
    on: int
    seconds: int


VERBS = (
    "hold",
    "hold",
    "hold",
    "keyed",
    "confirm",
    "confirm",
    "release",
    "extend",
    "cancel",
    "sweep",
    "pass",
    "block",
    "unblock",
)
STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(VERBS),
        by=st.sampled_from(HOLDERS),
        seats=st.lists(st.integers(1, SEATS), min_size=1, max_size=3, unique=True).map(
            lambda numbers: " ".join(f"A{number}" for number in numbers)
        ),
        ends=st.sampled_from(JOURNEYS),
        on=st.integers(0, 3),
        seconds=st.sampled_from([1, 3, 30]),
    ),
    min_size=3,
    max_size=30,
)


@dataclass
class Play:
    """Steps on a sale of four seats, and all holds that they made."""

    sale: Sale
    made: dict[str, list[Hold]] = field(default_factory=lambda: {holder: [] for holder in HOLDERS})
    done: int = 0

    async def do(self, step: Step) -> None:
        """Do it; every refusal has a reason."""
        try:
            await self._do(step)
        except (FinalRefusal, SeatContended, WrongRequest):
            return
        self.done += 1

    async def _do(self, step: Step) -> None:
        sale, mine = self.sale, self.made[step.by]
        match step.verb:
            case "hold" | "keyed":
                key = f"k{step.on}" if step.verb == "keyed" else None
                mine.append(await sale.hold(step.seats, step.ends, by=step.by, key=key, ttl_s=step.seconds))
            case "sweep":
                await sale.sweep()
            case "pass":
                sale.clock.pass_s(step.seconds)
            case "block":
                await sale.block(step.seats)
            case "unblock":
                await sale.unblock(step.seats)
            case _:
                for hold in mine[-1 - step.on :][:1]:
                    await getattr(sale, step.verb)(hold)

    async def truth(self) -> dict[tuple[str, int], str]:
        """The state of each seat on each segment, according to the holds."""
        cells: dict[tuple[str, int], str] = {}
        for hold in {hold.id: hold for mine in self.made.values() for hold in mine}.values():
            now = await self.sale.find(hold)
            if now.is_live:
                status = "sold" if isinstance(now.state, Confirmed) else "held"
                for seat in now.seats:
                    for segment in now.journey.segments:
                        assert (seat, segment) not in cells, "two live holds have one cell"
                        cells[seat, segment] = status
        return cells


def shown(cells: dict[tuple[str, int], str], seat: str, ends: str, blocked: Sequence[str]) -> str:
    """What the map must show: the strongest state of the segments."""
    if seat in blocked:
        return "blocked"
    first, last = (STOPS.index(stop) for stop in ends.split("-"))
    said = {cells.get((seat, segment), "available") for segment in range(first, last)}
    return next(status for status in ("sold", "held", "available") if status in said)


@GROUPS
@given(steps=STEPS)
@SETTINGS
@pytest.mark.once
async def test_the_map_is_the_truth_for_every_journey_after_every_step(
    store: Batches, per_group: PerGroup, steps: list[Step]
) -> None:
    async with Market(store) as market:
        play = Play(await market.open(seats_per_group=per_group, seats=SEATS))
        for step in steps:
            await play.do(step)
            cells = await play.truth()
            for ends in JOURNEYS:
                seen = await play.sale.map(ends)
                blocked = [seat for seat, state in seen.items() if state == "blocked"]
                assert not any(cell[0] in blocked for cell in cells)
                assert seen == {seat.id: shown(cells, seat.id, ends, blocked) for seat in play.sale.trip.seats}
        assert await play.sale.elsewhere().map() == await play.sale.map()


@pytest.mark.once
@GROUPS
@given(steps=STEPS)
@SETTINGS
async def test_any_order_of_steps_ends_in_a_legal_state_and_leaves_no_seat_stuck(
    store: Batches, per_group: PerGroup, steps: list[Step]
) -> None:
    async with Market(store) as market:
        play = Play(await market.open(seats_per_group=per_group, seats=SEATS))
        for step in steps:
            await play.do(step)
        await play.sale.assert_legal()
        bookings = await play.truth()
        play.sale.clock.pass_s(TTL_S_MAX + GRACE_S)
        await play.sale.unblock(" ".join(seat.id for seat in play.sale.trip.seats))
        probe = play.sale.elsewhere()
        for seat in play.sale.trip.seats:
            for segment in range(len(STOPS) - 1):
                await probe_cell(probe, seat.id, segment, is_sold=bookings.get((seat.id, segment)) == "sold")
        await play.sale.assert_legal()


async def probe_cell(probe: Sale, seat: str, segment: int, *, is_sold: bool) -> None:
    """A cell can be won unless it is sold."""
    ends = f"{STOPS[segment]}-{STOPS[segment + 1]}"
    try:
        await probe.hold(seat, ends, by=f"probe-{seat}-{segment}")
    except Refusal:
        assert is_sold, f"{seat} {ends} cannot be won"
    else:
        assert not is_sold, f"{seat} {ends} was sold twice"

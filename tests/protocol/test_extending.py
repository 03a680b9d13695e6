"""How long a hold is extended, and that its row, its cells and its event say the same."""

from dataclasses import replace

import pytest

from tests.protocol.parts import noted
from travio_inventory.protocol.refusals import ExtensionTooLong
from travio_inventory.seats.events import HoldExtended, data_of
from travio_inventory.seats.hold import Held
from verification.kit.clocks import START_MS
from verification.kit.sale import TOTAL_S_MAX, TTL_S, Market, Sale

LONGEST_MS = START_MS + TOTAL_S_MAX * 1_000


async def cells_end(sale: Sale, seats: str) -> set[object]:
    """Until when the cells of these seats, of the home of their hold, say that they are held."""
    await sale.settled()
    return {cell["until_ms"] for seat in seats.split() for cell in await sale.cells(seat)}


async def test_the_row_the_cells_at_home_and_the_event_of_an_extended_hold_say_until_when(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_s(30)
    extended = await sale.extend(hold)
    until_ms = START_MS + (30 + TTL_S) * 1_000
    assert extended == replace(hold, state=Held(until_ms), extensions=1)
    assert await sale.find(hold) == extended
    assert await cells_end(sale, "A1") == {until_ms}
    told = [data_of(event) for event in await sale.relay_all()]
    assert [event.expires_at_ms for event in told if isinstance(event, HoldExtended)] == [until_ms]


async def test_a_hold_that_lasts_as_long_already_is_the_answer(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sent = noted(sale)
    assert await sale.extend(hold) == hold
    assert sent == []


async def test_a_hold_is_extended_up_to_the_longest_time_and_no_further(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms((TOTAL_S_MAX - 600) * 1_000 + 1)
    with pytest.raises(ExtensionTooLong) as refused:
        await sale.extend(hold, ttl_s=600)
    assert refused.value.until_ms == LONGEST_MS
    sale.clock.pass_ms(999)
    assert (await sale.extend(hold, ttl_s=599)).state == Held(LONGEST_MS)


async def test_a_hold_that_was_moved_is_extended_where_it_is_now(market: Market) -> None:
    sale = await market.open(seats_per_group=3)
    hold = await sale.hold("A1 A4")
    await sale.move(hold, "A1>A2")
    sale.clock.pass_s(30)
    await sale.extend(hold)
    assert await cells_end(sale, "A2") == {START_MS + (30 + TTL_S) * 1_000}
    await sale.assert_legal()

"""What the batch of a step has with it: which entries name the hold, and which of its claims follow it."""

import pytest

from tests.protocol.parts import noted
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Index, Kind
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.steps import writing
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.move import Move
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.seats import Seats
from verification.kit.passing import Batch
from verification.kit.sale import TTL_S, Market, Sale


def listed(sent: list[Batch]) -> list[object]:
    """What it leads the lists of holders and orders to."""
    return [entry for batch in sent for entry in batch.entries if entry.of in (Index.HOLDS, Index.ORDERS)]


async def test_a_hold_is_listed_anew_by_a_step_into_another_kind_of_state_and_by_no_other(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sent = noted(sale)
    await sale.release(await sale.extend(hold, ttl_s=TTL_S + 1), "A2")
    assert listed(sent) == []
    booking = await sale.confirm(hold)
    assert listed(sent) == listings.of_hold(booking, Retention())
    sent.clear()
    cancelled = await sale.cancel(booking)
    assert listed(sent) == listings.of_hold(cancelled, Retention())


async def test_the_row_of_a_hold_is_kept_until_it_has_ended_and_for_a_while_then(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sent = noted(sale)
    await sale.extend(hold, ttl_s=TTL_S + 1)
    await sale.release(hold, "A2")
    await sale.confirm(hold)
    await sale.cancel(hold)
    written = [write for batch in sent for write in batch.writes if write.key.kind is Kind.HOLD]
    assert [write.keep_s for write in written] == [None, None, None, Retention().over_s(hold.id)]


async def test_a_confirm_writes_what_a_booking_has_more_and_nothing_else_again(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sent = noted(sale)
    await sale.confirm(hold, passengers=[Passenger("A1", "Ann")])
    row = next(write for write in sent[0].writes if write.key.kind is Kind.HOLD)
    assert row.values.keys() == {"status", "order_id", "passengers", "event_epoch", "event_at_ms"}


@pytest.mark.parametrize("is_booked", [False, True])
async def test_claims_follow_a_moved_hold_under_each_of_their_titles(market: Market, is_booked: bool) -> None:
    sale = await market.open(seats_per_group=18)
    hold = await sale.hold("A1 A2")
    await sale.process.holds.move(sale.actor(), hold.id, Move(sale.trip, {"A2": "A3"}))
    if is_booked:
        await sale.confirm(hold)
        assert await sale.seats("sold") == "A1 A3"
        await sale.cancel(hold)
    else:
        await sale.release(hold)
    assert await sale.seats("available") == " ".join(f"A{number}" for number in range(1, 19))
    await sale.assert_legal()


async def test_claims_of_a_moved_hold_that_are_in_no_row_are_those_of_its_first_title(sale: Sale) -> None:
    hold = await sale.move(await sale.hold("A1"), "A1>A2")
    keys = Seats().keys(hold, sale.group_partition("A2"))
    free = dict.fromkeys(keys, seat_rows.FREE)
    for seen in ({}, free):
        assert writing.by_title(Seats(), hold, keys, seen) == {hold.id: keys}

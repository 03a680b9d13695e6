"""Steps on holds that are over, gone, or of a trip that is: what is said, and that nothing is sent."""

from dataclasses import replace

import pytest

from tests.protocol.parts import hold_row, noted, unused_id
from tests.seats.steps import STEPS, Step
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Row, Write
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.seats.hold import Cancelled
from verification.kit.sale import Sale


async def says(sale: Sale, hold_id: str, row: Row) -> None:
    """The row of a hold on A1 says that."""
    await sale.market.store.apply(sale.group_partition("A1"), [Write(rows.hold_key(hold_id), {}, row)])


@pytest.mark.parametrize("status", [rows.CLOSED, rows.FORGOTTEN, "aborted"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_hold_whose_trip_is_over_is_found_by_no_step(sale: Sale, step: Step, status: str) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold.id, {"status": status})
    sent = noted(sale)
    with pytest.raises(HoldNotFound):
        await step(sale, hold)
    assert sent == []


async def test_nor_is_it_shown(sale: Sale) -> None:
    hold = await sale.hold("A1")
    await says(sale, hold.id, {"status": rows.CLOSED})
    with pytest.raises(HoldNotFound):
        await sale.find(hold)


async def test_a_cancelled_booking_keeps_its_order(sale: Sale) -> None:
    hold = await sale.hold("A1")
    cancelled = await sale.cancel(await sale.confirm(hold, "order-7"))
    assert cancelled.state == Cancelled("order-7")
    assert (await hold_row(sale, hold.id))["order_id"] == "order-7"


async def test_a_hold_whose_row_is_gone_is_ended_by_nobody(sale: Sale) -> None:
    hold = replace(await sale.hold("A1"), id=unused_id(sale))
    sent = noted(sale)
    assert await sale.process.holds.expiring.expire(hold) == {}
    assert len(sent) == 1

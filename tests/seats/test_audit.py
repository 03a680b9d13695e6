"""The auditor finds each planted fault, repairs it as far as a step can, and finds nothing in a sale that is right."""

import pytest

from travio_inventory.kernel.actor import HOUSE
from travio_inventory.seats.audit.findings import ADVICE, Fault, Skipped, Sums
from travio_inventory.seats.trip import TripKey
from verification.kit.planted_faults import PLANTED, audit, write_cell
from verification.kit.sale import Market, Sale


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats on three segments, in two seat groups."""
    return await market.open(seats_per_group=16)


async def busy(sale: Sale) -> None:
    """One of each: holds and bookings over both seat groups and in one, moved, given back in part, blocked, ended."""
    await sale.hold("A1 A17", "A-C", by="ann")
    await sale.confirm(await sale.hold("A2 A18", "A-D", by="bob"))
    await sale.move(await sale.hold("A3", "A-B", by="cyd"), "A3>A4")
    await sale.release(await sale.hold("A5 A6", "A-B", by="dan"), "A5")
    await sale.cancel(await sale.confirm(await sale.hold("A7", "A-D", by="eve")))
    await sale.release(await sale.hold("A8 A17", "C-D", by="fay"))
    await sale.block("A9 A10")
    await sale.unblock("A10")
    await sale.settled()


async def test_nothing_is_wrong_with_a_sale_that_is_right(sale: Sale) -> None:
    await busy(sale)
    audited = await audit(sale)
    assert (list(audited.found), audited.unread, audited.groups) == ([], {}, 2)
    assert audited.sums == Sums(free=39, held=6, sold=6, blocked=3, total=54)
    assert audited.sums.match


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_fault_is_found_and_repaired_if_a_step_can(sale: Sale, name: str) -> None:
    """With other holds beside it, of which nothing is said. What is repaired is whole: the rows agree."""
    planted = PLANTED[name]
    await sale.confirm(await sale.hold("A12 A18", "A-D", by="zoe"))
    await sale.settled()
    await planted.plant(sale)

    told = await audit(sale)
    assert {finding.fault for finding in told.left} == planted.faults, told
    assert told.repaired == []

    repaired = await audit(sale, repair=True)
    assert {finding.fault for finding in repaired.found} == planted.faults
    assert (repaired.left == []) is planted.is_repaired, repaired.left
    if planted.is_repaired:
        await sale.settled()
        assert list((await audit(sale)).found) == []
        await sale.assert_legal()


async def test_who_lacks_a_seat_that_somebody_left_gets_it(sale: Sale) -> None:
    """The cell is an ended hold's; a live one names it."""
    ended = await sale.hold("A1", "A-B", by="ann")
    (cell, *_) = await sale.cells("A1")
    await sale.release(ended)
    await sale.hold("A1", "A-B", by="bob")
    await write_cell(sale, "A1", cell)
    audited = await audit(sale, repair=True)
    assert {finding.fault for finding in audited.repaired} == {Fault.LEFTOVER, Fault.WITHOUT_SEAT}
    assert audited.left == []
    await sale.assert_legal()


def test_every_fault_is_planted_somewhere() -> None:
    """A mark that outlives its time is planted in a real Redis, by the tests of the command."""
    assert set().union(*(planted.faults for planted in PLANTED.values())) == set(Fault) - {Fault.LASTING_MARK}


def test_there_is_advice_for_every_fault() -> None:
    assert set(ADVICE) == set(Fault)
    assert all(not said.endswith(".") for said in ADVICE.values())


async def test_a_trip_that_is_not_there_is_not_audited(sale: Sale) -> None:
    audited = await sale.inventory.audit_trips.one(HOUSE, TripKey(sale.trip.key.organization, "no-such-trip"))
    assert audited.skipped is Skipped.GONE

"""A late confirm: for which seats it is, and what is said where they are not sold."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.protocol.parts import Overtaken, hold_row, noted, nothing
from tests.protocol.test_on_units import Killed
from tests.protocol.test_overtaken import LAPSES_MS, LASTS_MS, Heard, slow
from travio_inventory.protocol.batches import Partition, RowKey, Rows, Write
from travio_inventory.protocol.epochs import Epochs
from travio_inventory.protocol.fencing import REFUSED, Fencing
from travio_inventory.protocol.refusals import HoldConfirmed, HoldExpired
from travio_inventory.protocol.rows import number
from travio_inventory.seats.commands import SalesAction
from travio_inventory.seats.hold import Hold, late_id
from travio_inventory.seats.refusals import InvalidSeats
from verification.kit import asking
from verification.kit.clocks import START_MS
from verification.kit.passing import Passing
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip


class SlowReads(Passing):
    """Each read takes its time."""

    def __init__(self, sale: Sale) -> None:
        super().__init__(sale.market.store)
        self._clock = sale.clock

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        self._clock.pass_ms(LASTS_MS)
        return await super().get(partition, keys)


@pytest.fixture
async def expired(sale: Sale) -> Hold:
    """A hold on A1 and A2."""
    hold = await sale.hold("A1 A2")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    return hold


async def test_a_part_is_booked_late_and_answers_only_those_who_asked_for_it(sale: Sale, expired: Hold) -> None:
    booking = await sale.confirm(expired, seats="A2")
    assert booking.seats == ("A2",)
    assert await sale.confirm(expired, seats="A2") == booking
    with pytest.raises(HoldConfirmed):
        await sale.confirm(expired, seats="A1")
    assert await sale.seats("sold") == "A2"


async def test_what_the_hold_gave_up_before_its_end_is_named(sale: Sale) -> None:
    hold = await sale.release(await sale.hold("A1 A2"), "A1")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    with pytest.raises(InvalidSeats, match="A1"):
        await sale.confirm(hold, seats="A1 A2")


async def test_what_is_sold_no_more_is_refused_for_good(sale: Sale, expired: Hold) -> None:
    await asking.control_sales(sale.inventory, sale.trip.key, SalesAction.FREEZE)
    sent = noted(sale)
    for _ in range(2):
        with pytest.raises(HoldExpired):
            await sale.confirm(expired)
    row = await hold_row(sale, late_id(expired.id))
    assert (row["status"], row["reason"], len(sent)) == ("aborted", REFUSED, 1)


async def test_it_is_told_as_of_its_commit_and_again_as_of_when_it_was_read(sale: Sale, expired: Hold) -> None:
    heard, now_ms = Heard(sale), sale.clock.now_ms()
    slow(sale)
    booking = await sale.confirm(expired)
    assert heard.changes == [(booking.id, booking.state, now_ms + LASTS_MS)]
    await sale.settled()
    now_ms = sale.clock.now_ms()
    assert await sale.confirm(expired) == booking
    assert heard.changes[1:] == [(booking.id, booking.state, now_ms)]


async def test_it_is_recorded_as_of_its_beginning_however_long_the_epoch_was_read(sale: Sale, expired: Hold) -> None:
    process, began_ms = sale.process, sale.clock.now_ms()
    process.sender.epochs = Epochs(SlowReads(sale), sale.clock, process.steps.in_background)
    booking = await sale.confirm(expired)
    assert number(await hold_row(sale, booking.id), "event_at_ms") == began_ms


async def test_a_refusal_that_asked_no_other_seat_group_leaves_nothing_to_tell(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    await sale.elsewhere().hold("A1", by="bob")
    heard = Heard(sale)
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    assert heard.changes == []


async def test_what_has_departed_is_not_booked_late(market: Market) -> None:
    departs_at_s = START_MS // 1_000 + 2 * TTL_S
    segments = tuple(replace(each, departs_at_s=departs_at_s) for each in a_trip().segments)
    sale = market.prepare(replace(a_trip(seats_per_group=1), segments=segments))
    await sale.open_trip()
    holds = [await sale.hold(seat) for seat in ("A1", "A2")]
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    await sale.confirm(holds[0])
    sale.clock.pass_ms(LAPSES_MS)
    with pytest.raises(HoldExpired):
        await sale.confirm(holds[1])


async def test_what_was_never_booked_late_has_expired_also_for_who_erases_it(sale: Sale, expired: Hold) -> None:
    with pytest.raises(HoldExpired):
        await sale.process.holds.erase(sale.actor(), expired.id)


async def test_what_it_took_elsewhere_is_given_back_if_its_id_was_fenced_before_its_commit(
    sale: Sale, expired: Hold
) -> None:
    other = sale.elsewhere().process

    async def fence(_: Sequence[Write]) -> None:
        await Fencing(other.sender, other.holds.resource).fence(expired.organization, late_id(expired.id), REFUSED)

    sale.process.sender.batches = Overtaken(sale.store, nothing, fence)
    with pytest.raises(HoldExpired):
        await sale.confirm(expired)
    await sale.settled()
    assert [await sale.statuses(seat) for seat in ("A1", "A2")] == [["available"] * 3] * 2


async def test_what_another_process_booked_before_its_commit_is_the_booking_and_keeps_its_seats(
    sale: Sale, expired: Hold
) -> None:
    other = sale.elsewhere()
    sale.process.sender.batches = Overtaken(sale.store, nothing, lambda _: other.confirm(expired))
    booking = await sale.confirm(expired)
    await sale.settled()
    assert [await sale.statuses(seat) for seat in booking.seats] == [["sold"] * 3] * 2
    await sale.assert_legal()


async def test_seats_that_another_attempt_is_taking_are_not_booked_late(sale: Sale, expired: Hold) -> None:
    other = sale.elsewhere()

    async def die(_: Sequence[Write]) -> None:
        raise Killed

    other.process.sender.batches = Overtaken(sale.store, nothing, die)
    with pytest.raises(Killed):
        await other.hold("A1 A2")
    with pytest.raises(HoldExpired):
        await sale.confirm(expired)

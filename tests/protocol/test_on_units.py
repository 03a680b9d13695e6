"""Units of a counter: each batch is computed from what is there, so a read too few or too old shows at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Never

import pytest

from tests.protocol.parts import Move, Noted, Overtaken, noted, nothing, pauses
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.claims import ERRORS_MAX, ROUNDS_MAX
from travio_inventory.protocol.hold import Cancelled, Confirmed, Held, Released
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.steps.deciding import COUNTED_TRIES_MAX
from travio_inventory.protocol.steps.expire import TRIES_MAX
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.passing import Batch, Send
from verification.kit.sale import CLOCK_BOUND_MS, GRACE_S, TTL_S, Market, Sale
from verification.simulation.units import (
    COUNTER,
    NotEnough,
    Unheard,
    UnitHold,
    UnitRequest,
    Units,
    UnitsContended,
    partition_of,
)

UNITS = 10


class Killed(Exception):
    """The process is gone."""


class WithoutLines(Noted):
    """Reads single rows only."""

    async def read(self, partition: Partition, kind: Kind, **_: object) -> Never:
        raise StoreUnavailable(f"no {kind} of {partition}")


class AtSecondSight(Noted):
    """The first read is not answered."""

    is_blind = True

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        if self.is_blind:
            self.is_blind = False
            raise StoreUnavailable("no answer")
        return await super().get(partition, keys)


class Losing(Noted):
    """Loses the batch of that number, from 0."""

    def __init__(self, store: Batches, number: int) -> None:
        super().__init__(store)
        self._number = number

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        return await super().pass_on(batch, send if len(self.sent) != self._number else self._lose)

    async def _lose(self, _: Batch) -> Outcome:
        return Unknown("lost")


class Stock:
    """Ten units in each of two partitions, reserved by the process of a sale."""

    def __init__(self, sale: Sale) -> None:
        self.sale = sale
        sale.process.sender.batches = self.store = sale.market.store
        self.holds = HoldProtocol(sale.process.sender, Units(), Unheard(), sale.process.steps.in_background)
        self.partitions: list[Partition] = [partition_of(sale.trip.key.organization, number) for number in (0, 1)]

    async def hold(self, *counts: int) -> UnitHold:
        """So many units of the first partition, and of the second."""
        ask = UnitRequest(self.sale.actor(), tuple(enumerate(counts)), TTL_S * 1_000, None)
        return await self.holds.hold(ask)

    async def hold_there(self, count: int) -> UnitHold:
        """So many units of the second partition alone."""
        ask = UnitRequest(self.sale.actor(), ((1, count),), TTL_S * 1_000, None)
        return await self.holds.hold(ask)

    async def confirm(self, hold: UnitHold) -> UnitHold:
        """Book it, for the order `order`."""
        return await self.holds.confirm(self.sale.actor(), hold.id, Confirmed("order"))

    async def counts(self) -> list[tuple[int, int]]:
        """What is available, and reserved, in each partition, once all is done."""
        await self.sale.settled()
        found = [(await self.store.get(each, [COUNTER]))[COUNTER] for each in self.partitions]
        return [(rows.number(row, "available"), rows.number(row, "reserved")) for row in found]

    def cannot_read(self) -> None:
        """The process reaches no counter any more."""
        for partition in self.partitions:
            self.sale.store.cannot_read(partition)
        self.sale.process.sender.batches = self.sale.store

    def overtaken(self, times: int) -> Overtaken:
        """What the process sends from now on. Before each of the first, another takes a unit of the first partition."""
        other = Stock(self.sale.elsewhere())

        async def take(_: Sequence[Write]) -> None:
            await other.hold(1)

        moves: list[Move] = [take] * times
        self.sale.process.sender.batches = batches = Overtaken(self.store, *moves)
        return batches


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    """Its store keeps rows of any kind."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep, has_any_rows=True)) as opened:
        yield opened


@pytest.fixture
async def stock(sale: Sale) -> Stock:
    """Nothing is reserved yet."""
    opened = Stock(sale)
    for partition in opened.partitions:
        made = Write(COUNTER, ABSENT, {"available": UNITS, "reserved": 0, "version": 1})
        assert isinstance(await opened.store.apply(partition, [made]), Applied)
    return opened


async def test_every_step_takes_one_batch_in_each_partition(stock: Stock) -> None:
    sent = noted(stock.sale)
    hold = await stock.hold(3, 2)
    assert await stock.counts() == [(7, 3), (8, 2)]
    booking = await stock.confirm(hold)
    assert await stock.counts() == [(7, 0), (8, 0)]
    await stock.holds.cancel(stock.sale.actor(), booking.id)
    assert await stock.counts() == [(10, 0), (10, 0)]
    assert [batch.partition.number for batch in sent] == [1, 0, 0, 1, 0, 1]
    assert pauses(stock.sale) == 0


async def test_a_released_hold_gives_its_units_back_once(stock: Stock) -> None:
    hold = await stock.hold(3, 2)
    sent = noted(stock.sale)
    await stock.holds.release(stock.sale.actor(), hold.id)
    assert await stock.counts() == [(10, 0), (10, 0)]
    assert len(sent) == 2


async def test_an_ended_hold_is_booked_late_as_if_it_were_new(stock: Stock) -> None:
    hold = await stock.hold(3, 2)
    await stock.holds.expiring.expire(hold)
    assert await stock.counts() == [(10, 0), (10, 0)]
    sent = noted(stock.sale)
    await stock.confirm(hold)
    assert await stock.counts() == [(7, 0), (8, 0)]
    assert [batch.partition.number for batch in sent] == [1, 0, 1]
    assert [write.values.get("status") for write in sent[0].writes] == [None, "reserved"], "its home decides"


async def test_holds_of_one_partition_end_in_one_batch(stock: Stock) -> None:
    holds = [await stock.hold(1), await stock.hold(2)]
    sent = noted(stock.sale)
    await stock.holds.expiring.expire_together(holds)
    assert await stock.counts() == [(10, 0), (10, 0)]
    assert len(sent) == 1


@pytest.mark.parametrize("times", [1, ROUNDS_MAX - 1])
async def test_a_claim_is_computed_again_from_the_rows_of_its_refusal(stock: Stock, times: int) -> None:
    sent = stock.overtaken(times).sent
    await stock.hold(1)
    assert await stock.counts() == [(UNITS - times - 1, times + 1), (10, 0)]
    assert (len(sent), pauses(stock.sale)) == (times + 1, 0)


async def test_a_claim_that_is_overtaken_in_every_round_is_contended(stock: Stock) -> None:
    sent = stock.overtaken(ROUNDS_MAX).sent
    with pytest.raises(UnitsContended):
        await stock.hold(1)
    assert len(sent) == ROUNDS_MAX


async def test_what_is_short_is_looked_at_twice_and_then_refused_without_a_batch(stock: Stock) -> None:
    await stock.hold(8)
    sent = noted(stock.sale)
    with pytest.raises(NotEnough):
        await stock.hold(3)
    assert (sent, pauses(stock.sale)) == ([], 0)
    assert await stock.counts() == [(2, 8), (10, 0)]


async def test_a_claim_whose_counter_cannot_be_read_is_never_sent(stock: Stock) -> None:
    stock.cannot_read()
    sent = noted(stock.sale)
    with pytest.raises(BackendUnavailable):
        await stock.hold(1)
    assert (sent, pauses(stock.sale)) == ([], ERRORS_MAX)


@pytest.mark.parametrize(("times", "status"), [(TRIES_MAX - 1, "expired"), (TRIES_MAX, "held")])
async def test_an_end_is_computed_again_a_few_times(stock: Stock, times: int, status: str) -> None:
    hold = await stock.hold(2)
    sent = stock.overtaken(times).sent
    assert (await stock.holds.expiring.expire(hold))["status"] == status
    assert (len(sent), pauses(stock.sale)) == (TRIES_MAX, 0)


@pytest.mark.parametrize("times", [COUNTED_TRIES_MAX - 1, COUNTED_TRIES_MAX])
async def test_a_step_is_computed_again_many_times_and_then_a_retry_is_asked_for(stock: Stock, times: int) -> None:
    await stock.store.apply(stock.partitions[0], [Write(COUNTER, {}, {"available": 2 * COUNTED_TRIES_MAX})])
    hold = await stock.hold(2)
    sent = stock.overtaken(times).sent
    if times < COUNTED_TRIES_MAX:
        await stock.confirm(hold)
    else:
        with pytest.raises(Overloaded):
            await stock.confirm(hold)
    assert (len(sent), pauses(stock.sale)) == (COUNTED_TRIES_MAX, times)


async def test_a_commit_without_an_answer_is_found_also_where_too_few_are_left_to_try_again(stock: Stock) -> None:
    stock.sale.process.sender.batches = stock.sale.store
    stock.sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    sent = noted(stock.sale)
    hold = await stock.hold(8)
    assert (hold.state, await stock.counts()) == (Held(START_MS + TTL_S * 1_000), [(2, 8), (10, 0)])
    assert [len(batch.writes) for batch in sent] == [4, 0], "it is found, and listed once more"
    assert {batch.partition for batch in sent} == {stock.partitions[0]}
    assert [entry.of for entry in sent[1].entries] == [Index.HOLDS]


async def test_what_another_process_brought_in_line_first_is_in_line(stock: Stock) -> None:
    hold, booked = await stock.hold(3, 2), Confirmed("order")
    other = Stock(stock.sale.elsewhere())
    partition = stock.partitions[1]
    keys = Units().keys(hold, partition)

    async def roll(_: Sequence[Write]) -> None:
        assert await other.holds.rolling.roll(hold.id, partition, keys, booked)

    stock.sale.process.sender.batches = batches = Overtaken(stock.store, roll)
    assert await stock.holds.rolling.roll(hold.id, partition, keys, booked)
    assert (len(batches.sent), await stock.counts()) == (1, [(7, 3), (8, 0)])


async def test_a_partition_that_cannot_be_read_is_brought_in_line_when_it_can_be(stock: Stock) -> None:
    hold, partition = await stock.hold(3, 2), stock.partitions[1]
    stock.sale.process.sender.batches = batches = AtSecondSight(stock.store)
    assert await stock.holds.rolling.roll(hold.id, partition, Units().keys(hold, partition), Released())
    assert (len(batches.sent), pauses(stock.sale)) == (1, 1)
    assert await stock.counts() == [(7, 3), (10, 0)]


async def abandoned(stock: Stock, *counts: int) -> None:
    """Another process reserved elsewhere, and died before its home batch."""
    other = Stock(stock.sale.elsewhere())

    async def die(_: Sequence[Write]) -> None:
        raise Killed

    other.sale.process.sender.batches = Overtaken(stock.store, nothing, die)
    with pytest.raises(Killed):
        await other.hold(*counts)


async def test_units_of_an_attempt_that_runs_are_waited_for(stock: Stock) -> None:
    await abandoned(stock, 1, 8)
    sent = noted(stock.sale)
    with pytest.raises(UnitsContended):
        await stock.hold_there(3)
    assert (sent, pauses(stock.sale)) == ([], 0)


async def test_units_of_an_abandoned_attempt_are_given_back_and_taken(stock: Stock) -> None:
    await abandoned(stock, 1, 8)
    stock.sale.clock.pass_ms(GRACE_S * 1_000)
    sent = noted(stock.sale)
    await stock.hold_there(3)
    assert await stock.counts() == [(10, 0), (7, 3)]
    assert [batch.partition.number for batch in sent] == [0, 1, 1], "it is fenced, then freed"
    assert pauses(stock.sale) == 0


async def test_units_that_cannot_be_given_back_are_tried_again_with_pauses(stock: Stock) -> None:
    await abandoned(stock, 1, 8)
    stock.sale.clock.pass_ms(GRACE_S * 1_000)
    stock.sale.process.sender.batches = losing = Losing(stock.store, 1)
    await stock.hold_there(3)
    assert await stock.counts() == [(10, 0), (7, 3)]
    assert [batch.partition.number for batch in losing.sent] == [0, 1, 1, 1]
    assert pauses(stock.sale) == 3, "after the error, and in the two rounds that look again"


async def test_an_end_whose_counter_cannot_be_read_is_unknown(stock: Stock) -> None:
    hold = await stock.hold(2)
    stock.cannot_read()
    sent = noted(stock.sale)
    with pytest.raises(OutcomeUnknown):
        await stock.holds.expiring.expire(hold)
    assert (sent, pauses(stock.sale)) == ([], TRIES_MAX)


async def test_a_short_counter_whose_lines_cannot_be_read_is_asked_again(stock: Stock) -> None:
    await stock.hold(8)
    stock.sale.process.sender.batches = batches = WithoutLines(stock.store)
    with pytest.raises(BackendUnavailable):
        await stock.hold(3)
    assert (batches.sent, pauses(stock.sale)) == ([], ERRORS_MAX)


async def test_what_has_lapsed_is_ended_and_its_units_are_taken(stock: Stock) -> None:
    await stock.hold(4, 1)
    await stock.hold(4)
    stock.sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS)
    sent = noted(stock.sale)
    await stock.hold(9)
    assert await stock.counts() == [(1, 9), (10, 0)]
    assert (len(sent), pauses(stock.sale)) == (4, 0)


async def test_the_units_of_one_partition_are_given_back_and_those_of_others_stay(stock: Stock) -> None:
    hold, actor = await stock.hold(3, 2), stock.sale.actor()
    for _ in range(2):
        left = await stock.holds.release(actor, hold.id, ["1"])
        assert (left.units, left.given_up) == (((0, 3),), ("1",))
    assert await stock.counts() == [(7, 3), (10, 0)]
    other = await stock.hold(1, 4)
    booked = await stock.holds.confirm(actor, other.id, Confirmed("order"), ["1"])
    assert booked.units == ((1, 4),)
    assert await stock.counts() == [(7, 3), (6, 0)]
    assert isinstance((await stock.holds.cancel(actor, other.id, ["1"])).state, Cancelled)
    assert await stock.counts() == [(7, 3), (10, 0)]
    with pytest.raises(NotEnough, match="no units in"):
        await stock.holds.release(actor, hold.id, ["5"])

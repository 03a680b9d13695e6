"""Books that keep a booking for so long, and that note each batch on claims: every batch is kept and noted."""

from collections.abc import Mapping, Sequence
from itertools import count

import pytest

from tests.protocol.parts import Overtaken, noted, nothing, pauses
from tests.protocol.test_on_units import Killed, Stock, market, stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Row,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.protocol.books import HolderBooks
from travio_inventory.protocol.folding import FoldedAttempts
from travio_inventory.protocol.hold import HoldState, Recorded, Released, late_id
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.refusals import HoldExpired, HoldLimitReached
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.steps import writing
from verification.kit.clocks import START_MS
from verification.kit.passing import Batch
from verification.kit.sale import GRACE_S, TTL_S, Sale
from verification.simulation.units import LINES, NotEnough, Unheard, UnitRequest, Units

__all__ = ["market", "stock"]
KEPT_S = 99


class Notebooks(HolderBooks):
    """Keeps bookings for so long, and notes what each batch writes."""

    bookings_kept_s = KEPT_S
    tells = True

    def __init__(self) -> None:
        self._numbers = count()

    def noted(
        self, partition: Partition, writes: Sequence[Write], now: Recorded, retention: Retention
    ) -> Sequence[IndexEntry]:
        lines = sum(each.key.kind is LINES for each in writes)
        entry = f"{now} {next(self._numbers)}"  # no two are the same, so that none is known to be there
        return [IndexEntry(Index.JOURNAL, f"{partition.number}: {lines}", entry, retention.entries_s)]


class Folded(Notebooks):
    folds = True


class OneEach(HolderBooks):
    """Whoever has a hold or a booking has no other."""

    bookings_free_slots = False

    def live_max(self, rules: Rules) -> int:
        return 1


class OneEachUnits(Units):
    books = OneEach()


class NotedUnits(Units):
    """Notes also where and when lines were moved."""

    books = Notebooks()

    def __init__(self) -> None:
        self.moved: list[tuple[Partition, Recorded]] = []

    def move(
        self, owned: Mapping[str, Sequence[RowKey]], state: HoldState, partition: Partition, seen: Rows, now: Recorded
    ) -> Sequence[Write]:
        self.moved.append((partition, now))
        return super().move(owned, state, partition, seen, now)


class FoldedUnits(Units):
    books = Folded()


@pytest.fixture
def kept(stock: Stock) -> Stock:
    """Its books keep and note."""
    process = stock.sale.process
    stock.holds = HoldProtocol(process.sender, NotedUnits(), Unheard(), process.steps.in_background)
    return stock


def notes(sent: Sequence[Batch]) -> list[str]:
    """What the batches on lines said in the index of their own: the partition, and how many lines."""
    return [each.bucket for batch in sent for each in batch.entries if ": " in each.bucket]


def kept_s(sent: Sequence[Batch]) -> list[int | None]:
    """For how long the row of the hold is kept, batch by batch."""
    return [write.keep_s for batch in sent for write in batch.writes if write.key.kind is Kind.HOLD]


async def epoch(sale: Sale) -> int:
    return (await sale.process.sender.now(START_MS)).epoch


async def test_every_batch_on_claims_is_noted_when_it_is_sent(kept: Stock) -> None:
    sent = noted(kept.sale)
    hold = await kept.hold(3, 2)
    assert notes(sent) == ["1: 1", "0: 1"]
    await kept.confirm(hold)
    await kept.counts()
    assert notes(sent)[2:] == ["0: 1", "1: 1"]
    told = [each for batch in sent for each in batch.entries if ": " in each.bucket]
    assert {each.entry.rpartition(" ")[0] for each in told} == {str(Recorded(await epoch(kept.sale), START_MS))}
    assert {each.keep_s for each in told} == {Retention().entries_s}


@pytest.mark.parametrize("is_booked", [True, False])
async def test_what_moves_lines_is_told_where_and_when(kept: Stock, is_booked: bool) -> None:
    units, hold = kept.holds.resource, await kept.hold(3, 2)
    assert isinstance(units, NotedUnits)
    kept.sale.clock.pass_ms(7)
    await (kept.confirm(hold) if is_booked else kept.holds.release(actor(kept), hold.id))
    await kept.counts()
    assert units.moved == [(each, Recorded(await epoch(kept.sale), START_MS + 7)) for each in kept.partitions]


@pytest.mark.parametrize("is_told", [True, False])
async def test_what_is_told_is_sent_soon_and_what_only_follows_at_any_time(kept: Stock, is_told: bool) -> None:
    seller = kept if is_told else Stock(kept.sale.elsewhere())
    hold = await seller.hold(1, 1)
    sent = noted(seller.sale)
    await seller.confirm(hold)
    await seller.counts()
    assert [(batch.partition.number, batch.send_by < ANY_TIME) for batch in sent] == [(0, True), (1, is_told)]


async def test_a_step_that_gives_a_part_back_is_noted_for_the_rest(kept: Stock) -> None:
    hold = await kept.hold(3, 2)
    sent = noted(kept.sale)
    await kept.holds.release(kept.sale.actor(), hold.id, ["1"])
    await kept.counts()
    assert notes(sent) == ["0: 0", "1: 1"]


async def test_a_booking_is_kept_for_so_long_and_a_hold_until_it_ends(kept: Stock) -> None:
    sent = noted(kept.sale)
    hold = await kept.hold(3)
    await kept.confirm(hold)
    assert kept_s(sent) == [None, KEPT_S]
    row = next(write for write in sent[1].writes if write.key.kind is Kind.HOLD)
    assert row.key == rows.hold_key(hold.id)
    assert row.condition
    assert {"status": "confirmed", "units": "0:3"}.items() <= row.values.items(), "whole, since it is kept anew"


async def test_a_booking_made_late_is_kept_for_so_long_too(kept: Stock) -> None:
    hold = await kept.hold(3)
    await kept.holds.expiring.expire(hold)
    sent = noted(kept.sale)
    await kept.confirm(hold)
    assert kept_s(sent) == [KEPT_S, KEPT_S], "and so is the ended hold, which leads to it"


async def test_books_that_keep_nothing_say_nothing_of_it(stock: Stock) -> None:
    sent = noted(stock.sale)
    await stock.confirm(await stock.hold(3))
    assert kept_s(sent) == [None, None]
    assert notes(sent) == []


async def test_what_is_noted_names_the_open_epoch_or_is_not_sent(kept: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, partition = await kept.hold(3, 2), kept.partitions[1]
    seen = await writing.see(kept.holds.sender, kept.holds.resource, partition, Units().keys(hold, partition))
    owned = {hold.id: Units().keys(hold, partition)}
    sender, resource = kept.holds.sender, kept.holds.resource

    async def unknown(_at_ms: int | None = None) -> Recorded:
        raise BackendUnavailable

    sent = noted(kept.sale)
    monkeypatch.setattr(sender, "now", unknown)
    outcome = await writing.follow(sender, resource, partition, owned, Released(), seen)
    assert (type(outcome), sent) == (NotDone, [])
    monkeypatch.undo()
    await writing.follow(sender, resource, partition, owned, Released(), seen)
    assert notes(sent) == ["1: 1"]
    assert await kept.counts() == [(7, 3), (10, 0)]


async def test_attempts_are_folded_where_the_books_say_so(stock: Stock) -> None:
    process = stock.sale.process
    assert not isinstance(stock.holds.attempts, FoldedAttempts)
    stock.holds = HoldProtocol(process.sender, FoldedUnits(), Unheard(), process.steps.in_background)
    assert isinstance(stock.holds.attempts, FoldedAttempts)
    await stock.hold(3)
    hold = await stock.hold(2, 1)
    assert await stock.counts() == [(5, 5), (9, 1)]
    keyed = UnitRequest(actor(stock), ((0, 8), (1, 1)), TTL_S * 1_000, "k")
    for _ in range(2):
        with pytest.raises(NotEnough):
            await stock.holds.hold(keyed)
        assert await stock.counts() == [(5, 5), (9, 1)], "its id is fenced, and what it took given back"
    await stock.confirm(hold)
    assert await stock.counts() == [(5, 3), (9, 0)]


async def test_what_was_given_back_after_a_dead_attempt_is_noted(kept: Stock) -> None:
    other = Stock(kept.sale.elsewhere())

    async def die(_: Sequence[Write]) -> None:
        raise Killed

    other.sale.process.sender.batches = Overtaken(kept.store, nothing, die)
    with pytest.raises(Killed):
        await other.hold(1, 8)
    kept.sale.clock.pass_ms(GRACE_S * 1_000)
    sent = noted(kept.sale)
    await kept.hold_there(3)
    assert notes(sent) == ["1: 1", "1: 1"]
    assert pauses(kept.sale) == 0


# ---- fences that others ask for


def actor(stock: Stock) -> Actor:
    return stock.sale.actor()


async def row_of(stock: Stock, hold_id: str) -> Row:
    """The row of a hold of the first partition."""
    key = rows.hold_key(hold_id)
    return (await stock.store.get(stock.partitions[0], [key]))[key]


async def test_an_id_is_fenced_for_whoever_must_know_that_it_is_never_made(stock: Stock) -> None:
    organization = actor(stock).organization
    hold = await stock.hold(1)
    unused = hold.id[:-1] + ("0" if hold.id[-1] != "0" else "1")
    assert await stock.holds.fence(organization, unused)
    assert not await stock.holds.fence(organization, hold.id), "it was made"
    row = await row_of(stock, unused)
    assert (row["status"], row["reason"]) == ("aborted", "retry")


async def test_a_row_that_no_step_can_change_any_more_is_as_good_as_a_fence(stock: Stock) -> None:
    hold = await stock.hold(1)
    key = rows.hold_key(hold.id)
    await stock.store.apply(stock.partitions[0], [Write(key, {}, {"status": rows.CLOSED})])
    assert (await row_of(stock, hold.id))["holder"]
    assert await stock.holds.fence(actor(stock).organization, hold.id)


@pytest.mark.parametrize("is_booked", [True, False])
async def test_a_late_booking_lives_or_never_will(stock: Stock, is_booked: bool) -> None:
    hold = await stock.hold(1)
    await stock.holds.expiring.expire(hold)
    if is_booked:
        await stock.confirm(hold)
    assert await stock.holds.judging.never_late(actor(stock).organization, hold.id) is not is_booked
    if not is_booked:
        assert (await row_of(stock, late_id(hold.id)))["reason"] == "refused"
        with pytest.raises(HoldExpired):
            await stock.confirm(hold)


# ---- one each


@pytest.fixture
def one_each(stock: Stock) -> Stock:
    """Whoever has a hold or a booking has no other."""
    process = stock.sale.process
    stock.holds = HoldProtocol(process.sender, OneEachUnits(), Unheard(), process.steps.in_background)
    return stock


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_booking_keeps_its_slot_where_the_books_say_so(one_each: Stock, is_late: bool) -> None:
    hold = await one_each.hold(1)
    if is_late:
        await one_each.holds.expiring.expire(hold)
    await one_each.confirm(hold)
    with pytest.raises(HoldLimitReached):
        await one_each.hold(1)
    await one_each.holds.cancel(actor(one_each), hold.id)
    await one_each.hold(1)


async def test_who_takes_the_slot_of_an_expired_hold_cannot_book_that_late(one_each: Stock) -> None:
    hold = await one_each.hold(1)
    with pytest.raises(HoldLimitReached):
        await one_each.hold(1)
    await one_each.holds.expiring.expire(hold)
    await one_each.hold(1)
    with pytest.raises(HoldExpired):
        await one_each.confirm(hold)
    assert await one_each.counts() == [(9, 1), (10, 0)]

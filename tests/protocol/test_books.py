"""Books that keep a booking for so long, and that note each batch on claims: every batch is kept and noted."""

from collections.abc import Sequence
from itertools import count

import pytest

from tests.protocol.parts import Overtaken, noted, nothing, pauses
from tests.protocol.test_on_units import Killed, Stock, market, stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, NotDone, Partition, Write
from travio_inventory.protocol.books import HolderBooks
from travio_inventory.protocol.folding import FoldedAttempts
from travio_inventory.protocol.hold import Recorded, Released
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.refusals import HoldExpired
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.steps import writing
from verification.kit.clocks import START_MS
from verification.kit.passing import Batch
from verification.kit.sale import GRACE_S, Sale
from verification.simulation.units import LINES, Unheard, Units

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


class NotedUnits(Units):
    books = Notebooks()


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

    async def unknown(_at_ms: int) -> Recorded:
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


async def test_an_id_is_fenced_for_whoever_must_know_that_it_is_never_made(stock: Stock) -> None:
    organization = actor(stock).organization
    hold = await stock.hold(1)
    unused = hold.id[:-1] + ("0" if hold.id[-1] != "0" else "1")
    assert await stock.holds.fence(organization, unused)
    assert not await stock.holds.fence(organization, hold.id), "it was made"
    row = (await stock.store.get(stock.partitions[0], [rows.hold_key(unused)]))[rows.hold_key(unused)]
    assert (row["status"], row["reason"]) == ("aborted", "retry")


@pytest.mark.parametrize("is_booked", [True, False])
async def test_a_late_booking_lives_or_never_will(stock: Stock, is_booked: bool) -> None:
    hold = await stock.hold(1)
    await stock.holds.expiring.expire(hold)
    if is_booked:
        await stock.confirm(hold)
    assert await stock.holds.judging.never_late(actor(stock).organization, hold.id) is not is_booked
    if not is_booked:
        with pytest.raises(HoldExpired):
            await stock.confirm(hold)

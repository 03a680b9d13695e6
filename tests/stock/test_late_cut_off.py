"""Orders of several lines that are paid late, whose process stops between their claims: the next one commits them."""

import asyncio
from itertools import count
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.test_late_commits import EXPIRED_S
from tests.stock.test_transfers_cut_off import GRACE_S, Mortal, Stopped
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import Applied, Kind, Outcome, RowKey
from travio_inventory.protocol.hold import base_id, late_id, parse_hold_id
from travio_inventory.protocol.judging import LATE_MAX
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.reservation_rows import COMMITTED_KEPT_S
from travio_inventory.stock.refusals import ReservationExpired
from travio_inventory.stock.reservation import OfReservation, Reservation, Status
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, PassingMemory, Send

GIVEN_UP_S = GRACE_S + 1


class Keeping(PassingMemory):
    """Knows for how long each row is kept."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.kept_s: dict[str, int | None] = {}

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See PassingMemory."""
        outcome = await send(batch)
        if isinstance(outcome, Applied):
            self.kept_s.update((key.id, keep_s) for key, *_, keep_s in batch.writes if key.kind is Kind.HOLD)
        return outcome


@pytest.fixture
def store() -> Keeping:
    return Keeping()


class Late:
    """An order of apes and cups that expired, and whoever commits it late."""

    def __init__(self, shop: Shop, entries: list[InventoryEntry], made: Reservation) -> None:
        self.shop = shop
        self.entries = entries
        self.made = made

    @classmethod
    async def of(cls, store: MemoryBatches) -> "Late":
        shop = Shop(store)
        entries = [await shop.entry("ape", 2, reorder_point=0), await shop.entry("cup", 3, reorder_point=0)]
        made = await shop.reserve("o1", ("ape", 2), ("cup", 2))
        shop.clock.pass_s(EXPIRED_S)
        await shop.stock.expire(HOUSE)
        return cls(shop, entries, made)

    async def cut_off(self, calls: int, *lines: str, after: bool = True) -> bool:
        """A process that commits it, and stops at its call of that number; whether it stopped."""
        mortal = Shop(Mortal(self.shop.store, calls, after=after), self.shop.actor.organization)
        mortal.clock.pass_s(self.shop.clock.now_ms() // 1_000 - mortal.clock.now_ms() // 1_000)
        try:
            await mortal.commit("o1", *lines)
        except Stopped:
            return True
        finally:
            await mortal.steps.drain(0)
        return False

    async def cut_off_between(self, *lines: str) -> None:
        """It has claimed the cups, and its home has not decided."""
        for calls in count():
            before = await self.shop.totals(*self.entries)
            assert await self.cut_off(calls, *lines)
            if await self.shop.totals(*self.entries) != before:
                return

    async def given_up(self) -> None:
        """Others have met what it left, and given that up."""
        self.shop.clock.pass_s(GIVEN_UP_S)
        await self.shop.stock.expire(HOUSE)
        await self.shop.settled()

    async def status(self, named: str) -> object:
        """What the row of that id says."""
        at = self.shop.reservations.protocol.resource.partitions(self.made)[0]
        key = RowKey(Kind.HOLD, named)
        return (await self.shop.store.get(at, [key])).get(key, {}).get("status")


async def test_an_order_whose_late_commit_was_cut_off_between_its_claims_is_committed_later(
    store: MemoryBatches,
) -> None:
    late = await Late.of(store)
    await late.cut_off_between()
    assert await late.shop.totals(*late.entries) == [(2, 0), (1, 2)]
    await late.given_up()
    assert await late.shop.totals(*late.entries) == [(2, 0), (3, 0)]
    for _ in range(2):
        assert (await late.shop.commit("o1")).status is Status.COMMITTED
    found = await late.shop.stock.reserve.of_order(late.shop.actor, "o1")
    assert (found.status, found.known_as) == (Status.COMMITTED, late.made.id)
    assert await late.shop.totals(*late.entries) == [(0, 0), (1, 0)]
    assert [(each.type, each.quantity) for each in await late.shop.movements(late.entries[0])][1:] == [("OUTBOUND", -2)]
    assert (await late.shop.cancel("o1")).status is Status.CANCELLED
    assert await late.shop.totals(*late.entries) == [(2, 0), (3, 0)]


async def test_who_asks_while_others_have_not_given_it_up_goes_on_with_it(store: Keeping) -> None:
    late = await Late.of(store)
    await late.cut_off_between()
    assert (await late.shop.commit("o1")).status is Status.COMMITTED
    assert await late.status(late_id(late.made.id)) == "confirmed"
    await late.given_up()
    assert await late.shop.totals(*late.entries) == [(0, 0), (1, 0)]


async def test_what_is_not_there_any_more_is_refused_for_good(store: Keeping) -> None:
    late = await Late.of(store)
    await late.cut_off_between()
    await late.given_up()
    await late.shop.adjust(late.entries[1], -2)
    for _ in range(2):
        with pytest.raises(ReservationExpired):
            await late.shop.commit("o1")
        await late.shop.adjust(late.entries[1], 2)
    assert (await late.shop.stock.reserve.of_order(late.shop.actor, "o1")).status is Status.EXPIRED


async def test_an_order_that_was_reserved_anew_is_not_committed_twice(store: Keeping) -> None:
    """Its first reservation can be booked late under no id from then on, whoever asks."""
    late = await Late.of(store)
    await late.cut_off_between()
    await late.given_up()
    again = await late.shop.reserve("o1", ("ape", 1), key="again")
    assert await late.status(late_id(late_id(late.made.id))) == "aborted"
    with pytest.raises(ReservationExpired):
        await late.shop.stock.reserve.commit(late.shop.actor, OfReservation(late.made.id))
    assert (await late.shop.commit("o1")).id == again.id
    assert await late.shop.totals(*late.entries) == [(1, 0), (3, 0)]


async def test_a_part_that_was_cut_off_is_all_that_is_committed(store: Keeping) -> None:
    late = await Late.of(store)
    cups = late.entries[1].id
    await late.cut_off_between()
    await late.given_up()
    assert [each.sku for each in (await late.shop.commit("o1", cups)).lines] == ["cup"]
    assert await late.shop.totals(*late.entries) == [(2, 0), (1, 0)]


async def test_after_many_attempts_that_were_cut_off_it_is_refused_for_good(store: Keeping) -> None:
    late = await Late.of(store)
    for _ in range(LATE_MAX):
        await late.cut_off_between()
        await late.given_up()
    with pytest.raises(ReservationExpired):
        await late.shop.commit("o1")
    assert await late.shop.totals(*late.entries) == [(2, 0), (3, 0)]


async def test_what_was_booked_at_the_second_attempt_is_found_as_long_as_it_is_kept(store: Keeping) -> None:
    late = await Late.of(store)
    await late.cut_off_between()
    await late.given_up()
    await late.shop.commit("o1")
    ended_s = late.shop.sender.rules.retention.ended_s
    of_it = [late.made.id, late_id(late.made.id), late_id(late_id(late.made.id))]
    assert [store.kept_s[each] for each in of_it] == [COMMITTED_KEPT_S] * 3
    await late.shop.cancel("o1")
    own, first, second = (store.kept_s[each] or 0 for each in of_it)
    assert own == first == ended_s < second


@pytest.mark.once
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_at_whatever_call_it_stops_the_next_one_commits_it_though_it_was_given_up(
    store: Keeping, *, after: bool
) -> None:
    for calls in count():
        late = await Late.of(store)
        was_stopped = await late.cut_off(calls, after=after)
        await late.given_up()
        assert (await late.shop.commit("o1")).status is Status.COMMITTED, calls
        assert await late.shop.totals(*late.entries) == [(0, 0), (1, 0)], calls
        await late.given_up()
        assert await late.shop.totals(*late.entries) == [(0, 0), (1, 0)], calls
        if not was_stopped:
            break
    assert calls > 4


def test_a_late_id_that_was_given_up_has_a_next_one() -> None:
    own = f"cup~64~{'0' * 32}"
    second = late_id(late_id(own))
    assert base_id(second) == own
    assert (parse_hold_id(second).home, parse_hold_id(second).is_late) == (64, True)

"""Any order of any steps on entries in shards: every unit is accounted for, and every face says the same numbers."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stock.shop import Shop
from tests.stock.spread import Spread
from travio_inventory.api.rest.stock.csv_told import report_csv
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import FinalRefusal
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.stock.commands import ChangeEntry, DeleteEntry
from travio_inventory.stock.entry import Quantities
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import InsufficientStock, ReservationExpired, VersionConflict
from travio_inventory.stock.reports import StockReportQuery
from travio_inventory.stock.reservation import Reservation, Status
from travio_inventory.stock.transfer import DraftTransfer, ReceiveTransfer

CODES = ("north", "south")
OPENING = 6
SHARDS_MOST = 4
ORDERS = 3
EXPIRED_S = 901
VERBS = (
    "reserve", "reserve", "reserve", "commit", "commit", "cancel", "expire", "adjust", "adjust", "transfer", "count",
    "delete", "shards", "shards", "scatter", "scatter",
)  # fmt: skip


class Step(NamedTuple):
    """One step: `at` is a warehouse, `units` may say how many, of which shard, or how many shards."""

    verb: str
    at: int
    order: int
    units: int


STEPS = st.lists(
    st.builds(Step, st.sampled_from(VERBS), st.integers(0, 1), st.integers(0, ORDERS - 1), st.integers(1, SHARDS_MOST)),
    min_size=5,
    max_size=40,
)
SETTINGS = settings(max_examples=15, derandomize=True, database=None)


@dataclass
class Play:
    """Steps on what lies of one article in two warehouses, and what should have come of them."""

    shop: Shop
    spreads: Sequence[Spread]
    came: Counter[int] = field(default_factory=Counter)
    """How many came to each warehouse, or left it, otherwise than by orders."""
    made: dict[str, Reservation] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """The reservations that are refused for good."""

    @classmethod
    async def begun(cls, store: Batches) -> "Play":
        shop = Shop(store)
        entries = [await shop.entry("cup", OPENING, code=code, reorder_point=0) for code in CODES]
        play = cls(shop, [Spread(shop, entry, warehouse=number) for number, entry in enumerate(entries, 1)])
        play.came.update({0: OPENING, 1: OPENING})
        return play

    async def play(self, steps: Sequence[Step]) -> None:
        """Each of them; who is alone is never told to ask again, and what is refused is refused for a reason."""
        for step in steps:
            before = [(await self.shop.now(spread.entry)).quantities for spread in self.spreads]
            try:
                await getattr(self, f"_{step.verb}")(step)
            except InsufficientStock as few:
                self._check_few(step, few, before)
            except ReservationExpired:
                reservation = await self._last(step)
                short = [line for line in reservation.lines if before[line.place // 64 - 1].available < line.quantity]
                assert short or step.verb == "cancel" or reservation.id in self.lost, (step, before)
                self.lost |= {reservation.id} if step.verb == "commit" else set()
            except FinalRefusal:
                pass
            await self._agrees()

    @staticmethod
    def _check_few(step: Step, few: InsufficientStock, before: Sequence[Quantities]) -> None:
        """An order may be told how many there were a moment ago."""
        is_order = step.verb == "reserve"
        there = sum(each.available for each in before) if is_order else before[step.at].available
        assert there < step.units, (step, before)
        assert is_order or few.available == there, (step, before)

    async def _last(self, step: Step) -> Reservation:
        return await self.shop.stock.reserve.of_order(self.shop.actor, f"o{step.order}")

    async def _reserve(self, step: Step) -> None:
        made = await self.shop.reserve(f"o{step.order}", ("cup", step.units))
        self.made[made.id] = made

    async def _commit(self, step: Step) -> None:
        await self.shop.commit(f"o{step.order}")

    async def _cancel(self, step: Step) -> None:
        await self.shop.cancel(f"o{step.order}")

    async def _expire(self, _step: Step) -> None:
        self.shop.clock.pass_s(EXPIRED_S)
        await self.shop.stock.expire(HOUSE)

    async def _adjust(self, step: Step) -> None:
        units = step.units if step.order else -step.units
        await self.shop.adjust(self.spreads[step.at].entry, units)
        self.came[step.at] += units

    async def _transfer(self, step: Step) -> None:
        source, target = (self.spreads[each].entry.warehouse_id for each in (step.at, 1 - step.at))
        transfers = self.shop.stock.transfers
        drafted = await transfers.draft(self.shop.actor, DraftTransfer("cup", source, target, step.units))
        await transfers.ship(self.shop.actor, drafted.id)
        self.came[step.at] -= step.units
        await transfers.receive(self.shop.actor, ReceiveTransfer(drafted.id, step.units))
        self.came[1 - step.at] += step.units

    async def _count(self, step: Step) -> None:
        entry = self.spreads[step.at].entry
        seen = await self.shop.now(entry)
        await self.shop.count(entry, step.units, version=seen.version)
        self.came[step.at] += step.units - seen.quantities.total

    async def _delete(self, step: Step) -> None:
        entry = self.spreads[step.at].entry
        seen = await self.shop.now(entry)
        await self.shop.stock.keep.delete(self.shop.actor, DeleteEntry(entry.id, seen.version))
        await self.shop.entry("cup", 0, code=CODES[step.at], reorder_point=0)

    async def _shards(self, step: Step) -> None:
        await self.spreads[step.at].set(step.units)

    async def _scatter(self, step: Step) -> None:
        """Units go to any shard that there is."""
        spread = self.spreads[step.at]
        seen = await self.shop.now(spread.entry)
        if seen.sharing is not None:
            await spread.shards.gather(spread.home, step.order % seen.sharing.rows, step.units)

    async def _agrees(self) -> None:
        """What lies there is what came, without what orders have."""
        orders = [await self.shop.stock.reserve.one(self.shop.actor, each) for each in self.made]
        for number, spread in enumerate(self.spreads):
            status = Counter[Status]()
            for order in orders:
                lines = [line for line in order.lines if line.inventory_id == spread.entry.id]
                status[order.status] += sum(line.quantity for line in lines)
            available, reserved = (await spread.shards.still(spread.home)).quantities
            assert min(available, reserved) >= 0
            assert reserved == status[Status.PENDING]
            assert available + reserved == self.came[number] - status[Status.COMMITTED]

    async def faces_agree(self) -> None:
        """Movements, rows, lists, reports and CSV say the same."""
        await self.shop.settled()
        entries = [await self.shop.now(spread.entry) for spread in self.spreads]
        for spread, entry in zip(self.spreads, entries, strict=True):
            assert sum(each.quantity for each in await self.shop.movements(entry)) == entry.quantities.total
            for number in range(SHARDS_MOST):
                at = stock_rows.shard_of(spread.home, number)
                rows = (await self.shop.store.read(at, Kind.MOVEMENT)).values()
                balances = [row["balance"] for row in rows]
                moved = [int(str(row["quantity"])) for row in rows]
                assert balances == [sum(moved[: each + 1]) for each in range(len(moved))]
                if moved:
                    assert (await self.shop.now_of(at)).quantities.total == balances[-1]
        assert await self.shop.listed(sku="cup") == [f"cup {each.quantities.total}" for each in entries]
        today = datetime.fromtimestamp(self.shop.clock.now_ms() / 1_000, UTC).date()
        first = datetime.fromtimestamp(Shop(self.shop.store).clock.now_ms() / 1_000, UTC).date()
        (report,) = reports = await self.shop.stock.report(self.shop.actor, StockReportQuery(first, today))
        told = report.available, report.reserved
        assert told == tuple(map(sum, zip(*(each.quantities for each in entries), strict=True)))
        table = list(csv.DictReader(io.StringIO(report_csv(reports))))
        assert [int(table[0][name]) for name in ("available", "reserved", "total")] == [
            report.available, report.reserved, report.total,
        ]  # fmt: skip
        assert sum(int(row["moved"]) for row in table[1:]) == report.total


@SETTINGS
@given(STEPS)
async def test_after_any_steps_every_unit_is_accounted_for_by_every_face(store: Batches, steps: list[Step]) -> None:
    play = await Play.begun(store)
    await play.play(steps)
    await play.faces_agree()


async def test_of_many_who_change_an_entry_in_shards_at_one_version_one_does(shop: Shop) -> None:
    spread = await Spread.of(shop, 200, 4)
    await spread.lies(50, 50, 50)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(4)]

    async def changed(number: int, version: int) -> bool:
        command = ChangeEntry(spread.entry.id, number, None, version, shards=4 if number % 2 else None)
        try:
            await shops[number % 4].stock.keep.change(shop.actor, command)
        except VersionConflict:
            return False
        return True

    async def sold(number: int) -> None:
        await shops[number % 4].reserve(f"sold {number}", ("cup", 1))

    for turn in range(6):
        seen, some = await shop.now(spread.entry), range(turn * 8, turn * 8 + 8)
        won = await asyncio.gather(*(changed(each, seen.version) for each in some))
        assert sum(won) == 1
        assert (await shop.now(spread.entry)).reorder_point == some[won.index(True)]
        await asyncio.gather(*map(sold, some), *(changed(each, seen.version) for each in some))
        assert (await shop.now(spread.entry)).reorder_point == some[won.index(True)]
    for each in shops:
        await each.settled()
    assert await shop.totals(spread.entry) == [(152, 48)]

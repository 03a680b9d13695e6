"""What the house does is recorded before it is done, and how it ended; without a record nothing is done."""

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import pytest

from tests.stock.shop import Shop
from tests.typed import Type
from travio_inventory.app.backends import Store
from travio_inventory.app.deeds import OF_THE_HOUSE, PLANS, about, deeds_of, recorded
from travio_inventory.app.service import open_inventory
from travio_inventory.app.stock import DEEDS, recorded_stock
from travio_inventory.kernel.actor import Actor, Scope, house_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable, Refusal
from travio_inventory.protocol.batches import ANY_TIME, Index, IndexEntry, NotDone, Outcome, Partition, Write
from travio_inventory.seats.commands import BlockSeatsCommand, ConfirmHoldCommand, GiveBackCommand, SeatUpdate
from travio_inventory.seats.deed import BEGAN, DONE, ended
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.refusals import SeatPlanNotFound
from travio_inventory.seats.seat_plan import SeatPlanPart, plan_key
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.stock.use_cases import Stock
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import hold_seats, open_trip
from verification.kit.in_process import settings_of
from verification.kit.sale import Market
from verification.kit.trips import a_trip

ANN, HOUSE = Actor("default", "ann"), house_of("default")


def blocking(trip: str, seat: str) -> BlockSeatsCommand:
    return BlockSeatsCommand(trip_id=trip, updates=(SeatUpdate(seat, is_blocked=True, reason="broken"),))


async def a_days_work(folder: Path) -> None:
    """The house opens a trip, blocks a seat, fails to block a booked one, and cancels a booking; so does Ann."""
    async with open_inventory(settings_of(folder)) as inventory:
        await open_trip(inventory, a_trip(organization="default"))
        await inventory.block_seats(HOUSE, blocking("t1", "A1"))
        for seat in ("A2", "A3"):
            hold = await hold_seats(inventory, ANN, "t1", Ends("A", "D"), [seat], ttl_s=60)
            await inventory.confirm_hold(ANN, ConfirmHoldCommand(hold_id=hold.id, order_id=f"order-{seat}"))
            if seat == "A2":
                with pytest.raises(Refusal):
                    await inventory.block_seats(HOUSE, blocking("t1", "A2"))
                house = Actor("default", "ann", kind=HOUSE.kind)
                await inventory.cancel_booking(house, GiveBackCommand(hold_id=hold.id))
            else:
                await inventory.cancel_booking(ANN, GiveBackCommand(hold_id=hold.id))


def test_an_operator_sees_who_did_what_and_how_it_ended(typed: Type, tmp_path: Path) -> None:
    asyncio.run(a_days_work(tmp_path))
    told = typed("deeds", TRAVIO_DATA=str(tmp_path / "data"), TRAVIO_EDGE="local")
    lines = [line.split("  ") for line in told.out.splitlines()[1:]]
    found = [[word.strip() for word in line if word.strip()][1:] for line in lines]
    assert [(line[1], line[-1]) for line in found] == [
        ("open trip", "done"),
        ("block or unblock seats", "done"),
        ("block or unblock seats", "SEAT_UNAVAILABLE"),
        ("cancel booking", "done"),
    ]
    assert found[1][2] == "t1 block A1"
    assert found[3][0] == "house ann"
    assert typed("deeds", "--month", "1999-01", TRAVIO_DATA=str(tmp_path / "data")).out.count("\n") == 1
    assert typed("deeds", "--month", "soon", TRAVIO_DATA=str(tmp_path / "data")).status == 2


async def test_a_deed_whose_process_died_has_begun() -> None:
    deeds = Deeds(MemoryBatches(None, Random(1), asyncio.sleep), SystemClock())
    first = await deeds.begin(HOUSE, "cancel trip", "t1")
    second = await deeds.begin(HOUSE, "open trip", "t2")
    await deeds.end("default", second, DONE)
    found, _ = await deeds.of_month("default", first.at_ms, after="", most=100)
    assert {deed.verb: deed.outcome for deed in ended(found)} == {"cancel trip": BEGAN, "open trip": DONE}


@pytest.mark.parametrize(
    ("changed", "kept_s"), [({}, 400 * 86_400), ({"deed_retention_seconds": 30 * 86_400}, 30 * 86_400)]
)
async def test_a_deed_is_kept_for_as_long_as_the_settings_say(changed: dict[str, Any], kept_s: int) -> None:
    class Noting(MemoryBatches):
        async def apply(
            self,
            partition: Partition,
            writes: Sequence[Write],
            entries: Sequence[IndexEntry] = (),
            *,
            send_by: float = ANY_TIME,
        ) -> Outcome:
            kept.extend(entry.keep_s for entry in entries if entry.of is Index.DEEDS)
            return await super().apply(partition, writes, entries, send_by=send_by)

    kept: list[int] = []
    store = Store(Noting(None, Random(1), asyncio.sleep), "here")
    await deeds_of(settings_of(**changed), store).begin(HOUSE, "open trip", "t1")
    assert kept == [kept_s]


class Full(MemoryBatches):
    """Takes no more entries of indexes alone."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        return await super().apply(partition, writes, entries, send_by=send_by) if writes else NotDone("full")


async def test_what_cannot_be_recorded_is_not_done() -> None:
    store = Full(None, Random(1), asyncio.sleep)
    async with Market(store) as market:
        sale = await market.open()
        inventory = recorded(sale.inventory, Deeds(store, SystemClock()))
        with pytest.raises(BackendUnavailable):
            await inventory.block_seats(house_of(sale.trip.key.organization), blocking("t1", "A1"))
        assert await sale.statuses("A1") == ["available"] * 3


OF_THE_HOUSE_ALONE = {
    Scope.TRIPS_ADMIN, Scope.SEATS_BLOCK, Scope.STOCK_ADMIN, Scope.STOCK_ADJUST, Scope.STOCK_APPROVE
}  # fmt: skip
"""Who has one of these changes what is on sale for all."""
READS_ALONE = {"seat_plans.all"}
"""What needs one of them, and changes nothing."""


def verbs_of_the_house(use_cases: type) -> set[str]:
    """What needs a scope of the house, by the source: a use case, or a verb of one."""
    found = set()
    for name, kind in get_type_hints(use_cases).items():
        if not inspect.isclass(kind):
            continue
        others = dict(inspect.getmembers(inspect.getmodule(kind), inspect.isfunction))
        for verb, done in inspect.getmembers(kind, inspect.isfunction):
            said = inspect.getsource(done)
            said += "".join(inspect.getsource(other) for own, other in others.items() if f"{own}(" in said)
            if any(f"Scope.{scope.name}" in said for scope in OF_THE_HOUSE_ALONE) and verb != "__init__":
                found.add(name if verb == "__call__" else f"{name}.{verb}")
    return found


def test_whatever_needs_a_scope_of_the_house_is_recorded() -> None:
    recorded_verbs = {*OF_THE_HOUSE, *(f"seat_plans.{verb}" for verb in PLANS), "update_many"}
    recorded_verbs |= {f"{name}.{verb}" for name, verbs in DEEDS.items() for verb in verbs}
    of_house = verbs_of_the_house(Inventory) | verbs_of_the_house(Stock)
    assert len(of_house) > 20
    assert of_house - READS_ALONE == recorded_verbs


async def test_who_stores_or_deletes_a_seat_plan_is_in_the_record() -> None:
    boss = Actor("acme", "boss")
    key, part = plan_key("acme", "coach"), a_trip(organization="acme")
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        deeds = Deeds(market.store, SystemClock())
        plans = recorded((await market.open()).inventory, deeds).seat_plans
        await plans.put(boss, SeatPlanPart(key, "r1", 0, 1, part))
        await plans.delete(boss, key)
        with pytest.raises(SeatPlanNotFound):
            await plans.delete(boss, key)
        assert await plans.all(boss) == []
        page = await deeds.page("acme", "", after="", most=10)
    assert {(deed.who, deed.verb, deed.about, deed.outcome) for deed in page.deeds} == {
        ("user boss", "store seat plan", "coach", "done"),
        ("user boss", "delete seat plan", "coach", "done"),
        ("user boss", "delete seat plan", "coach", "SEAT_PLAN_NOT_FOUND"),
    }


async def test_who_adds_entries_to_every_warehouse_is_in_the_record() -> None:
    shop = Shop(MemoryBatches(None, Random(1), asyncio.sleep))
    await shop.entry("cup", 3)
    deeds = Deeds(shop.store, SystemClock())
    await recorded_stock(shop.stock, deeds).keep.add_everywhere(shop.actor, "jug", "Jug")
    page = await deeds.page(shop.actor.organization, "", after="", most=10)
    assert [(deed.verb, deed.about, deed.outcome) for deed in page.deeds] == [("add stock entries", "jug", "done")]


def test_a_deed_says_what_it_is_about() -> None:
    assert about("t1") == "t1"
    assert about(a_trip("t7")) == "t7"
    assert about(plan_key("acme", "coach")) == "coach"
    assert about(GiveBackCommand(hold_id="h1")) == "h1"

"""The declaration of the tables, and what is generated from it: schema.cql and docs/data-model.md."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from tests.stock.carrying import Carrying
from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.protocol.batches import Index, Kind, Partition, Table
from travio_inventory.protocol.columns import Type
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Way
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.protocol.event_table import EVENT
from travio_inventory.protocol.hold_table import HOLD
from travio_inventory.protocol.inbox import Inbox, Noted
from travio_inventory.protocol.plain_tables import INDEXES, PLAIN_TABLES, PlainTable
from travio_inventory.protocol.slice_leases import SliceLeases
from travio_inventory.protocol.tables import COLUMNS, TABLES
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.refusals import SeatHeld
from travio_inventory.seats.seat_plan import PlanKey, SeatPlanPart
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, ChangeEntry, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.warehouse import Site
from travio_inventory.store.memory import Change, MemoryBatches
from verification.kit.ended_sale import visit_ended
from verification.kit.sale import Market
from verification.kit.trips import a_trip
from verification.pages import data_model


def test_the_schema_file_and_the_document_are_what_is_declared() -> None:
    schema, document = data_model.SCHEMA.read_text(), data_model.DOCUMENT.read_text()
    assert data_model.schema(schema) == schema, "run `make docs`"
    assert data_model.document(document) == document, "run `make docs`"


def test_every_table_every_kind_and_every_index_is_declared_once() -> None:
    assert set(TABLES) == set(Table)
    declared = Counter(kind for table in TABLES.values() for kind in table.kinds)
    assert declared == {**dict.fromkeys(Kind, 1), Kind.EVENT: 2, Kind.HOLD: 2}
    for kind, rows in ((Kind.EVENT, EVENT), (Kind.HOLD, HOLD)):
        assert {table.kinds[kind] for table in TABLES.values() if kind in table.kinds} == {rows}
    assert set(INDEXES) == set(Index)
    assert set(PLAIN_TABLES) == set(PlainTable) == {declared.table for declared in INDEXES.values()}
    assert {table.value for table in Table}.isdisjoint(PlainTable)


@pytest.mark.parametrize("table", Table)
def test_a_column_has_one_type_and_a_name_that_no_column_of_the_key_has(table: Table) -> None:
    declared = TABLES[table]
    columns = [column for rows in declared.kinds.values() for column in rows.columns]
    assert len({(column.name, column.type) for column in columns}) == len(declared.columns)
    assert declared.columns.keys().isdisjoint(
        {"kind", "id", "segment", *(column.name for column in declared.partition)}
    )
    assert {column.type for column in columns} <= {Type.TEXT, Type.BIGINT}


def test_a_moment_says_its_unit() -> None:
    """No other column is about time."""
    columns = {
        column.name: column for table in TABLES.values() for rows in table.kinds.values() for column in rows.columns
    }
    moments = {
        name
        for name, column in columns.items()
        if column.meaning.startswith(("when ", "until ", "since ", "the moment"))
    }
    assert moments == {name for name in columns if name.endswith("_ms")}


async def a_little_stock(store: MemoryBatches) -> None:
    """An entry that was counted, changed with a reference, reserved, committed and given back, and lies in shards."""
    shop = Shop(store)
    warehouse = await shop.stock.warehouses.add(shop.actor, AddWarehouse("north", Site("North"), "k"))
    entry = await shop.stock.keep.add(shop.actor, AddEntry("cup", warehouse.id, "p", 3, "red"))
    change = AdjustStock(entry.id, 2, MovementType.INBOUND, Why("delivery", "note 7", "c"))
    await shop.stock.adjust.by(shop.actor, change)
    await shop.reserve("o1", ("cup", 2))
    await shop.commit("o1")
    seen = await shop.now(entry)
    await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, None, None, seen.version, 2))
    await (await Carrying.begun(Shop(store))).draft(1)
    await (await Purchasing.begun(Shop(store))).place(1)
    careful = Shop(store, limits=ApprovalLimits(0))
    await careful.adjust(await careful.entry(), 1)


async def a_letter(store: MemoryBatches) -> None:
    """One that was too long, given again in vain, and discarded."""
    letters, of = DeadLetters(store, SystemClock()), LetterList(Way.IN, "shop")
    came = Message("t", "t/0@1", b"x" * 600_000, (Header("event_id", b"1"),), content_type="text", at_ms=1, key=b"k")
    await SourceLetters(letters, of.of, SystemClock()).put(came, Unfit("TOO_LARGE", "too long"))
    letter = DeadLetter(
        of=of, reason="NO", said="no", at_ms=1, topic="t", place="t/0@2", body=b"", size=0, event="e", sent_at_ms=1
    )
    letter_id = await letters.keep(letter)
    stored = await letters.read(of, letter_id)
    assert stored is not None
    await letters.want(of, stored)
    taken = await letters.take(of, letter_id)
    assert taken is not None
    await letters.end(of, taken, "discarded")


async def test_a_little_of_all_that_can_be_done_writes_every_column_and_each_only_where_it_is_declared() -> None:
    """No column is declared that nobody writes. What is written and not declared is refused by the store."""
    store, written = MemoryBatches(None, Random(1), asyncio.sleep), set[tuple[Kind, str]]()

    def observe(_: Partition, changes: Sequence[Change]) -> None:
        written.update((key.kind, name) for key, _, after in changes for name in after)

    store.observe = observe
    CURRENT.set(TraceParent("1" * 32, "2" * 16, is_sampled=True))
    async with Market(store, portions=Portions(seats_at_once_max=5, groups_max=1)) as market:
        sale = market.prepare(a_trip(seats=6, seats_per_group=2), holds_per_holder_max=3)
        await SliceLeases(sale.process.sender, "told").keep()
        await sale.open_trip()
        await sale.go_on_opening()
        key = PlanKey(sale.trip.key.organization, "p")
        for revision in ("r1", "r2"):
            await sale.inventory.seat_plans.put(
                house_of(key.organization), SeatPlanPart(key, revision, 0, 1, sale.trip)
            )
        hold = await sale.hold("A1 A6", "A-C", key="k")
        with pytest.raises(SeatHeld):
            await sale.elsewhere().hold("A1", "A-B", by="bob", key="k")
        sale.clock.pass_s(1)
        hold = await sale.extend(hold)
        booking = await sale.confirm(hold, passengers=[Passenger("A1", "Ada", "n1"), Passenger("A6", "Bob", "n2")])
        await sale.move(await sale.cancel(booking, "A6"), "A1>A2")
        await sale.block("A4", reason="broken")
        await sale.join("bob")
        await sale.close()
        await sale.freeze()
        await sale.swap(seats=a_trip(seats=4))
        await sale.cancel_trip()
        await sale.sweep()
        await market.settled()
        await visit_ended(sale)
        noted = await Inbox(store, sale.clock, retention_s=60).begin(
            Incoming("elsewhere", "1", "payment.successful", sale.clock.now_ms(), "acme", {})
        )
        assert isinstance(noted, Noted)
        await noted.decide("fits")
        await noted.done("booked")
    await a_letter(store)
    await a_little_stock(store)
    assert written == {(kind, name) for kind, columns in COLUMNS.items() for name in columns}

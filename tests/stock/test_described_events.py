"""Every event of stock is as docs/asyncapi.json and docs/schemas say, field by field, in every shape."""

import json
from collections.abc import Sequence

from jsonschema import Draft202012Validator

from tests.events.described import must_be_documented
from tests.stock.carrying import Carrying
from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.events import Event
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.protocol.event_rows import read_event
from travio_inventory.stock.approval import ApprovalLimits, DecideAdjustment
from travio_inventory.stock.audit.rounds import all_places
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.event_data import DATA
from travio_inventory.stock.events import StockEvent
from travio_inventory.stock.records.failures import Failure, Failures
from travio_inventory.stock.records.stock_rows import place
from verification.pages.asyncapi import SCHEMAS

UNKNOWN = "order-9"


async def told(shop: Shop) -> Sequence[Event]:
    """All that was told, of an order that nobody knows too."""
    places = [at async for at in all_places(shop.store, shop.actor.organization)]
    places.append(place(shop.actor.organization, UNKNOWN, 0))
    return [read_event(at, row) for at in places for row in (await shop.store.read(at, Kind.EVENT)).values()]


async def carried(store: Batches) -> Shop:
    """A transfer, of which a part came."""
    way = await Carrying.begun(Shop(store))
    await way.receive(await way.ship(await way.draft(2)), 1)
    return way.shop


async def bought(store: Batches) -> Shop:
    """A purchase order, of which a part came."""
    buying = await Purchasing.begun(Shop(store))
    order = await buying.place(5)
    await buying.receive(order, 1)
    await buying.cancel(order)
    return buying.shop


async def sold(store: Batches) -> Shop:
    """Orders with every end, whole and in part, of a shelf that runs low and out, and of one in shards."""
    shop = Shop(store)
    cup, jug = await shop.entry("cup", 12), await shop.entry("jug", 50)
    for order in ("paid", "returned", "expired", "in part"):
        await shop.reserve(order, ("cup", 1), ("jug", 1))
    await shop.commit("paid")
    await shop.commit("returned")
    await shop.cancel("returned")
    await shop.cancel("in part", jug.id)
    shop.clock.pass_s(1_000)
    await shop.stock.expire(HOUSE)
    left = (await shop.now(cup)).quantities.available
    await shop.reserve("rest", ("cup", left))
    await shop.stock.keep.change(shop.actor, ChangeEntry(jug.id, None, None, (await shop.now(jug)).version, 2))
    await shop.adjust(jug, -2)
    for about in (UNKNOWN, "cup"):
        await Failures(shop.sender).tell(
            shop.actor.organization, Failure(UNKNOWN, "commit", "x", True, about, "s", about)
        )
    return shop


async def decided(store: Batches) -> Shop:
    """Two changes that waited: one was approved, one rejected."""
    shop = Shop(store, limits=ApprovalLimits(1))
    cup = await shop.entry("cup", 50)
    for is_approved in (True, False):
        waits = (await shop.adjust(cup, 5, "INBOUND")).waits
        assert waits is not None
        bob = Actor(shop.actor.organization, "bob")
        await shop.stock.approvals.decide(bob, DecideAdjustment(waits.id, is_approved))
    return shop


async def test_every_event_of_stock_is_as_described_in_every_shape(store: Batches) -> None:
    seen: dict[str, set[str]] = {}
    for shop in [await told_of(store) for told_of in (carried, bought, sold, decided)]:
        await shop.settled()
        for event in await told(shop):
            must_be_documented(event)
            alone = json.loads((SCHEMAS / f"{event.type}.v{event.version}.json").read_text())
            Draft202012Validator(alone).validate(json.loads(event.data))
            seen.setdefault(event.type, set()).update(json.loads(event.data))
    assert seen.keys() == set(StockEvent)
    never = {kind: data.__annotations__.keys() - seen[kind] for kind, data in DATA.items()}
    assert {kind: names for kind, names in never.items() if names} == {
        StockEvent.RESERVED: {"givenUp"}, StockEvent.COMMITTED: {"givenUp", "expiresAtMs"},
    }  # fmt: skip

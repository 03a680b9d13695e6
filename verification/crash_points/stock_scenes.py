"""Scenes of stock: transfers, approvals, orders, purchases, shards, late commits.

Each step has its key, so that a next process may repeat the whole scene.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from travio_inventory.api.inbound.stock_reactions import with_stock
from travio_inventory.events.inbound.message import Message
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.batches import ABSENT, Batches, Index, Write
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.minute_cursor import cursor_of
from travio_inventory.stock.approval import ApprovalLimits, ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.commands import AdjustStock, ChangeEntry, MovementsQuery, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.purchase import Ordered, PlaceOrder, PurchasesQuery, ReceiveOrder
from travio_inventory.stock.records.shards import WHY, Shards
from travio_inventory.stock.records.stock_rows import place
from travio_inventory.stock.refusals import StockNotFound
from travio_inventory.stock.reservation import Item, OfReservation, Reservation, Reserve, Status
from travio_inventory.stock.restocking import SuggestionsQuery
from travio_inventory.stock.supplier import AddSupplier, Contact
from travio_inventory.stock.transfer import CancelTransfer, DraftTransfer, OnTheWay, ReceiveTransfer, TransfersQuery
from travio_inventory.stock.use_cases.settle_order import TOLD
from verification.stock_load.shelves import Shop

T = TypeVar("T")

LIMITS = ApprovalLimits(3)
OPENING = 10
RETENTION_S = 7 * 86_400
LATE_TTL_S = 10
LATE_MS = 12_000
"""So much later it is paid."""
TRIES_MAX = 100


class LaterClock:
    """The system's clock, put forward."""

    def __init__(self, by_ms: int) -> None:
        self._by_ms = by_ms
        self._clock = SystemClock()

    def now_ms(self) -> int:
        """See Clock."""
        return self._clock.now_ms() + self._by_ms

    def elapsed_ms(self) -> int:
        """See Clock."""
        return self._clock.elapsed_ms()


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Its answer, asked for until there is one. Raises AssertionError if there never is."""
    for _ in range(TRIES_MAX):
        try:
            return await ask()
        except RetryableRefusal:
            await asyncio.sleep(0.02)
    raise AssertionError("never answered")


class Scene(NamedTuple):
    """What is played in a shop whose places are prepared."""

    name: str
    play: Callable[[Shop], Awaitable[None]]


async def transfer(shop: Shop) -> None:
    """Drafted, shipped, received in part, and the rest called back."""
    stock, by = shop.stock.transfers, shop.actor
    north, south = [entry.warehouse_id for entry in await shop.of("cup")]
    found = await insist(lambda: stock.draft(by, DraftTransfer("cup", north, south, 6, key="k")))
    await insist(lambda: stock.ship(by, found.id))
    await insist(lambda: stock.receive(by, ReceiveTransfer(found.id, 2, 1, 0, "first")))
    await insist(lambda: stock.receive(by, ReceiveTransfer(found.id, 1, 0, 1, "second")))
    await insist(lambda: stock.cancel(by, CancelTransfer(found.id, OnTheWay.BACK)))


async def approval(shop: Shop) -> None:
    """Ann asks twice, Bob approves one and rejects the other."""
    bob = Actor(shop.actor.organization, "bob")
    entry = (await shop.of("cup"))[0]
    for cause, is_approved in (("good", True), ("bad", False)):
        asked = AdjustStock(entry.id, -4, MovementType.DAMAGE, Why("broken", cause=cause))
        if await is_decided(shop, cause == "good"):
            continue
        changed = await insist(partial(shop.stock.adjust.by, shop.actor, asked))
        if changed.waits is not None:
            await insist(partial(shop.stock.approvals.decide, bob, DecideAdjustment(changed.waits.id, is_approved)))


async def is_decided(shop: Shop, is_approved: bool) -> bool:
    """Whether one was approved, or rejected."""
    page = await shop.stock.approvals.page(shop.actor, ApprovalsQuery(is_pending=False))
    return any(each.status == ("APPROVED" if is_approved else "REJECTED") for each in page.approvals)


async def orders(shop: Shop) -> None:
    """One is paid and then cancelled, one paid before it comes, one unpaid, one too large."""
    inbox = Inbox(shop.store, shop.clock, retention_s=RETENTION_S)
    reception = Reception(inbox, with_stock({}, shop.stock), shop.clock, default=shop.actor.organization)
    at_ms, by = SystemClock().now_ms(), shop.actor.organization
    for number, (kind, order, quantity) in enumerate(
        (
            ("order.created", "o1", 2), ("payment.successful", "o1", 0), ("order.cancelled", "o1", 0),
            ("payment.successful", "o2", 0), ("order.created", "o2", 3), ("order.created", "o3", 1),
            ("payment.failed", "o3", 0), ("order.created", "o4", 99),
        )
    ):  # fmt: skip
        said: dict[str, Any] = {"eventId": f"{by} {number}", "type": kind, "time": at_ms, "orderId": order}
        items = {"items": [{"sku": "cup", "quantity": quantity}]} if quantity else {}
        message = Message("order.events", "", json.dumps(said | items).encode())
        outcome = (await insist(partial(reception.receive, message))).outcome
        assert (outcome == TOLD) == (order == "o4"), f"{kind} of {order} came to {outcome}"


async def purchases(shop: Shop) -> None:
    """Ordered, received in two parts, the rest cancelled; what is low then is ordered by itself, and comes."""
    stock, by = shop.stock.purchases, shop.actor
    (supplier,) = await shop.stock.suppliers.all(by)
    north, south = [entry.warehouse_id for entry in await shop.of("cup")]
    placing = PlaceOrder(supplier.id, [Ordered("cup", north, 6), Ordered("cup", south, 4)], key="k")
    found = await insist(lambda: stock.place(by, placing))
    for key, counts in (("first", ((north, 2),)), ("second", ((north, 3), (south, 3)))):
        came = ReceiveOrder(found.id, [Ordered("cup", at, count) for at, count in counts], key)
        await insist(partial(stock.receive, by, came))
    await insist(lambda: stock.cancel(by, found.id))
    done = await insist(lambda: shop.stock.reorder(HOUSE))
    assert not done.failures, done.failures
    page = await insist(lambda: stock.page(by, PurchasesQuery()))
    (order,) = [each for each in page.orders if each.automatic]
    rest = [Ordered("cup", line.warehouse_id, line.quantity) for line in order.lines]
    await insist(lambda: stock.receive(by, ReceiveOrder(order.id, rest, "all of it")))


async def shards(shop: Shop) -> None:
    """An entry lies in three shards; its units are brought to one of them, then to another one, then home."""
    home = place(shop.actor.organization, "cup", 1)
    await insist(lambda: lies_in(shop, 3))
    for taker in (1, 2):
        await insist(lambda: Shards(shop.sender).gather(home, taker, OPENING))  # noqa: B023 - it is over by the next one
    await insist(lambda: lies_in(shop, 1))
    whole = await insist(lambda: Shards(shop.sender).still(home))
    assert whole.by_shard == (OPENING, 0, 0), f"not all came home: {whole.by_shard}"


async def lies_in(shop: Shop, number: int) -> None:
    """So many shards take orders."""
    entry = (await shop.of("cup"))[0]
    await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, None, None, entry.version, number))


async def late(shop: Shop) -> None:
    """An order of two places is paid after its reservation has expired."""
    entries, by = await shop.of("cup"), shop.actor
    came = AdjustStock(entries[1].id, 3, MovementType.INBOUND, Why("delivery", cause="came"))
    await insist(lambda: shop.stock.adjust.by(by, came))
    if await standing(shop) is None:
        wanted = Reserve("o1", [Item("cup", 3, each.warehouse_id) for each in entries], key="k", ttl_s=LATE_TTL_S)
        await insist(lambda: shop.stock.reserve.reserve(by, wanted))
    later = shop_on(shop.store, by.organization, later_ms=shop.clock.now_ms() - SystemClock().now_ms() + LATE_MS)
    for _ in range(TRIES_MAX):
        await later.stock.expire(HOUSE)
        found = await standing(later)
        if found is not None and found.status is not Status.PENDING:
            break
        await asyncio.sleep(0.05)
    committed = await insist(lambda: later.stock.reserve.commit(by, OfReservation(order_id="o1")))
    assert committed.status is Status.COMMITTED
    await later.settled()


async def standing(shop: Shop) -> Reservation | None:
    """The order's reservation."""
    try:
        return await shop.stock.reserve.of_order(shop.actor, "o1")
    except StockNotFound:
        return None


SCENES = (
    Scene("transfer", transfer),
    Scene("approval", approval),
    Scene("orders", orders),
    Scene("purchases", purchases),
    Scene("shards", shards),
    Scene("late", late),
)


async def picture(shop: Shop) -> dict[str, object]:
    """What is there, and all that led to it, without what differs from one play to the next."""
    entries = await shop.of("cup")
    moved: Counter[tuple[str, int]] = Counter()
    for number, entry in enumerate(entries):
        movements = await shop.stock.read.movements(shop.actor, MovementsQuery(entry.id))
        moved.update((f"{number} {each.type} {each.reason}", each.quantity) for each in movements if each.reason != WHY)
        assert sum(each.quantity for each in movements) == entry.quantities.total, "a replay is something else"
    transfers = await shop.stock.transfers.page(shop.actor, TransfersQuery())
    approvals = await shop.stock.approvals.page(shop.actor, ApprovalsQuery(is_pending=False))
    purchased = (await shop.stock.purchases.page(shop.actor, PurchasesQuery())).orders
    suggested = (await shop.stock.suggest(shop.actor, SuggestionsQuery())).suggestions
    return {
        "quantities": [tuple(entry.quantities) for entry in entries],
        "movements": sorted(moved.items()),
        "transfers": sorted((each.status, each.counts) for each in transfers.transfers),
        "purchases": sorted(
            (each.automatic, each.status, [(line.quantity, line.received, line.outstanding) for line in each.lines])
            for each in purchased
        ),
        "suggested": [(each.on_order, each.quantity) for each in suggested],
        "approvals": sorted((each.status, each.decided_by) for each in approvals.approvals),
    }


def shop_on(store: Batches, organization: str, *, later_ms: int = 0) -> Shop:
    """A process of the shop."""
    return Shop(store, organization, clock=LaterClock(later_ms), limits=LIMITS)


async def prepare(shop: Shop) -> None:
    """Ten cups in the north, none in the south, and a supplier. Sweepers need not search a whole day before."""
    cursor, row = cursor_of(Index.STOCK_EXPIRY, "")
    await shop.store.apply(cursor, [Write(row, ABSENT, {"reached": minute_of(shop.clock.now_ms()) - 1})])
    north, south = await shop.warehouses(2)
    await shop.shelve("cup", north, OPENING)
    await shop.shelve("cup", south, 0)
    await shop.stock.suppliers.add(shop.actor, AddSupplier("acme", Contact("Acme")))

"""Reserves stock for orders, commits it when they are paid, and gives it back."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import BackendUnavailable, Refusal
from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.allocation import Rules as AllocationRules
from travio_inventory.stock.commands import EntriesQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.planning import Plan, Scattered, planned
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.known_warehouses import KnownWarehouses
from travio_inventory.stock.records.reservations import Reservations
from travio_inventory.stock.records.sold_out import SoldOut, left_in
from travio_inventory.stock.records.stock_rows import place, shard_of
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.refusals import InsufficientStock, StockContended, StockNotFound
from travio_inventory.stock.reservation import OfReservation, Planned, Reservation, Reserve, ReservedLine
from travio_inventory.stock.use_cases.steps import Steps
from travio_inventory.stock.warehouse import SHARDS_MAX, Warehouse

PLANS_MAX = 7
"""Others may take what was planned as often."""
PAUSE_S = (0.005, 0.050)
READ_AT_ONCE_MAX = 8


class ReserveStock:
    """Each order has one reservation that lives; each step of it happens once."""

    def __init__(  # noqa: PLR0913 - what each step of an order asks
        self,
        reservations: Reservations,
        entries: Entries,
        warehouses: Warehouses,
        known: KnownWarehouses,
        steps: Steps,
        sweep: Callable[[Partition], Awaitable[None]],
        random: Random,
        sold_out: SoldOut,
        *,
        rules: AllocationRules,
    ) -> None:
        self._reservations = reservations
        self._entries = entries
        self._warehouses = warehouses
        self._known = known
        self._steps = steps
        self._sweep = sweep
        self._random = random
        self._sold_out = sold_out
        self._rules = rules
        self._refilling: set[Partition] = set()
        self._shard: int | None = None

    async def reserve(self, actor: Actor, command: Reserve) -> Reservation:
        """Every item, or nothing. Raises PermissionDenied, StockNotFound, InsufficientStock, OrderReserved,
        ReservationEnded, StockContended, IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_RESERVE)
        if (short := self._short(actor.organization, command)) is not None:
            before = await self.reserved_before(actor, command)
            if before is not None:
                return before
            raise short
        try:
            for attempt in range(PLANS_MAX - 1):
                try:
                    return await self._reserve(actor, command, by_memory=not attempt)
                except StockContended:
                    await asyncio.sleep(self._random.uniform(*PAUSE_S))
            return await self._reserve(actor, command, by_memory=False)
        except InsufficientStock:
            await self._remember(actor.organization, command)
            raise

    async def reserved_before(self, actor: Actor, command: Reserve) -> Reservation | None:
        """What an earlier attempt with the command's key led to; if to nothing, it never will. Raises as `reserve`."""
        actor.needs(Scope.STOCK_RESERVE)
        unplanned = Planned(actor.organization, command, (), actor.user, is_planned=True)
        return await self._steps.run(self._reservations.reserved_before(unplanned))

    async def commit(self, actor: Actor, command: OfReservation) -> Reservation:
        """The reservation, committed; some of its lines alone if they are named: the others are given back. An expired
        one too, where the stock is still there. Raises PermissionDenied, StockNotFound, ReservationCommitted,
        ReservationCancelled, ReservationExpired, StockContended, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_RESERVE)
        return await self._steps.run(self._reservations.commit(actor.organization, command, by=actor.kind))

    async def cancel(self, actor: Actor, command: OfReservation) -> Reservation:
        """The reservation, cancelled, or without the lines that are named; what was committed is returned. Raises
        PermissionDenied, StockNotFound, ReservationExpired, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_RESERVE)
        return await self._steps.run(self._reservations.cancel(actor.organization, command, by=actor.kind))

    async def one(self, actor: Actor, reservation_id: str) -> Reservation:
        """Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._reservations.find(actor.organization, reservation_id)

    async def of_order(self, actor: Actor, order_id: str) -> Reservation:
        """The last one of the order. Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        found = await self._reservations.of_order(actor.organization, order_id)
        if found is None:
            raise StockNotFound("reservation of the order")
        return found

    async def _reserve(self, actor: Actor, command: Reserve, *, by_memory: bool) -> Reservation:
        """Planned by what is remembered, or seen, and reserved if it is so still."""
        organization = actor.organization
        known = await self._known.of(organization, self._warehouses.all)
        lines = self._remembered(organization, command, known.warehouses) if by_memory else None
        if lines is not None:
            request = Planned(organization, command, lines, actor.user, is_planned=True)
            return await self._steps.run(self._reservations.reserve(request))
        entries = {sku: await self._of(organization, sku) for sku in sorted({item.sku for item in command.items})}
        own = self._own_shard(entries)
        plan = None if known.is_fresh else self._by_memory(command, entries, known.warehouses, own)
        if plan is None and not known.is_fresh:
            known = await self._known.fresh(organization, self._warehouses.all)
        try:
            lines, is_chosen = plan or planned(command, entries, known.warehouses, self._rules, own)
        except Scattered as apart:
            home = place(organization, apart.entry.sku, apart.warehouse_number)
            into = own % apart.entry.shards
            await self._steps.run(self._entries.shards.gather(home, into, apart.units))
            raise StockContended from None  # they are together now: plan again
        except (InsufficientStock, StockNotFound) as refusal:
            before = await self.reserved_before(actor, command)
            if before is not None:
                return before
            if isinstance(refusal, InsufficientStock) and await self._was_freed(entries, known.warehouses):
                raise StockContended from None  # by reservations that had run out: plan again
            raise
        self._refill(organization, entries, lines)
        request = Planned(organization, command, lines, actor.user, is_chosen)
        return await self._steps.run(self._reservations.reserve(request))

    def _remembered(
        self, organization: str, command: Reserve, warehouses: Sequence[Warehouse]
    ) -> tuple[ReservedLine, ...] | None:
        """The lines by what this process saw last; None if that may be too little. No final no comes of it: where too
        little is there now it is planned again.
        """
        wanted: Counter[str] = Counter()
        for item in command.items:
            wanted[item.sku] += item.quantity
        entries = self._entries.remembered(organization, wanted)
        if entries is None:
            return None
        try:
            return planned(command, entries, warehouses, self._rules)[0]
        except (InsufficientStock, StockNotFound, Scattered):
            return None

    def _short(self, organization: str, command: Reserve) -> InsufficientStock | None:
        """What the order is refused with by what was read for another one a moment ago."""
        for item in command.merged:
            if not item.warehouse_id:
                left = self._sold_out.left(organization, item.sku, allow_split=command.allow_split)
                if left is not None and left < item.quantity:
                    in_all = self._sold_out.left(organization, item.sku, allow_split=True)
                    return InsufficientStock(left, item.sku, in_one=in_all is not None and left < in_all)
        return None

    async def _remember(self, organization: str, command: Reserve) -> None:
        """The order was refused: read, for those who come next, what can be had of everything that it wanted."""
        for item in (each for each in command.merged if not each.warehouse_id):
            if self._sold_out.left(organization, item.sku, allow_split=True) is not None:
                continue
            look = self._sold_out.look(organization, item.sku)
            try:
                warehouses = await self._warehouses.all(organization)
                entries = await self._of(organization, item.sku)
            except BackendUnavailable:
                return
            numbers = {each.id: each.number for each in warehouses if each.site.is_active}
            places: dict[int, int] = {}
            try:
                for each in (each for each in entries if each.warehouse_id in numbers):
                    home = place(organization, item.sku, numbers[each.warehouse_id])
                    now = each if each.sharing is None else await self._entries.shards.still(home)
                    available = now.by_shard or (now.quantities.available,)
                    places |= {home.number + shard: count for shard, count in enumerate(available)}
            except Refusal:
                return
            left = left_in(places, allow_split=command.allow_split)
            if left < item.quantity:
                self._sold_out.remember(organization, item.sku, places, look)

    async def _was_freed(
        self, entries: Mapping[str, Sequence[InventoryEntry]], warehouses: Sequence[Warehouse]
    ) -> bool:
        """End the reservations of these entries that have run out; whether more can be had now."""
        numbers = {each.id: each.number for each in warehouses}
        was_freed = False
        found = [each for some in entries.values() for each in some if each.warehouse_id in numbers]
        for entry in (each for each in found if each.quantities.reserved or each.sharing is not None):
            home = place(entry.organization, entry.sku, numbers[entry.warehouse_id])
            for number in range(max(len(entry.by_shard), 1)):
                await self._sweep(shard_of(home, number))
            if entry.sharing is None:
                now = await self._entries.find(entry.organization, entry.id)
            else:  # all that lies in its shards at one moment: no unit is missed that goes from one to another
                now = await self._steps.run(self._entries.shards.still(home))
            was_freed |= now.quantities.available > entry.quantities.available
        return was_freed

    def _own_shard(self, entries: Mapping[str, Sequence[InventoryEntry]]) -> int:
        """Where this process begins to look for units: another one begins elsewhere."""
        if self._shard is None:
            if not any(entry.sharing is not None for some in entries.values() for entry in some):
                return 0
            self._shard = self._random.randrange(SHARDS_MAX)
        return self._shard

    def _refill(
        self, organization: str, entries: Mapping[str, Sequence[InventoryEntry]], lines: Sequence[ReservedLine]
    ) -> None:
        """Have units brought to the own shard, where they come from another one: one at a time of an entry."""
        shared = {each.id: each for some in entries.values() for each in some if each.sharing is not None}
        for line in (each for each in lines if each.inventory_id in shared):
            home = place(organization, line.sku, line.place // SHARDS_MAX)
            own = self._own_shard(entries) % shared[line.inventory_id].shards
            if line.place % SHARDS_MAX != own and home not in self._refilling:
                self._refilling.add(home)
                self._steps.in_background(self._refilled(home, own))

    async def _refilled(self, home: Partition, own: int) -> None:
        try:
            await self._entries.shards.refill(home, own)
        except Refusal:
            return  # whoever sells next from another shard tries again
        finally:
            self._refilling.discard(home)

    async def _of(self, organization: str, sku: str) -> Sequence[InventoryEntry]:
        entries: list[InventoryEntry] = []
        after, is_more = "", True
        while is_more:
            page = await self._entries.page(organization, EntriesQuery(sku=sku, after=after))
            entries += page.entries
            after, is_more = page.after, bool(page.after)
        return entries

    def _by_memory(
        self,
        command: Reserve,
        entries: Mapping[str, Sequence[InventoryEntry]],
        warehouses: Sequence[Warehouse],
        own_shard: int,
    ) -> Plan | None:
        """As `planned`, by warehouses that are only remembered; None if others could turn a no into a yes: where
        nothing is chosen the batch says the final no.
        """
        try:
            plan = planned(command, entries, warehouses, self._rules, own_shard)
        except (InsufficientStock, StockNotFound, Scattered):
            return None
        return plan if plan[1] or all(len(each) == 1 for each in entries.values()) else None

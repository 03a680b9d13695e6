"""Reservations, on the protocol: made, committed, given back and found."""

from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, TypeAlias

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import (
    Applied,
    Kind,
    NotDone,
    Partition,
    Reads,
    Refused,
    RowKey,
    StoreUnavailable,
    Unknown,
)
from travio_inventory.protocol.hold import Confirmed, HoldState, Released, base_id
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.refusals import (
    BookingCancelled,
    HoldConfirmed,
    HoldEnded,
    HoldExpired,
    HoldLimitReached,
    HoldNotFound,
)
from travio_inventory.protocol.resource import home_and_others, home_of
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock.records import reservation_rows
from travio_inventory.stock.records.known_reservations import KnownReservations
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.late_units import LateUnits
from travio_inventory.stock.records.order_books import SLOT
from travio_inventory.stock.records.reservation_rows import COMMITTED, RESERVED, line_key, sold_key
from travio_inventory.stock.records.stock_units import StockUnits, Unheard
from travio_inventory.stock.refusals import (
    OrderReserved,
    ReservationCancelled,
    ReservationCommitted,
    ReservationEnded,
    ReservationExpired,
    StockContended,
    StockNotFound,
)
from travio_inventory.stock.reservation import OfReservation, Planned, Reservation, Status, holder_of

TRIES_MAX = 4
_LIVE = (Status.PENDING, Status.COMMITTED)
_Step: TypeAlias = Callable[[str, OfReservation, ActorKind], Awaitable[Reservation]]


class Reservations:
    """The reservations of every organization."""

    def __init__(
        self,
        sender: Sender,
        background: Callable[[Coroutine[Any, Any, None]], None],
        known: KnownStock | None = None,
        made: KnownReservations | None = None,
    ) -> None:
        self._sender = sender
        self._made = made or KnownReservations(KnownStock(sender.clock.elapsed_ms), None)
        units = StockUnits(sender.rules.retention, LateUnits(sender, self._sweep), known, self._made)
        self.protocol = HoldProtocol(sender, units, Unheard(), background)
        self.lapses = LapseFinder(self.protocol)

    async def _sweep(self, at: Partition) -> None:
        await self.lapses.sweep(at)

    async def reserve(self, request: Planned) -> Reservation:
        """The reservation, or the order's own of the same items. Raises InsufficientStock, OrderReserved,
        ReservationEnded, StockContended, IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        for _ in range(TRIES_MAX):
            try:
                return await self.protocol.hold(request)
            except HoldEnded as ended:
                raise _ended(ended) from None
            except HoldLimitReached:
                standing = await self.of_order(request.organization, request.asked.order_id)
            if standing is not None and standing.status in _LIVE:
                return _same(standing, request)
            await self._sender.pause()
        raise StockContended

    async def reserved_before(self, request: Planned) -> Reservation | None:
        """What the request's key, or its order, led to already; after that an earlier attempt with the key never
        commits. Raises as `reserve`.
        """
        if not await self._has_asked(request):
            return None
        try:
            found = None if request.key is None else await self.protocol.held_before(request, settles=False)
        except HoldEnded as ended:
            raise _ended(ended) from None
        if found is not None:
            return found
        named = await self._last_of(request.organization, request.asked.order_id)
        if not named:
            return None
        await self.protocol.fence(request.organization, named)  # it stands, or an attempt that never commits now
        try:
            standing = await self.find(request.organization, named)
        except StockNotFound:
            return None
        return _same(standing, request) if standing.status in _LIVE else None

    async def _has_asked(self, request: Planned) -> bool:
        """Whether the order, or the key, ever asked: of a crowd hardly anybody did, and one read says so."""
        keys = [SLOT] if request.key is None else [SLOT, RowKey(Kind.KEY, request.key)]
        try:
            return bool(await self._sender.batches.get(self.protocol.resource.books.ledger(request.actor), keys))
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def commit(self, organization: str, of: OfReservation, *, by: ActorKind) -> Reservation:
        """The reservation, committed: all of it, or these lines, and then the others are given back. Raises
        StockNotFound, ReservationCancelled, ReservationExpired, StockContended, Overloaded, BackendUnavailable,
        OutcomeUnknown.
        """
        return await self._at_once(organization, of, by, Confirmed(of.order_id), self._commit)

    async def _commit(self, organization: str, of: OfReservation, by: ActorKind) -> Reservation:
        actor, reservation_id = await self._named(organization, of, by)
        try:
            return await self.protocol.confirm(actor, reservation_id, Confirmed(actor.user), of.parts)
        except HoldNotFound:
            raise StockNotFound("reservation") from None
        except HoldConfirmed:  # of other lines
            raise ReservationCommitted from None
        except HoldEnded as ended:
            raise _ended(ended) from None

    async def cancel(self, organization: str, of: OfReservation, *, by: ActorKind) -> Reservation:
        """The reservation without these lines, or cancelled; what was committed is returned. Raises StockNotFound,
        ReservationExpired, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        return await self._at_once(organization, of, by, Released(), self._cancel)

    async def _cancel(self, organization: str, of: OfReservation, by: ActorKind) -> Reservation:
        actor, reservation_id = await self._named(organization, of, by)
        try:
            try:
                return await self.protocol.release(actor, reservation_id, of.parts)
            except HoldConfirmed:
                found = await self.protocol.find(actor, reservation_id)
            await self._reopen(found, of.parts)
            return await self.protocol.cancel(actor, reservation_id, of.parts)
        except BookingCancelled:
            return await self.protocol.find(actor, reservation_id)
        except HoldNotFound:
            raise StockNotFound("reservation") from None
        except HoldEnded as ended:
            refusal = _ended(ended)
            if isinstance(refusal, ReservationCancelled):
                return await self.protocol.find(actor, reservation_id)
            raise refusal from None

    async def give_back(self, organization: str, reservation_id: str, *, by: ActorKind) -> Reservation:
        """The reservation, cancelled if it is pending. Raises StockNotFound, ReservationEnded, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor = await self._holder(organization, reservation_id, by)
        try:
            return await self.protocol.release(actor, reservation_id, None)
        except HoldNotFound:
            raise StockNotFound("reservation") from None
        except HoldEnded as ended:
            raise _ended(ended) from None

    async def find(self, organization: str, reservation_id: str) -> Reservation:
        """The reservation as it stands. Raises StockNotFound, BackendUnavailable."""
        actor = await self._holder(organization, reservation_id, ActorKind.SERVICE)
        try:
            return await self.protocol.find(actor, reservation_id)
        except HoldNotFound:
            raise StockNotFound("reservation") from None

    async def of_order(self, organization: str, order_id: str) -> Reservation | None:
        """The last reservation of the order; None if it has none, or one that never came to be. Raises
        BackendUnavailable.
        """
        named = await self._last_of(organization, order_id)
        try:
            return await self.find(organization, named) if named else None
        except StockNotFound:
            return None

    async def _at_once(
        self, organization: str, of: OfReservation, by: ActorKind, state: HoldState, otherwise: _Step
    ) -> Reservation:
        """A step on what this process reserved for the order, by what it remembers of that: if it takes effect, the
        order had no other reservation. `otherwise` is the step by what is read; it alone refuses, or says that it was
        done before.
        """
        named, in_doubt = self._made.of_order(organization, of.order_id), False
        if named:
            try:
                actor = holder_of(organization, of.order_id, by)
                stepped = await self.protocol.deciding.at_once(actor, named, state, of.parts)
            except OutcomeUnknown:
                stepped, in_doubt = None, True
            if stepped is not None:
                return stepped
        try:
            return await otherwise(organization, of, by)
        except (BackendUnavailable, Overloaded, StockContended):
            if in_doubt:
                raise OutcomeUnknown from None
            raise

    async def _last_of(self, organization: str, order_id: str) -> str:
        """The id of the last reservation that the order asked for, "" if it never did. Raises BackendUnavailable."""
        return await self._slot(organization, order_id, self._sender.batches)

    async def _slot(self, organization: str, order_id: str, reads: Reads) -> str:
        """By these reads. Raises BackendUnavailable."""
        ledger = self.protocol.resource.books.ledger(holder_of(organization, order_id))
        try:
            return rows.text((await reads.get(ledger, [SLOT])).get(SLOT, {}), "hold")
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _named(self, organization: str, of: OfReservation, by: ActorKind) -> tuple[Actor, str]:
        """The holder and the id of the reservation that is meant. An order's is named by a majority: none is made
        before its slot is known to be written. Raises StockNotFound, BackendUnavailable.
        """
        if of.reservation_id:
            return await self._holder(organization, of.reservation_id, by), of.reservation_id
        views = self._made.views
        named = "" if views is None else await self._slot(organization, of.order_id, views)
        if not (named or (named := await self._last_of(organization, of.order_id))):
            raise StockNotFound("reservation of the order")
        return holder_of(organization, of.order_id, by), named

    async def _holder(self, organization: str, reservation_id: str, by: ActorKind) -> Actor:
        """Whose it is: that never changes."""
        made = base_id(reservation_id)
        try:
            order = await self._made.order(home_of(self.protocol.resource, organization, made), made)
            order = order or await self.protocol.holder(organization, made)
        except HoldNotFound:
            raise StockNotFound("reservation") from None
        return holder_of(organization, order, by)

    async def _reopen(self, found: Reservation, parts: Collection[str] | None) -> None:
        """Open again, in other partitions than its home, what was committed: sweepers find it there, whatever happens
        to us. Raises BackendUnavailable, OutcomeUnknown.
        """
        if not isinstance(found.state, Confirmed):
            return
        for partition in home_and_others(self.protocol.resource, found)[1]:
            line = next(each for each in found.lines if (each.sku, each.place) == (partition.name, partition.number))
            if parts is None or line.inventory_id in parts:
                await self._reopen_in(partition, found)

    async def _reopen_in(self, partition: Partition, found: Reservation) -> None:
        line, sold = line_key(found.id), sold_key(found.id)
        for _ in range(TRIES_MAX):
            try:
                seen = await self._sender.batches.get(partition, [line, sold])
            except StoreUnavailable:
                raise BackendUnavailable from None
            if seen.get(line, {}).get("status") == RESERVED:  # its commit did not come here yet, and could afterwards
                await self.protocol.rolling.roll(found.id, partition, [line, sold], found.state)
                continue
            if seen.get(sold, {}).get("status") != COMMITTED:
                return
            now_ms, rules = self._sender.clock.now_ms(), self._sender.rules
            until_ms = now_ms + rules.grace_ms
            writes = reservation_rows.reopened(seen[sold], seen.get(line), at_ms=now_ms, until_ms=until_ms)
            due = [index_entries.due(partition, until_ms, rules.retention)]
            match await self._sender.apply(partition, writes, due, at_ms=now_ms):
                case Applied():
                    return
                case Refused() | Unknown() | NotDone():
                    await self._sender.pause()
        raise BackendUnavailable


def _same(standing: Reservation, request: Planned) -> Reservation:
    """The order's reservation, if it is of what is asked for. Raises OrderReserved."""
    if _is_of(standing, request):
        return standing
    raise OrderReserved(standing.known_as)


def _is_of(standing: Reservation, request: Planned) -> bool:
    """Whether it has what the request is for, from wherever it may come."""
    had: dict[tuple[str, str], int] = {}
    for line in standing.lines:
        had[line.sku, line.warehouse_id] = had.get((line.sku, line.warehouse_id), 0) + line.quantity
    for item in (each for each in request.asked.merged if each.warehouse_id):
        had[item.sku, item.warehouse_id] = had.get((item.sku, item.warehouse_id), 0) - item.quantity
    for item in (each for each in request.asked.merged if not each.warehouse_id):
        there = sum(count for (sku, _), count in had.items() if sku == item.sku)
        if there != item.quantity:
            return False
        had = {key: count for key, count in had.items() if key[0] != item.sku}
    return not any(had.values()) and not standing.given_up


def _ended(ended: HoldEnded) -> ReservationEnded:
    match ended:
        case HoldExpired():
            return ReservationExpired()
        case HoldConfirmed():
            return ReservationCommitted()
        case _:
            return ReservationCancelled()

"""Settles what other services tell of orders: reserved when placed, committed when paid, given back when it is over.

Events come in any order and again. What is told before its order is noted, and done when the order comes:

    the order's reservation is    placed         paid                   not paid       cancelled
    ----------------------------  -------------  ---------------------  -------------  -----------------------------
    not there                     reserved       noted                  noted          noted; never reserved any more
    pending                       the same       committed              given back     given back
    expired                       reserved anew  committed if there is  nothing        nothing
    committed                     the same       the same               nothing        returned
    cancelled                     reserved anew  refused                nothing        the same

What cannot be done is told once, by `inventory.reservation_failed`: so each order that is paid is committed, or that is
told, or it was cancelled. What an attempt reserves after another one of the same event had its end runs out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.incoming import Decisions
from travio_inventory.kernel.refusals import BackendUnavailable, FinalRefusal, IdempotencyKeyReused, RetryableRefusal
from travio_inventory.protocol.hold import Cancelled, Confirmed, digest_of
from travio_inventory.stock.records.failures import Failure, Failures
from travio_inventory.stock.records.order_notes import Note, OrderNotes
from travio_inventory.stock.records.reservations import Reservations
from travio_inventory.stock.refusals import ReservationEnded, StockNotFound
from travio_inventory.stock.reservation import Item, OfReservation, Reservation, Reserve
from travio_inventory.stock.use_cases.reserve_stock import ReserveStock
from travio_inventory.stock.use_cases.steps import Steps

FAILED: Final = "failed "
"""Begins the decision that it cannot be done, before its reason."""
IS_PAID, UNPAID = "paid", "unpaid"
ORDER_CANCELLED: Final = "ORDER_CANCELLED"
RESERVED, COMMITTED, RETURNED, GIVEN_BACK = "reserved", "committed", "returned", "given back"
NOTED, NOTHING, TOLD, ENDED = "noted", "nothing to do", "failed, and told", "reserved, and ended since"
RESERVE, COMMIT = "reserve", "commit"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order of which something was told; `source` and `event` name what told it. Raises InvalidRequest."""

    order_id: str
    source: str
    event: str

    def __post_init__(self) -> None:
        OfReservation(order_id=self.order_id)


class SettleOrder:
    """The house acts; each call may be made again, and by two processes at a time."""

    def __init__(
        self, reserve: ReserveStock, reservations: Reservations, notes: OrderNotes, failures: Failures, steps: Steps
    ) -> None:
        self._reserve = reserve
        self._reservations = reservations
        self._notes = notes
        self._failures = failures
        self._steps = steps

    async def placed(self, actor: Actor, order: OrderEvent, items: Sequence[Item], decisions: Decisions) -> str:
        """The order is to be reserved. Raises InvalidRequest, and RetryableRefusal with nothing decided."""
        actor.needs(Scope.HOUSE_WORK)
        command = Reserve(order.order_id, items, digest_of("order event", order.source, order.event))
        if not decisions.decision.startswith(FAILED):
            if await self._notes.of(actor.organization, order.order_id) in (Note.CANCELLED, Note.NOT_PAID):
                return await self._never(actor, order, command)
            if not await self._place(actor, order, command, decisions):
                return ENDED
        if decisions.decision == RESERVED:
            came, why = await self._as_noted(actor, order)
            if not why:
                return came
            await decisions.decide(_failed(COMMIT, why, command.merged[0].sku), over=RESERVED)
        return await self._tell(actor, order, decisions)

    async def paid(self, actor: Actor, order: OrderEvent, decisions: Decisions) -> str:
        """The order is paid for. Raises RetryableRefusal with nothing decided."""
        actor.needs(Scope.HOUSE_WORK)
        if not decisions.decision:
            found = await self._found(actor, order)
            came, why = await self._commit(actor, order, found)
            if not why:
                return came
            about = found.lines[0].sku if found is not None else order.order_id
            await decisions.decide(_failed(COMMIT, why, about))
        return await self._tell(actor, order, decisions)

    async def not_paid(self, actor: Actor, order: OrderEvent) -> str:
        """A payment for the order failed; what is committed was paid otherwise. Raises RetryableRefusal."""
        actor.needs(Scope.HOUSE_WORK)
        found = await self._found(actor, order)
        if found is None:
            await self._notes.note(actor.organization, order.order_id, Note.NOT_PAID)
            found = await self._found(actor, order)
        if found is None:
            return NOTED
        if await self._notes.of(actor.organization, order.order_id) is Note.PAID:
            return NOTHING
        return await self._give_back(actor, found)

    async def cancelled(self, actor: Actor, order: OrderEvent) -> str:
        """The order is no more, whatever comes later. Raises RetryableRefusal."""
        actor.needs(Scope.HOUSE_WORK)
        await self._notes.note(actor.organization, order.order_id, Note.CANCELLED)
        found = await self._found(actor, order)
        return NOTED if found is None else await self._cancel(actor, found)

    async def _is_unpaid_for(self, actor: Actor, order: OrderEvent) -> bool:
        """Whether it was paid before it came, and is not committed."""
        if await self._notes.of(actor.organization, order.order_id) is not Note.PAID:
            return False
        found = await self._found(actor, order)
        return found is None or not isinstance(found.state, Confirmed | Cancelled)

    async def _never(self, actor: Actor, order: OrderEvent, command: Reserve) -> str:
        """The order is over before it came; what an earlier attempt reserved, or still might, is undone."""
        try:
            if await self._reserve.reserved_before(actor, command) is None:
                return NOTHING
        except FinalRefusal:  # an earlier attempt came to nothing, or another event reserved, which undoes it
            return NOTHING
        return (await self._as_noted(actor, order))[0]

    async def _place(self, actor: Actor, order: OrderEvent, command: Reserve, decisions: Decisions) -> bool:
        """Reserve it, and decide what came of that; nothing is decided, and it is False, if that had its end since."""
        try:
            made = await self._reserve.reserve(actor, command)
        except ReservationEnded as ended:
            if not await self._is_unpaid_for(actor, order):
                return False
            await decisions.decide(_failed(COMMIT, ended.reason, command.merged[0].sku))
        except (RetryableRefusal, IdempotencyKeyReused):
            raise
        except FinalRefusal as refusal:
            is_paid = await self._notes.of(actor.organization, order.order_id) is Note.PAID
            about = command.merged[0].sku
            await self._decide(decisions, _failed(RESERVE, refusal.reason, about, is_paid=is_paid))
        else:
            if (await self._decide(decisions, RESERVED)).startswith(FAILED):  # by another attempt, meanwhile
                await self._give_back(actor, made)
        return True

    @staticmethod
    async def _decide(decisions: Decisions, decision: str) -> str:
        """The first decision stands."""
        return decisions.decision or await decisions.decide(decision)

    async def _as_noted(self, actor: Actor, order: OrderEvent) -> tuple[str, str]:
        """What came of an order that was reserved, by what was told of it before; or why it cannot be committed."""
        note = await self._notes.of(actor.organization, order.order_id)
        if note is Note.NONE:
            return RESERVED, ""
        found = await self._found(actor, order)
        if found is None:
            raise BackendUnavailable  # it was reserved a moment ago: look again
        if note is Note.CANCELLED:
            return await self._cancel(actor, found), ""
        if note is Note.NOT_PAID:
            return await self._give_back(actor, found), ""
        return await self._commit(actor, order, found)

    async def _commit(self, actor: Actor, order: OrderEvent, found: Reservation | None) -> tuple[str, str]:
        """What came of it; or why it cannot be committed."""
        organization, named = actor.organization, order.order_id
        if found is not None and isinstance(found.state, Confirmed | Cancelled):
            return COMMITTED, ""
        if found is None:
            if await self._notes.note(organization, named, Note.PAID) is not Note.PAID:
                return "", ORDER_CANCELLED
            found = await self._found(actor, order)
            if found is None:
                return NOTED, ""
        elif await self._notes.of(organization, named) in (Note.CANCELLED, Note.NOT_PAID):
            return "", ORDER_CANCELLED
        try:
            await self._steps.run(self._reservations.commit(organization, OfReservation(found.id), by=actor.kind))
        except ReservationEnded as ended:
            after = await self._found(actor, order)
            was_committed = after is not None and isinstance(after.state, Confirmed | Cancelled)
            return (COMMITTED, "") if was_committed else ("", ended.reason)
        except StockNotFound:
            raise BackendUnavailable from None  # it was forgotten at this moment: look again
        if await self._notes.of(organization, named) is Note.CANCELLED:
            return await self._cancel(actor, found), ""
        return COMMITTED, ""

    async def _give_back(self, actor: Actor, found: Reservation) -> str:
        """What is pending."""
        try:
            await self._steps.run(self._reservations.give_back(actor.organization, found.id, by=actor.kind))
        except (ReservationEnded, StockNotFound):
            return NOTHING
        return GIVEN_BACK

    async def _cancel(self, actor: Actor, found: Reservation) -> str:
        """What is pending, or was committed."""
        was_committed = isinstance(found.state, Confirmed)
        try:
            await self._steps.run(self._reservations.cancel(actor.organization, OfReservation(found.id), by=actor.kind))
        except (ReservationEnded, StockNotFound):
            return NOTHING
        return RETURNED if was_committed else GIVEN_BACK

    async def _tell(self, actor: Actor, order: OrderEvent, decisions: Decisions) -> str:
        """All that is told was decided: so an attempt that tells it again tells the same."""
        if not decisions.decision.startswith(FAILED):
            raise BackendUnavailable  # another attempt decides at this moment
        step, why, paid, about = decisions.decision.removeprefix(FAILED).split(" ", 3)
        failure = Failure(order.order_id, step, why, paid == IS_PAID, about, order.source, order.event)
        await self._steps.run(self._failures.tell(actor.organization, failure))
        return TOLD

    async def _found(self, actor: Actor, order: OrderEvent) -> Reservation | None:
        return await self._reservations.of_order(actor.organization, order.order_id)


def _failed(step: str, why: str, about: str, *, is_paid: bool = True) -> str:
    """The decision that this step cannot be done, with all that is told of it."""
    return f"{FAILED}{step} {why} {IS_PAID if is_paid else UNPAID} {about}"

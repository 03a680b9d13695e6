"""Settles a payment that another service tells of: the hold is booked or given back, or the money is to go back.

For each payment one thing is true in the end, in whatever order and however often its events come: either its hold was
booked under its order, or `payment.refund_required` was told. Whoever comes first decides:

    the hold is             payment made                       payment failed
    ----------------------  ---------------------------------  ---------------------------------
    held                    booked                             released
    expired                 booked, if its seats are free      nothing; it may still be booked late
    released, or taken      to be refunded                     nothing
    booked, same order      booked (also if cancelled since)   nothing: it was paid otherwise
    booked, other order     to be refunded                     nothing
    not there               fenced, then to be refunded        fenced

A hold that is not there is fenced before anything is said of it: so it never comes to be once its payment is refunded.
"""

from travio_inventory.kernel.actor import Actor, Scope, house_for
from travio_inventory.kernel.incoming import Decisions
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.hold import digest_of
from travio_inventory.seats.events import RefundRequired
from travio_inventory.seats.hold import Confirmed, Hold, HoldId, base_id, parse_hold_id
from travio_inventory.seats.payment import AMOUNT_DIFFERS, Payment, Settled
from travio_inventory.seats.ports import Holds, Refunds
from travio_inventory.seats.refusals import HoldEnded, HoldNotFound, NotOnSale
from travio_inventory.seats.use_cases.step_runner import StepRunner

FITS = "fits"
"""The decision that the amount is right."""
REFUND = "refund "
"""Begins the decision to refund, before its reason."""


class SettlePayment:
    """The house acts in the holder's place; events say so."""

    def __init__(self, holds: Holds, refunds: Refunds, steps: StepRunner) -> None:
        self._holds = holds
        self._refunds = refunds
        self._steps = steps

    async def made(self, actor: Actor, payment: Payment, decisions: Decisions) -> Settled:
        """The hold was paid for. Raises PermissionDenied, and RetryableRefusal with nothing decided."""
        actor.needs(Scope.HOUSE_WORK)
        if not decisions.decision.startswith(REFUND):
            why = await self._book(actor.organization, payment, decisions)
            if not why:
                return Settled.BOOKED
            await decisions.decide(f"{REFUND}{why}", over=decisions.decision)
        if not decisions.decision.startswith(REFUND):
            raise BackendUnavailable  # another attempt decides at this moment
        await self._steps.run(self._refunds.tell(actor.organization, _refund(payment, decisions.decision)))
        return Settled.REFUND_REQUIRED

    async def failed(self, actor: Actor, payment: Payment) -> Settled:
        """The hold will not be paid for by this payment. Raises as `made`."""
        actor.needs(Scope.HOUSE_WORK)
        hold = await self._found(actor.organization, payment.hold_id)
        if hold is None:
            return Settled.NOTHING_TO_RELEASE
        try:
            await self._steps.run(self._holds.release(house_for(actor.organization, hold.holder), hold.id))
        except (HoldEnded, HoldNotFound):
            return Settled.NOTHING_TO_RELEASE
        return Settled.RELEASED

    async def _book(self, organization: str, payment: Payment, decisions: Decisions) -> str:
        """Why it cannot be booked, "" if it is."""
        hold = await self._found(organization, payment.hold_id)
        if hold is None:
            return HoldNotFound.reason
        if payment.amount_minor is not None and not payment.has_booked(hold):
            decision = FITS if payment.fits(hold) else f"{REFUND}{AMOUNT_DIFFERS}"
            decision = decisions.decision or await decisions.decide(decision)
            if decision != FITS:
                return decision.removeprefix(REFUND)
        house = house_for(organization, hold.holder)
        try:
            await self._steps.run(self._holds.confirm(house, hold.id, Confirmed(payment.order_id), None))
        except (HoldEnded, NotOnSale) as refused:
            after = await self._found(organization, payment.hold_id)
            return "" if after is not None and payment.has_booked(after) else refused.reason
        except HoldNotFound:
            raise BackendUnavailable from None  # it was forgotten at this moment, or fenced: look again
        return ""

    async def _found(self, organization: str, hold_id: str) -> Hold | None:
        """The hold as it is now; None if it is nobody's, and then no hold will ever have this id."""
        hold_id = base_id(hold_id)
        try:
            holder = await self._holds.holder(organization, hold_id)
            return await self._holds.find(house_for(organization, holder), hold_id)
        except HoldNotFound:
            if not await self._steps.run(self._holds.fence(organization, hold_id)):
                raise BackendUnavailable from None  # it came to be at this moment: look again
            return None


def _refund(payment: Payment, decision: str) -> RefundRequired:
    hold = parse_hold_id(payment.hold_id)
    digest = digest_of("refund", payment.source, payment.event)
    return RefundRequired(
        str(HoldId(hold.name, hold.home, digest, is_late=False)),
        payment.hold_id,
        hold.name,
        payment.order_id,
        decision.removeprefix(REFUND),
        payment.event,
        payment.amount_minor,
        payment.currency,
    )

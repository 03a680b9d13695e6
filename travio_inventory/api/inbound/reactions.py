"""What the seats do when an event comes in: a trip is opened, a payment books a hold or gives it back."""

from collections.abc import Sequence

from travio_inventory.api.inbound.payloads import PaymentMade, TripCreated, TripPricing, TripSegment, read
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.incoming import Decisions, Incoming, Reactions
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.payment import Payment
from travio_inventory.seats.refusals import SeatPlanNotFound, TripDefinedOtherwise
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat_plan import AS_PLANNED, Pricing, TripOnPlan
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import Inventory

OPENED, OPENED_BEFORE = "opened", "opened before, and changed since"


def reactions(inventory: Inventory, *, default_plan: str = "") -> Reactions:
    """By type. A trip gets the seats of the stored plan that is called as its vehicle, or of `default_plan` if there is
    none.
    """
    payments = _Payments(inventory)
    return {
        "trip.created": _Trips(inventory, default_plan),
        "payment.successful": payments.made,
        "payment.succeeded": payments.made,
        "payment.failed": payments.failed,
    }


class _Trips:
    """Opens trips. Opening one twice changes nothing."""

    def __init__(self, inventory: Inventory, default_plan: str) -> None:
        self._inventory = inventory
        self._default_plan = default_plan

    async def __call__(self, event: Incoming, _decisions: Decisions) -> str:
        house, created = house_in(event), read(TripCreated, event.data)
        plans = dict.fromkeys(filter(None, (created.vehicle_id, self._default_plan)))
        for plan in plans:
            try:
                await self._inventory.open_trip(house, _trip(house.organization, created, plan))
            except SeatPlanNotFound:
                continue
            except TripDefinedOtherwise as refusal:
                if refusal.is_later_change:
                    return OPENED_BEFORE
                raise
            return OPENED
        raise SeatPlanNotFound


class _Payments:
    """Settles payments."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def made(self, event: Incoming, decisions: Decisions) -> str:
        return (await self._inventory.settle_payment.made(house_in(event), _payment(event), decisions)).value

    async def failed(self, event: Incoming, _decisions: Decisions) -> str:
        return (await self._inventory.settle_payment.failed(house_in(event), _payment(event))).value


def house_in(event: Incoming) -> Actor:
    """The house, which acts in the organization that the event is of; whoever may write to the broker is trusted."""
    found = Faults()
    found.id("organization_id", event.organization)
    found.finish()
    return house_of(event.organization)


def _payment(event: Incoming) -> Payment:
    said = read(PaymentMade, event.data)
    return Payment(
        source=event.source,
        event=event.id,
        hold_id=said.hold_id,
        order_id=said.order_id,
        amount_minor=said.amount_minor,
        currency=said.currency,
    )


def _trip(organization: str, created: TripCreated, plan: str) -> TripOnPlan:
    pricing = created.pricing or TripPricing()
    return TripOnPlan(
        TripKey(organization, created.trip_id),
        _segments(created.segments),
        plan,
        vehicle=created.vehicle_id,
        currency=pricing.currency,
        pricing=Pricing(pricing.price_minor, pricing.class_prices) if created.pricing else AS_PLANNED,
    )


def _segments(said: Sequence[TripSegment]) -> tuple[Segment, ...]:
    """In the order of travel. Raises InvalidRequest unless they are numbered from 0 without a gap."""
    ordered = sorted(said, key=lambda segment: segment.segment_index)
    if [segment.segment_index for segment in ordered] != list(range(len(ordered))):
        raise InvalidRequest([Violation("segments", "segment_index must be 0, 1, 2 and so on, each once")])
    return tuple(
        Segment(each.from_station_id, each.to_station_id, each.departure_time or 0, each.arrival_time or 0)
        for each in ordered
    )

"""Every call of the wire contract: read the request, run the use case, write the reply."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Literal, Protocol, TypeAlias

from google.protobuf.message import Message
from grpclib.const import Handler, Status
from grpclib.health.check import CheckBase
from grpclib.health.service import OVERALL, Health
from grpclib.reflection.service import ServerReflection

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.lasting import ToldAtOnce
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc import change_messages, descriptors, life_messages, messages, plan_messages, replies
from travio_inventory.api.grpc.at_once import HoldsRefusedAtOnce
from travio_inventory.api.grpc.event_methods import EventMethods
from travio_inventory.api.grpc.live_replies import live_reply
from travio_inventory.api.grpc.maps import MapReplies
from travio_inventory.api.grpc.methods import SendNow, StreamMethod, UnaryMethod, methods
from travio_inventory.api.grpc.pages import PageReplies
from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.api.grpc.summaries import SummaryReplies
from travio_inventory.api.holds_told import expires_at_s, given_back
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.reservations import Reservations
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.answer_deadline import read_off_loop
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.seats.commands import AvailabilityQuery
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import (
    HoldEnded,
    HoldLimitReached,
    HoldNotFound,
    SeatContended,
    SeatTaken,
    TripOpening,
)
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.wire.inventory import v1

Refusals: TypeAlias = Literal["status", "legacy"]
"""The form of a refused HoldSeats or ConfirmBooking: a gRPC status, or the legacy answer."""

BYTES_OF_A_SEAT = 20
"""At least: so a message of few bytes has few seats."""
SEATS_WRITTEN_AS = 25
"""A seat is written in the time that much else takes."""
SERVICE = "inventory.v1.InventoryService"
STOCK_SERVICE = "stock.v1.StockService"
LIVENESS = "travio.liveness"
"""The health service's name for liveness: every answer is SERVING."""
BACKGROUND = "travio.background"
"""The health service's name for the background jobs."""


class Servable(Protocol):
    """What a gRPC server serves."""

    def __mapping__(self) -> Mapping[str, Handler]:
        """Its methods by their paths."""
        ...


def services(
    service: "InventoryService",
    *others: Servable,
    readiness: CheckBase | None = None,
    background: CheckBase | None = None,
) -> list[Servable]:
    """All that is served: the inventory, and other services; and to everybody reflection, and health: of these and
    in all as `readiness` says, always SERVING where there is none; of `LIVENESS`, which is always SERVING; and of
    `BACKGROUND`, where there is one.

    The server needs `codec.PassThroughCodec` and `refusals.SerializedDetails`.
    """
    ready = [readiness] if readiness is not None else []
    by_name: dict[Any, list[CheckBase]] = {service: ready, OVERALL: ready, _Named(LIVENESS): []}
    by_name |= dict.fromkeys(others, ready)
    if background is not None:
        by_name[_Named(BACKGROUND)] = [background]
    health = Health(by_name)
    return ServerReflection.extend([service, *others, health], pool=descriptors.ReflectedPool())


class _Named:
    """A name in the health service without methods."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __mapping__(self) -> Mapping[str, None]:
        return {f"/{self._name}/": None}


class InventoryService:
    """InventoryService over the use cases, to callers whom `authentication` knows. An answer is a message, or the bytes
    of one.
    """

    def __init__(
        self,
        inventory: Inventory,
        feeds: Feeds,
        events: EventMethods | None = None,
        *,
        authentication: Authentication,
        refusals: Refusals,
        clock: Clock,
        turn_away: RefusesAtOnce | None = None,
    ) -> None:
        self._inventory = inventory
        self._feeds = feeds
        self._authentication = authentication
        self._is_legacy = refusals == "legacy"
        self._clock = clock
        self._turn_away = turn_away
        self._events = events or EventMethods(Reservations(inventory, SeatVersions(clock), clock))
        self._maps = MapReplies()
        self._summaries = SummaryReplies()
        self._pages = PageReplies(inventory)

    def __mapping__(self) -> Mapping[str, Handler]:
        """What grpclib serves: each method by its path."""
        return methods(SERVICE, self._authentication, self.answers(), self.streams())

    def at_once(self) -> Mapping[str, HoldsRefusedAtOnce]:
        """What answers a method before its handler is started, by the method's path."""
        if self._turn_away is None or self._is_legacy:
            return {}
        return {f"/{SERVICE}/HoldSeats": HoldsRefusedAtOnce(self._turn_away, self._authentication)}

    def answers(self) -> Mapping[str, UnaryMethod]:
        """The methods with one answer by their names. Each names the grant that its caller needs."""
        return {
            "CheckAvailability": (Grant.VIEW, self.check_availability),
            "BatchCheckAvailability": (Grant.VIEW, self.batch_check_availability),
            "HoldSeats": (Grant.HOLD, self.hold_seats),
            "ReleaseSeats": (Grant.HOLD, self.release_seats),
            "ConfirmBooking": (Grant.CONFIRM, self.confirm_booking),
            "GetSeatMap": (Grant.VIEW, self.get_seat_map),
            "InitializeTripInventory": (Grant.ADMIN, self.initialize_trip_inventory),
            "UpdateInventory": (Grant.ADMIN, self.update_inventory),
            "JoinWaitlist": (Grant.HOLD, self.join_waitlist),
            "GetUserWaitlist": (Grant.READ, self.get_user_waitlist),
            "GetHold": (Grant.READ, self.get_hold),
            "ListHolds": (Grant.READ, self.list_holds),
            "ExtendHold": (Grant.HOLD, self.extend_hold),
            "CancelBooking": (Grant.CONFIRM, self.cancel_booking),
            "MoveHold": (Grant.HOLD, self.move_hold),
            "ErasePassengers": (Grant.CONFIRM, self.erase_passengers),
            "LeaveWaitlist": (Grant.HOLD, self.leave_waitlist),
            "GetTrip": (Grant.READ, self.get_trip),
            "GetTripSummary": (Grant.VIEW, self.get_trip_summary),
            "GetManifest": (Grant.ADMIN, self.get_manifest),
            "GetOrderBookings": (Grant.ADMIN, self.get_order_bookings),
            "ListTripSeats": (Grant.READ, self.list_trip_seats),
            "PutSeatPlan": (Grant.ADMIN, self.put_seat_plan),
            "ListSeatPlans": (Grant.ADMIN, self.list_seat_plans),
            "DeleteSeatPlan": (Grant.ADMIN, self.delete_seat_plan),
            "ExplainSeat": (Grant.ADMIN, self.explain_seat),
            "ControlSales": (Grant.ADMIN, self.control_sales),
            "ChangeTrip": (Grant.ADMIN, self.change_trip),
            "CancelTrip": (Grant.ADMIN, self.cancel_trip),
            "SwapVehicle": (Grant.ADMIN, self.swap_vehicle),
            "ListTrips": (Grant.READ, self.list_trips),
            "ListDeeds": (Grant.ADMIN, self.list_deeds),
            **self._events.methods(),
        }

    def streams(self) -> Mapping[str, StreamMethod]:
        """The methods with many answers, likewise."""
        return {"WatchSeatMap": (Grant.VIEW, self.watch_seat_map)}

    # Seats that are free.

    async def check_availability(self, caller: Identity, message: Message) -> bytes:
        return await self._check(*messages.check_asked(caller, message))

    async def batch_check_availability(self, caller: Identity, message: Message) -> bytes:
        """If one question is refused, all are."""
        asked = messages.checks_asked(caller, message)
        return self._maps.batch([await self._check(*question) for question in asked])

    async def _check(self, actor: Actor, query: AvailabilityQuery) -> bytes:
        found = await self._inventory.check_availability(actor, query)
        return await self._maps.availability(found, checked_at_s=self._clock.now_ms() // 1_000)

    async def get_seat_map(self, caller: Identity, message: Message) -> bytes:
        actor, query = messages.map_asked(caller, message)
        return await self._maps.seat_map(await self._inventory.read_seat_map(actor, query, check=self._maps.check))

    async def watch_seat_map(self, caller: Identity, message: Message, send_now: SendNow) -> AsyncGenerator[bytes]:
        asked = messages.watch_asked(caller, message)
        at_once = ToldAtOnce(caller, live_reply, send_now)
        async with aclosing(self._feeds.subscribe(*asked, write=live_reply, at_once=at_once)) as feed:
            async for told in feed:
                yield live_reply(told)

    async def get_trip_summary(self, caller: Identity, message: Message) -> bytes:
        return await self._summaries.summary(await self._inventory.summarize_trip(*messages.map_asked(caller, message)))

    # Holds and bookings.

    async def hold_seats(self, caller: Identity, message: Message) -> v1.HoldSeatsResponse | bytes:
        actor, command = messages.hold_asked(caller, message)
        try:
            hold = await self._inventory.hold_seats(actor, command)
        except (SeatContended, SeatTaken, HoldLimitReached) as refusal:
            if self._is_legacy:
                return replies.not_held(refusal, command.seat_ids)
            raise
        return replies.held(hold)

    async def release_seats(self, caller: Identity, message: Message) -> bytes:
        """If there is nothing to release, the reply says so; it is not a refusal."""
        try:
            actor, command = change_messages.release_asked(caller, message)
            hold = await self._inventory.release_hold(actor, command)
        except (HoldNotFound, HoldEnded):
            return replies.released(0, (), success=False)
        count, left = given_back(hold, command.parts)
        return replies.released(count, left)

    async def confirm_booking(self, caller: Identity, message: Message) -> bytes:
        actor, command = messages.confirm_asked(caller, message)
        try:
            hold = await self._inventory.confirm_hold(actor, command)
        except HoldNotFound as refusal:
            if self._is_legacy:
                raise grpc_error(refusal, status=Status.FAILED_PRECONDITION) from None
            raise
        try:
            return replies.confirmed(hold, await self._inventory.read_trips.of_hold(actor, hold))
        except BackendUnavailable:  # it would mean that nothing was done
            raise OutcomeUnknown from None

    async def get_hold(self, caller: Identity, message: Message) -> v1.GetHoldResponse:
        actor, hold_id = messages.hold_named(caller, message)
        hold = await self._inventory.read_holds.one(actor, hold_id)
        return v1.GetHoldResponse(hold=await self._describe(actor, hold))

    async def list_holds(self, caller: Identity, message: Message) -> bytes:
        return await self._pages.holds(*messages.holds_asked(caller, message))

    async def extend_hold(self, caller: Identity, message: Message) -> v1.ExtendHoldResponse:
        actor, command = messages.extend_asked(caller, message)
        hold = await self._inventory.extend_hold(actor, command)
        return v1.ExtendHoldResponse(success=True, expires_at=expires_at_s(hold))

    async def move_hold(self, caller: Identity, message: Message) -> v1.MoveHoldResponse:
        actor, command = change_messages.move_asked(caller, message)
        hold = await self._inventory.move_hold(actor, command)
        try:
            trip = await self._inventory.read_trips.of_hold(actor, hold)
        except BackendUnavailable:  # it would mean that nothing was done
            raise OutcomeUnknown from None
        return replies.moved(hold, trip)

    async def erase_passengers(self, caller: Identity, message: Message) -> v1.ErasePassengersResponse:
        await self._inventory.erase_passengers(*change_messages.booking_named(caller, message))
        return v1.ErasePassengersResponse(success=True)

    async def cancel_booking(self, caller: Identity, message: Message) -> v1.CancelBookingResponse:
        actor, command = change_messages.cancel_asked(caller, message)
        hold = await self._inventory.cancel_booking(actor, command)
        count, left = given_back(hold, command.parts)
        return v1.CancelBookingResponse(success=True, cancelled_count=count, remaining_seat_ids=left)

    async def _describe(self, actor: Actor, hold: Hold) -> v1.Hold:
        return replies.described(hold, await self._inventory.read_trips.of_hold(actor, hold))

    # Trips.

    async def initialize_trip_inventory(self, caller: Identity, message: Message) -> v1.InitializeTripInventoryResponse:
        actor, trip = await read_off_loop(message.ByteSize() // BYTES_OF_A_SEAT, messages.trip_asked, caller, message)
        return replies.opened(len(trip.segments), await self._inventory.open_trip(actor, trip))

    async def update_inventory(self, caller: Identity, message: Message) -> v1.UpdateInventoryResponse:
        updated = await self._inventory.block_seats(*messages.update_asked(caller, message))
        return v1.UpdateInventoryResponse(
            success=True,
            updated_count=updated.blocked + updated.unblocked,
            not_blocked_seat_ids=list(updated.not_blocked),
        )

    async def get_trip(self, caller: Identity, message: Message) -> v1.GetTripResponse | bytes:
        actor, trip_id = messages.trip_named(caller, message)
        try:
            offer = await self._inventory.read_trips.one(actor, trip_id)
        except TripOpening:
            opening = await self._inventory.read_trips.opening(actor, trip_id)
            return v1.GetTripResponse(
                trip_id=trip_id, organization_id=actor.organization, opening=replies.progress(opening)
            )
        return await off_loop(len(offer.trip.seats) * SEATS_WRITTEN_AS, replies.defined, offer)

    async def list_trip_seats(self, caller: Identity, message: Message) -> bytes:
        actor, trip_id, start = plan_messages.seats_asked(caller, message)
        trip = (await self._inventory.read_trips.one(actor, trip_id)).trip
        return await off_loop(replies.SEATS_PER_PAGE * SEATS_WRITTEN_AS, replies.seats_page, trip, start)

    # Seat plans.

    async def put_seat_plan(self, caller: Identity, message: Message) -> v1.PutSeatPlanResponse:
        return replies.put(await self._inventory.seat_plans.put(*plan_messages.part_put(caller, message)))

    async def list_seat_plans(self, caller: Identity, message: Message) -> v1.ListSeatPlansResponse:
        return replies.plans(await self._inventory.seat_plans.all(plan_messages.organization_named(caller, message)))

    async def delete_seat_plan(self, caller: Identity, message: Message) -> v1.DeleteSeatPlanResponse:
        await self._inventory.seat_plans.delete(*plan_messages.plan_named(caller, message))
        return v1.DeleteSeatPlanResponse(success=True)

    # What the organization reads.

    async def get_manifest(self, caller: Identity, message: Message) -> bytes:
        return await self._pages.manifest(*messages.manifest_asked(caller, message))

    async def get_order_bookings(self, caller: Identity, message: Message) -> bytes:
        return await self._pages.order(*messages.order_asked(caller, message))

    async def explain_seat(self, caller: Identity, message: Message) -> bytes:
        return await self._pages.explanation(*messages.seat_asked(caller, message))

    async def control_sales(self, caller: Identity, message: Message) -> v1.ControlSalesResponse:
        changed = await self._inventory.control_sales(*life_messages.sales_asked(caller, message))
        return v1.ControlSalesResponse(state=replies.state_of(changed), version=changed.version)

    async def change_trip(self, caller: Identity, message: Message) -> v1.ChangeTripResponse:
        actor, command = await read_off_loop(
            message.ByteSize() // BYTES_OF_A_SEAT, life_messages.change_asked, caller, message
        )
        changed = await self._inventory.change_trip(actor, command)
        return v1.ChangeTripResponse(version=changed.version)

    async def cancel_trip(self, caller: Identity, message: Message) -> v1.CancelTripResponse:
        return replies.trip_cancelled(await self._inventory.cancel_trip(*messages.trip_named(caller, message)))

    async def swap_vehicle(self, caller: Identity, message: Message) -> v1.SwapVehicleResponse:
        actor, command = await read_off_loop(
            message.ByteSize() // BYTES_OF_A_SEAT, life_messages.swap_asked, caller, message
        )
        return replies.swapped(await self._inventory.swap_vehicle(actor, command))

    async def list_trips(self, caller: Identity, message: Message) -> v1.ListTripsResponse:
        page = await self._inventory.list_trips(*life_messages.trips_asked(caller, message))
        return v1.ListTripsResponse(trips=list(map(replies.listed, page.lines)), next_page_token=token_of(page.next))

    async def list_deeds(self, caller: Identity, message: Message) -> v1.ListDeedsResponse:
        page = await self._inventory.read_deeds(*life_messages.deeds_asked(caller, message))
        return v1.ListDeedsResponse(deeds=list(map(replies.deed, page.deeds)), next_page_token=token_of(page.next))

    # Waiting lists.

    async def join_waitlist(self, caller: Identity, message: Message) -> v1.JoinWaitlistResponse:
        return replies.joined(await self._inventory.waitlist.join(*messages.join_asked(caller, message)))

    async def leave_waitlist(self, caller: Identity, message: Message) -> v1.LeaveWaitlistResponse:
        await self._inventory.waitlist.leave(*messages.leave_asked(caller, message))
        return v1.LeaveWaitlistResponse(success=True)

    async def get_user_waitlist(self, caller: Identity, message: Message) -> v1.GetUserWaitlistResponse:
        found = await self._inventory.waitlist.page(*messages.waitlist_asked(caller, message))
        entries = [replies.waiting(entry) for entry in found.entries]
        return v1.GetUserWaitlistResponse(entries=entries, next_page_token=token_of(found.next))

"""The client for programs that use asyncio: one connection, every call with a deadline and safe retries."""

import copy
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType

from grpclib.const import Status
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from travio_inventory.client import messages, seat_plans
from travio_inventory.client.answers import (
    Availability,
    AvailabilityQuestion,
    Booking,
    HoldRecord,
    SeatMap,
    SeatPlanRecord,
    TripSummary,
    Unblocked,
    WaitlistEntry,
)
from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account, HoldAttempt, HoldSteps
from travio_inventory.client.live_maps import LiveMaps
from travio_inventory.client.organization import OrganizationReads, hold_records
from travio_inventory.client.refusals import ClientError
from travio_inventory.client.tokens import Token
from travio_inventory.client.trip_calls import TripCalls
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.wire.inventory import v1 as wire

TARGET_DEFAULT = "localhost:9083"
ORGANIZATION_DEFAULT = "default"
ATTEMPTS_MAX_DEFAULT = 4
HOLDS_MOST_DEFAULT = 1_000
READINESS, LIVENESS = "", "travio.liveness"
"""The health service's names for readiness and liveness."""


class InventoryClient(LiveMaps, OrganizationReads, TripCalls):
    """Calls the seat inventory for one user of one organization.

    async with InventoryClient("localhost:9083", user="u1") as inventory:
        async with inventory.hold(trip, "A", "C", ["1A"]) as hold:
            await hold.confirm(order)

    A declined call raises one of the refusals of `travio_inventory.client`; each method names its own. Besides them
    every method may raise BackendUnavailable (nothing was done; NoService if nobody answers) and Overloaded,
    methods that change something OutcomeUnknown (it may have happened or may still happen: repeat the call to get
    the answer), and ClientError for anything else (such as NoTls). Each call ends within `deadline_s` seconds, its
    retries included; where none is set, within 5, and a call about all seats of a trip within 60.

    Where the service asks for it, `token` says who calls: a text, or a function, also an asynchronous one, which is
    called for each call. Without `organization` and `user` it says for whom, too. It is a secret: use it with `tls`.
    """

    def __init__(
        self,
        target: str = TARGET_DEFAULT,
        *,
        organization: str | None = None,
        user: str = "",
        token: Token = "",
        deadline_s: float | None = None,
        attempts_max: int = ATTEMPTS_MAX_DEFAULT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connection = Connection(target, tls=tls, token=token, deadline_s=deadline_s, attempts_max=attempts_max)
        if organization is None:
            organization = "" if token else ORGANIZATION_DEFAULT
        self._account = Account(organization, user)

    async def __aenter__(self) -> "InventoryClient":
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    def acting_for(self, user: str, *, organization: str | None = None) -> "InventoryClient":
        """The same connection on behalf of another user; it lives as long as this client is open."""
        other = copy.copy(self)
        other._account = Account(self._account.organization if organization is None else organization, user)
        return other

    @property
    def stub(self) -> wire.InventoryServiceStub:
        """The generated stub on the same connection: no deadline, no retries, and GRPCError for every refusal."""
        return self._connection.stub

    async def serves(self, service: str = READINESS) -> bool:
        """Whether the service is ready for calls; with LIVENESS, whether it is alive."""
        rpc = HealthStub(self._connection.channel).Check
        answer = await self._connection.read(rpc, HealthCheckRequest(service=service))
        return answer.status == HealthCheckResponse.SERVING

    def hold(  # noqa: PLR0913 - four say what, the keyword-only ones how; none can be swapped
        self,
        trip: str,
        origin: str,
        destination: str,
        seats: Sequence[str],
        *,
        seconds: int = 0,
        segments: Journey | None = None,
        key: str = "",
        settle: bool = False,
        session: str = "",
        retry_contended_s: float = 0.0,
    ) -> HoldAttempt:
        """Hold all of the seats or none, for so many seconds (0: the service's default); await or enter the result.

        `key` lets the program repeat the attempt after its own restart; by default the client makes one. The service
        remembers it for a day, or as it is set; after that it is a new attempt. `settle` says that an earlier attempt
        under this key was never answered: the store decides its outcome, whatever the edge remembers. With
        `retry_contended_s` a contended seat is retried for so long. `segments` names the journey if a route visits a
        station twice. Awaiting raises SeatContended, SeatHeld, SeatUnavailable, HoldLimitReached,
        IdempotencyKeyReused, TripNotFound, TripOpening, InvalidRequest, or HoldEnded if the key's hold is over.
        """
        first, last = segments or (None, None)
        request = wire.HoldSeatsRequest(
            trip_id=trip,
            from_station_id=origin,
            to_station_id=destination,
            seat_ids=list(seats),
            user_id=self._account.user,
            session_id=session,
            hold_duration_seconds=messages.number("hold_duration_seconds", seconds),
            organization_id=self._account.organization,
            idempotency_key=key,
            from_segment_index=first,
            to_segment_index=last,
            settle=settle,
        )
        return HoldAttempt(self._steps, request, contended_s=retry_contended_s)

    async def find_hold(self, hold_id: str) -> HoldRecord:
        """The hold as it is now. Raises HoldNotFound."""
        request = wire.GetHoldRequest(
            hold_id=hold_id, user_id=self._account.user, organization_id=self._account.organization
        )
        reply = await self._connection.read(self.stub.get_hold, request)
        if reply.hold is None:
            raise ClientError(Status.UNKNOWN, "answered OK without a hold")
        return messages.hold_record(reply.hold)

    async def list_holds(
        self, *, trip: str = "", include_ended: bool = False, most: int = HOLDS_MOST_DEFAULT
    ) -> tuple[HoldRecord, ...]:
        """The user's holds, of one trip if it is named: bookings, then live holds; with ended ones, all of them, newest
        first. At most so many, read page by page.
        """
        request = wire.ListHoldsRequest(
            user_id=self._account.user,
            organization_id=self._account.organization,
            trip_id=trip,
            include_ended=include_ended,
        )
        return await hold_records(self._connection, self.stub.list_holds, request, most)

    async def confirm(
        self, hold_id: str, order: str, passengers: Sequence[Passenger] = (), *, seats: Sequence[str] = ()
    ) -> Booking:
        """Turn a hold into a booking of `order`; a repeated call returns the same booking. Of these seats alone if they
        are named: the others are given back by the same step.

        Passengers, where there are any, name exactly the seats to book. Raises HoldEnded, HoldNotFound,
        InvalidRequest.
        """
        return await self._steps.confirm(hold_id, order, passengers, seats=seats)

    async def release(self, hold_id: str, *, seats: Sequence[str] = ()) -> int:
        """Release a hold, or these of its seats; returns how many seats were released, 0 if there was nothing to
        release. Raises InvalidSeats for seats that the hold never had.
        """
        return await self._steps.release(hold_id, seats=seats)

    async def extend(self, hold_id: str, seconds: int = 0) -> datetime:
        """Extend a hold to so many seconds from now (0: the service's default); returns when it runs out.

        Raises HoldEnded, HoldNotFound, ExtensionTooLong, InvalidRequest.
        """
        return await self._steps.extend(hold_id, seconds)

    async def move(
        self,
        hold_id: str,
        moves: Mapping[str, str],
        *,
        ends: tuple[str, str] = ("", ""),
        segments: Journey | None = None,
        version: int | None = None,
    ) -> HoldRecord:
        """Move a hold or a booking: each of these seats to the one that takes its place, and to another journey if its
        first and last station are named. All or none; a repeated call has the same answer, also after the hold's end,
        as its status tells. With a `version` it must be as it was read. After an attempt with an unknown outcome the
        store itself is asked. Raises SeatHeld, SeatUnavailable, SeatContended, HoldChanged, HoldEnded, HoldNotFound,
        InvalidRequest, TripOpening.
        """
        return await self._steps.move(hold_id, moves, ends=ends, segments=segments, version=version)

    async def erase_passengers(self, booking_id: str) -> None:
        """Erase the passengers of a booking, which keeps its seats. Raises HoldEnded, HoldNotFound."""
        await self._steps.erase(booking_id)

    async def cancel(self, booking_id: str, *, seats: Sequence[str] = ()) -> int:
        """Cancel a booking, or these of its seats; returns how many seats are back on sale. A repeated call has the
        same answer. Raises HoldEnded, HoldNotFound, InvalidSeats for seats that the booking never had.
        """
        request = wire.CancelBookingRequest(
            booking_id=booking_id,
            user_id=self._account.user,
            organization_id=self._account.organization,
            seat_ids=list(seats),
        )
        reply = await self._connection.write(self.stub.cancel_booking, request)
        if not reply.success:
            raise ClientError(Status.FAILED_PRECONDITION, reply.failure_reason)
        return reply.cancelled_count

    async def seat_map(
        self, trip: str, origin: str, destination: str, *, segments: Journey | None = None, section: str = ""
    ) -> SeatMap:
        """The seats in layout order with their states on one journey, of a section or of all; up to two seconds old,
        of a large trip more (`as_of`).

        Raises TripNotFound, TripOpening, InvalidJourney, ReplyTooLarge for a map that must be read by section.
        Waits up to 60 s where no deadline is set.
        """
        first, last = segments or (None, None)
        request = wire.GetSeatMapRequest(
            trip_id=trip,
            from_station_id=origin,
            to_station_id=destination,
            organization_id=self._account.organization,
            from_segment_index=first,
            to_segment_index=last,
            section_id=section,
        )
        return messages.seat_map(
            await self._connection.read_large("GetSeatMap", request, wire.GetSeatMapResponse, whole_trip=True)
        )

    async def trip_summary(
        self, trip: str, origin: str, destination: str, *, segments: Journey | None = None, section: str = ""
    ) -> TripSummary:
        """How many seats of each section and class are free, held, booked and blocked on a journey; up to two seconds
        old, of a large trip more (`as_of`). Raises TripNotFound, TripOpening, InvalidJourney. Waits up
        to 60 s where no deadline is set.
        """
        first, last = segments or (None, None)
        request = wire.GetTripSummaryRequest(
            trip_id=trip,
            from_station_id=origin,
            to_station_id=destination,
            organization_id=self._account.organization,
            from_segment_index=first,
            to_segment_index=last,
            section_id=section,
        )
        reply = await self._connection.read_large(
            "GetTripSummary", request, wire.GetTripSummaryResponse, whole_trip=True
        )
        return messages.trip_summary(reply)

    async def check_availability(self, question: AvailabilityQuestion) -> Availability:
        """Whether a party finds seats, and the price. Raises TripNotFound, TripOpening, InvalidRequest."""
        request = messages.availability_request(question, self._account.organization)
        return messages.availability(
            await self._connection.read_large("CheckAvailability", request, wire.CheckAvailabilityResponse)
        )

    async def check_availabilities(self, questions: Sequence[AvailabilityQuestion]) -> tuple[Availability, ...]:
        """Several such questions in one call, answered in their order; raises like one of them."""
        requests = [messages.availability_request(question, self._account.organization) for question in questions]
        reply = await self._connection.read_large(
            "BatchCheckAvailability", wire.BatchCheckRequest(requests=requests), wire.BatchCheckResponse
        )
        return tuple(map(messages.availability, reply.results))

    async def open_trip(self, trip: Trip | TripOnPlan) -> Opening:
        """Open the trip for sale, a large one after the call (`trip_opening`); a repeated call changes nothing. A
        TripOnPlan has the seats of a stored plan. Raises InvalidTrip, SeatPlanNotFound, TripDefinedOtherwise.
        Waits up to 60 s where no deadline is set.
        """
        asked = messages.trip_request(trip)
        reply = await self._connection.write(self.stub.initialize_trip_inventory, asked, whole_trip=True)
        if not reply.success:
            raise ClientError(Status.FAILED_PRECONDITION, "the trip was not opened")
        return messages.opening(reply.opening, reply.seats_created)

    async def trip_opening(self, trip: str) -> Opening:
        """How far a trip is opened; it is on sale once all its cells are made. Raises TripNotFound."""
        return messages.opening_of(await self._get_trip(trip))

    async def trip(self, trip: str) -> Trip:
        """The trip as it was opened. Raises TripNotFound, TripOpening. Waits up to 60 s where no deadline is set."""
        reply = await self._get_trip(trip)
        return messages.trip(reply, await seat_plans.left_out(self._connection, reply))

    async def put_seat_plan(self, plan: str, layout: Trip, *, sent: seat_plans.Sent = lambda _done, _all: None) -> int:
        """Store the seats of `layout`, its sections, vehicle and currency as that plan, in place of what it was, until
        it is deleted; returns how many seats it has. `sent` is told how many seats are sent, and of how many. Raises
        InvalidRequest. Each part waits up to 60 s where no deadline is set.
        """
        return await seat_plans.put(self._connection, self._account.organization, plan, layout, sent)

    async def seat_plans(self) -> tuple[SeatPlanRecord, ...]:
        """The organization's stored plans."""
        return await seat_plans.listed(self._connection, self._account.organization)

    async def delete_seat_plan(self, plan: str) -> None:
        """Delete a stored plan; trips that were opened with it keep their seats. Raises SeatPlanNotFound."""
        await seat_plans.delete(self._connection, self._account.organization, plan)

    async def _get_trip(self, trip: str) -> wire.GetTripResponse:
        request = wire.GetTripRequest(trip_id=trip, organization_id=self._account.organization)
        return await self._connection.read_large("GetTrip", request, wire.GetTripResponse, whole_trip=True)

    async def block_seats(self, trip: str, seats: Sequence[str], *, reason: str = "") -> int:
        """Take seats off sale, all of them or none; returns how many are blocked. Raises SeatHeld, SeatUnavailable,
        SeatContended, InvalidRequest, TripNotFound, TripOpening.
        """
        return (await self._update(trip, seats, wire.SeatStatus.BLOCKED, reason)).updated_count

    async def unblock_seats(self, trip: str, seats: Sequence[str]) -> Unblocked:
        """Put blocked seats back on sale, one by one. Raises InvalidRequest, TripNotFound, TripOpening."""
        reply = await self._update(trip, seats, wire.SeatStatus.AVAILABLE, "")
        return Unblocked(reply.updated_count, tuple(reply.not_blocked_seat_ids))

    async def join_waitlist(self, trip: str, *, seat_class: str = "", seats: int = 1) -> int:
        """Join the waiting list, or keep the place; returns its position, from 1: exact for a new place, otherwise less
        than a minute old. Raises TripNotFound, InvalidRequest.
        """
        request = wire.JoinWaitlistRequest(
            trip_id=trip,
            user_id=self._account.user,
            seat_class=seat_class,
            requested_seats=messages.number("requested_seats", seats),
            organization_id=self._account.organization,
        )
        reply = await self._connection.write(self.stub.join_waitlist, request)
        if not reply.success:
            raise ClientError(Status.FAILED_PRECONDITION, reply.message)
        return reply.position

    async def leave_waitlist(self, trip: str, *, seat_class: str = "") -> None:
        """Leave the waiting list. Raises NotOnWaitlist, also on a retry after a lost answer."""
        request = wire.LeaveWaitlistRequest(
            trip_id=trip,
            user_id=self._account.user,
            seat_class=seat_class,
            organization_id=self._account.organization,
        )
        reply = await self._connection.write(self.stub.leave_waitlist, request)
        if not reply.success:
            raise ClientError(Status.FAILED_PRECONDITION, "the place was not given up")

    async def waitlist(self) -> tuple[WaitlistEntry, ...]:
        """The user's places in the organization, oldest first."""
        request = wire.GetUserWaitlistRequest(user_id=self._account.user, organization_id=self._account.organization)
        entries: list[WaitlistEntry] = []
        while True:
            reply = await self._connection.read(self.stub.get_user_waitlist, request)
            entries += map(messages.waitlist_entry, reply.entries)
            if not reply.next_page_token:
                return tuple(sorted(entries, key=lambda entry: entry.joined_at))
            request = replace(request, page_token=reply.next_page_token)

    @property
    def _steps(self) -> HoldSteps:
        return HoldSteps(self._connection, self._account)

    async def _update(
        self, trip: str, seats: Sequence[str], status: wire.SeatStatus, reason: str
    ) -> wire.UpdateInventoryResponse:
        request = wire.UpdateInventoryRequest(
            trip_id=trip,
            organization_id=self._account.organization,
            updates=[wire.SeatUpdate(seat_id=seat, new_status=status, reason=reason) for seat in seats],
        )
        reply = await self._connection.write(self.stub.update_inventory, request)
        if not reply.success:
            raise ClientError(Status.FAILED_PRECONDITION, "the seats were not changed")
        return reply

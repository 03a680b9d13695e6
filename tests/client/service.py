"""A scripted inventory service on a loopback port, and a relay before it that can cut or freeze connections."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from typing import Any, TypeVar

from grpclib.const import Status
from grpclib.events import RecvRequest, listen
from grpclib.exceptions import GRPCError

from travio_inventory.api.grpc.refusals import SerializedDetails, grpc_error
from travio_inventory.app.listening import SERVER_REFUSALS
from travio_inventory.bench.noop_server import LIMITS
from travio_inventory.grpc_server.server import GuardedServer
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.wire.inventory import v1 as wire

Reply = TypeVar("Reply")
Step = Exception | Callable[[], Awaitable[None]]
EXPIRES_AT_S = 2_000_000_000
BEHIND_H1 = "behind h1"
"""The token of the second of two pages."""


class ScriptedService(wire.InventoryServiceBase):
    """Notes every request. Each first takes the next step of its RPC's script: raise it, or await it and go on."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.script: dict[type[Any], deque[Step]] = defaultdict(deque)
        self.replies: dict[type[Any], Any] = {}
        self.updates: deque[list[wire.WatchSeatMapResponse | Refusal]] = deque()
        """What each watcher is told, one after the other; a refusal ends it."""
        self.seconds_given: list[float | None] = []

    def next(self, request: type[Any], *steps: Step) -> None:
        """What happens to the next requests of that type."""
        self.script[request].extend(steps)

    def seen(self, request: type[Reply]) -> list[Reply]:
        """The requests of that type, in order of arrival."""
        return [message for message in self.requests if isinstance(message, request)]

    async def note_deadline(self, event: RecvRequest) -> None:
        """Listens to what gRPC says of the deadline."""
        self.seconds_given.append(event.deadline.time_remaining() if event.deadline else None)

    async def _play(self, message: object, reply: Reply) -> Reply:
        self.requests.append(message)
        steps = self.script[type(message)]
        if steps:
            step = steps.popleft()
            if isinstance(step, Refusal):
                raise grpc_error(step)
            if isinstance(step, Exception):
                raise step
            await step()
        scripted: Reply = self.replies.get(type(message), reply)
        return scripted

    async def hold_seats(self, message: wire.HoldSeatsRequest) -> wire.HoldSeatsResponse:
        hold_id = f"hold-{message.idempotency_key}"
        reply = wire.HoldSeatsResponse(
            hold_id=hold_id, success=True, held_seat_ids=message.seat_ids, expires_at=EXPIRES_AT_S
        )
        return await self._play(message, reply)

    async def release_seats(self, message: wire.ReleaseSeatsRequest) -> wire.ReleaseSeatsResponse:
        return await self._play(message, wire.ReleaseSeatsResponse(success=True, released_count=1))

    async def confirm_booking(self, message: wire.ConfirmBookingRequest) -> wire.ConfirmBookingResponse:
        seats = [wire.ConfirmedSeat(seat_id="1A", seat_number="A1", ticket_id="t1")]
        booked = wire.ConfirmBookingResponse(success=True, booking_id=message.hold_id, confirmed_seats=seats)
        return await self._play(message, booked)

    async def extend_hold(self, message: wire.ExtendHoldRequest) -> wire.ExtendHoldResponse:
        expires_at = EXPIRES_AT_S + message.hold_duration_seconds
        return await self._play(message, wire.ExtendHoldResponse(success=True, expires_at=expires_at))

    async def cancel_booking(self, message: wire.CancelBookingRequest) -> wire.CancelBookingResponse:
        return await self._play(message, wire.CancelBookingResponse(success=True, cancelled_count=2))

    async def move_hold(self, message: wire.MoveHoldRequest) -> wire.MoveHoldResponse:
        seats = [move.to_seat_id for move in message.moves]
        return await self._play(
            message, wire.MoveHoldResponse(hold=wire.Hold(hold_id=message.hold_id, seat_ids=seats, version=1))
        )

    async def erase_passengers(self, message: wire.ErasePassengersRequest) -> wire.ErasePassengersResponse:
        return await self._play(message, wire.ErasePassengersResponse(success=True))

    async def get_hold(self, message: wire.GetHoldRequest) -> wire.GetHoldResponse:
        return await self._play(message, wire.GetHoldResponse(hold=wire.Hold(hold_id=message.hold_id)))

    async def list_holds(self, message: wire.ListHoldsRequest) -> wire.ListHoldsResponse:
        first = wire.ListHoldsResponse(holds=[wire.Hold(hold_id="h1")], next_page_token=BEHIND_H1)
        last = wire.ListHoldsResponse(holds=[wire.Hold(hold_id="h2")])
        return await self._play(message, last if message.page_token else first)

    async def list_trips(self, message: wire.ListTripsRequest) -> wire.ListTripsResponse:
        return await self._play(message, wire.ListTripsResponse())

    async def list_trip_seats(self, message: wire.ListTripSeatsRequest) -> wire.ListTripSeatsResponse:
        return await self._play(message, wire.ListTripSeatsResponse())

    async def put_seat_plan(self, message: wire.PutSeatPlanRequest) -> wire.PutSeatPlanResponse:
        is_last = message.part_index == message.part_count - 1
        return await self._play(message, wire.PutSeatPlanResponse(success=True, stored=is_last))

    async def list_deeds(self, message: wire.ListDeedsRequest) -> wire.ListDeedsResponse:
        return await self._play(message, wire.ListDeedsResponse())

    async def list_seat_plans(self, message: wire.ListSeatPlansRequest) -> wire.ListSeatPlansResponse:
        return await self._play(message, wire.ListSeatPlansResponse())

    async def delete_seat_plan(self, message: wire.DeleteSeatPlanRequest) -> wire.DeleteSeatPlanResponse:
        return await self._play(message, wire.DeleteSeatPlanResponse(success=True))

    async def get_manifest(self, message: wire.GetManifestRequest) -> wire.GetManifestResponse:
        first = wire.GetManifestResponse(holds=[wire.Hold(hold_id="h1")], next_page_token=BEHIND_H1)
        last = wire.GetManifestResponse(holds=[wire.Hold(hold_id="h2")])
        return await self._play(message, last if message.page_token else first)

    async def get_order_bookings(self, message: wire.GetOrderBookingsRequest) -> wire.GetOrderBookingsResponse:
        first = wire.GetOrderBookingsResponse(holds=[wire.Hold(hold_id="h1")], next_page_token=BEHIND_H1)
        last = wire.GetOrderBookingsResponse(holds=[wire.Hold(hold_id="h2")])
        return await self._play(message, last if message.page_token else first)

    async def explain_seat(self, message: wire.ExplainSeatRequest) -> wire.ExplainSeatResponse:
        held = wire.SeatTrace(source=wire.SeatTraceSource.HOLD, at_ms=2_000, what="held", hold_id="h1")
        taker = wire.SeatTaker(segment_index=1, status="held", hold_id="h1", until_ms=5_000)
        refusal = wire.SeatTrace(
            source=wire.SeatTraceSource.REFUSAL,
            at_ms=1_500,
            hold_id="h2",
            user_id="bob",
            from_segment_index=1,
            to_segment_index=2,
            takers=[taker],
        )
        first = wire.ExplainSeatResponse(
            segments=[wire.SeatOnSegment(segment_index=0, status="held", hold_id="h1", since_ms=1_001)],
            traces=[held],
            next_page_token=BEHIND_H1,
            left_out="lost races",
        )
        last = wire.ExplainSeatResponse(traces=[refusal], left_out="lost races")
        return await self._play(message, last if message.page_token else first)

    async def get_seat_map(self, message: wire.GetSeatMapRequest) -> wire.GetSeatMapResponse:
        return await self._play(message, wire.GetSeatMapResponse(legend=wire.SeatMapLegend()))

    async def watch_seat_map(self, message: wire.WatchSeatMapRequest) -> AsyncIterator[wire.WatchSeatMapResponse]:
        await self._play(deepcopy(message), None)
        for update in self.updates.popleft() if self.updates else []:
            if isinstance(update, Refusal):
                raise grpc_error(update)
            yield update

    async def get_trip_summary(self, message: wire.GetTripSummaryRequest) -> wire.GetTripSummaryResponse:
        return await self._play(message, wire.GetTripSummaryResponse())

    async def check_availability(self, message: wire.CheckAvailabilityRequest) -> wire.CheckAvailabilityResponse:
        reply = wire.CheckAvailabilityResponse(is_available=True, available_seats=message.passengers)
        return await self._play(message, reply)

    async def batch_check_availability(self, message: wire.BatchCheckRequest) -> wire.BatchCheckResponse:
        results = [wire.CheckAvailabilityResponse(available_seats=request.passengers) for request in message.requests]
        return await self._play(message, wire.BatchCheckResponse(results=results))

    async def initialize_trip_inventory(
        self, message: wire.InitializeTripInventoryRequest
    ) -> wire.InitializeTripInventoryResponse:
        return await self._play(message, wire.InitializeTripInventoryResponse(success=True))

    async def get_trip(self, message: wire.GetTripRequest) -> wire.GetTripResponse:
        """The trip that was opened last, as it was opened. Raises GRPCError."""
        if not self.seen(wire.InitializeTripInventoryRequest):
            raise grpc_error(TripNotFound())
        opened = self.seen(wire.InitializeTripInventoryRequest)[-1]
        reply = wire.GetTripResponse(
            trip_id=opened.trip_id,
            organization_id=opened.organization_id,
            vehicle_id=opened.vehicle_id,
            vehicle_type=opened.vehicle_type,
            segments=opened.segments,
            seat_config=opened.seat_config,
            seats_per_group=opened.seats_per_group,
            currency=opened.currency,
            time_zone=opened.time_zone,
            station_names=opened.station_names,
        )
        return await self._play(message, reply)

    async def update_inventory(self, message: wire.UpdateInventoryRequest) -> wire.UpdateInventoryResponse:
        reply = wire.UpdateInventoryResponse(success=True, updated_count=len(message.updates))
        return await self._play(message, reply)

    async def join_waitlist(self, message: wire.JoinWaitlistRequest) -> wire.JoinWaitlistResponse:
        return await self._play(message, wire.JoinWaitlistResponse(success=True, position=3))

    async def leave_waitlist(self, message: wire.LeaveWaitlistRequest) -> wire.LeaveWaitlistResponse:
        return await self._play(message, wire.LeaveWaitlistResponse(success=True))

    async def get_user_waitlist(self, message: wire.GetUserWaitlistRequest) -> wire.GetUserWaitlistResponse:
        entry = wire.WaitlistEntry(
            trip_id="t1", organization_id="o1", requested_seats=2, created_at="2026-01-02T03:04:05Z"
        )
        return await self._play(message, wire.GetUserWaitlistResponse(entries=[entry]))


def unavailable() -> GRPCError:
    """What a load balancer answers when the service is unavailable."""
    return GRPCError(Status.UNAVAILABLE, "no healthy upstream")


@asynccontextmanager
async def served(service: ScriptedService, *, port: int = 0) -> AsyncIterator[int]:
    """The service on a port of the loopback interface."""
    server = GuardedServer([service], limits=LIMITS, status_details_codec=SerializedDetails(), refusals=SERVER_REFUSALS)
    async with server:
        listen(server, RecvRequest, service.note_deadline)
        await server.start("127.0.0.1", port)
        assert server.port is not None
        yield server.port


class Relay:
    """A relay to the service that can be cut, or go silent."""

    def __init__(self, port: int) -> None:
        self._service_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.port = 0

    def cut(self) -> None:
        """Drop every connection there is; new ones are let through."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing more through on the connections there are; new ones are let through."""
        self._frozen |= self._writers

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Relay"]:
        """Listen on `port`."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        to_service = await asyncio.open_connection("127.0.0.1", self._service_port)
        self._writers |= {writer, to_service[1]}
        await asyncio.gather(self._pass_on(reader, to_service[1]), self._pass_on(to_service[0], writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if writer not in self._frozen:
                    writer.write(data)
        writer.close()
        self._writers.discard(writer)


def kinds_of(family: type[Refusal]) -> Iterator[type[Refusal]]:
    """The refusals of a branch that have a reason of their own."""
    if "reason" in vars(family):
        yield family
    for kind in family.__subclasses__():
        yield from kinds_of(kind)

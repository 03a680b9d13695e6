"""Stored seat plans: sent part by part; and the seats of large trips, read page by page."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b

from grpclib.const import Status

from travio_inventory.client.answers import SeatPlanRecord
from travio_inventory.client.connection import Connection
from travio_inventory.client.messages import moment, seat_config
from travio_inventory.client.refusals import ClientError
from travio_inventory.definition_messages import read_seat, seat_message
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.trip import Trip
from travio_inventory.wire.inventory import v1 as wire

SEATS_PER_PART = 500
SEATS_IN_REPLY_MAX = 5_000
"""The service leaves more out of its answer."""


Sent = Callable[[int, int], None]
"""Told how many seats are sent, and of how many."""


async def put(connection: Connection, organization: str, plan: str, layout: Trip, sent: Sent) -> int:
    """Store the seats of `layout` as the plan; returns how many there are."""
    parts = parts_of(plan, organization, layout)
    seats = len(layout.seats)
    reply = await _put(connection, parts, lambda count: sent(min(SEATS_PER_PART * count, seats), seats))
    if reply.missing_parts:
        reply = await _put(connection, [*(parts[index] for index in reply.missing_parts), parts[-1]])
    if not reply.stored:
        raise ClientError(Status.UNAVAILABLE, "parts of the seat plan are missing: store it again")
    return reply.seat_count


async def _put(
    connection: Connection, parts: Sequence[wire.PutSeatPlanRequest], sent: Callable[[int], None] = lambda _: None
) -> wire.PutSeatPlanResponse:
    """Send them in order, and tell how many are; the answer to the last one."""
    reply = wire.PutSeatPlanResponse()
    for count, part in enumerate(parts, 1):
        reply = await connection.write(connection.stub.put_seat_plan, part, whole_trip=True)
        sent(count)
    return reply


def parts_of(plan: str, organization: str, layout: Trip) -> list[wire.PutSeatPlanRequest]:
    """The parts of the plan, under a revision that is a digest of what they say."""
    starts = range(0, len(layout.seats), SEATS_PER_PART)
    parts = [
        wire.PutSeatPlanRequest(
            plan_id=plan,
            organization_id=organization,
            part_index=index,
            part_count=len(starts),
            part=wire.SeatConfiguration(seats=list(map(seat_message, layout.seats[start : start + SEATS_PER_PART]))),
        )
        for index, start in enumerate(starts)
    ]
    parts[0] = replace(
        parts[0],
        currency=layout.currency,
        vehicle_id=layout.vehicle,
        vehicle_type=layout.vehicle_type,
        part=seat_config(layout, layout.seats[:SEATS_PER_PART]),
    )
    revision = blake2b(b"".join(map(bytes, parts)), digest_size=16).hexdigest()
    return [replace(part, revision=revision) for part in parts]


async def listed(connection: Connection, organization: str) -> tuple[SeatPlanRecord, ...]:
    """The stored plans, by id."""
    request = wire.ListSeatPlansRequest(organization_id=organization)
    reply = await connection.read(connection.stub.list_seat_plans, request)
    return tuple(
        SeatPlanRecord(each.plan_id, each.revision, each.seat_count, moment(each.stored_at)) for each in reply.plans
    )


async def delete(connection: Connection, organization: str, plan: str) -> None:
    """Delete a stored plan."""
    request = wire.DeleteSeatPlanRequest(plan_id=plan, organization_id=organization)
    await connection.write(connection.stub.delete_seat_plan, request)


async def left_out(connection: Connection, trip: wire.GetTripResponse) -> list[Seat] | None:
    """All seats of a trip if they were too many for that answer, else None."""
    if trip.seat_count <= SEATS_IN_REPLY_MAX:
        return None
    request = wire.ListTripSeatsRequest(trip_id=trip.trip_id, organization_id=trip.organization_id)
    seats: list[Seat] = []
    while True:
        reply = await connection.read_large("ListTripSeats", request, wire.ListTripSeatsResponse)
        seats += map(read_seat, reply.seats)
        if not reply.next_page_token:
            return seats
        request = replace(request, page_token=reply.next_page_token)

"""Stored seat plans: sent part by part; and the seats of large trips, read page by page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import accumulate
from json import dumps

from grpclib.const import Status

from travio_inventory.client.answers import SeatPlanRecord
from travio_inventory.client.connection import Connection
from travio_inventory.client.messages import moment, seat_config
from travio_inventory.client.refusals import ClientError
from travio_inventory.definition_messages import read_seat, seat_message
from travio_inventory.seats.definition import write_each
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.trip import Trip
from travio_inventory.wire.inventory import v1 as wire

SEATS_PER_PART = 500
CHARS_PER_PART = 240 * 1_024
"""As JSON, in which a letter that is not English has six characters; the service stores a little more."""
SEATS_IN_REPLY_MAX = 5_000
"""The service leaves more out of its answer."""


Sent = Callable[[int, int], None]
"""Told how many seats are sent, and of how many."""


async def put(connection: Connection, organization: str, plan: str, layout: Trip, sent: Sent) -> int:
    """Store the seats of `layout` as the plan; returns how many there are."""
    parts = parts_of(plan, organization, layout)
    seats = len(layout.seats)
    done = list(accumulate(len(part.part.seats) if part.part else 0 for part in parts))
    reply = await _put(connection, parts, lambda count: sent(done[count - 1], seats))
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
    portions = list(_portions(layout))
    parts = [
        wire.PutSeatPlanRequest(
            plan_id=plan,
            organization_id=organization,
            part_index=index,
            part_count=len(portions),
            part=wire.SeatConfiguration(seats=list(map(seat_message, seats))),
        )
        for index, seats in enumerate(portions)
    ]
    parts[0] = replace(
        parts[0],
        currency=layout.currency,
        vehicle_id=layout.vehicle,
        vehicle_type=layout.vehicle_type,
        seats_per_group=layout.seats_per_group_asked,
        part=seat_config(layout, portions[0]),
    )
    revision = blake2b(b"".join(map(bytes, parts)), digest_size=16).hexdigest()
    return [replace(part, revision=revision) for part in parts]


def _portions(layout: Trip) -> Iterator[Sequence[Seat]]:
    """The seats, so many together as the service stores in a part; the first has the sections and features too."""
    start, chars = 0, _chars(*layout.sections, *layout.features)
    for at, seat in enumerate(layout.seats):
        own = _chars(seat)
        if at > start and (at - start == SEATS_PER_PART or chars + own > CHARS_PER_PART):
            yield layout.seats[start:at]
            start, chars = at, 0
        chars += own
    yield layout.seats[start:]


def _chars(*of: Seat | Section | Feature) -> int:
    """What they take where they are stored."""
    return len(dumps(write_each(of), separators=(",", ":")))


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

"""Stored seat plans: sent part by part; and the seats of large trips, read page by page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import accumulate, chain
from json import dumps
from typing import TypeAlias

from grpclib.const import Status

from travio_inventory.client.answers import SeatPlanRecord
from travio_inventory.client.connection import Connection
from travio_inventory.client.messages import moment
from travio_inventory.client.refusals import ClientError
from travio_inventory.definition_messages import feature_message, read_seat, seat_message, section_message
from travio_inventory.seats.definition import write_each
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.trip import Trip
from travio_inventory.wire.inventory import v1 as wire

ITEMS_PER_PART = 500
CHARS_PER_PART = 240 * 1_024
"""As JSON, in which a letter that is not English has six characters; the service stores a little more."""

Item: TypeAlias = Seat | Section | Feature
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
            part=_config(portion),
        )
        for index, portion in enumerate(portions)
    ]
    parts[0] = replace(
        parts[0],
        currency=layout.currency,
        vehicle_id=layout.vehicle,
        vehicle_type=layout.vehicle_type,
        seats_per_group=layout.seats_per_group_asked,
    )
    revision = blake2b(b"".join(map(bytes, parts)), digest_size=16).hexdigest()
    return [replace(part, revision=revision) for part in parts]


def _portions(layout: Trip) -> Iterator[Sequence[Item]]:
    """The sections, the things that are no seats, then the seats: so much together as the service stores in a part."""
    portion: list[Item] = []
    chars = 0
    items: Iterator[Item] = chain(layout.sections, layout.features, layout.seats)
    for item in items:
        own = len(dumps(write_each([item]), separators=(",", ":")))
        if portion and (len(portion) == ITEMS_PER_PART or chars + own > CHARS_PER_PART):
            yield portion
            portion, chars = [], 0
        portion.append(item)
        chars += own
    yield portion


def _config(portion: Sequence[Item]) -> wire.SeatConfiguration:
    return wire.SeatConfiguration(
        seats=[seat_message(item) for item in portion if isinstance(item, Seat)],
        sections=[section_message(item) for item in portion if isinstance(item, Section)],
        features=[feature_message(item) for item in portion if isinstance(item, Feature)],
    )


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
    """All seats of a trip if they were too much for that answer, else None."""
    if trip.seat_count <= (len(trip.seat_config.seats) if trip.seat_config else 0):
        return None
    request = wire.ListTripSeatsRequest(trip_id=trip.trip_id, organization_id=trip.organization_id)
    seats: list[Seat] = []
    while True:
        reply = await connection.read_large("ListTripSeats", request, wire.ListTripSeatsResponse)
        seats += map(read_seat, reply.seats)
        if not reply.next_page_token:
            return seats
        request = replace(request, page_token=reply.next_page_token)

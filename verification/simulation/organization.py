"""What the organization reads when all is quiet, compared with the rows: manifests, orders, who had a seat (I13)."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping

from travio_inventory.kernel.actor import house_of
from travio_inventory.protocol.batches import Kind, Row, Table
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.explanation import Source, Trace
from travio_inventory.seats.hold import Hold, base_id
from travio_inventory.seats.queries import ManifestQuery, OrderQuery, SeatQuery
from verification.simulation.oracle import LIVE, ORGANIZATION, Violated, places_of
from verification.simulation.process import Process
from verification.simulation.world import World

ORGANIZER = house_of(ORGANIZATION)
PAGE = 3
"""So few bookings are on a page, so that there are several."""


async def judge_reads(world: World, prober: Process) -> None:
    """Raises Violated where a page says other than the rows."""
    standing = {
        key.id: row
        for partition in world.batches.partitions()
        for key, row in world.batches.snapshot(partition).items()
        if key.kind is Kind.HOLD and row.get("holder") is not None
    }
    await _judge_manifest(prober, standing)
    await _judge_explanations(world, prober, standing, _bound(world))
    if not (world.plan.faults or world.plan.kills):
        await _judge_orders(prober, standing)


async def _judge_manifest(prober: Process, standing: dict[str, Row]) -> None:
    """Everything that is held or booked for a user is listed once, with its seats."""
    listed = [(hold.id, *hold.seats) async for hold in _manifest(prober)]
    wanted = [
        (hold_id, *_named(row)) for hold_id, row in standing.items() if row.get("status") in LIVE and row.get("holder")
    ]
    if Counter(listed) != Counter(wanted):
        raise Violated(f"I13 the manifest has {sorted(listed)}, not {sorted(wanted)}")


def _bound(world: World) -> dict[str, str]:
    """Whose key each id is bound to, by the rows of keys."""
    return {
        str(row["hold"]): partition.name
        for partition in world.batches.partitions()
        if partition.table is Table.LEDGERS
        for key, row in world.batches.snapshot(partition).items()
        if key.kind is Kind.KEY
    }


async def _judge_explanations(
    world: World, prober: Process, standing: dict[str, Row], bound: Mapping[str, str]
) -> None:
    """Every row of a hold that names a seat explains it, with its status and its order; a refusal says who was refused,
    and a journey on which others had the seat.
    """
    for seat in world.trip.seats:
        found = [trace async for trace in _traces(prober, seat.id)]
        for trace in found:
            if trace.source is Source.REFUSAL and not _is_whole(trace, bound):
                raise Violated(f"I13 the refusal of {trace.hold} names {trace.holder!r} and {trace.journey}")
        told = Counter((trace.hold, trace.what, trace.order) for trace in found if trace.source is Source.HOLD)
        wanted = Counter(
            (hold_id, str(row["status"]), str(row.get("order_id") or ""))
            for hold_id, row in standing.items()
            if seat.id in (*_named(row), *_given_up(row))
        )
        if told != wanted:
            raise Violated(f"I13 of {seat.id} is told {sorted(told)}, not {sorted(wanted)}")


def _is_whole(refusal: Trace, bound: Mapping[str, str]) -> bool:
    """Whether it names the user whose key was refused, and a journey with every cell that was taken."""
    wanted = refusal.journey.segments if refusal.journey else ()
    is_on_it = all(cell.segment in wanted for cell in refusal.taken)
    return is_on_it and refusal.holder == bound.get(base_id(refusal.hold), refusal.holder)


async def _judge_orders(prober: Process, standing: dict[str, Row]) -> None:
    """Every booking is listed under its order; only on a day without faults, on which no entry is lost."""
    booked = [(str(row["order_id"]), hold_id) for hold_id, row in standing.items() if row.get("status") == "confirmed"]
    for order, hold_id in booked:
        page = await prober.inventory.read_order(ORGANIZER, OrderQuery(order_id=order))
        if hold_id not in [hold.id for hold, _ in page.bookings]:
            raise Violated(f"I13 {hold_id} is not among the bookings of {order}")


async def _manifest(prober: Process) -> AsyncIterator[Hold]:
    """All pages."""
    after = ""
    while True:
        query = ManifestQuery(trip_id="t", include_held=True, after=after, page_size=PAGE)
        page = (await prober.inventory.read_manifest(ORGANIZER, query)).page
        for hold in page.holds:
            yield hold
        if not (after := page.next):
            return


async def _traces(prober: Process, seat: str) -> AsyncIterator[Trace]:
    """All pages."""
    after = ""
    while True:
        page = await prober.inventory.explain_seat(ORGANIZER, SeatQuery(trip_id="t", seat_id=seat, after=after))
        for trace in page.traces:
            yield trace
        if not (after := page.next):
            return


def _given_up(row: Row) -> list[str]:
    """The seats that the row says it had once."""
    return [line.split(SEPARATOR)[0] for line in str(row.get("given_up") or "").split("\n")]


def _named(row: Row) -> list[str]:
    """The seats that the row names."""
    return list(dict.fromkeys(cell.seat for _, cell in places_of(row)))

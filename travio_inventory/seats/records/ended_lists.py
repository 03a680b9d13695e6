"""Closes and forgets the waiting lists of a trip that is over."""

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, FOR_EVER, Kind, Partition, Row, RowKey, Write
from travio_inventory.seats.records.forgetting import forget_rows, forgotten
from travio_inventory.seats.records.list_turns import TAIL
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.records.waitlists import list_partition, listed
from travio_inventory.seats.trip import Trip

CLOSED: Row = {"status": rows.CLOSED}
"""The whole row of a tail that hands out no place: no join or leave that was begun before finds it as it was."""


async def close_lists(visit: Visit, trip: Trip) -> bool:
    """Let nobody join or leave any more; whether that is so of all lists. Raises StoreUnavailable, BackendUnavailable,
    OutcomeUnknown.
    """
    are_closed = True
    for seat_class in _classes(trip):
        partition = list_partition(trip.key, seat_class)
        tail = (await visit.batches.get(partition, [TAIL])).get(TAIL)
        if tail is None:
            are_closed &= await visit.write(partition, [Write(TAIL, ABSENT, CLOSED)])
        elif tail.get("status") is None:
            seen = {"sequence": tail.get("sequence"), "waiting": tail.get("waiting")}
            are_closed &= await visit.write(partition, [Write(TAIL, seen, CLOSED, FOR_EVER)])
    return are_closed


async def forget_lists(visit: Visit, trip: Trip) -> bool:
    """Forget the places, then the tails; whether nothing is left. Raises StoreUnavailable, BackendUnavailable,
    OutcomeUnknown.
    """
    is_nothing_left = True
    for seat_class in _classes(trip):
        partition = list_partition(trip.key, seat_class)
        entries = [each async for each in visit.rows(partition, Kind.ENTRY)]
        places = [each async for each in visit.rows(partition, Kind.PLACES)]
        await _forget_listings(visit, trip, seat_class, entries)
        await forget_rows(visit, partition, [*entries, *places])
        tail = (await visit.batches.get(partition, [TAIL])).get(TAIL)
        if tail is not None and not entries and not places:
            await _forget_tail(visit, partition, tail)
        is_nothing_left = is_nothing_left and not entries and not places and tail is None
    return is_nothing_left


def _classes(trip: Trip) -> list[str]:
    """The classes that have a list; "" is any class."""
    return sorted({"", *(seat.seat_class for seat in trip.seats_ever)})


async def _forget_listings(visit: Visit, trip: Trip, seat_class: str, entries: list[tuple[RowKey, Row]]) -> None:
    """The entries in the lists of those who wait: before the places, so that no place goes and leaves its entry."""
    waiting = [
        listed(trip.key, seat_class, key.id, keep_s=FORGOTTEN_S)
        for key, row in entries
        if row.get("status") == "waiting"
    ]
    for portion in portions(waiting):
        await visit.write(list_partition(trip.key, seat_class), (), portion)


async def _forget_tail(visit: Visit, partition: Partition, tail: Row) -> None:
    if tail.get("status") == rows.CLOSED:
        await visit.write(partition, [forgotten(TAIL, tail)])

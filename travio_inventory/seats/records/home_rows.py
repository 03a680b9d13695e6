"""Reads the home rows of holds: the rows that decide about their seats, wherever the seats are."""

from collections.abc import Iterable

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Partition, Reads, Row
from travio_inventory.seats.records import seat_rows


async def home_rows(reads: Reads, organization: str, hold_ids: Iterable[str]) -> dict[str, Row]:
    """Those that are there, by the ids of their holds. Raises StoreUnavailable."""
    by_home: dict[Partition, list[str]] = {}
    for hold_id in hold_ids:
        by_home.setdefault(seat_rows.home_partition(organization, hold_id), []).append(hold_id)
    found: dict[str, Row] = {}
    for partition, ids in by_home.items():
        standing = await reads.get(partition, [rows.hold_key(hold_id) for hold_id in ids])
        found |= {key.id: row for key, row in standing.items()}
    return found

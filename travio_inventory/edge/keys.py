"""Names of what the edge keeps in Redis: one hash for the gate of a block, one for the maps of a trip."""

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from travio_inventory.domain.trip import TripKey
from travio_inventory.engine.ports import BlockKey, Cell

INVALIDATIONS: Final = b"travio:invalidations"
"""The channel on which the hashes of trips are named that have changed."""

_KEYS_REMEMBERED_MAX = 4_096


@lru_cache(_KEYS_REMEMBERED_MAX)
def gate_key(block: BlockKey) -> bytes:
    """The hash with the block's locks and taken cells. What is in braces decides on the slot in a cluster."""
    return b"travio:gate:{%b:%d}" % (_trip(block.trip), block.block)


@lru_cache(_KEYS_REMEMBERED_MAX)
def map_key(trip: TripKey) -> bytes:
    """The hash with the trip's packed blocks and their leases."""
    return b"travio:map:{%b}" % _trip(trip)


def cell_name(cell: Cell) -> str:
    """The cell within its block's hash; the number first, so that no name can look like another's."""
    return f"{cell.segment}:{cell.seat}"


def word(text: str) -> str:
    """The text without spaces, colons and braces, different for every text."""
    return quote(text, safe="", errors="surrogatepass")


def _trip(trip: TripKey) -> bytes:
    return f"{word(trip.organization)}:{word(trip.trip)}".encode()

"""Names of what the edge keeps in Redis: keys with one hash tag for the gate of a group, a hash for a trip's maps."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.trip import TripKey

INVALIDATIONS: Final = b"travio:invalidations"
"""The channel on which the hashes of trips are named that have changed."""

_KEYS_REMEMBERED_MAX = 4_096


@lru_cache(_KEYS_REMEMBERED_MAX)
def gate_prefix(group: SeatGroupKey) -> bytes:
    """How all keys of the seat group's gate begin. What is in braces decides on the slot in a cluster."""
    return b"gate:{%b:%d}:" % (_trip(group.trip), group.group)


def lock_keys(group: SeatGroupKey, cells: Sequence[Cell]) -> list[bytes]:
    """Which attempt is at each cell."""
    return _cell_keys(gate_prefix(group) + b"lock:", cells)


def taken_keys(group: SeatGroupKey, cells: Sequence[Cell]) -> list[bytes]:
    """Why each cell is taken."""
    return _cell_keys(gate_prefix(group) + b"taken:", cells)


def ended_key(group: SeatGroupKey, hold: str) -> bytes:
    """Stands where the hold has ended a moment ago."""
    return gate_prefix(group) + b"ended:" + word(hold).encode()


def known_key(group: SeatGroupKey, claimant: str) -> bytes:
    """Stands where the claimant was let in a moment ago."""
    return gate_prefix(group) + b"known:" + word(claimant).encode()


@lru_cache(_KEYS_REMEMBERED_MAX)
def map_key(trip: TripKey) -> bytes:
    """The hash with the trip's packed seat groups and their leases."""
    return b"map:{%b}" % _trip(trip)


def word(text: str) -> str:
    """The text without spaces, colons and braces, different for every text."""
    return quote(text, safe="", errors="surrogatepass")


def _trip(trip: TripKey) -> bytes:
    return f"{word(trip.organization)}:{word(trip.trip)}".encode()


def _cell_keys(prefix: bytes, cells: Sequence[Cell]) -> list[bytes]:
    """The number first, so that no name can look like another's."""
    return [b"%b%d:%b" % (prefix, segment, seat.encode(errors="surrogatepass")) for seat, segment in cells]

"""Names of the edge's data in Redis: keys with one hash tag for the gate of a seat group, a hash for a trip's maps."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.trip import TripKey

INVALIDATIONS: Final = b"travio:invalidations"
"""The channel for the names of changed trips' hashes."""

_KEYS_REMEMBERED_MAX = 4_096
_CELLS_REMEMBERED_MAX = 16_384
_IS_PLAIN: Final = re.compile("[A-Za-z0-9_.~-]*", re.ASCII).fullmatch
"""Whether escaping would change nothing; most ids are so."""


@lru_cache(_KEYS_REMEMBERED_MAX)
def gate_prefix(group: SeatGroupKey) -> bytes:
    """The prefix of all keys of the seat group's gate. The part in braces decides the slot in a cluster."""
    return b"gate:{%b:%d}:" % (_trip(group.trip), group.group)


def lock_keys(group: SeatGroupKey, cells: Sequence[Cell]) -> list[bytes]:
    """Which attempt locks each cell."""
    return _cell_keys(gate_prefix(group) + b"lock:", cells)


def taken_keys(group: SeatGroupKey, cells: Sequence[Cell]) -> list[bytes]:
    """Why each cell is taken."""
    return _cell_keys(gate_prefix(group) + b"taken:", cells)


def left_key(group: SeatGroupKey, hold: str) -> bytes:
    """The cells that the hold had until a moment ago."""
    return gate_prefix(group) + b"left:" + word(hold).encode()


def known_key(group: SeatGroupKey, claimant: str) -> bytes:
    """Set when the claimant was let in a moment ago."""
    return gate_prefix(group) + b"known:" + word(claimant).encode()


@lru_cache(_KEYS_REMEMBERED_MAX)
def map_key(trip: TripKey) -> bytes:
    """The hash with the trip's snapshots and their leases."""
    return b"map:{%b}" % _trip(trip)


@lru_cache(_KEYS_REMEMBERED_MAX)
def trip_of(map_key: bytes) -> TripKey:
    """The trip whose hash it is."""
    organization, trip = map_key.removeprefix(b"map:{").removesuffix(b"}").decode().split(":")
    return TripKey(*(unquote(each, errors="surrogatepass") for each in (organization, trip)))


def rate_keys(scope: str, names: Sequence[str]) -> list[bytes]:
    """When the next one of each is due. Those of one scope share a slot; an empty tag would be none."""
    return [f"rate:{{@{word(scope)}}}:{word(name)}".encode() for name in names]


def word(text: str) -> str:
    """The text escaped without spaces, colons and braces; different texts stay different."""
    return text if _IS_PLAIN(text) else quote(text, safe="", errors="surrogatepass")


def _trip(trip: TripKey) -> bytes:
    return f"{word(trip.organization)}:{word(trip.trip)}".encode()


def _cell_keys(prefix: bytes, cells: Sequence[Cell]) -> list[bytes]:
    return [prefix + _name_of(cell) for cell in cells]


@lru_cache(_CELLS_REMEMBERED_MAX)
def _name_of(cell: Cell) -> bytes:
    """The number comes first, so that no two names can be equal. Cells are few: trips name their seats alike."""
    seat, segment = cell
    return b"%d:%b" % (segment, seat.encode(errors="surrogatepass"))

"""The ports of the auditor: what the edge remembers of cells, and the audit itself."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from travio_inventory.seats.audit.findings import Audited
from travio_inventory.seats.ports import Cell, ListedTrip, SeatGroupKey
from travio_inventory.seats.trip import TripKey

FOR_EVER: Final = -1
"""The time left of an entry that does not lapse by itself."""


class Entry(NamedTuple):
    """A lock or a mark of a cell: whose (the token of an attempt, or a hold), and for how many milliseconds still."""

    cell: Cell
    is_lock: bool
    owner: str
    left_ms: int


class GateSight(Protocol):
    """Looks at the gate and the taken seats, and changes nothing."""

    async def look(self, group: SeatGroupKey, cells: Sequence[Cell]) -> Sequence[Entry] | None:
        """The locks and marks of the cells; None while the edge does not answer."""
        ...


class Audits(Protocol):
    """Audits trips."""

    async def trip(self, key: TripKey, *, repair: bool, told: Callable[[int, int], None]) -> Audited:
        """Look at the trip, seat group by seat group; what is found is looked at again before it counts, repaired if
        that is asked for, and looked at once more. `told` is called with how many seat groups are done, and of how
        many. Raises BackendUnavailable if not even the trip could be read.
        """
        ...

    async def due(self) -> Sequence[TripKey]:
        """The next trips of the round over all of them; asking says that the last ones are done. Raises
        BackendUnavailable.
        """
        ...

    async def listed(self, shard: int, *, after: str, most: int) -> Sequence[tuple[str, ListedTrip]]:
        """The next trips of a shard of the list of all, each with its place in it. Raises BackendUnavailable."""
        ...

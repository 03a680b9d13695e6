"""An entry of the inventory: what lies of a stock keeping unit in one warehouse."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from travio_inventory.kernel.quick import quick
from travio_inventory.protocol.hold import Recorded, digest_of

QUANTITY_MAX = 10**12
REORDER_POINT_DEFAULT = 10
REORDER_QUANTITY_DEFAULT = 50
IDS_CACHED = 20_000
NOWHERE = Recorded(0, 0)
"""Where the last event is of what has none."""


@lru_cache(maxsize=IDS_CACHED)
def inventory_id(organization: str, sku: str, warehouse: str) -> str:
    """The id of the entry; so there is one for each stock keeping unit and warehouse."""
    return str(UUID(digest_of("stock", organization, sku, warehouse)))


class Quantities(NamedTuple):
    """How many there are. What was committed has left them."""

    available: int
    reserved: int

    @property
    def total(self) -> int:
        """All that lies there."""
        return self.available + self.reserved


class ShardMove(NamedTuple):
    """Units that a row of an entry gave to another one, and that may not have arrived there."""

    to: int
    units: int
    number: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the units of an entry lie in several rows. The first row says how many take orders, and how many there ever
    were; each row, how many moves it gave away, and the one that is under way.
    """

    shards: int = 0
    rows: int = 0
    moves: int = 0
    move: ShardMove | None = None
    marks: str = ""
    """What was told of all rows together: `low`, or `low out`."""
    elsewhere: int = 0
    """At most so many units lie in other rows than the first, which says it, or are on the way there; but for what was
    sold there and returned.
    """
    took: tuple[tuple[int, int], ...] = ()
    """Of each row that gave units to this one, its number, and that of its last move that came here."""


@quick
@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """An entry as it stands; `version` counts its changes, those of quantities too."""

    id: str
    organization: str
    sku: str
    warehouse_id: str
    product_id: str
    variant_id: str
    quantities: Quantities
    reorder_point: int
    reorder_quantity: int
    version: int
    created_at_ms: int
    updated_at_ms: int
    is_deleted: bool = False
    events: int = 0
    recorded: Recorded = NOWHERE
    sharing: Sharing | None = None
    """None for what lies in one row."""
    by_shard: tuple[int, ...] = ()
    """The available ones of each row, where there are several and the quantities are their sum."""
    first_total: int = 0
    """The total of the first row then."""

    @property
    def shards(self) -> int:
        """How many rows take orders."""
        return 1 if self.sharing is None else self.sharing.shards

    @property
    def is_low(self) -> bool:
        """Whether it is time to order more."""
        return self.quantities.available <= self.reorder_point

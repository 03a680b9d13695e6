"""A movement: one change of the total of an entry, and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MovementType(StrEnum):
    """What kind of change it is."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"
    RETURN = "RETURN"
    DAMAGE = "DAMAGE"


RISES: Final = frozenset({MovementType.INBOUND, MovementType.RETURN, MovementType.ADJUSTMENT})
"""What may raise the total."""
FALLS: Final = frozenset({MovementType.OUTBOUND, MovementType.DAMAGE, MovementType.ADJUSTMENT})
"""What may lower it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A change that was made. `quantity` is signed; `balance_after` is the total; `version` the entry's since then."""

    inventory_id: str
    version: int
    type: MovementType
    quantity: int
    balance_after: int
    reason: str
    reference: str
    performed_by: str
    created_at_ms: int

    @property
    def is_internal(self) -> bool:
        """Whether units only went from one shard of the entry to another: both movements together are nothing."""
        return self.type is MovementType.TRANSFER and not self.reference

    @property
    def movement_id(self) -> str:
        """Names it among all movements."""
        return f"{self.inventory_id}~{self.version}"

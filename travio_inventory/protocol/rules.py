"""The times and bounds of the hold protocol."""

from dataclasses import dataclass, field

from travio_inventory.protocol.retention import Retention


@dataclass(frozen=True, slots=True)
class Rules:
    """What every process on the same store must agree on."""

    clock_bound_ms: int = 250
    """How far two clocks may differ: no process ends a hold sooner than this after its expiry."""

    grace_ms: int = 10_000
    """The most one attempt may take; what is older and not committed may be fenced."""

    holds_per_holder_max: int = 0
    """How many live holds a holder may have; 0 = any number."""

    retention: Retention = field(default_factory=Retention)
    """How long what has ended is kept."""

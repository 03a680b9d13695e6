"""Tempting designs that break a promise, each planted in one place of the real code. The simulation must catch all.

A design that survives means that the simulation is blind there, not that the design is right. This is their list; what
they break is in the modules that it imports.

A line that another one backs up breaks no promise when it alone is gone: `broken_pairs` takes both. What costs only
attempts and time is tested directly, in `test_first_try`: the end of an old attempt, what it still has of its intents
and its slot, cells that have moved on. Three conditions are in no design, because nothing can come of them in any
schedule: the status beside the sequence that leaving a list compares; what joining one asks of the entry, because
nobody joins without moving the list's tail; that a worker's cursor stands where it was, because a cursor that is behind
only reads again.
"""

from verification.simulation import (
    broken_blocking,
    broken_cancels,
    broken_cells,
    broken_changes,
    broken_company,
    broken_edge,
    broken_events,
    broken_keys,
    broken_late,
    broken_lists,
    broken_openings,
    broken_pairs,
    broken_reads,
    broken_refusals,
    broken_relays,
    broken_retention,
    broken_sales,
    broken_steps,
    broken_swaps,
    broken_sweeps,
)
from verification.simulation.broken import BROKEN

__all__ = [
    "BROKEN",
    "broken_blocking",
    "broken_cancels",
    "broken_cells",
    "broken_changes",
    "broken_company",
    "broken_edge",
    "broken_events",
    "broken_keys",
    "broken_late",
    "broken_lists",
    "broken_openings",
    "broken_pairs",
    "broken_reads",
    "broken_refusals",
    "broken_relays",
    "broken_retention",
    "broken_sales",
    "broken_steps",
    "broken_swaps",
    "broken_sweeps",
]

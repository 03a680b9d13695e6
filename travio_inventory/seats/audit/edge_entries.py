"""Compares what the edge remembers of a seat group's cells with how long it may.

A lock lasts for one attempt, a mark for two seconds after its batch: both lapse by themselves. So whatever they say,
they are a fault only where they outlive that: then a seat is turned away that the store would sell.
"""

from collections.abc import Iterable, Sequence

from travio_inventory.seats.audit.findings import Fault, Finding
from travio_inventory.seats.audit.ports import FOR_EVER, Entry, GateSight
from travio_inventory.seats.ports import Cell, Gate, SeatGroupKey, TakenSeats

CELLS_PER_LOOK = 500
MARK_MS_MAX = 2_000
"""No mark may have more left, whatever the settings."""


async def lasting_entries(
    sight: GateSight, group: SeatGroupKey, cells: Sequence[Cell], *, lock_ms_max: int
) -> list[Finding] | None:
    """The entries that last for too long, locks for longer than an attempt may; None while the edge does not answer."""
    found: list[Finding] = []
    for start in range(0, len(cells), CELLS_PER_LOOK):
        entries = await sight.look(group, cells[start : start + CELLS_PER_LOOK])
        if entries is None:
            return None
        found += _lasting(group, entries, lock_ms_max)
    return found


def _lasting(group: SeatGroupKey, entries: Iterable[Entry], lock_ms_max: int) -> Iterable[Finding]:
    for (seat, segment), is_lock, owner, left_ms in entries:
        most_ms = lock_ms_max if is_lock else MARK_MS_MAX
        if left_ms == FOR_EVER or left_ms > most_ms:
            fault = Fault.LASTING_LOCK if is_lock else Fault.LASTING_MARK
            yield Finding(fault, group.trip, group.group, seat, segment, owner)


async def forget_entry(gate: Gate, taken: TakenSeats, finding: Finding) -> None:
    """Remove the entry, if it is still that owner's."""
    group, cells = SeatGroupKey(finding.trip, finding.group), [Cell(finding.seat, finding.segment)]
    if finding.fault is Fault.LASTING_LOCK:
        await gate.leave(group, cells, token=finding.owner)
    else:
        await taken.clear(group, cells, hold=finding.owner)

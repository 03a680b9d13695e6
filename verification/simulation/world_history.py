"""The history of a simulated world: what its callers know, and what its rows say."""

from math import inf

from travio_inventory.protocol.batches import Kind, Row, Table
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.ports import Cell
from verification.simulation.history import Call, FoundHold, History, PublishedEvent, Waits
from verification.simulation.oracle import LIVE, OF_TRIP, START_MS, Step, places_of
from verification.simulation.plan import ENDS_APART_S
from verification.simulation.world import World


def history_of(world: World) -> History:
    """What the callers know, and what the rows say now."""
    plan, timelines = world.plan, world.oracle.timelines
    groups = [group for group in world.batches.partitions() if group.table is Table.SEAT_GROUPS]
    rows = [each for group in groups for each in world.batches.snapshot(group).items()]
    holds = {key.id: _found(row, timelines[key.id]) for key, row in rows if key.kind is Kind.HOLD}
    if plan.forgets:
        holds = {hold_id: _found(passed[-1].row, passed) for hold_id, passed in timelines.items() if passed}
    cells = {Cell(key.id, key.segment): row for key, row in rows if key.kind is Kind.CELL}
    told = [event for life in world.post.lives for event in life if not event.type.startswith(OF_TRIP)]
    return History(
        world.front.calls,
        holds,
        {cell: read_title(str(row["owner"])).hold_id for cell, row in cells.items() if row.get("owner")},
        [PublishedEvent(event.id, event.type, event.subject, event.ordinal) for event in told],
        start_ms=START_MS,
        clock_bound_ms=round(plan.skew_s * 1_000),
        holds_max=plan.holds_max,
        is_settled=bool(plan.sweepers),
        waits=_waits(world),
        seen_s=world.oracle.began_s(),
        holds_kept_s=plan.holds_s - ENDS_APART_S if plan.forgets else inf,
        keys_kept_s=plan.keys_s - ENDS_APART_S if plan.forgets else inf,
    )


def _found(row: Row, passed: list[Step[Call]]) -> FoundHold:
    """The hold as its row says, and what it had before."""
    found = FoundHold(
        str(row["status"]),
        str(row.get("holder") or ""),
        str(row.get("claimant") or ""),
        tuple(cell for _, cell in places_of(row)),
        str(row.get("order_id") or ""),
        int(row.get("expires_at_ms") or 0),
    )
    lived = [step.places for step in passed if step.status in LIVE]
    if all(places == lived[0] for places in lived):
        return found
    had = dict.fromkeys(cell for places in lived for _, cell in places)
    return found._replace(cells=tuple(cell for _, cell in lived[0]), now=found.cells, had=tuple(had))


def _waits(world: World) -> dict[tuple[str, str], Waits]:
    lists = [partition for partition in world.batches.partitions() if partition.table is Table.WAITLISTS]
    return {
        (partition.name.split(SEPARATOR)[1], key.id): _waiting(row)
        for partition in lists
        for key, row in world.batches.snapshot(partition).items()
        if key.kind is Kind.ENTRY
    }


def _waiting(row: Row) -> Waits:
    sequence, seats, joined_ms = (int(row.get(name) or 0) for name in ("sequence", "requested_seats", "joined_at_ms"))
    return Waits(row.get("status") == "waiting", sequence, seats, joined_ms)

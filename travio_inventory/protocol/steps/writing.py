"""What a step writes, and where it sends it: the hold's row, its event and its cells, all in the home seat group."""

from collections.abc import Sequence
from typing import assert_never

from travio_inventory.protocol import event_rows, index_entries, listings, rows
from travio_inventory.protocol.batches import IndexEntry, Outcome, Row, RowKey, Write
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldState,
    Recorded,
    Released,
)


async def step(sender: Sender, hold: Hold, state: HoldState, condition: Row, *, at_ms: int) -> Outcome:
    """Take the hold from what `condition` says to `state`: one batch on the home seat group, its event included, index
    entries for the other seat groups before it.
    """
    now = await sender.now(at_ms)
    asked = others_due([hold], at_ms)
    if isinstance(state, Confirmed):
        asked += listings.of_hold(hold.with_state(state))
    return await send(sender, hold, step_writes(hold, state, condition, now), asked, now)


async def send(
    sender: Sender, hold: Hold, writes: Sequence[Write], others: Sequence[IndexEntry], now: Recorded
) -> Outcome:
    """Steps of this moment on holds that have this one's home."""
    home = rows.group_partition(hold.trip, hold.home)
    return await sender.apply(home, writes, [index_entries.recorded(home, now.epoch), *others], at_ms=now.at_ms)


async def list_again(sender: Sender, hold: Hold) -> None:
    """Whoever made the hold what it is may have died before it was listed."""
    await sender.batches.apply(rows.group_partition(hold.trip, hold.home), (), listings.of_hold(hold))


def step_writes(hold: Hold, state: HoldState, condition: Row, now: Recorded) -> list[Write]:
    """The hold's row, its event and its cells in its home seat group, taken to `state`."""
    return [
        Write(rows.hold_key(hold.id), condition, {**_columns(state), **rows.recorded(now)}),
        event_rows.event_of(hold.with_state(state), now),
        *cell_writes(hold.id, rows.cell_keys(hold.seats_by_group.get(hold.home, ()), hold.journey), state),
    ]


def cell_writes(hold_id: str, cells: Sequence[RowKey], state: HoldState) -> list[Write]:
    """What becomes of the hold's cells; only ever IF owner=hold."""
    values: Row = {"status": "sold", "until": None} if isinstance(state, Confirmed) else rows.FREE
    owned: Row = {"owner": hold_id}
    return [Write(cell, owned, values) for cell in cells]


def others_due(holds: Sequence[Hold], at_ms: int) -> list[IndexEntry]:
    """The seat groups other than their home in which these holds are to be brought in line now."""
    named = {(hold.trip, group) for hold in holds for group in hold.seats_elsewhere}
    return [index_entries.due(rows.group_partition(*group), at_ms) for group in sorted(named)]


def _columns(state: HoldState) -> Row:
    """What a step to that state changes of the hold row."""
    match state:
        case Confirmed() as booked:
            return rows.booking_columns(booked)
        case Released():
            return {"status": "released"}
        case Expired():
            return {"status": "expired"}
        case Cancelled():
            return {"status": "cancelled"}
        case Held() | Aborted():
            raise ValueError(f"no step leads to {state}")
        case _:
            assert_never(state)

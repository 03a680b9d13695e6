"""The rows of holds and ledgers, whatever is reserved: the only place that knows the meaning of their columns."""

from typing import Any, assert_never

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    HoldState,
    Recorded,
    Released,
)
from travio_inventory.protocol.resource import Hold

LIVE = ("held", "confirmed")
CLOSED = "closed"
"""The status of a row that no step can change any more: all that it says is still there."""
FORGOTTEN = "forgotten"
"""The status of a row that says nothing else, and has an end."""
SEPARATOR = "\x1f"
"""Joins ids in index entries; ids have no control characters."""


def ledger_partition(actor: Actor) -> Partition:
    """The partition of the holder's idempotency keys and slots."""
    return Partition(Table.LEDGERS, actor.organization, actor.user)


def partition_entry(partition: Partition) -> str:
    """A partition as an index names it."""
    table, organization, name, number = partition
    return SEPARATOR.join((table, organization, name, str(number)))


def read_partition_entry(entry: str) -> Partition:
    """The partition that an index entry names. Raises ValueError where it names none that we can read."""
    table, organization, name, number = entry.split(SEPARATOR)
    return Partition(Table(table), organization, name, int(number))


def recorded(place: Recorded) -> Row:
    """What a hold's row says of its last event."""
    return {"event_epoch": place.epoch, "event_at_ms": place.at_ms}


def hold_key(hold_id: str) -> RowKey:
    """The hold's own row, in its home."""
    return RowKey(Kind.HOLD, hold_id)


def number(row: Row, column: str) -> int:
    """The integer in that column, 0 where it is null."""
    found: Any = row.get(column)
    integer: int = found or 0
    return integer


def text(row: Row, column: str) -> str:
    """The text in that column, "" where it is null."""
    found: Any = row.get(column)
    said: str = found or ""
    return said


def of_hold(hold: Hold) -> Row:
    """What the row of any hold says, whatever it claims. A hold that never came to be has none: raises ValueError."""
    return {
        "holder": hold.holder,
        "claimant": hold.claimant,
        "created_at_ms": hold.created_at_ms,
        "extensions": hold.extensions,
        **of_state(hold.state),
    }


def of_state(state: HoldState) -> Row:
    """What the row of a hold says of its state. Raises ValueError for one that never came to be."""
    match state:
        case Held(expires_at_ms=expires_at_ms):
            return {"status": "held", "expires_at_ms": expires_at_ms}
        case Confirmed(order=order):
            return {"status": "confirmed", "order_id": order}
        case Expired(expires_at_ms=expires_at_ms):
            return {"status": "expired", "expires_at_ms": expires_at_ms}
        case Released():
            return {"status": "released"}
        case Cancelled(order=order):
            return {"status": "cancelled", "order_id": order}
        case Aborted() | Forgotten():
            raise ValueError(f"no hold is {state}")
        case _:
            assert_never(state)


def read_state(row: Row) -> HoldState:
    """The state of any hold, as its row says."""
    match row.get("status"):
        case "held":
            return Held(number(row, "expires_at_ms"))
        case "confirmed":
            return Confirmed(text(row, "order_id"))
        case "released":
            return Released()
        case "expired":
            return Expired(number(row, "expires_at_ms"))
        case "cancelled":
            return Cancelled(text(row, "order_id"))
        case "aborted":
            return Aborted(text(row, "reason"))
        case "closed" | "forgotten":
            return Forgotten()
        case other:
            raise ValueError(f"no hold has the status {other!r}")

"""Rows as the protocol writes them, for tests of stores."""

from travio_inventory.protocol.batches import Kind, Row, RowKey

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1", 0)
A2 = RowKey(Kind.CELL, "A2", 0)
FREE: Row = {"status": "available"}
HELD: Row = {"status": "held", "owner": "hold-1", "until_ms": 5}
TOLD: Row = {"type": "hold.created"}
BORN: Row = {"status": "held", "holder": "ann", "expires_at_ms": 5}

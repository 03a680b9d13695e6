"""What was told of an order before it was known, or for good: paid, not paid, cancelled. One row for each order.

Events of an order come in any order. Whoever tells something writes it down first and looks at the order's reservation
then; whoever makes the reservation looks at what is written then. So one of both sees the other, whoever was first.
"""

from enum import StrEnum

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Batches,
    Condition,
    Kind,
    Partition,
    Row,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.until_known import until_known

ROW = RowKey(Kind.INCOMING, "")
TRIES_MAX = 4


class Note(StrEnum):
    """What is known of an order."""

    NONE = ""
    PAID = "paid"
    NOT_PAID = "not paid"
    CANCELLED = "cancelled"


class OrderNotes:
    """The notes of every organization; each is kept for `kept_s` seconds."""

    def __init__(self, batches: Batches, clock: Clock, *, kept_s: int) -> None:
        self._batches = batches
        self._clock = clock
        self._kept_s = kept_s

    async def of(self, organization: str, order: str) -> Note:
        """Raises BackendUnavailable."""
        try:
            found = await self._batches.get(_place(organization, order), [ROW])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return Note(rows.text(found.get(ROW, {}), "status"))

    async def note(self, organization: str, order: str, what: Note) -> Note:
        """What stands then: the first of all notes, or that it is cancelled. Raises BackendUnavailable,
        OutcomeUnknown.
        """
        standing = Note.NONE
        for _ in range(TRIES_MAX):
            condition: Condition = {"status": standing.value} if standing else ABSENT
            said: Row = {"fingerprint": "order", "status": what.value, "begun_at_ms": self._clock.now_ms()}
            write = Write(ROW, condition, said, self._kept_s)
            found = await until_known(self._batches, _place(organization, order), [write])
            standing = what if found is None else Note(rows.text(found.get(ROW, {}), "status"))
            if standing and (standing is what or what is not Note.CANCELLED):
                return standing
        raise BackendUnavailable


def _place(organization: str, order: str) -> Partition:
    """No event that came in is there: none has three names."""
    return Partition(Table.INBOX, "", rows.SEPARATOR.join(("order", organization, order)))

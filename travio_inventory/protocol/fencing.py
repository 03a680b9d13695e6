"""Fences an id: inserts its hold's row as aborted, so that the hold can never come to be."""

from collections.abc import Sequence

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Applied, NotDone, Refused, Row, Unknown, Write
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.refusals import TakenCell

TRIES_MAX = 6

REFUSED = "refused"
"""The reason of a fenced row that is a final no."""
RETRY = "retry"
"""The reason of a fenced row whose attempt gave up: ask again."""
ABANDONED = "abandoned"
"""The reason of a row fenced by somebody who met its leftovers: ask again."""


class Fencing:
    """Makes ids unable to commit."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def fence(self, organization: str, hold_id: str, reason: str, taken: Sequence[TakenCell] = ()) -> Row:
        """Make sure that the id never comes to be held, and say why; the row that stands is the answer.

        Raises OutcomeUnknown.
        """
        key = rows.hold_key(hold_id)
        fenced: Row = {"status": "aborted", "reason": reason, "seats": rows.taken_text(taken)}
        for _ in range(TRIES_MAX):
            outcome = await self._sender.apply(
                rows.home_partition(organization, hold_id), [Write(key, ABSENT, fenced)], ()
            )
            match outcome:
                case Applied():
                    return fenced
                case Refused(rows=standing):
                    return standing[key]
                case Unknown() | NotDone():
                    await self._sender.pause()
        raise OutcomeUnknown

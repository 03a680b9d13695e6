"""Fences an id: inserts its hold's row as aborted, so that the hold can never come to be."""

from typing import Generic

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Applied, NotDone, Refused, Row, Unknown, Write
from travio_inventory.protocol.resource import H, Resource, home_of
from travio_inventory.protocol.sending import Sender

TRIES_MAX = 6

REFUSED = "refused"
"""The reason of a fenced row that is a final no."""
RETRY = "retry"
"""The reason of a fenced row whose attempt gave up: ask again."""
ABANDONED = "abandoned"
"""The reason of a row fenced by somebody who met its leftovers: ask again."""


class Fencing(Generic[H]):
    """Makes ids unable to commit."""

    def __init__(self, sender: Sender, resource: Resource[H]) -> None:
        self._sender = sender
        self._resource = resource

    async def fence(self, organization: str, hold_id: str, reason: str, kept: Row | None = None) -> Row:
        """Make sure that the id never comes to be held, and say why, with what is `kept` of it; the row that stands is
        the answer.

        Raises OutcomeUnknown.
        """
        home, key = home_of(self._resource, organization, hold_id), rows.hold_key(hold_id)
        fenced: Row = {"status": "aborted", "reason": reason, **(kept or {})}
        for _ in range(TRIES_MAX):
            match await self._sender.apply(home, [Write(key, ABSENT, fenced)], ()):
                case Applied():
                    return fenced
                case Refused(rows=standing):
                    return standing[key]
                case Unknown() | NotDone():
                    await self._sender.pause()
        raise OutcomeUnknown

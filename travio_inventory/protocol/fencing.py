"""Fences an id: inserts its hold's row as aborted, so that the attempt can never commit.

A batch that was not answered may have been applied, may be applied later, or never, and no read can tell which: what is
not there now may be there in a minute. So nothing may rest on its absence. Two things follow.

The same batch is sent again with the same ids. Its conditions make it harmless: it is applied once at most, and once it
was applied the row that stands is the answer, also where another call with the same key wrote it. What was computed
from rows that have moved meanwhile is refused, and the refusal brings those rows.

And before a no is said, or anything is given back, for an id that could still commit, the id is fenced:

    attempt under id H            somebody else, or the same attempt giving up
    ------------------            --------------------------------------------
    batch: insert row H held      batch: insert row H aborted (why)
           if absent, ...                if absent

Both batches insert the same row on condition that it is absent, so exactly one of them is ever applied, in whatever
order they arrive, and however late. If the fence is refused, the row that stands is the answer: the hold came to be
after all. If it is applied, the hold never will, and what it left behind can be given back at leisure.

The reason in the fenced row is the answer for everybody, not what the caller believes: `refused` is a final no, for
that key too; `retry` (the attempt gave up) and `abandoned` (somebody met what it left) mean that a new try may succeed,
under the next id of the same key.

What breaks without it: a caller is told no, takes another seat, and an hour later the first hold commits; or an attempt
gives its intents back, somebody takes them, and its own late home batch makes a hold without them. No fence is needed
only where nobody else can know the id (no key, no limit), nothing was unknown, and the home batch was refused or never
sent: the plain lost race stays one batch.
"""

from typing import Generic

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    NotDone,
    Partition,
    Refused,
    Row,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.resource import H, Resource, home_of
from travio_inventory.protocol.sending import Sender

TRIES_MAX = 6

REFUSED = "refused"
"""The reason of a fenced row that is a final refusal."""
RETRY = "retry"
"""The reason of a fenced row whose attempt gave up: retry."""
ABANDONED = "abandoned"
"""The reason of a row fenced by an attempt that met its leftovers: retry."""


class Fencing(Generic[H]):
    """Makes ids unable to commit."""

    def __init__(self, sender: Sender, resource: Resource[H]) -> None:
        self._sender = sender
        self._resource = resource

    async def fence(self, organization: str, hold_id: str, reason: str, kept: Row | None = None) -> Row:
        """Make sure that the id can never commit, and record why, with `kept`; the row that is there then is the
        answer.

        Raises OutcomeUnknown.
        """
        home, key = home_of(self._resource, organization, hold_id), rows.hold_key(hold_id)
        said: Row = {"created_at_ms": self._sender.clock.now_ms()} if reason == REFUSED else {}
        fenced: Row = {"status": "aborted", "reason": reason, **said, **(kept or {})}
        write = Write(key, ABSENT, fenced, self._sender.rules.retention.over_s(hold_id))
        for _ in range(TRIES_MAX):
            match await self._sender.apply(home, [write], ()):
                case Applied():
                    return fenced
                case Refused(rows=standing):
                    return standing[key]
                case Unknown() | NotDone():
                    await self._sender.pause()
        raise OutcomeUnknown

    async def fence_move(self, organization: str, hold_id: str, move: int) -> Row:
        """Make sure that this move of a hold can never commit from now on; the hold's row afterwards, which may say
        that it has. Each attempt to move a hold is conditional on the number of those before it, and raises it; so does
        this. A hold that has ended is moved no more.

        Raises OutcomeUnknown.
        """
        home, key = home_of(self._resource, organization, hold_id), rows.hold_key(hold_id)
        before = move - 1 or None
        for _ in range(TRIES_MAX):
            for status in rows.LIVE:
                write = Write(key, {"status": status, "moves": before}, {"moves": move})
                match await self._sender.apply(home, [write], ()):
                    case Applied():
                        return await self._row(home, key)
                    case Refused(rows=standing):
                        row = standing.get(key, {})
                        if row.get("status") not in rows.LIVE or row.get("moves") != before:
                            return row
                    case Unknown() | NotDone():
                        await self._sender.pause()
        raise OutcomeUnknown

    async def _row(self, home: Partition, key: RowKey) -> Row:
        """The row as it is now. Raises OutcomeUnknown."""
        try:
            return (await self._sender.batches.get(home, [key])).get(key, {})
        except StoreUnavailable:
            raise OutcomeUnknown from None

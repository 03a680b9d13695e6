"""Judges the owner of a claim by its home row: ends it if it has lapsed, fences it if it was abandoned."""

from enum import Enum, auto
from typing import Final, Generic, NamedTuple

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import fencing, rows
from travio_inventory.protocol.ages import Ages
from travio_inventory.protocol.batches import Partition, Row, RowKey
from travio_inventory.protocol.fencing import Fencing
from travio_inventory.protocol.hold import NEVER_MS, base_id, earlier_late_ids, late_id, read_title
from travio_inventory.protocol.resource import H, Resource, home_of
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.expire import Expiring

TRIES_MAX = 4
LATE_MAX: Final = 8
"""So many attempts to book an expired hold may be cut off, and given up by others, before it is refused for good."""


class Verdict(Enum):
    """What the home row decides about an owner's claims."""

    TAKEN = auto()
    CONTENDED = auto()
    DEAD = auto()


class Late(NamedTuple):
    """The id under which an expired hold is booked late, and its row if it has one."""

    id: str
    row: Row | None


class Judged(NamedTuple):
    """A verdict, and the home row behind it (none while an attempt is running)."""

    verdict: Verdict
    row: Row


class Judging(Generic[H]):
    """Reads the home rows of owners, and ends what is over."""

    def __init__(self, sender: Sender, resource: Resource[H], fencing: Fencing[H], expiring: Expiring[H]) -> None:
        self._sender = sender
        self._resource = resource
        self._fencing = fencing
        self._expiring = expiring
        self.ages = Ages(sender.clock, clock_bound_ms=sender.rules.clock_bound_ms)

    async def home(self, organization: str, hold_id: str) -> Row | None:
        """The hold's own row, None if there is none. Raises StoreUnavailable."""
        key = rows.hold_key(hold_id)
        return (await self._sender.batches.get(home_of(self._resource, organization, hold_id), [key])).get(key)

    async def home_unless_abandoned(self, organization: str, hold_id: str, *, since_ms: int) -> Row | None:
        """The hold's own row, None while an attempt may be making it; fences an id that was abandoned. Raises
        StoreUnavailable, OutcomeUnknown.
        """
        row = await self.home(organization, hold_id)
        if row is None and self.ages.of(hold_id, since_ms) >= self._sender.rules.grace_ms:
            return await self._fencing.fence(organization, hold_id, fencing.ABANDONED)
        return row

    async def judge(self, organization: str, hold_id: str, *, since_ms: int) -> Judged:
        """The verdict of an owner's home row, whatever its claims say. Ends the owner if it has lapsed, fences it if it
        was abandoned. Raises StoreUnavailable, OutcomeUnknown.
        """
        row = await self.home_unless_abandoned(organization, hold_id, since_ms=since_ms)
        if row is None:
            return Judged(Verdict.CONTENDED, {})
        row = await self._ended_if_lapsed(organization, hold_id, row)
        return Judged(Verdict.TAKEN if row.get("status") in rows.LIVE else Verdict.DEAD, row)

    async def judge_claim(self, partition: Partition, key: RowKey, owner: str, *, since_ms: int) -> Judged:
        """The verdict about one claim that is not in its owner's home. Raises StoreUnavailable, OutcomeUnknown."""
        judged = await self.judge(partition.organization, read_title(owner).hold_id, since_ms=since_ms)
        return await self.of_claim(judged, partition, key, owner, since_ms=since_ms)

    async def of_claim(self, judged: Judged, partition: Partition, key: RowKey, owner: str, *, since_ms: int) -> Judged:
        """The verdict about one claim of an owner that was judged: it lives, but has only what its home row names.

        What a live owner's row does not name it gave up, or a move of it is running that takes it, or was abandoned:
        then it is fenced first. Raises OutcomeUnknown.
        """
        hold_id, move = read_title(owner)
        if judged.verdict is not Verdict.TAKEN or self._resource.names(judged.row, partition, key, move):
            return judged
        if move <= rows.number(judged.row, "moves"):
            return Judged(Verdict.DEAD, judged.row)
        if self.ages.of(owner, since_ms) < self._sender.rules.grace_ms:
            return Judged(Verdict.CONTENDED, judged.row)
        row = await self._fencing.fence_move(partition.organization, hold_id, move)
        is_taken = row.get("status") in rows.LIVE and self._resource.names(row, partition, key, move)
        return Judged(Verdict.TAKEN if is_taken else Verdict.DEAD, row)

    async def settle(self, organization: str, owner: str) -> None:
        """Make sure that the attempt to take claims under this title has committed, or never will, however young it is.
        Raises StoreUnavailable, OutcomeUnknown.
        """
        hold_id, move = read_title(owner)
        row = await self.home(organization, hold_id)
        if row is None:
            await self._fencing.fence(organization, hold_id, fencing.RETRY)
        elif row.get("status") in rows.LIVE and move > rows.number(row, "moves"):
            await self._fencing.fence_move(organization, hold_id, move)

    async def late(self, organization: str, hold_id: str) -> Late:
        """Under which id the expired hold was booked late, or can be: the first one that no attempt gave up. Raises
        StoreUnavailable.
        """
        late = late_id(base_id(hold_id))
        while self.was_given_up(late, row := await self.home(organization, late)):
            late = late_id(late)
        return Late(late, row)

    def was_given_up(self, late: str, row: Row | None) -> bool:
        """Whether another late id may still come to be: this one was fenced, and that was no refusal."""
        if self._resource.refuses_contended_late or row is None or row.get("status") != "aborted":
            return False
        return row.get("reason") != fencing.REFUSED and len(earlier_late_ids(late)) + 1 < LATE_MAX

    async def never_late(self, organization: str, hold_id: str) -> bool:
        """Make sure that no late booking of it lives, or will; False if one does. Raises OutcomeUnknown."""
        late = late_id(base_id(hold_id))
        while self.was_given_up(late, row := await self._fencing.fence(organization, late, fencing.REFUSED)):
            late = late_id(late)
        return row.get("status") not in rows.LIVE

    async def neighbour(self, organization: str, hold_id: str) -> Row:
        """The home row of an owner in its own home, where row and claims always agree; if it had lapsed, after its end.
        Raises StoreUnavailable, OutcomeUnknown.
        """
        return await self._ended_if_lapsed(organization, hold_id, await self.home(organization, hold_id) or {})

    async def _ended_if_lapsed(self, organization: str, hold_id: str, row: Row) -> Row:
        """The row, after the hold's end if it had lapsed. A step that came first may have changed what it has, and not
        until when. Raises OutcomeUnknown.
        """
        for _ in range(TRIES_MAX):
            if row.get("status") != "held" or not self.has_lapsed(hold_id, row):
                return row
            before, row = row, await self._expiring.expire(self._resource.read(organization, hold_id, row))
            if row == before:
                return row
        raise OutcomeUnknown

    def has_lapsed(self, hold_id: str, row: Row) -> bool:
        """Whether a row that says held may be ended."""
        return self.left_ms(hold_id, row) <= 0

    def left_ms(self, hold_id: str, row: Row) -> int:
        """How long until a held row may be ended: when its time is over by every clock within the bound; if it began by
        a clock beyond the bound, once it has existed for its whole lifetime.
        """
        expires_ms, began_ms = rows.number(row, "expires_at_ms"), rows.number(row, "created_at_ms")
        if expires_ms == NEVER_MS:
            return NEVER_MS
        return expires_ms - began_ms + self._sender.rules.clock_bound_ms - self.ages.of(hold_id, began_ms)

"""The inbox: which events of other services came in, what was decided about each, and what came of it.

    begun  ->  begun, with a decision  ->  done

An event is noted before anything is done for it, and is done only when its effect is in the store. So a process may
die at any point: whoever gets the event again finds how far it is, and the effect itself is such that doing it again
changes nothing. A consumer acknowledges the event when it is done, not sooner.

The row is kept for as long as the event may come again: until the event is older than the retention, from when on it is
not taken any more. Its effect is idempotent only as long as what it changed is there, and that may be gone before.

What breaks without it: an event that is repeated days later acts on what has changed since. Two consumers that have the
same event for a moment, one before and one after such a change, do two different things.
"""

from dataclasses import dataclass, replace
from json import dumps
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.incoming import Incoming
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Batches, Condition, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.hold import digest_of
from travio_inventory.protocol.retention import APART_S
from travio_inventory.protocol.until_known import until_known

BEGUN, DONE = "begun", "done"
ROW = RowKey(Kind.INCOMING, "")


class OtherEvent(NamedTuple):
    """Another event came in under this source and id before."""


@dataclass(frozen=True, slots=True)
class _Seen:
    fingerprint: str
    status: str
    begun_at_ms: int
    decision: str = ""
    outcome: str = ""

    @property
    def row(self) -> Row:
        always: Row = {"fingerprint": self.fingerprint, "status": self.status, "begun_at_ms": self.begun_at_ms}
        later = {"decision": self.decision, "outcome": self.outcome}
        return {**always, **{name: said for name, said in later.items() if said}}


class Noted:
    """An event that is noted: how far it is. Implements Decisions."""

    def __init__(self, batches: Batches, partition: Partition, keep_s: int, seen: _Seen) -> None:
        self._batches = batches
        self._partition = partition
        self._keep_s = keep_s
        self._seen = seen

    @property
    def outcome(self) -> str:
        """What came of it; "" while it is not done."""
        return self._seen.outcome if self._seen.status == DONE else ""

    @property
    def decision(self) -> str:
        """See Decisions."""
        return self._seen.decision

    async def decide(self, decision: str, *, over: str = "") -> str:
        """See Decisions."""
        condition: Row = {"status": BEGUN, "decision": over or None}
        await self._become(condition, replace(self._seen, decision=decision))
        return self._seen.decision

    async def done(self, outcome: str) -> str:
        """It has taken effect; returns what came of it, by whichever attempt was first. Raises BackendUnavailable, also
        where another attempt has decided something else meanwhile: the next one goes by that; OutcomeUnknown.
        """
        condition: Row = {"status": BEGUN, "decision": self._seen.decision or None}
        await self._become(condition, replace(self._seen, status=DONE, outcome=outcome))
        if self._seen.status != DONE:
            raise BackendUnavailable
        return self._seen.outcome

    async def _become(self, condition: Condition, wanted: _Seen) -> None:
        write = Write(ROW, condition, wanted.row, self._keep_s)
        standing = await until_known(self._batches, self._partition, [write])
        self._seen = wanted if standing is None else _read(standing.get(ROW), wanted)


class Inbox:
    """Notes events. `retention_s` is how long an event may come again."""

    def __init__(self, batches: Batches, clock: Clock, *, retention_s: int) -> None:
        self._batches = batches
        self._clock = clock
        self._retention_s = retention_s

    def is_too_old(self, event: Incoming) -> bool:
        """Whether nobody knows any more if it came in before."""
        return self._clock.now_ms() - event.at_ms > self._retention_s * 1_000

    async def begin(self, event: Incoming) -> Noted | OtherEvent:
        """Note it, unless it is noted. Raises BackendUnavailable, OutcomeUnknown."""
        now_ms, partition = self._clock.now_ms(), inbox_partition(event)
        ahead_s = max(0, -(-(event.at_ms - now_ms) // 1_000))
        new, keep_s = _Seen(fingerprint_of(event), BEGUN, now_ms), self._retention_s + ahead_s + APART_S
        standing = await until_known(self._batches, partition, [Write(ROW, ABSENT, new.row, keep_s)])
        seen = new if standing is None else _read(standing.get(ROW), new)
        if seen.fingerprint != new.fingerprint:
            return OtherEvent()
        return Noted(self._batches, partition, keep_s, seen)


def inbox_partition(event: Incoming) -> Partition:
    """Where the event is noted."""
    return Partition(Table.INBOX, "", f"{event.source}{rows.SEPARATOR}{event.id}")


def fingerprint_of(event: Incoming) -> str:
    """Equal for two events exactly if they say the same, whenever and in whatever form."""
    return digest_of(event.type, event.organization, dumps(event.data, sort_keys=True))


def _read(row: Row | None, otherwise: _Seen) -> _Seen:
    """What stands. A row that is gone was kept for long enough."""
    if row is None:
        return otherwise
    return _Seen(
        rows.text(row, "fingerprint"),
        rows.text(row, "status"),
        rows.number(row, "begun_at_ms"),
        rows.text(row, "decision"),
        rows.text(row, "outcome"),
    )

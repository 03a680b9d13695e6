"""What the steps of this process did, in numbers: live holds, how late holds ended, how unknown outcomes ended."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.tally import Tally
from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Unknown,
    Write,
    is_met,
)
from travio_inventory.protocol.hold import NEVER_MS, Held, HoldState

OPEN_MAX: Final = 1_000
"""Batches without an answer that are followed; of more, the oldest counts as given up."""
GIVEN_UP_MS: Final = 60_000
"""Nobody sends the batch again after so long."""
APPLIED, FOUND, REFUSED, FENCED, OPEN = "applied", "found", "refused", "fenced", "open"
"""How an unknown outcome was settled: see `Doubts`."""


class LiveHolds:
    """How many holds are live: those that this process began, less those that it ended before their time, both counted
    until the hold's expiry.

    A hold may be ended by another process than began it, so only the sum over all processes means something. It
    corrects itself: what a process took with it when it ended is forgotten at the holds' expiries.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._by_second: Counter[int] = Counter()

    def changed(self, before: HoldState | None, after: HoldState) -> None:
        """A hold came to this state; `before` is None where it is new. One without an expiry does not count."""
        if isinstance(before, Held) and before.expires_at_ms < NEVER_MS:
            self._by_second[before.expires_at_ms // 1_000] -= 1
        if isinstance(after, Held) and after.expires_at_ms < NEVER_MS:
            self._by_second[after.expires_at_ms // 1_000] += 1

    def count(self) -> int:
        """How many live now; what is over is forgotten."""
        now_s = self._now_ms() // 1_000
        for second in [second for second, net in self._by_second.items() if second < now_s or not net]:
            del self._by_second[second]
        return self._by_second.total()


class _Doubt(NamedTuple):
    """A row that a batch without an answer was to write, when it was sent, and how many there were until then."""

    write: Write
    since_ms: int
    number: int


class Doubts:
    """Batches without an answer, and how each was settled: it was `applied` when it was sent again; a row that was
    read, or stood in its way, showed that it had been applied (`found`), or that another step came first (`refused`);
    its id was `fenced`, so that it will never be applied; or nobody asked any more (`open`).
    """

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self.count = 0
        self.open: dict[tuple[Partition, RowKey], _Doubt] = {}
        """Those that are not settled yet, and may be old."""
        self._elapsed_ms = elapsed_ms
        self._settled = dict.fromkeys((APPLIED, FOUND, REFUSED, FENCED, OPEN), 0)

    def note(self, partition: Partition, writes: Sequence[Write], outcome: Outcome) -> None:
        """How the batch ended."""
        if isinstance(outcome, Unknown):
            if writes:
                self._begin((partition, writes[0].key), writes[0])
        elif self.open and writes and (doubt := self.open.get((partition, writes[0].key))) is not None:
            self._settle((partition, writes[0].key), doubt, writes[0], outcome)

    def saw(self, partition: Partition, found: Rows, *, since: int) -> None:
        """These rows of the partition were read by a call that began when there had been `since` such batches."""
        keys = found if len(found) <= len(self.open) else [key for of, key in self.open if of == partition]
        for key in keys:
            doubt, row = self.open.get((partition, key)), found.get(key)
            if doubt is None or row is None or doubt.number > since:
                continue
            if not is_met(doubt.write.condition, row):  # else it may still be applied
                del self.open[partition, key]
                self._settled[FOUND if _is_written(doubt.write, row) else REFUSED] += 1

    def settled(self) -> dict[str, int]:
        """How many were settled in each way."""
        self._give_up_old()
        return dict(self._settled)

    def open_count(self) -> int:
        """How many are not settled yet."""
        self._give_up_old()
        return len(self.open)

    def _begin(self, place: tuple[Partition, RowKey], write: Write) -> None:
        if place in self.open:  # sent again, and again without an answer
            return
        self.count += 1
        if len(self.open) >= OPEN_MAX:
            del self.open[next(iter(self.open))]
            self._settled[OPEN] += 1
        self.open[place] = _Doubt(write, self._elapsed_ms(), self.count)

    def _settle(self, place: tuple[Partition, RowKey], doubt: _Doubt, again: Write, outcome: Outcome) -> None:
        if isinstance(outcome, NotDone | Unknown):
            return
        del self.open[place]
        self._settled[_how(doubt.write, again, outcome)] += 1

    def _give_up_old(self) -> None:
        until_ms = self._elapsed_ms() - GIVEN_UP_MS
        while self.open:
            oldest = next(iter(self.open))
            if self.open[oldest].since_ms > until_ms:
                return
            del self.open[oldest]
            self._settled[OPEN] += 1


def _how(first: Write, again: Write, outcome: Applied | Refused) -> str:
    is_fence = again.values.get("status") == "aborted" != first.values.get("status")
    if isinstance(outcome, Applied):
        return FENCED if is_fence else APPLIED
    standing = outcome.rows.get(first.key)
    return FOUND if standing and _is_written(first, standing) else REFUSED


def _is_written(write: Write, row: Row) -> bool:
    return all(row.get(name) == value for name, value in write.values.items())


class ReadsThatSettle:
    """Batches whose reads settle what was in doubt; the rest is the store's own."""

    def __init__(self, batches: Batches, doubts: Doubts) -> None:
        self.apply, self.read_index = batches.apply, batches.read_index
        self._batches = batches
        self._doubts = doubts

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        since = self._doubts.count
        found = await self._batches.get(partition, keys)
        if self._doubts.open:
            self._doubts.saw(partition, found, since=since)
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        since = self._doubts.count
        found = await self._batches.read(partition, kind, start=start, end=end, most=most)
        if self._doubts.open:
            self._doubts.saw(partition, found, since=since)
        return found


class StepCounts:
    """The numbers of one process."""

    def __init__(self, *, now_ms: Callable[[], int], elapsed_ms: Callable[[], int]) -> None:
        self.live = LiveHolds(now_ms)
        self.doubts = Doubts(elapsed_ms)
        self.lateness = Tally()
        """From the expiry of a hold to the batch that ended it."""
        self.recorded: Counter[str] = Counter()
        """Events by type."""

    def event(self, event: Row) -> None:
        """A batch with that event was applied."""
        self.recorded[str(event["type"])] += 1

    def expired(self, state: HoldState, at_ms: int) -> None:
        """A hold in that state was ended at that moment, for its time was over."""
        if isinstance(state, Held):
            self.lateness.add(max(at_ms - state.expires_at_ms, 0) * 1_000_000)

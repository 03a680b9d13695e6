"""Finds holds that may have run out, by the expiry index, and ends them; finishes unfinished steps of others.

No clock gives anything back. A hold whose time is over still has all that it claims until a batch says otherwise:

    expire H:   row H expired, if held and expiring when seen
                claims of H free, if they are H's
                event

Clocks say when that is tried, never whether it is safe. A batch that compares the expiry that was seen cannot end a
hold that was extended or confirmed meanwhile, and a confirmation that comes first wins, even on a hold that has lapsed.
So a wrong clock costs a hold its last moments or leaves it some too many; it never gives one claim to two. Nobody tries
before the expiry plus the bound on how far clocks may be apart.

Whoever wants what a lapsed hold has ends it first (`judging`), so nobody waits for this module. It is for what nobody
wants at the moment, so that maps are right and events are told, and for what those who died left behind:

    what is found in a partition             what is done
    ---------------------------------        ---------------------------------------------
    claim of a hold at home, lapsed          expire it, many in one batch
    claim of a foreign hold that lives       bring it in line: confirmed, it says so
    claim of a foreign hold that ended       give it back
    claim that a foreign hold gave up        give it back
    claim of a move that came to nothing     fence the move, then give it back
    claim of an id without a row, old        fence the id, then give it back

Where to look: a step writes, before its batch, an index entry that names the partition under the minute in which
something will be due there. An entry is a hint and is never trusted; without it a lapsed hold would stay unseen. What
this process began it knows to the millisecond; the index tells of what others did; and `everywhere` leads to what
landed when its minute was closed. A minute is closed when hardly any batch can still land in it; a partition that
cannot be read is set aside and carried on into the open minute, so that it holds up nobody and is not forgotten.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.back_off import BackOff
from travio_inventory.protocol.batches import Partition, RowKey, StoreUnavailable
from travio_inventory.protocol.hold import NEVER_MS, Aborted, Confirmed, read_title
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.index_entries import expiry_of
from travio_inventory.protocol.judging import Verdict
from travio_inventory.protocol.minute_cursor import SET_BACK_MS, MinuteCursor, Place
from travio_inventory.protocol.ports import Everywhere
from travio_inventory.protocol.resource import H, Standing, home_of

ROWS_TOGETHER_MAX = 160
"""So many rows of lapsed holds are written in one batch, more only if a single hold has more."""
AT_ONCE = 4
HOLDS_READ_TOGETHER = 1_000
LOOK_EVERY_MS = 4_000
"""How often a partition is read while something of another process may fall due in it."""


@dataclass(slots=True)
class _LastRead:
    """When a partition was last read, and when the next of its holds runs out; in monotonic time."""

    at_ms: int
    due_ms: int


class LapseFinder(Generic[H]):
    """Implements `protocol.ports.Lapses`. One process may run several; they do no harm, only more work.

    It knows its own process's holds to the millisecond; the index leads to those of others, and `everywhere` to what
    arrived after its index entries were closed.
    """

    def __init__(self, holds: HoldProtocol[H], everywhere: Everywhere | None = None) -> None:
        self._sender = sender = holds.sender
        self._resource = holds.resource
        self._judging = holds.judging
        self._expiring = holds.expiring
        self._rolling = holds.rolling
        self._clock = sender.clock
        self._minutes = MinuteCursor(
            sender.batches,
            expiry_of(holds.resource.table),
            sender.clock,
            sender.rules.retention.entries_s,
            waits=sender.waits,
        )
        self._back_off = BackOff[Partition]("partitions to sweep", sender.clock.elapsed_ms, sender.waits)
        self._everywhere = everywhere
        self._live: Collection[Partition] = ()
        self._last_reads: dict[Partition, _LastRead] = {}
        self._ahead_ms = self._clock.now_ms() - self._clock.elapsed_ms()
        self._round_ms = 0
        self._due: Collection[Partition] = ()
        self._settling: dict[int, set[Place]] = {}
        self._again: set[Partition] = set()

    async def due_partitions(self) -> Sequence[Partition]:
        """See Lapses."""
        self._round_ms = self._clock.now_ms()
        self._again |= self._sender.signals.take_due(self._clock.elapsed_ms(), self._resource.table)
        if self._is_set_back():
            self._again |= self._sender.signals.all_due(self._resource.table)
        live = await self._named(self._round_ms)
        self._live = live
        self._last_reads = {partition: last for partition, last in self._last_reads.items() if partition in live}
        asked = self._again.union(
            *map(_partitions, self._settling.values()), filter(self._is_due, live), await self._everywhere_next()
        )
        self._due = {partition for partition in asked if not self._back_off.is_waiting(partition)}
        self._again = asked - self._due
        return sorted(self._due)

    def due_meanwhile(self, under_way: Collection[Partition]) -> Sequence[Partition]:
        """See Lapses: where this process's own holds run out."""
        self._again |= self._sender.signals.take_due(self._clock.elapsed_ms(), self._resource.table)
        found = {each for each in self._again if each not in under_way and not self._back_off.is_waiting(each)}
        self._again -= found
        self._due = {*self._due, *found}
        return sorted(found)

    async def _named(self, now_ms: int) -> set[Partition]:
        """The partitions in live minutes; keeps those of settling ones. Without the index, what is known otherwise is
        swept. Raises BackendUnavailable if nothing is known.
        """
        live: dict[int, set[Place]] = {}
        self._settling = {}
        try:
            await self._minutes.begin(now_ms)
            live = await self._minutes.named(self._minutes.live(now_ms))
            self._settling = await self._minutes.named(self._minutes.settling(now_ms))
        except StoreUnavailable:
            pass
        if not (live or self._settling or self._again):
            raise BackendUnavailable
        return set().union(*map(_partitions, live.values()))

    def _is_set_back(self) -> bool:
        """Whether this clock was set back since the last round: holds made before it would last too long."""
        before_ms, self._ahead_ms = self._ahead_ms, self._clock.now_ms() - self._clock.elapsed_ms()
        return self._ahead_ms < before_ms - SET_BACK_MS

    async def sweep(self, partition: Partition) -> None:
        """See Lapses."""
        now_ms, began_ms = self._clock.now_ms(), self._clock.elapsed_ms()
        try:
            found = await self._sender.batches.read(partition, self._resource.kind)
            claims = {key: said for key, row in found.items() if (said := self._resource.standing(row)) is not None}
            lapsed_ms = now_ms - self._sender.rules.clock_bound_ms
            await self._end_lapsed(partition, self._lapsed_here(partition, claims, lapsed_ms))
            await self._settle_foreign(partition, claims)
        except StoreUnavailable:
            raise BackendUnavailable from None
        untils = (claim.until_ms for claim in claims.values() if claim.lapses)
        ahead = (until_ms + self._sender.rules.clock_bound_ms - now_ms for until_ms in untils)
        next_ms = min((left for left in ahead if left > 0), default=LOOK_EVERY_MS)
        if partition in self._live:  # else an entry that comes now is new, and is looked at in the next round
            self._last_reads[partition] = _LastRead(began_ms, began_ms + next_ms)

    async def close_due(self, failed: Mapping[Partition, Exception]) -> None:
        """See Lapses. What failed is carried on, so that its minute can close."""
        for partition in self._due:
            if partition in failed:
                self._back_off.failed(partition, failed[partition])
            else:
                self._back_off.succeeded(partition)
        self._again |= failed.keys()
        ending = [minute for minute in self._settling if self._minutes.is_last(minute, self._round_ms)]
        left = {place for minute in ending for place in self._settling[minute] if self._is_left(place)}
        try:
            await self._minutes.carry(left, self._round_ms)
            await self._minutes.settled(self._settling, self._round_ms)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _everywhere_next(self) -> list[Partition]:
        """The next partitions of the slow round; they can wait while the store is down."""
        try:
            return await self._everywhere.next_partitions() if self._everywhere is not None else []
        except StoreUnavailable:
            return []

    def _is_left(self, place: Place) -> bool:
        """Whether the place was not swept."""
        partition = _partition(place)
        return partition is None or self._back_off.has(partition)

    def _is_due(self, partition: Partition) -> bool:
        last, now_ms = self._last_reads.get(partition), self._clock.elapsed_ms()
        return last is None or now_ms >= last.due_ms or now_ms - last.at_ms >= LOOK_EVERY_MS

    def _lapsed_here(self, partition: Partition, claims: Mapping[RowKey, Standing], lapsed_ms: int) -> list[str]:
        """The holds with their home here that, by the times on a claim, ran out by then or have a clock that is ahead;
        their rows must be read.
        """
        has_met = self._judging.ages.has_met
        owners = dict.fromkeys(
            read_title(claim.owner).hold_id
            for claim in claims.values()
            if claim.lapses and (claim.until_ms <= lapsed_ms or has_met(claim.owner, claim.since_ms))
        )
        return [owner for owner in owners if self._is_home(owner, partition)]

    def _is_home(self, owner: str, partition: Partition) -> bool:
        return home_of(self._resource, partition.organization, owner) == partition

    async def _end_lapsed(self, partition: Partition, hold_ids: Sequence[str]) -> None:
        """End the partition's own holds whose rows have run out: many in one batch, a few batches at once. One that
        cannot be ended delays no other batch.
        """
        for start in range(0, len(hold_ids), HOLDS_READ_TOGETHER):
            lapsed = await self._lapsed(partition, hold_ids[start : start + HOLDS_READ_TOGETHER])
            await _a_few_at_once(map(self._expiring.expire_together, self._together(lapsed, partition)))

    async def _lapsed(self, partition: Partition, hold_ids: Sequence[str]) -> list[H]:
        keys = [rows.hold_key(hold_id) for hold_id in hold_ids]
        standing = await self._sender.batches.get(partition, keys)
        lapsed = []
        for key, row in standing.items():
            left_ms = self._judging.left_ms(key.id, row) if row.get("status") == "held" else NEVER_MS
            if left_ms <= 0:
                lapsed.append(self._resource.read(partition.organization, key.id, row))
            elif left_ms < NEVER_MS:
                self._sender.signals.due(partition, self._clock.elapsed_ms() + left_ms)
        return lapsed

    async def _settle_foreign(self, partition: Partition, claims: Mapping[RowKey, Standing]) -> None:
        """Bring the claims of holds with other homes in line with their home rows, settled ones too: a booking may have
        been cancelled since.
        """
        now_ms = self._sender.clock.now_ms()
        suspects: dict[str, dict[RowKey, Standing]] = {}
        for key, claim in claims.items():
            hold_id = read_title(claim.owner).hold_id
            if not self._is_home(hold_id, partition):
                suspects.setdefault(hold_id, {})[key] = claim
        await _a_few_at_once(
            self._settle(partition, owner, owned)
            for owner, owned in suspects.items()
            if any(self._is_suspect(claim, now_ms) for claim in owned.values())
        )

    def _is_suspect(self, claim: Standing, now_ms: int) -> bool:
        """Whether it is time to read it; a settled claim has no `until_ms`, so it always is."""
        return (
            claim.until_ms <= now_ms
            or now_ms - claim.since_ms >= self._sender.rules.grace_ms
            or self._judging.ages.is_ahead(claim.since_ms)
        )

    async def _settle(self, partition: Partition, hold_id: str, owned: dict[RowKey, Standing]) -> None:
        """Return what a hold does not have, and settle what it has, as its home row says."""
        since_ms = min(claim.since_ms for claim in owned.values())
        judged = await self._judging.judge(partition.organization, hold_id, since_ms=since_ms)
        dead: dict[str, list[RowKey]] = {}
        unsettled: dict[str, list[RowKey]] = {}
        for key, claim in owned.items():
            verdict, row = await self._judging.of_claim(judged, partition, key, claim.owner, since_ms=claim.since_ms)
            if verdict is Verdict.DEAD:
                dead.setdefault(claim.owner, []).append(key)
            elif verdict is Verdict.TAKEN and row.get("status") == "confirmed" and not claim.is_settled:
                unsettled.setdefault(claim.owner, []).append(key)
        for state, by_title in ((Aborted(""), dead), (Confirmed(""), unsettled)):
            for owner, keys in by_title.items():
                if not await self._rolling.roll(owner, partition, keys, state):
                    raise OutcomeUnknown

    def _together(self, holds: Iterable[H], partition: Partition) -> Iterator[list[H]]:
        """The holds of this home in portions, each for one batch."""
        together: list[H] = []
        rows_count = 0
        for hold in holds:
            needs = 2 + len(self._resource.keys(hold, partition))
            if together and rows_count + needs > ROWS_TOGETHER_MAX:
                yield together
                together, rows_count = [], 0
            together.append(hold)
            rows_count += needs
        if together:
            yield together


async def _a_few_at_once(works: Iterable[Awaitable[object]]) -> None:
    """Do all of them, AT_ONCE at a time. One that fails stops no other; the first failure is raised."""
    failures: list[Exception] = []
    left = iter(works)

    async def work() -> None:
        for one in left:
            try:
                await one
            except Exception as failed:  # noqa: BLE001 - it is raised when the others are done
                failures.append(failed)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    if failures:
        raise failures[0]


def _partition(place: Place) -> Partition | None:
    """The partition in a place; None if this release cannot read it."""
    try:
        return rows.read_partition_entry(place.entry)
    except ValueError:
        return None


def _partitions(places: Iterable[Place]) -> set[Partition]:
    return {partition for partition in map(_partition, places) if partition is not None}

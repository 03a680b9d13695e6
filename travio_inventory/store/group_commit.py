"""Group commit: conditional batches of one partition that arrive while one is under way go together in the next one.

A conditional batch costs its rounds between replicas once, whatever is in it. So sixteen holds of different callers in
one batch of a partition cost hardly more than one. Nobody waits for company: a batch for an idle partition is sent in
the next turn of the event loop, with those that come in this one. Only what comes meanwhile waits, and goes together:

    caller      A    B    C    D                    B and D want the same cell
    sent        A .......... B C ...... D           D names a row that B names: they may not share a batch
    answer      A            B C        D

The port promises the same to each as without company (`protocol.batches`):

    applied     all conditions of all were met: so were those of each
    refused     nothing of it happened. The rows that are there say whose own conditions failed: they are refused,
                with their own rows. The others had no effect and go again, without them
    unknown     unknown for each; each one's next try is sent alone
    not done    not done for each

Without company a refused batch would have said the same to those whose condition failed, since each is judged by rows
of the moment of the decision. Without the second try the others would be refused for what is not in their way; told
"applied", they would have sold what was never written. If no one's condition failed by the rows that came back (they
were read a moment later), or a company is refused again, it is halved: a single batch is always answered.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from travio_inventory.protocol.batches import (
    ANY_TIME,
    TOO_OLD,
    Batches,
    IndexEntry,
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
    split,
)
from travio_inventory.protocol.passed_on import PassedOn

ROWS_MAX = 256
"""Rows of a batch with company."""
CHARS_MAX = 48_000
"""Characters of text in a batch with company: servers refuse batches of megabytes, and warn much earlier."""
WAITING_MAX = 10_000
"""Batches that wait for one partition."""
LOOKS_MAX = 256
"""So many of those who wait are asked whether they can go with the next company."""
DOUBTFUL_MAX = 10_000
"""Batches whose outcome is unknown and that go alone next time; the oldest of more go in company again."""


@dataclass(slots=True)
class Counts:
    """Batches sent in company, how many callers' were in them, how many of these were refused, and went again."""

    groups: int = 0
    members: int = 0
    refused: int = 0
    again: int = 0


@dataclass(slots=True, eq=False)
class Member:
    """A caller's batch that waits, or is under way in company of at most `company_max`, itself included."""

    writes: Sequence[Write]
    entries: Sequence[IndexEntry]
    send_by: float
    waits_until: float
    company_max: int
    outcome: asyncio.Future[Outcome]
    refusals: int = 0
    keys: frozenset[RowKey] = field(init=False)
    chars: int = field(init=False)

    def __post_init__(self) -> None:
        self.keys = frozenset([write.key for write in self.writes])
        self.chars = _chars_of(self.writes)

    def end(self, outcome: Outcome) -> None:
        """Answer the caller, if it still waits."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def is_late(self, now: float) -> str | None:
        """Why it may not be sent any more; None if it may."""
        if now > self.send_by:
            return TOO_OLD
        return "its turn did not come in time" if now > self.waits_until else None

    def is_refused_by(self, rows: Rows) -> bool:
        """Whether a condition of its own is not met by these rows."""
        return not all(is_met(write.condition, rows.get(write.key)) for write in self.writes)


def _chars_of(writes: Sequence[Write]) -> int:
    """How much text they write: each row of several that are given the same, as the cells of a hold are."""
    chars = last = 0
    before: Row | None = None
    for _, _, values, _ in writes:
        if values is not before:
            before, last = values, len("".join([value for value in values.values() if isinstance(value, str)]))
        chars += last
    return chars


class _Company:
    """Batches that may go together: they name different rows, and not too many."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._keys: set[RowKey] = set()
        self._chars = 0
        self._most = ROWS_MAX

    @property
    def is_full(self) -> bool:
        """Whether nobody else may join."""
        return len(self.members) >= self._most

    def admits(self, member: Member) -> bool:
        """Whether it can go with the others. Anything can go alone."""
        return not self.members or (
            len(self.members) < min(self._most, member.company_max)
            and len(self._keys) + len(member.keys) <= ROWS_MAX
            and self._chars + member.chars <= CHARS_MAX
            and self._keys.isdisjoint(member.keys)
        )

    def add(self, member: Member) -> None:
        """Let it go with them."""
        self.members.append(member)
        self._keys |= member.keys
        self._chars += member.chars
        self._most = min(self._most, member.company_max)


@dataclass(slots=True)
class Lane:
    """What is under way for a partition, and who waits."""

    under_way: int = 0
    waiting: deque[Member] = field(default_factory=deque)

    def next_company(self, now: float) -> list[Member]:
        """The first of those who wait and whose time is not up, and whoever can go with it, in their order."""
        company, left_out = _Company(), list[Member]()
        while self.waiting and not company.is_full and len(left_out) < LOOKS_MAX:
            member = self.waiting.popleft()
            if member.outcome.done():
                continue
            if (why := member.is_late(now)) is not None:
                member.end(NotDone(why))
            elif company.admits(member):
                company.add(member)
            else:
                left_out.append(member)
        self.waiting.extendleft(reversed(left_out))
        return company.members


class GroupCommit(PassedOn):
    """Batches, in company: see above. At most `under_way_max` batches of a partition are under way, of `company_max`
    callers each; who waits longer than `wait_s` is NotDone.
    """

    def __init__(
        self, batches: Batches, *, under_way_max: int = 1, company_max: int = 32, wait_s: float = 10.0
    ) -> None:
        super().__init__(batches)
        self.counts = Counts()
        self._under_way_max = under_way_max
        self._company_max = company_max
        self._wait_s = wait_s
        self._lanes: dict[Partition, Lane] = {}
        self._doubtful: OrderedDict[tuple[Partition, RowKey], None] = OrderedDict()
        self._sending: set[asyncio.Task[None]] = set()

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if not writes:
            return await self._batches.apply(partition, writes, entries, send_by=send_by)
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = Lane()
        if lane.under_way >= self._under_way_max or lane.waiting:
            return await self._in_company(lane, partition, writes, entries, send_by)
        lane.under_way += 1
        try:
            await asyncio.sleep(0)  # callers come together, since answers of the gate do
            if not lane.waiting:
                outcome = await self._batches.apply(partition, writes, entries, send_by=send_by)
                if isinstance(outcome, Unknown):
                    self._doubt(partition, writes)
                return outcome
            first = self._member(partition, writes, entries, send_by)
            lane.waiting.appendleft(first)
        finally:
            self._left(partition, lane)
        return await first.outcome

    async def _in_company(
        self,
        lane: Lane,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry],
        send_by: float,
    ) -> Outcome:
        if len(lane.waiting) >= WAITING_MAX:
            return NotDone(f"{WAITING_MAX} batches wait for this partition")
        member = self._member(partition, writes, entries, send_by)
        lane.waiting.append(member)
        return await member.outcome

    def _member(
        self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry], send_by: float
    ) -> Member:
        loop = asyncio.get_running_loop()
        company_max = 1 if self._is_doubtful(partition, writes) else self._company_max
        return Member(writes, entries, send_by, loop.time() + self._wait_s, company_max, loop.create_future())

    def _left(self, partition: Partition, lane: Lane) -> None:
        """One is no longer under way: the next ones are sent."""
        lane.under_way -= 1
        while lane.waiting and lane.under_way < self._under_way_max:
            company = lane.next_company(asyncio.get_running_loop().time())
            if company:
                lane.under_way += 1
                task = asyncio.ensure_future(self._send(partition, lane, company))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
        if not lane.under_way:
            del self._lanes[partition]

    async def _send(self, partition: Partition, lane: Lane, company: list[Member]) -> None:
        try:
            outcome = await self._together(partition, company)
            if isinstance(outcome, Refused) and len(company) > 1:
                self._judge(lane, company, outcome.rows)
                return
        except asyncio.CancelledError:
            for member in company:
                member.outcome.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever a store raises for a batch that it cannot execute
            self._blame(lane, company, error)
            return
        finally:
            self._left(partition, lane)
        self._tell(partition, company, outcome)

    async def _together(self, partition: Partition, company: list[Member]) -> Outcome:
        self.counts.groups += 1
        self.counts.members += len(company)
        writes = [write for member in company for write in member.writes]
        entries = [index_entry for member in company for index_entry in member.entries]
        send_by = min(member.send_by for member in company)
        return await self._batches.apply(partition, writes, entries, send_by=send_by)

    def _tell(self, partition: Partition, company: list[Member], outcome: Outcome) -> None:
        """Tell each the outcome of all."""
        for member in company:
            if isinstance(outcome, Unknown):
                self._doubt(partition, member.writes)
            member.end(outcome)

    def _judge(self, lane: Lane, company: list[Member], rows: Rows) -> None:
        """Refuse those whose own conditions failed; the others had no effect and go again, before all who wait."""
        refused = [member for member in company if member.is_refused_by(rows)]
        others = [member for member in company if member not in refused]
        for member in refused:
            keys = [write.key for write in member.writes]
            member.end(Refused({key: rows[key] for key in keys if key in rows}))
        for member in others:
            member.refusals += 1
            _, member.entries = split(member.writes, member.entries)
            if member.refusals > 1 or not refused:
                member.company_max = max(1, len(company) // 2)
        self.counts.refused += len(refused)
        self.counts.again += len(others)
        lane.waiting.extendleft(reversed(others))

    def _blame(self, lane: Lane, company: list[Member], error: Exception) -> None:
        """The batch was impossible, so it had no effect: each goes again alone, and the one to blame is told."""
        if len(company) == 1:
            (member,) = company
            if not member.outcome.done():
                member.outcome.set_exception(error)
            return
        for member in company:
            member.company_max = 1
        lane.waiting.extendleft(reversed(company))

    def _is_doubtful(self, partition: Partition, writes: Sequence[Write]) -> bool:
        """Whether its outcome was unknown when it was tried before; asked once."""
        named = partition, writes[0].key
        if named not in self._doubtful:
            return False
        del self._doubtful[named]
        return True

    def _doubt(self, partition: Partition, writes: Sequence[Write]) -> None:
        self._doubtful[partition, writes[0].key] = None
        if len(self._doubtful) > DOUBTFUL_MAX:
            self._doubtful.popitem(last=False)

"""Waiting lists: one partition per trip and class, places handed out by a counter that only one can move."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from travio_inventory.domain.errors import BackendUnavailable, NotOnWaitlist, OutcomeUnknown
from travio_inventory.domain.hold import Caller
from travio_inventory.domain.trip import TripKey
from travio_inventory.domain.waitlist import WaitlistEntry
from travio_inventory.store import rows
from travio_inventory.store.batches import (
    ABSENT,
    Applied,
    Hint,
    Index,
    Kind,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.store.owners import Owners

TRIES_MAX = 20
LISTED_MAX = 1_000

_TAIL = RowKey(Kind.TAIL, "")


class WaitlistTable:
    """Implements `engine.ports.Waitlists` over conditional batches."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    async def join(self, caller: Caller, trip: TripKey, seat_class: str, seats: int) -> WaitlistEntry:
        """See Waitlists. The next place and the entry are taken in one batch, so no two share a place."""
        with _nothing_done_until_sent() as sent:
            return await self._join(caller, trip, seat_class, seats, sent)

    async def leave(self, caller: Caller, trip: TripKey, seat_class: str) -> None:
        """See Waitlists."""
        with _nothing_done_until_sent() as sent:
            await self._leave(caller, trip, seat_class, sent)

    async def _join(
        self, caller: Caller, trip: TripKey, seat_class: str, seats: int, sent: list[Outcome]
    ) -> WaitlistEntry:
        partition = _partition(trip, seat_class)
        name = RowKey(Kind.ENTRY, caller.holder)
        listed = Hint(Index.WAITLISTS, caller.holder, rows.SEPARATOR.join((*trip, seat_class)))
        before: int | None = None
        for _ in range(TRIES_MAX):
            standing = await self._get(partition, [_TAIL, name])
            entry = standing.get(name)
            last = -1 if entry is None else rows.number(entry, "sequence")
            before = last if before is None else before
            # who joined since the first look has joined, even if they have left again: this call may have done it
            if entry is not None and (entry.get("status") == "waiting" or last != before):
                return await self._placed(partition, trip, seat_class, caller.holder, entry)
            taken = rows.number(standing.get(_TAIL, {}), "sequence")
            values: Row = {
                "status": "waiting",
                "sequence": taken + 1,
                "requested": seats,
                "created_at": self._owners.clock.now_ms(),
            }
            tail = Write(_TAIL, ABSENT if _TAIL not in standing else {"sequence": taken}, {"sequence": taken + 1})
            condition = ABSENT if entry is None else {"status": "left", "sequence": entry.get("sequence")}
            sent.append(await self._owners.apply(partition, [tail, Write(name, condition, values)], [listed]))
            if isinstance(sent[-1], Applied):
                return await self._placed(partition, trip, seat_class, caller.holder, values)
            await self._owners.pause()
        raise OutcomeUnknown

    async def _leave(self, caller: Caller, trip: TripKey, seat_class: str, sent: list[Outcome]) -> None:
        partition = _partition(trip, seat_class)
        name = RowKey(Kind.ENTRY, caller.holder)
        left: int | None = None
        for _ in range(TRIES_MAX):
            entry = (await self._get(partition, [name])).get(name, {})
            place = rows.number(entry, "sequence") if entry.get("status") == "waiting" else None
            if place is None and left is None:
                raise NotOnWaitlist
            if left not in (None, place):  # it is over, whoever ended it; what they wait for since is another place
                return
            left = place
            seen: Row = {"status": "waiting", "sequence": left}
            sent.append(await self._owners.apply(partition, [Write(name, seen, {"status": "left"})], ()))
            if isinstance(sent[-1], Applied):
                return
            await self._owners.pause()
        raise OutcomeUnknown

    async def all_of(self, holder: str) -> Sequence[WaitlistEntry]:
        """See Waitlists."""
        try:
            named = await self._owners.batches.hinted(Index.WAITLISTS, holder, most=LISTED_MAX)
        except StoreUnavailable:
            raise BackendUnavailable from None
        entries = []
        for name in named:
            organization, trip_id, seat_class = name.split(rows.SEPARATOR)
            trip = TripKey(organization, trip_id)
            partition = _partition(trip, seat_class)
            key = RowKey(Kind.ENTRY, holder)
            row = (await self._get(partition, [key])).get(key)
            if row is not None and row.get("status") == "waiting":
                entries.append(await self._placed(partition, trip, seat_class, holder, row))
        return sorted(entries, key=lambda entry: entry.joined_at_ms)

    async def _placed(
        self, partition: Partition, trip: TripKey, seat_class: str, holder: str, row: Row
    ) -> WaitlistEntry:
        """The entry with its place: how many wait that joined before, and one."""
        try:
            entries = await self._owners.batches.read(partition, Kind.ENTRY)
        except StoreUnavailable:
            raise BackendUnavailable from None
        sequence = rows.number(row, "sequence")
        ahead = sum(
            1
            for other in entries.values()
            if other.get("status") == "waiting" and rows.number(other, "sequence") < sequence
        )
        requested, joined_at_ms = rows.number(row, "requested"), rows.number(row, "created_at")
        return WaitlistEntry(trip, holder, seat_class, requested, joined_at_ms, ahead + 1)

    async def _get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        try:
            return await self._owners.batches.get(partition, keys)
        except StoreUnavailable:
            raise BackendUnavailable from None


@contextmanager
def _nothing_done_until_sent() -> Iterator[list[Outcome]]:
    """Takes what became of the batches. Once one may have been applied, a store that is away leaves it unknown."""
    sent: list[Outcome] = []
    try:
        yield sent
    except BackendUnavailable:
        if any(isinstance(outcome, Applied | Unknown) for outcome in sent):
            raise OutcomeUnknown from None
        raise


def _partition(trip: TripKey, seat_class: str) -> Partition:
    return Partition(Table.WAITLISTS, trip.organization, rows.SEPARATOR.join((trip.trip, seat_class)))

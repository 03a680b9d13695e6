"""Waiting lists: one partition per trip and class, whose tail hands out the places and counts who waits.

A place is listed for ever while its holder waits: by an entry that is durable before the place is taken, and is added
again once it is. A leave lets the entry go, then looks whether the holder waits again, and if so adds it for ever. So
whichever comes last of a join and a leave of one holder sees to it that the place is listed. A page lets go of an entry
whose row is forgotten, in the same way.
"""

import asyncio

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    FOR_EVER,
    Applied,
    Index,
    IndexEntry,
    Partition,
    Row,
    StoreUnavailable,
    Table,
)
from travio_inventory.protocol.retention import APART_S, REQUEST_S_MAX
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.records.list_turns import Join, Leave, ListTurns, entry_key
from travio_inventory.seats.records.places import Places
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.waitlist import WaitlistEntry, WaitlistPage

READS_AT_ONCE = 32
LIST_TRIES = 3
LEFT_S = REQUEST_S_MAX + APART_S
"""For how long a list that was left is listed: longer than a join may be under way whose outcome nobody has heard."""


class WaitlistTable:
    """Implements `seats.ports.Waitlists` over conditional batches."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._places = Places(sender.batches)
        self._turns: dict[Partition, ListTurns] = {}

    async def join(self, actor: Actor, trip: TripKey, seat_class: str, seats: int) -> WaitlistEntry:
        """See Waitlists."""
        partition = list_partition(trip, seat_class)
        step = Join(holder=actor.user, seats=seats, listed=listed(trip, seat_class, actor.user, keep_s=FOR_EVER))
        await self._take(partition, step)
        try:
            await self._list(partition, step.listed)
        except StoreUnavailable:
            raise OutcomeUnknown from None
        position = rows.number(step.entry, "position")
        if not step.is_new:
            position = await self._places.recent(partition, step.entry)
        return _entry(step.listed.entry, actor.user, step.entry, position)

    async def leave(self, actor: Actor, trip: TripKey, seat_class: str) -> None:
        """See Waitlists."""
        await self._take(list_partition(trip, seat_class), Leave(holder=actor.user))
        try:
            await self._let_go(trip, seat_class, actor.user)
        except StoreUnavailable:
            raise OutcomeUnknown from None

    async def _let_go(self, trip: TripKey, seat_class: str, holder: str) -> None:
        """No longer list what the holder does not wait for; if they do by now, or that cannot be read, list it. Raises
        StoreUnavailable if it may be listed no longer although they wait.
        """
        partition, key = list_partition(trip, seat_class), entry_key(holder)
        batches = self._sender.batches
        await batches.apply(partition, (), [listed(trip, seat_class, holder, keep_s=LEFT_S)])
        try:
            waits = (await batches.get(partition, [key])).get(key, {}).get("status") == "waiting"
        except StoreUnavailable:
            waits = True
        if waits:
            await self._list(partition, listed(trip, seat_class, holder, keep_s=FOR_EVER))

    async def _list(self, partition: Partition, entry: IndexEntry) -> None:
        """List a place. Raises StoreUnavailable if the store did not say that it is listed."""
        for _ in range(LIST_TRIES):
            if isinstance(await self._sender.batches.apply(partition, (), [entry]), Applied):
                return
        raise StoreUnavailable("no answer")

    async def _take(self, partition: Partition, step: Join | Leave) -> None:
        turns = self._turns.setdefault(partition, ListTurns(self._sender, partition))
        try:
            await turns.take(step)
        finally:
            if turns.is_idle:
                self._turns.pop(partition, None)

    async def page(self, holder: str, *, organization: str, after: str, most: int) -> WaitlistPage:
        """See Waitlists. Costs as much as `most` lists do that the holder ever joined."""
        first = f"{organization}{rows.SEPARATOR}" if organization else ""
        try:
            named = await self._sender.batches.read_index(Index.WAITLISTS, holder, after=max(after, first), most=most)
            names = [name for name in named if name.startswith(first)]
            entries: list[WaitlistEntry | None] = []
            for start in range(0, len(names), READS_AT_ONCE):
                part = names[start : start + READS_AT_ONCE]
                entries += await asyncio.gather(*(self._waiting(holder, name) for name in part))
        except StoreUnavailable:
            raise BackendUnavailable from None
        there_may_be_more = len(names) == most
        return WaitlistPage(
            sorted(filter(None, entries), key=lambda entry: entry.joined_at_ms), names[-1] if there_may_be_more else ""
        )

    async def _waiting(self, holder: str, name: str) -> WaitlistEntry | None:
        """The holder's place on the list of that name, if there is one. Raises StoreUnavailable."""
        trip, seat_class = _named(name)
        partition, key = list_partition(trip, seat_class), entry_key(holder)
        row = (await self._sender.batches.get(partition, [key])).get(key)
        if row is None:
            await self._let_go(trip, seat_class, holder)
            return None
        return _entry(name, holder, row, self._places.known(partition, row)) if row.get("status") == "waiting" else None


def listed(trip: TripKey, seat_class: str, holder: str, *, keep_s: int) -> IndexEntry:
    """The entry that lists a holder's place for so long."""
    return IndexEntry(Index.WAITLISTS, holder, rows.SEPARATOR.join((*trip, seat_class)), keep_s)


def _entry(name: str, holder: str, row: Row, position: int) -> WaitlistEntry:
    trip, seat_class = _named(name)
    return WaitlistEntry(
        trip, holder, seat_class, rows.number(row, "requested_seats"), rows.number(row, "joined_at_ms"), position
    )


def _named(name: str) -> tuple[TripKey, str]:
    """The trip and the class whose list an index entry names."""
    organization, trip, seat_class = name.split(rows.SEPARATOR)
    return TripKey(organization, trip), seat_class


def list_partition(trip: TripKey, seat_class: str) -> Partition:
    """Where the list is."""
    return Partition(Table.WAITLISTS, trip.organization, rows.SEPARATOR.join((trip.trip, seat_class)))

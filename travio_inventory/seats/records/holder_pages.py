"""Reads what a holder has, page by page and each at a bounded cost: bookings and then what is held, or all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Partition, StoreUnavailable, Table
from travio_inventory.seats.hold import Confirmed, Held, Hold, HoldPage, parse_hold_id
from travio_inventory.seats.refusals import HoldNotFound

NAMES_MAX: Final = 400
"""So many entries of each list a page looks at, whatever of it is shown."""
READS_AT_ONCE: Final = 32
SEATS_MAX: Final = 1_000
"""So many seats a page tells of: clients accept a reply of 4 MiB."""
GONE_S: Final = 1
"""An entry whose hold is forgotten is to be forgotten as soon: no later page looks at it."""

_BOOKINGS: Final = "b"
_HOLDS: Final = "h"
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")
"""What a page comes after begins with the list that it is in."""


class HolderPages:
    """Pages of holds, each read by `find`, which raises HoldNotFound where there is none."""

    def __init__(self, batches: Batches, find: Callable[[Actor, str], Awaitable[Hold]]) -> None:
        self._batches = batches
        self._find = find

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """At most so many holds of the caller, and SEATS_MAX seats, from behind `after` on, of one trip where it is
        named. With `ended` all of them, the newest first; else the bookings and then what is held: so no number of
        holds that ended hides a booking. Raises BackendUnavailable.
        """
        parts = [_HOLDS] if ended else [_BOOKINGS, _HOLDS]
        start, behind = (after[0], after[1:]) if after else (parts[0], "")
        found: list[Hold] = []
        for part in parts[parts.index(start) if start in parts else 0 :]:
            kind = Hold if ended else Confirmed if part == _BOOKINGS else Held
            room = _Room(most - len(found), SEATS_MAX - sum(len(hold.seats) for hold in found))
            holds, last = await self._part(actor, part, trip, kind, behind, room)
            found += holds
            if last is not None:
                return HoldPage(found, part + last)
            behind = ""
        return HoldPage(found, "")

    async def _part(
        self, actor: Actor, part: str, trip: str, kind: type, behind: str, room: "_Room"
    ) -> tuple[list[Hold], str | None]:
        """As many of one list as there is room for, and behind which entry it goes on, if it does."""
        bucket_of = listings.bookings_bucket if part == _BOOKINGS else listings.holds_bucket
        bucket = bucket_of(actor.organization, actor.user)
        found: dict[str, Hold] = {}
        last = behind
        try:
            names = await self._batches.read_index(Index.HOLDS, bucket, after=behind, most=NAMES_MAX)
        except StoreUnavailable:
            raise BackendUnavailable from None
        seen = listings.hold_of(behind)
        for start in range(0, len(names), READS_AT_ONCE):
            part_names = names[start : start + READS_AT_ONCE]
            read = await self._read(actor, bucket, trip, part_names)
            for name in part_names:
                hold_id = listings.hold_of(name)
                hold = read[hold_id] if hold_id != seen else None
                if hold is not None and (kind is Hold or isinstance(hold.state, kind)):
                    if hold.id not in found and not room.has(found, hold):
                        return list(found.values()), last
                    found[hold.id] = hold
                last = name
        return list(found.values()), last if len(names) == NAMES_MAX else None

    async def _read(self, actor: Actor, bucket: str, trip: str, names: Sequence[str]) -> dict[str, Hold | None]:
        """The holds that the entries name, by id: None where one is gone, or of another trip."""
        ids = dict.fromkeys(map(listings.hold_of, names))
        gone = set[str]()

        async def find(hold_id: str) -> Hold | None:
            try:
                if trip and parse_hold_id(hold_id).name != trip:
                    return None
                return await self._find(actor, hold_id)
            except HoldNotFound:
                gone.add(hold_id)
                return None

        found = dict(zip(ids, await asyncio.gather(*map(find, ids)), strict=True))
        await self._forget(bucket, [name for name in names if listings.hold_of(name) in gone])
        return found

    async def _forget(self, bucket: str, names: Sequence[str]) -> None:
        """Let go of entries that lead nowhere: a hold is there before its entry is, and once gone does not come back.
        Those that stay are met by the next page.
        """
        if names:
            gone = [IndexEntry(Index.HOLDS, bucket, name, GONE_S) for name in names]
            await self._batches.apply(_NOWHERE, (), gone)


class _Room(NamedTuple):
    """How many holds, and how many seats, a page may still tell of."""

    holds: int
    seats: int

    def has(self, found: Mapping[str, Hold], more: Hold) -> bool:
        """Whether there is room for one more hold."""
        seats = sum(len(hold.seats) for hold in found.values())
        return len(found) < self.holds and seats + len(more.seats) <= self.seats

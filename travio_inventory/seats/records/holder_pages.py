"""Reads what a holder has, page by page and each at a bounded cost: bookings and then what is held, or all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Batches, Index, StoreUnavailable
from travio_inventory.seats.hold import Confirmed, Held, Hold, HoldPage, parse_hold_id
from travio_inventory.seats.refusals import HoldNotFound

NAMES_MAX: Final = 400
"""So many entries of each list a page looks at, whatever of it is shown."""
READS_AT_ONCE: Final = 32

_BOOKINGS: Final = "b"
_HOLDS: Final = "h"
"""What a page comes after begins with the list that it is in."""


class HolderPages:
    """Pages of holds, each read by `find`, which raises HoldNotFound where there is none."""

    def __init__(self, batches: Batches, find: Callable[[Actor, str], Awaitable[Hold]]) -> None:
        self._batches = batches
        self._find = find

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """At most so many holds of the caller from behind `after` on, of one trip where it is named. With `ended` all
        of them, the newest first; else the bookings and then what is held: so no number of holds that ended hides a
        booking. Raises BackendUnavailable.
        """
        parts = [_HOLDS] if ended else [_BOOKINGS, _HOLDS]
        start, behind = (after[0], after[1:]) if after else (parts[0], "")
        found: list[Hold] = []
        for part in parts[parts.index(start) if start in parts else 0 :]:
            kind = Hold if ended else Confirmed if part == _BOOKINGS else Held
            holds, last = await self._part(actor, part, trip, kind, behind, most - len(found))
            found += holds
            if last is not None:
                return HoldPage(found, part + last)
            behind = ""
        return HoldPage(found, "")

    async def _part(
        self, actor: Actor, part: str, trip: str, kind: type, behind: str, most: int
    ) -> tuple[list[Hold], str | None]:
        """So many of one list, and behind which entry it goes on, if it does."""
        bucket_of = listings.bookings_bucket if part == _BOOKINGS else listings.holds_bucket
        bucket = bucket_of(actor.organization, actor.user)
        found: dict[str, Hold] = {}
        last = behind
        try:
            names = await self._batches.read_index(Index.HOLDS, bucket, after=behind, most=NAMES_MAX)
        except StoreUnavailable:
            raise BackendUnavailable from None
        for start in range(0, len(names), READS_AT_ONCE):
            part_names = names[start : start + READS_AT_ONCE]
            for name, hold in zip(part_names, await self._read(actor, trip, part_names), strict=True):
                if hold is not None and (kind is Hold or isinstance(hold.state, kind)):
                    if len(found) == most and hold.id not in found:
                        return list(found.values()), last
                    found[hold.id] = hold
                last = name
        return list(found.values()), last if len(names) == NAMES_MAX else None

    async def _read(self, actor: Actor, trip: str, names: Sequence[str]) -> list[Hold | None]:
        """What the entries name, where it is there and of that trip."""
        ids = [listings.hold_of(name) for name in names]

        async def find(hold_id: str) -> Hold | None:
            if trip and parse_hold_id(hold_id).name != trip:
                return None
            try:
                return await self._find(actor, hold_id)
            except HoldNotFound:
                return None

        return await asyncio.gather(*map(find, ids))

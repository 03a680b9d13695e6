"""Attempts to take all the cells of holds: intents in the other groups, then the home batch, which commits them."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from travio_inventory.protocol import event_rows, index_entries, listings, rows
from travio_inventory.protocol.batches import ABSENT, IndexEntry, Row, RowKey, Write
from travio_inventory.protocol.claims import (
    Claim,
    Claimed,
    Claims,
    Contended,
    Lost,
    Standing,
    Stuck,
    Unseeded,
    Won,
)
from travio_inventory.protocol.fencing import REFUSED, RETRY, Fencing
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import NEVER_MS, Held, Hold, Recorded
from travio_inventory.seats.refusals import SeatContended
from travio_inventory.seats.taken import fit_to_keep

CONTENDED_RETRY_MS = 300


class Attempts:
    """Takes the cells of holds, and fences the ids of those that did not get them."""

    def __init__(self, sender: Sender, claims: Claims, fencing: Fencing) -> None:
        self._sender = sender
        self._claims = claims
        self._fencing = fencing

    async def claim(self, holds: Sequence[Hold], now_ms: int) -> tuple[Claimed, bool]:
        """Intents in the other groups in parallel, then the home batch: the commit of all these holds, which have one
        home. Also says whether any intents were sent.
        """
        others = dict.fromkeys(group for hold in holds for group in hold.seats_elsewhere)
        now = await self._sender.now(now_ms)
        in_doubt = False
        if others:
            results = await asyncio.gather(
                *(self._claims.claim_cells(self._intents(holds, group, now_ms)) for group in others)
            )
            in_doubt = any(claimed.in_doubt for claimed in results)
            worst = min(results, key=lambda claimed: _RANK[type(claimed.result)])
            if not isinstance(worst.result, Won):
                return replace(await self._all_in_the_way(holds, results, now), in_doubt=in_doubt), True
        claimed = await self._claims.claim_cells(self._home_claim(holds, now))
        return replace(claimed, in_doubt=in_doubt or claimed.in_doubt), bool(others)

    async def _all_in_the_way(self, holds: Sequence[Hold], results: Sequence[Claimed], now: Recorded) -> Claimed:
        """Of a claim that did not win all its other groups: what decides it, whichever group is asked first."""
        found = list(results)
        if any(isinstance(claimed.result, Lost | Contended) for claimed in results):
            at_home = await self._claims.look(self._home_claim(holds, now))
            found += [at_home] if at_home else []
        lost = [claimed.result for claimed in found if isinstance(claimed.result, Lost)]
        worst = min(found, key=lambda claimed: _RANK[type(claimed.result)])
        if not lost:
            return worst
        as_of_ms = min(claimed.as_of_ms for claimed in found if isinstance(claimed.result, Lost))
        return replace(worst, result=Lost(tuple(cell for each in lost for cell in each.cells)), as_of_ms=as_of_ms)

    def _intents(self, holds: Sequence[Hold], group: int, now_ms: int) -> Claim:
        until_ms = _until(holds[0], now_ms, now_ms + self._sender.rules.grace_ms)
        values: Row = {"status": "held" if holds[0].holder else "blocked", "until": until_ms, "since": now_ms}
        asked = self._entries(holds[0], group, now_ms)
        return Claim(holds[0].trip, group, _cells_in(group, holds), values, now_ms, entries=asked)

    def _home_claim(self, holds: Sequence[Hold], now: Recorded) -> Claim:
        trip, home = holds[0].trip, holds[0].home
        status, until_ms = _cell_status(holds[0])
        return Claim(
            trip,
            home,
            _cells_in(home, holds),
            {"status": status, "since": now.at_ms, **({} if until_ms is None else {"until": until_ms})},
            now.at_ms,
            beside=[write for hold in holds for write in _beginning(hold, now)],
            own=[rows.hold_key(hold.id) for hold in holds],
            entries=[*self._entries(holds[0], home, now.at_ms), *self._notes(holds[0], now)],
        )

    def _entries(self, hold: Hold, group: int, now_ms: int) -> list[IndexEntry]:
        """Where the sweeper must look for this hold."""
        partition = rows.group_partition(hold.trip, group)
        asked = []
        if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
            asked.append(index_entries.due(partition, hold.state.expires_at_ms))
        if group != hold.home or hold.seats_elsewhere:
            asked.append(index_entries.due(partition, now_ms + self._sender.rules.grace_ms))
        return asked

    def _notes(self, hold: Hold, now: Recorded) -> list[IndexEntry]:
        """Where the relay and the holder's list must look for this hold."""
        asked = [index_entries.recorded(rows.group_partition(hold.trip, hold.home), now.epoch)]
        return asked + listings.of_hold(hold)

    async def fence(self, hold: Hold, why: Lost | Contended | Unseeded | Stuck) -> Row:
        """Fence the id before any no and before anything is given back."""
        organization = hold.trip.organization
        if isinstance(why, Lost):
            return await self._fencing.fence(organization, hold.id, REFUSED, fit_to_keep(why.cells, hold.claimant))
        return await self._fencing.fence(organization, hold.id, RETRY)


def contended(seats: Sequence[str]) -> SeatContended:
    """The refusal that says that others are at these seats now."""
    return SeatContended(seats, retry_after_ms=CONTENDED_RETRY_MS)


_RANK: dict[type, int] = {Lost: 0, Contended: 1, Unseeded: 1, Stuck: 2, Standing: 2, Won: 3}
"""Which of several seat groups' results decides: a no beats "ask again", which beats "unknown", which beats success."""


def _until(hold: Hold, now_ms: int, give_up_ms: int) -> int:
    """When to look at the hold's intents: at its expiry, for a late booking at once; those of the house, which have no
    expiry, when the attempt is over.
    """
    if not isinstance(hold.state, Held):
        return now_ms
    return hold.state.expires_at_ms if hold.holder else give_up_ms


def _cells_in(group: int, holds: Iterable[Hold]) -> dict[RowKey, str]:
    """The cells that the holds have in the seat group, each with the hold that it is for."""
    return {
        cell: hold.id for hold in holds for cell in rows.cell_keys(hold.seats_by_group.get(group, ()), hold.journey)
    }


def _beginning(hold: Hold, now: Recorded) -> tuple[Write, Write]:
    """The hold's own row and the event that says that it came to be."""
    row = {**rows.hold_row(hold), **rows.recorded(now)}
    return Write(rows.hold_key(hold.id), ABSENT, row), event_rows.event_of(hold, now)


def _cell_status(hold: Hold) -> tuple[str, int | None]:
    if not isinstance(hold.state, Held):
        return "sold", None
    return ("held" if hold.state.expires_at_ms < NEVER_MS else "blocked"), hold.state.expires_at_ms

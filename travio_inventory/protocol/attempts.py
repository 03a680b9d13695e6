"""Attempts to take everything that holds claim: intents in the other partitions, then the home batch, which commits.

A conditional batch is atomic in one partition and nowhere else, and a hold may claim something in several. So one of
them, the hold's home, decides for all. The id of a hold names its home: whoever meets the id anywhere finds the row.

    time ->        other partition 1     home                       other partition 2
    1 intents      claims of H                                      claims of H
                   (if free)                                        (if free)
    2 commit                             row H held, if absent
                                         claims of H, if free
                                         event
    3 answer                             "you have it"
    4 later steps  follow the row        row H confirmed ...        follow the row

Intents go out in parallel, each on condition that what it claims is free. Only when all of them are known to stand does
the home batch go. It inserts the hold's row, takes what the hold claims at home, and records the event: all at once, or
nothing. From that moment the hold is held everywhere, for a claim in another partition says nothing by itself: its
truth is the home row of the hold whose id it carries. An attempt that dies between the two leaves intents whose home
row is absent. Whoever meets them waits for the grace, the most that one attempt may take, then fences the id and gives
the intents back (`judging`, `fencing`).

The invariant: a home row that says held or confirmed has all its claims, in every partition.

What breaks without it: were the home batch to go first, a hold would be answered and then miss a seat that somebody
else took meanwhile. Were an intent to count as taken without its home row, a dead attempt would keep it for good. Were
an intent to be stolen without a fence, the attempt that was only slow would commit without it, and two would have it.

A lost race costs one batch at most in each partition. All that is in the way is found before a no is said, whichever
partition was asked first; a refusal beats a retryable one, which beats "unknown" (`_RANK`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeAlias

from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import ABSENT, IndexEntry, Partition, Row, Write
from travio_inventory.protocol.claims import AlreadyThere, Claimed, Claims, Contended, Lost, NotMade, Unanswered, Won
from travio_inventory.protocol.fencing import REFUSED, RETRY, Fencing
from travio_inventory.protocol.hold import NEVER_MS, Confirmed, Held, Recorded
from travio_inventory.protocol.resource import Claim, H, Hold, Resource, home_and_others
from travio_inventory.protocol.sending import Sender

Spread: TypeAlias = tuple[Partition, Sequence[Partition]]
"""The home of a hold, and the other partitions in which it claims something."""


class Attempts(Generic[H]):
    """Takes what holds claim, and fences the ids of attempts that failed."""

    def __init__(self, sender: Sender, resource: Resource[H], claims: Claims[H], fencing: Fencing[H]) -> None:
        self._sender = sender
        self._resource = resource
        self._claims = claims
        self._fencing = fencing

    async def claim(self, holds: Sequence[H], now_ms: int, beside: Sequence[Write] = ()) -> tuple[Claimed, bool]:
        """Intents in the other partitions in parallel, then the home batch: the commit of all these holds, which have
        one home, with the rows `beside`. Also says whether any intents were sent.
        """
        spreads = [home_and_others(self._resource, hold) for hold in holds]
        others = {other: None for _, elsewhere in spreads for other in elsewhere}
        now = await self._sender.now(now_ms)
        in_doubt = False
        if others:
            results = await asyncio.gather(
                *(self._claims.claim(self._intents(holds, spreads, other, now)) for other in others)
            )
            in_doubt = any(claimed.in_doubt for claimed in results)
            worst = min(results, key=lambda claimed: _RANK[type(claimed.result)])
            if not isinstance(worst.result, Won):
                found = await self._all_in_the_way(holds, spreads, results, now)
                return replace(found, in_doubt=in_doubt), True
        claimed = await self._claims.claim(self._home_claim(holds, spreads, now, beside))
        if isinstance(claimed.result, Won):
            for hold in holds:
                self._sender.counts.live.changed(None, hold.state)
        return replace(claimed, in_doubt=True) if in_doubt else claimed, bool(others)

    async def _all_in_the_way(
        self, holds: Sequence[H], spreads: Sequence[Spread], results: Sequence[Claimed], now: Recorded
    ) -> Claimed:
        """The result that decides a claim that did not win all its other partitions, in whatever order they answer."""
        found = list(results)
        if any(isinstance(claimed.result, Lost | Contended) for claimed in results):
            at_home = await self._claims.look(self._home_claim(holds, spreads, now))
            found += [at_home] if at_home else []
        lost = [claimed.result for claimed in found if isinstance(claimed.result, Lost)]
        worst = min(found, key=lambda claimed: _RANK[type(claimed.result)])
        if not lost:
            return worst
        as_of_ms = min(claimed.as_of_ms for claimed in found if isinstance(claimed.result, Lost))
        return replace(worst, result=Lost(tuple(taken for each in lost for taken in each.taken)), as_of_ms=as_of_ms)

    def _intents(self, holds: Sequence[H], spreads: Sequence[Spread], other: Partition, now: Recorded) -> Claim[H]:
        now_ms = now.at_ms
        until_ms = _until(holds[0], now_ms, now_ms + self._sender.rules.grace_ms)
        entries = self._entries(holds, spreads, other, now_ms)
        return Claim(other, holds, now_ms, until_ms, is_intent=True, entries=entries, now=now)

    def _home_claim(
        self, holds: Sequence[H], spreads: Sequence[Spread], now: Recorded, beside: Sequence[Write] = ()
    ) -> Claim[H]:
        first, (home, _) = holds[0], spreads[0]
        return Claim(
            home,
            holds,
            now.at_ms,
            first.state.expires_at_ms if isinstance(first.state, Held) else None,
            is_intent=False,
            beside=[*[write for hold in holds for write in self._beginning(hold, now)], *beside],
            entries=[
                *self._entries(holds, spreads, home, now.at_ms),
                *self._notes(holds, home, now),
            ],
            now=now,
        )

    def _beginning(self, hold: H, now: Recorded) -> tuple[Write, Write]:
        """The hold's own row and the event of its creation."""
        row = {**self._resource.columns(hold), **rows.recorded(now)}
        keep_s = self._resource.books.bookings_kept_s if isinstance(hold.state, Confirmed) else None
        return Write(rows.hold_key(hold.id), ABSENT, row, keep_s), self._sender.kept(self._resource.event(hold, now))

    def _entries(
        self, holds: Sequence[H], spreads: Sequence[Spread], partition: Partition, now_ms: int
    ) -> list[IndexEntry]:
        """The index entries that lead the sweeper to those of the holds that claim something there."""
        retention, asked = self._sender.rules.retention, list[IndexEntry]()
        for hold, (home, others) in zip(holds, spreads, strict=True):
            if partition != home and partition not in others:
                continue
            if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
                asked.append(index_entries.due(partition, hold.state.expires_at_ms, retention))
            if partition != home or others:
                asked.append(index_entries.due(partition, now_ms + self._sender.rules.grace_ms, retention))
        return [*dict.fromkeys(asked)]

    def _notes(self, holds: Sequence[H], home: Partition, now: Recorded) -> list[IndexEntry]:
        """The index entries that lead the relay, their holders' lists and the like to these holds."""
        retention, books = self._sender.rules.retention, self._resource.books
        listed = [each for hold in holds for each in books.listed(hold, retention)]
        return [index_entries.recorded(home, now.epoch, retention), *listed]

    async def fence(self, hold: H, why: Lost | Contended | NotMade | Unanswered) -> Row:
        """Fence the id before any refusal and before anything is returned."""
        if isinstance(why, Lost):
            kept = self._resource.kept(why.taken, hold)
            return await self._fencing.fence(hold.organization, hold.id, REFUSED, kept)
        return await self._fencing.fence(hold.organization, hold.id, RETRY)


_RANK: dict[type, int] = {Lost: 0, Contended: 1, NotMade: 1, Unanswered: 2, AlreadyThere: 2, Won: 3}
"""Which of several partitions' results decides: a refusal beats a retryable one, which beats unknown, which beats
success.
"""


def _until(hold: Hold, now_ms: int, give_up_ms: int) -> int:
    """When the sweeper checks the hold's intents: at its expiry; for a late booking at once; for holds of the house,
    which have no expiry, when the attempt is over.
    """
    if not isinstance(hold.state, Held):
        return now_ms
    return hold.state.expires_at_ms if hold.holder else give_up_ms

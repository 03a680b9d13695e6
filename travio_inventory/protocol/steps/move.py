"""Move: a hold or a booking gets other claims in place of some of its own: all of them or none, by one commit.

    time ->        other partition 1     home                          other partition 2
    0 before       claims of H           row H, moves m                (free)
    1 intents                                                          claims of H+n, if free    (n is m + 1)
    2 commit                             row H, moves n, new claims
                                         claims of H+n there, if free
                                         what it gave up there, free
    3 after        freed, if H's still                                 follows the row

The home stays where it is, whatever the claims become, so there is one row that decides. What the mover takes has a
title of its own (`hold.Title`). Until the commit the row does not name it: whoever meets it waits for the grace, then
fences the move by raising the row's number of moves, on which the commit is conditional, and gives it back. So does a
mover that failed, before it gives back what it took, and before any final no: an earlier call of the same move may have
left its batch on the way.

After the commit the row names the new claims and no others: what the hold gave up is free from that moment, whoever
gives it back. What is freed is named by its title. So neither a late copy of an intent nor a late return can touch what
a later move of the same hold has taken.

What breaks without it: if the old claims went first, a mover that fails has neither; if the new ones were known by the
hold's id alone, a late return of one move would free what a later move came back to; if leftovers were freed without a
fence, a mover that was only slow would commit without them.
"""

import asyncio
from collections.abc import Sequence
from typing import Generic, Protocol

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import IndexEntry, Partition, RowKey, Rows, StoreUnavailable
from travio_inventory.protocol.claims import AlreadyThere, Claimed, Claims, Contended, Lost, NotMade, Result, Won
from travio_inventory.protocol.fencing import Fencing
from travio_inventory.protocol.hold import NEVER_MS, Held, Released, Title, base_id
from travio_inventory.protocol.resource import Claim, H, Resource, Stake, home_of
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import deciding as decisions
from travio_inventory.protocol.steps import writing
from travio_inventory.protocol.steps.deciding import TRIES_MAX, Deciding


class Destination(Protocol[H]):
    """Where a hold is to be moved."""

    def is_done(self, hold: H) -> bool:
        """Whether the hold was moved so, or is there, also if it has ended since; one that has ended and never was
        moved was not.
        """
        ...

    def of(self, hold: H) -> H | None:
        """The hold as it is to be; None if it is so already. Raises a refusal if this one cannot be moved there."""
        ...


class Moving(Generic[H]):
    """Moves holds."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        *,
        claims: Claims[H],
        fencing: Fencing[H],
        deciding: Deciding[H],
        rolling: RollingForward[H],
    ) -> None:
        self._sender = sender
        self._resource = resource
        self._claims = claims
        self._fencing = fencing
        self._deciding = deciding
        self._rolling = rolling

    async def move(self, actor: Actor, hold_id: str, to: Destination[H]) -> H:
        """See Holds."""
        tried: H | None = None
        is_reached = True
        for _ in range(TRIES_MAX):
            as_of_ms = self._sender.clock.now_ms()
            try:
                hold = await self._now(actor, hold_id)
                seen = await writing.see_home(self._sender, self._resource, [hold])
            except StoreUnavailable:
                is_reached = False
                await self._sender.pause()
                continue
            if not (writing.is_alive(hold) or to.is_done(hold)):
                raise decisions.ended(hold)
            after = to.of(hold)
            if after is None:
                await self._rolling.settled(hold, as_of_ms=as_of_ms)
                return hold
            tried = after
            claimed, was_taken = await self._claim(hold, after, seen)
            if isinstance(claimed.result, Won):
                await self._rolling.changed(hold, after, as_of_ms=claimed.as_of_ms)
                return after
            is_final = isinstance(claimed.result, Lost)  # an earlier call may have left the same move on its way
            if was_taken or claimed.in_doubt or is_final:
                as_of_ms = self._sender.clock.now_ms()
                now = await self._undo(hold, after)
                if to.is_done(now):  # and was not answered
                    return await self._done(hold, after, now, as_of_ms)
                if claimed.in_doubt and now.moves > after.moves:
                    raise OutcomeUnknown  # others moved it since, perhaps from there
            if not (claimed.in_doubt or isinstance(claimed.result, AlreadyThere)):
                raise self._no(hold, claimed.result)
            is_reached = is_reached and not claimed.in_doubt
            await self._sender.pause()
        raise self._overtaken(tried if is_reached else None)

    async def _done(self, before: H, after: H, now: H, as_of_ms: int) -> H:
        """The hold as its row says that it is, after a move that was done."""
        after = after if now == after else now
        await self._rolling.changed(before, after, as_of_ms=as_of_ms)
        return after

    async def _now(self, actor: Actor, hold_id: str) -> H:
        """The caller's hold, or its late booking. Raises HoldNotFound, StoreUnavailable, BackendUnavailable."""
        return await self._deciding.as_booked(await self._deciding.own(actor, base_id(hold_id)), by=actor.kind)

    async def _claim(self, before: H, after: H, seen: Rows) -> tuple[Claimed, bool]:
        """Intents in the other partitions in parallel, then the home batch. Also says whether intents may be there."""
        at_ms = self._sender.clock.now_ms()
        gaining = self._gaining(before, after).items()
        intents = [self._intent(before, after, other, keys, at_ms) for other, keys in gaining]
        results = await asyncio.gather(*map(self._claims.claim, intents))
        in_doubt = any(claimed.in_doubt for claimed in results)
        was_taken = any(isinstance(claimed.result, Won | Contended) for claimed in results)
        failed = [claimed for claimed in results if not isinstance(claimed.result, Won)]
        if failed:
            lost = [taken for each in failed if isinstance(each.result, Lost) for taken in each.result.taken]
            result = Lost(tuple(lost)) if lost else failed[0].result
            return Claimed(result, in_doubt, failed[0].as_of_ms), was_taken
        claimed = await self._claims.claim(await self._commit(before, after, seen, at_ms))
        return Claimed(claimed.result, in_doubt or claimed.in_doubt, claimed.as_of_ms), was_taken

    def _gained(self, before: H, after: H, partition: Partition) -> Sequence[RowKey]:
        """What the hold is to have there, and has not."""
        had = {*self._resource.keys(before, partition)}
        return [key for key in self._resource.keys(after, partition) if key not in had]

    def _gaining(self, before: H, after: H) -> dict[Partition, Sequence[RowKey]]:
        """What it is to have elsewhere than in its home, and has not."""
        home = home_of(self._resource, before.organization, before.id)
        others = [partition for partition in self._resource.partitions(after) if partition != home]
        return {other: gained for other in others if (gained := self._gained(before, after, other))}

    def _intent(self, before: H, after: H, other: Partition, keys: Sequence[RowKey], at_ms: int) -> Claim[H]:
        give_up_ms, retention = at_ms + self._sender.rules.grace_ms, self._sender.rules.retention
        entries = [index_entries.due(other, give_up_ms, retention), *self._lapse(after, other)]
        until_ms = after.state.expires_at_ms if isinstance(after.state, Held) else at_ms
        stake = self._stake(before, keys)
        return Claim(other, [after], at_ms, until_ms, is_intent=True, entries=entries, stake=stake)

    async def _commit(self, before: H, after: H, seen: Rows, at_ms: int) -> Claim[H]:
        """The home batch."""
        now, retention = await self._sender.now(at_ms), self._sender.rules.retention
        home = home_of(self._resource, before.organization, before.id)
        stake = self._stake(before, self._gained(before, after, home))
        change = before, after, stake.expected
        beside = writing.step_writes(self._sender, self._resource, [change], seen, now)
        entries = [
            index_entries.recorded(home, now.epoch, retention),
            *writing.others_due(self._resource, [before, after], at_ms, retention),
            *self._lapse(after, home),
        ]
        until_ms = after.state.expires_at_ms if isinstance(after.state, Held) else None
        return Claim(home, [after], at_ms, until_ms, is_intent=False, beside=beside, entries=entries, stake=stake)

    def _stake(self, before: H, keys: Sequence[RowKey]) -> Stake:
        expected = {**decisions.as_seen(before), "moves": before.moves or None}
        return Stake(str(Title(before.id, before.moves + 1)), keys, expected)

    def _lapse(self, after: H, partition: Partition) -> list[IndexEntry]:
        """The entry that leads the sweeper there when the hold runs out."""
        if isinstance(after.state, Held) and after.state.expires_at_ms < NEVER_MS:
            return [index_entries.due(partition, after.state.expires_at_ms, self._sender.rules.retention)]
        return []

    async def _undo(self, before: H, after: H) -> H:
        """Fence the move, then give back what it took and the row does not name: it may have committed after all, by
        this call or by another. Returns the hold as it is then. Raises OutcomeUnknown.
        """
        title = Title(before.id, before.moves + 1)
        row = await self._fencing.fence_move(before.organization, before.id, title.move)
        is_live = row.get("status") in rows.LIVE
        for other, keys in self._gaining(before, after).items():
            left = [key for key in keys if not (is_live and self._resource.names(row, other, key, title.move))]
            if left:
                await self._rolling.roll(str(title), other, left, Released())
        return self._resource.read(before.organization, before.id, row) if row else before

    def _overtaken(self, after: H | None) -> Exception:
        """Each attempt was undone, or had no effect: since other moves of the hold were faster, if it was to be so."""
        if after is None:
            return BackendUnavailable()
        where = self._resource.partitions(after)
        return self._resource.contended([key for each in where for key in self._resource.keys(after, each)])

    def _no(self, hold: H, why: Result) -> Exception:
        match why:
            case Lost(taken=taken):
                return self._resource.no(taken, hold.claimant)
            case Contended(keys=keys):
                return self._resource.contended(keys)
            case NotMade():
                return self._resource.not_made()
            case _:
                return BackendUnavailable()

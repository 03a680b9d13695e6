"""Extend: a hold is kept for longer, on condition that it is held still and until the moment that was seen."""

from dataclasses import replace

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol import event_rows, index_entries, rows
from travio_inventory.protocol.batches import Applied, Outcome, StoreUnavailable, Write
from travio_inventory.protocol.doubts import Doubts
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.deciding import TRIES_MAX, Deciding
from travio_inventory.seats.hold import Held, Hold
from travio_inventory.seats.refusals import ExtensionTooLong


class Extending:
    """Keeps holds for longer."""

    def __init__(self, sender: Sender, deciding: Deciding, rolling: RollingForward) -> None:
        self._sender = sender
        self._deciding = deciding
        self._rolling = rolling

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """See Holds."""
        doubts = Doubts()
        for _ in range(TRIES_MAX):
            as_of_ms = self._sender.clock.now_ms()
            try:
                hold = await self._deciding.own(actor, hold_id)
            except StoreUnavailable:
                await self._sender.pause()
                continue
            if not isinstance(hold.state, Held):
                raise await self._deciding.over(hold)
            if hold.state.expires_at_ms >= expires_at_ms:
                await self._rolling.settled(hold, as_of_ms=as_of_ms)
                return hold
            if expires_at_ms > hold.created_at_ms + total_ms_max:
                raise ExtensionTooLong(hold.created_at_ms + total_ms_max)
            outcome = await self.extend_once(hold, hold.state.expires_at_ms, expires_at_ms)
            if isinstance(outcome, Applied):
                extended = replace(hold, state=Held(expires_at_ms), extensions=hold.extensions + 1)
                await self._rolling.settled(extended, as_of_ms=as_of_ms)
                return extended
            doubts.hear(outcome)
            await self._sender.pause()
        raise doubts.refusal()

    async def extend_once(self, hold: Hold, seen_ms: int, until_ms: int) -> Outcome:
        """Try it once, on condition that the hold's expiry is the one that was seen."""
        now_ms = self._sender.clock.now_ms()
        home = rows.group_partition(hold.trip, hold.home)
        now = await self._sender.now(now_ms)
        extended = replace(hold, state=Held(until_ms), extensions=hold.extensions + 1)
        writes = [
            Write(
                rows.hold_key(hold.id),
                {"status": "held", "expires_at": seen_ms},
                {"expires_at": until_ms, "generation": extended.extensions, **rows.recorded(now)},
            ),
            event_rows.event_of(extended, now),
            *(
                Write(cell, {"owner": hold.id}, {"until": until_ms})
                for cell in rows.cell_keys(hold.seats_by_group.get(hold.home, ()), hold.journey)
            ),
        ]
        due = [index_entries.due(rows.group_partition(hold.trip, group), until_ms) for group in hold.seats_by_group]
        return await self._sender.apply(home, writes, [index_entries.recorded(home, now.epoch), *due], at_ms=now_ms)

"""Extend: prolongs a hold, on condition that it is still held and until the moment that was read."""

from typing import Generic

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import Applied, Outcome, Row, Rows, StoreUnavailable, Write
from travio_inventory.protocol.failed_batches import FailedBatches
from travio_inventory.protocol.hold import Expired, Held
from travio_inventory.protocol.refusals import ExtensionTooLong
from travio_inventory.protocol.resource import H, Resource, home_of
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.protocol.steps.deciding import TRIES_MAX, Deciding


class Extending(Generic[H]):
    """Extends holds."""

    def __init__(
        self, sender: Sender, resource: Resource[H], deciding: Deciding[H], rolling: RollingForward[H]
    ) -> None:
        self._sender = sender
        self._resource = resource
        self._deciding = deciding
        self._rolling = rolling

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> H:
        """See Holds."""
        failed, tried = FailedBatches(), None
        for _ in range(TRIES_MAX):
            as_of_ms = self._sender.clock.now_ms()
            try:
                hold = await self._deciding.own(actor, hold_id)
                seen = await writing.see_home(self._sender, self._resource, [hold]) if hold.moves else {}
            except StoreUnavailable:
                await self._sender.pause()
                continue
            if not isinstance(hold.state, Held):
                return await self._over(hold, expires_at_ms, tried if failed.may_land else None)
            if hold.state.expires_at_ms >= expires_at_ms:
                await self._rolling.settled(hold, as_of_ms=as_of_ms)
                return hold
            if expires_at_ms > hold.created_at_ms + total_ms_max:
                raise ExtensionTooLong(hold.created_at_ms + total_ms_max)
            tried = tried or hold
            outcome = await self.extend_once(hold, hold.state.expires_at_ms, expires_at_ms, seen)
            if isinstance(outcome, Applied):
                extended = hold.extended(expires_at_ms)
                self._sender.counts.live.changed(hold.state, extended.state)
                await self._rolling.settled(extended, as_of_ms=as_of_ms)
                return extended
            failed.add(outcome)
            await self._sender.pause()
        raise failed.refusal()

    async def _over(self, hold: H, until_ms: int, in_doubt: H | None) -> H:
        """A hold that has ended. `in_doubt` is what it was before it was extended, perhaps: if it expired then, its row
        says whether it was. Raises HoldEnded, OutcomeUnknown.
        """
        if in_doubt is not None:
            if isinstance(hold.state, Expired) and hold.state.expires_at_ms >= until_ms:
                return hold
            if not isinstance(hold.state, Expired) and hold.extensions > in_doubt.extensions:
                raise OutcomeUnknown
        raise await self._deciding.over(hold)

    async def extend_once(self, hold: H, seen_ms: int, until_ms: int, seen: Rows) -> Outcome:
        """Try it once, on condition that the hold's expiry is the one that was read."""
        home = home_of(self._resource, hold.organization, hold.id)
        owned = writing.by_title(self._resource, hold, self._resource.keys(hold, home), seen)
        now_ms = self._sender.clock.now_ms()
        now = await self._sender.now(now_ms)
        extended = hold.extended(until_ms)
        row: Row = {"expires_at_ms": until_ms, "extensions": extended.extensions, **rows.recorded(now)}
        as_seen: Row = {"status": "held", "expires_at_ms": seen_ms, "extensions": hold.extensions}
        writes = [
            Write(rows.hold_key(hold.id), as_seen, row),
            self._sender.kept(self._resource.event(extended, now)),
            *self._resource.extend(owned, until_ms),
        ]
        retention = self._sender.rules.retention
        due = [index_entries.due(partition, until_ms, retention) for partition in self._resource.partitions(hold)]
        return await writing.send(self._sender, self._resource, [hold], writes, due, now)

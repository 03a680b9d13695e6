"""Expire: ends holds whose time ran out, on condition that each is still held and until the same moment."""

import asyncio
from collections.abc import Sequence
from typing import Generic

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, NotDone, Outcome, Refused, Row, StoreUnavailable, Unknown
from travio_inventory.protocol.hold import Expired, Held
from travio_inventory.protocol.resource import H, Hold, Resource
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing

TRIES_MAX = 4


class Expiring(Generic[H]):
    """Ends lapsed holds; any process that meets one may do it."""

    def __init__(self, sender: Sender, resource: Resource[H], rolling: RollingForward[H]) -> None:
        self._sender = sender
        self._resource = resource
        self._rolling = rolling

    async def expire(self, hold: H) -> Row:
        """End a hold that has lapsed, unless it was extended, confirmed or ended meanwhile; the row afterwards is the
        answer. Raises OutcomeUnknown.
        """
        return (await self.expire_together([hold]))[hold.id]

    async def expire_together(self, holds: Sequence[H]) -> dict[str, Row]:
        """End holds of one home that have lapsed, in one batch, but for those that were extended, confirmed or ended
        meanwhile; returns the rows afterwards, by id. Raises OutcomeUnknown.
        """
        left, after, tries, unmoved = list(holds), dict[str, Row](), 0, dict[str, Row]()
        while left and tries < TRIES_MAX:
            at_ms = self._sender.clock.now_ms()
            match await self._expire_once(left, at_ms):
                case Applied():
                    ended = [hold.with_state(_expired(hold)) for hold in left]
                    for hold in left:
                        self._sender.counts.expired(hold.state, at_ms)
                    await asyncio.gather(*(self._rolling.settled(hold, as_of_ms=at_ms) for hold in ended))
                    return after | {hold.id: {**self._resource.columns(hold), "status": "expired"} for hold in left}
                case Refused(rows=standing):
                    now = {hold.id: standing.get(rows.hold_key(hold.id), {}) for hold in left}
                    moved = {hold.id: now[hold.id] for hold in left if not _is_as_seen(hold, now[hold.id])}
                    if not moved and len(left) > 1:  # nothing says on whose account
                        return after | await self._expire_by_halves(left)
                    unmoved = {} if moved else now
                    if unmoved and not self._resource.depends_on:
                        break
                    if tries:  # a batch of ours that was not answered may have moved them
                        await self._rolling.rows_settled(left[0].organization, moved, as_of_ms=at_ms)
                    tries += 0 if moved else 1  # what its claims depend on may have moved
                    after |= moved
                    left = [hold for hold in left if hold.id not in moved]
                case Unknown() | NotDone():
                    tries, unmoved = tries + 1, {}
                    await self._sender.pause()
        if left and not unmoved:
            raise OutcomeUnknown
        return after | unmoved

    async def _expire_once(self, holds: Sequence[H], at_ms: int) -> Outcome:
        now = await self._sender.now(at_ms)
        try:
            seen = await writing.see_home(self._sender, self._resource, holds)
        except StoreUnavailable:
            return NotDone("what it depends on could not be read")
        steps = [(hold, hold.with_state(_expired(hold)), _as_seen(hold)) for hold in holds]
        writes = writing.step_writes(self._sender, self._resource, steps, seen, now)
        others = writing.others_due(self._resource, holds, now.at_ms, self._sender.rules.retention)
        return await writing.send(self._sender, self._resource, holds, writes, others, now)

    async def _expire_by_halves(self, holds: Sequence[H]) -> dict[str, Row]:
        half = len(holds) // 2
        return await self.expire_together(holds[:half]) | await self.expire_together(holds[half:])


def _as_seen(hold: Hold) -> Row:
    """The condition on which a lapsed hold ends: it is held still, until the same moment, and has the same claims."""
    assert isinstance(hold.state, Held)  # noqa: S101 - a caller's mistake, not an input
    return {"status": "held", "expires_at_ms": hold.state.expires_at_ms, "extensions": hold.extensions}


def _is_as_seen(hold: Hold, row: Row) -> bool:
    return all(row.get(name) == value for name, value in _as_seen(hold).items())


def _expired(hold: Hold) -> Expired:
    assert isinstance(hold.state, Held)  # noqa: S101 - a caller's mistake, not an input
    return Expired(hold.state.expires_at_ms)

"""The hold protocol: its parts put together, and the steps that callers take, written once for all stores.

A step is one conditional batch on the hold's home, and that batch is its only commit point. Claims are taken on
condition that they are free and returned on condition that they are the hold's; a hold that has ended stays ended.
"""

from collections.abc import Callable, Collection, Coroutine
from typing import Any, Generic

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.fencing import RETRY, Fencing
from travio_inventory.protocol.folding import FoldedAttempts
from travio_inventory.protocol.hold import Aborted, Confirmed
from travio_inventory.protocol.judging import Judging
from travio_inventory.protocol.ledger import Ledger
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.protocol.resource import H, HoldWatch, Request, Resource
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps.cancel import cancel
from travio_inventory.protocol.steps.confirm import Confirming
from travio_inventory.protocol.steps.deciding import Deciding
from travio_inventory.protocol.steps.erase import erase
from travio_inventory.protocol.steps.expire import Expiring
from travio_inventory.protocol.steps.extend import Extending
from travio_inventory.protocol.steps.hold import Holding
from travio_inventory.protocol.steps.late_confirm import LateConfirming
from travio_inventory.protocol.steps.move import Destination, Moving
from travio_inventory.protocol.steps.release import release


class HoldProtocol(Generic[H]):
    """The steps of holds on one resource, and their parts."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        watch: HoldWatch[H],
        background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.sender = sender
        self.resource = resource
        self.rolling = rolling = RollingForward(sender, resource, watch, background)
        self.expiring = Expiring(sender, resource, rolling)
        self._fencing = fencing = Fencing(sender, resource)
        self.judging = judging = Judging(sender, resource, fencing, self.expiring)
        claims = Claims(sender, resource, judging)
        self.attempts = attempts = (
            FoldedAttempts(sender, resource, claims, fencing, background)
            if resource.books.folds
            else Attempts(sender, resource, claims, fencing)
        )
        self.deciding = deciding = Deciding(sender, resource, judging, rolling)
        late = LateConfirming(sender, resource, attempts=attempts, fencing=fencing, deciding=deciding, rolling=rolling)
        self._holding = Holding(
            sender,
            resource,
            ledger=Ledger(sender, resource.books, judging),
            attempts=attempts,
            deciding=deciding,
            rolling=rolling,
        )
        self._confirming = Confirming(deciding, late)
        self._extending = Extending(sender, resource, deciding, rolling)
        self._moving = Moving(sender, resource, claims=claims, fencing=fencing, deciding=deciding, rolling=rolling)

    async def hold(self, request: Request[H]) -> H:
        """See Holds."""
        return await self._holding.hold(request)

    async def held_before(self, request: Request[H], *, settles: bool) -> H | None:
        """See Holds."""
        return await self._holding.held_before(request, settles=settles)

    async def confirm(self, actor: Actor, hold_id: str, booking: Confirmed, parts: Collection[str] | None = None) -> H:
        """See Holds."""
        return await self._confirming.confirm(actor, hold_id, booking, parts)

    async def release(self, actor: Actor, hold_id: str, parts: Collection[str] | None = None) -> H:
        """See Holds."""
        return await release(self.deciding, actor, hold_id, parts)

    async def cancel(self, actor: Actor, hold_id: str, parts: Collection[str] | None = None) -> H:
        """See Holds."""
        return await cancel(self.deciding, actor, hold_id, parts)

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> H:
        """See Holds."""
        return await self._extending.extend(actor, hold_id, expires_at_ms=expires_at_ms, total_ms_max=total_ms_max)

    async def erase(self, actor: Actor, hold_id: str) -> H:
        """See Holds."""
        return await erase(self.deciding, actor, hold_id)

    async def move(self, actor: Actor, hold_id: str, to: Destination[H]) -> H:
        """See Holds."""
        return await self._moving.move(actor, hold_id, to)

    async def find(self, actor: Actor, hold_id: str) -> H:
        """See Holds."""
        try:
            hold = await self.deciding.own(actor, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None
        if isinstance(hold.state, Aborted):
            raise HoldNotFound
        return await self.deciding.as_booked(hold)

    async def fence(self, organization: str, hold_id: str) -> bool:
        """See Holds."""
        row = await self._fencing.fence(organization, hold_id, RETRY)
        return not rows.text(row, "holder") or row.get("status") == rows.CLOSED

    async def holder(self, organization: str, hold_id: str) -> str:
        """See Holds."""
        try:
            return await self.deciding.holder(organization, hold_id)
        except StoreUnavailable:
            raise BackendUnavailable from None

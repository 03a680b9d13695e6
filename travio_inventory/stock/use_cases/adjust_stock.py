"""Changes how many there are: by so many, or to as many as were counted; above a limit another one must approve it."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.approval import ApprovalLimits, NeedsApproval
from travio_inventory.stock.commands import AdjustStock, SetStock
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records.approvals import Approvals
from travio_inventory.stock.records.changing import Changed
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.use_cases.steps import Steps


class AdjustsStock:
    """Each change is one movement, whoever repeats it with the same cause. One of more units than the limit waits for
    another person; a count waits as its difference, which stays true whatever is sold meanwhile.
    """

    def __init__(self, entries: Entries, approvals: Approvals, limits: ApprovalLimits, steps: Steps) -> None:
        self._entries = entries
        self._approvals = approvals
        self._limits = limits
        self._steps = steps

    async def by(self, actor: Actor, command: AdjustStock) -> Changed:
        """The entry, and the movement or what waits. Raises PermissionDenied, StockNotFound, InsufficientStock,
        StockFull, VersionConflict, StockSharded, AdjustmentRejected, IdempotencyKeyReused, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        if self._limits.need(actor.organization, command.quantity):
            return await self._ask(actor, command, command.fingerprint)
        return await self._told(actor, command, await self._steps.run(self._entries.adjust(actor, command)))

    async def to(self, actor: Actor, command: SetStock) -> Changed:
        """The entry and the movement, none if it was as many, or what waits. Raises PermissionDenied, StockNotFound,
        VersionConflict, BelowReserved, AdjustmentRejected, IdempotencyKeyReused, Overloaded, BackendUnavailable,
        OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        try:
            most = self._limits.limit(actor.organization)
            changed = await self._steps.run(self._entries.set(actor, command, most=most))
        except NeedsApproval as needed:
            adjust = AdjustStock(command.inventory_id, needed.quantity, MovementType.ADJUSTMENT, command.why)
            return await self._ask(actor, adjust, command.fingerprint)
        return await self._told(actor, command, changed)

    async def _ask(self, actor: Actor, command: AdjustStock, fingerprint: str) -> Changed:
        found = Faults()
        if not actor.user:
            limit = self._limits.limit(actor.organization)
            found.wrong("user_id", f"must name a person: a change of more than {limit} waits for another person")
        found.finish()
        at = await self._entries.place(actor.organization, command.inventory_id)
        return await self._steps.run(self._approvals.ask(actor, at, command, fingerprint))

    async def _told(self, actor: Actor, command: AdjustStock | SetStock, changed: Changed) -> Changed:
        """The change, or what came of the approval that its cause led to, where the limit was another one then."""
        if changed.movement is not None or not command.why.cause:
            return changed
        at = await self._entries.place(actor.organization, command.inventory_id)
        approval = await self._approvals.of_cause(at, command.inventory_id, command.why.cause)
        return changed if approval is None else await self._approvals.told(at, changed, approval)

"""Approves adjustments that wait, or rejects them: another person than the one who asked, and once."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.approval import Approval, ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.records.approvals import ApprovalPage, Approvals
from travio_inventory.stock.use_cases.steps import Steps


class DecidesAdjustments:
    """An approval is one batch with the movement and its events; a rejection moves nothing."""

    def __init__(self, approvals: Approvals, steps: Steps) -> None:
        self._approvals = approvals
        self._steps = steps

    async def decide(self, actor: Actor, command: DecideAdjustment) -> Approval:
        """As it was decided; a repetition by the same person is answered alike. What the stock can no longer bear waits
        as before. Raises PermissionDenied, InvalidRequest where nobody is named, OwnAdjustment, ApprovalEnded,
        StockNotFound, InsufficientStock, StockFull, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_APPROVE)
        found = Faults()
        if not actor.user:
            found.wrong("user_id", "must name who decides")
        found.finish()
        return await self._steps.run(self._approvals.decide(actor, command))

    async def one(self, actor: Actor, approval: str) -> Approval:
        """Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._approvals.find(actor.organization, approval)

    async def page(self, actor: Actor, query: ApprovalsQuery) -> ApprovalPage:
        """Oldest first. A page may have fewer than were asked for, or none, and be followed by others. Raises
        PermissionDenied, BackendUnavailable.
        """
        actor.needs(Scope.STOCK_READ)
        return await self._approvals.page(actor.organization, query)

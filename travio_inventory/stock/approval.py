"""An adjustment that waits for another person: above which limit, what is asked for, and who decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from travio_inventory.kernel.checking import Faults
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.commands import PAGE_MAX, REASON_BYTES_MAX, AdjustStock, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.refusals import ApprovalEnded, OwnAdjustment

WAITS_MS: Final = 30 * 86_400_000
"""So long it may be decided."""


class ApprovalStatus(StrEnum):
    """What became of an adjustment that was asked for."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    """Nobody decided in time: nothing was moved, and never will be."""


class NeedsApproval(Exception):
    """So many change more than one person may: somebody else has to say yes. Never leaves the use cases."""

    def __init__(self, quantity: int) -> None:
        super().__init__(quantity)
        self.quantity = quantity


@dataclass(frozen=True, slots=True)
class ApprovalLimits:
    """How many units one person may change at once: in each organization that is named, and in the others. None = as
    many as there are.
    """

    above: int | None = None
    of: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def limit(self, organization: str) -> int | None:
        """The limit of that organization."""
        return self.of.get(organization, self.above)

    def need(self, organization: str, quantity: int) -> bool:
        """Whether a change by so many has to be approved."""
        limit = self.limit(organization)
        return limit is not None and abs(quantity) > limit


@dataclass(frozen=True, slots=True)
class Approval:
    """An adjustment that was asked for. `movement_version` is that of its movement, 0 where there is none."""

    id: str
    organization: str
    inventory_id: str
    sku: str
    warehouse_id: str
    quantity: int
    type: MovementType
    reason: str
    reference: str
    requested_by: str
    requested_at_ms: int
    status: ApprovalStatus
    decided_by: str
    decided_at_ms: int
    note: str
    movement_version: int
    version: int

    @property
    def expires_at_ms(self) -> int:
        """Until when it may be decided."""
        return self.requested_at_ms + WAITS_MS

    @property
    def movement_id(self) -> str:
        """The movement that it led to, "" if none."""
        return f"{self.inventory_id}~{self.movement_version}" if self.movement_version else ""

    @property
    def command(self) -> AdjustStock:
        """What is done once it is approved."""
        return AdjustStock(self.inventory_id, self.quantity, self.type, Why(self.reason, self.reference))


def approval_id(inventory: str, cause: str) -> str:
    """The id of the approval that the cause leads to; so a repetition waits for the same one."""
    return str(UUID(digest_of("approval", inventory, cause)))


def at_moment(approval: Approval, now_ms: int) -> Approval:
    """As it is then: one that nobody decided in time waits no more."""
    if approval.status is ApprovalStatus.PENDING and now_ms >= approval.expires_at_ms:
        return replace(approval, status=ApprovalStatus.EXPIRED)
    return approval


@dataclass(frozen=True, slots=True)
class DecideAdjustment:
    """Approve an adjustment that waits, or reject it. Raises InvalidRequest."""

    approval_id: str
    is_approved: bool
    note: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("approval_id", self.approval_id)
        found.text("note", self.note, REASON_BYTES_MAX)
        found.finish()

    @property
    def status(self) -> ApprovalStatus:
        """What becomes of it."""
        return ApprovalStatus.APPROVED if self.is_approved else ApprovalStatus.REJECTED


def approval_named(named: str) -> str:
    """The id of an approval. Raises InvalidRequest."""
    found = Faults()
    found.id("approval_id", named)
    found.finish()
    return named


@dataclass(frozen=True, slots=True)
class ApprovalsQuery:
    """Adjustments that were asked for, oldest first: those that wait, or all. Raises InvalidRequest."""

    is_pending: bool = True
    after: str = ""
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


def decide(approval: Approval, command: DecideAdjustment, user: str, now_ms: int, *, version: int) -> Approval:
    """As that person decided; `version` is the entry's since the movement. Raises ApprovalEnded, OwnAdjustment."""
    if approval.status is not ApprovalStatus.PENDING:
        raise ApprovalEnded(approval.status, approval.decided_by)
    if user == approval.requested_by:
        raise OwnAdjustment
    return replace(
        approval,
        status=command.status,
        decided_by=user,
        decided_at_ms=now_ms,
        note=command.note,
        movement_version=version if command.is_approved else 0,
        version=approval.version + 1,
    )

"""A transfer of stock between two warehouses: drafted, shipped, received in parts, or cancelled on the way.

At every moment shipped = received + rejected + lost + returned + in transit. What a receipt brings is in transit until
the destination has it; `pending` is that receipt. What is rejected or lost is written off: more of one transfer than
one person may change needs another person than the one who asked for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.checking import Faults
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.commands import PAGE_MAX, REASON_BYTES_MAX
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.refusals import NotInTransit, OwnAdjustment, TransferEnded

RECEIPTS_MAX: Final = 100
"""Of one transfer."""


class TransferStatus(StrEnum):
    """How far a transfer is."""

    DRAFT = "DRAFT"
    SHIPPED = "SHIPPED"
    PARTLY_RECEIVED = "PARTLY_RECEIVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class OnTheWay(StrEnum):
    """What becomes of what is in transit when a transfer is cancelled."""

    BACK = "BACK"
    """It is at the source again."""
    LOST = "LOST"
    """It is nowhere."""


class Receipt(NamedTuple):
    """What came of a part of the shipment. `number` counts receipts, those that were refused too."""

    number: int
    received: int
    rejected: int
    lost: int
    performed_by: str
    key: str

    @property
    def written_off(self) -> int:
        """What of it is in no warehouse afterwards."""
        return self.rejected + self.lost

    @property
    def quantity(self) -> int:
        """All of it."""
        return self.received + self.written_off


class Counts(NamedTuple):
    """What became of the units."""

    shipped: int = 0
    received: int = 0
    rejected: int = 0
    lost: int = 0
    returned: int = 0

    @property
    def written_off(self) -> int:
        """What is in no warehouse and not on the way."""
        return self.rejected + self.lost

    @property
    def in_transit(self) -> int:
        """What is on the way."""
        return self.shipped - self.received - self.rejected - self.lost - self.returned


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it stands. `receipts` are those that took effect, by their keys: what they brought."""

    id: str
    organization: str
    sku: str
    from_warehouse_id: str
    to_warehouse_id: str
    from_number: int = field(repr=False)
    to_number: int = field(repr=False)
    quantity: int
    reason: str
    requested_by: str
    counts: Counts
    is_cancelled: bool
    pending: Receipt | None
    receipts: Mapping[str, str]
    numbered: int
    version: int
    created_at_ms: int
    updated_at_ms: int
    written_off_by: str = ""
    """Who said last that some were rejected or are lost."""

    @property
    def status(self) -> TransferStatus:
        """How far it is."""
        if self.is_cancelled:
            return TransferStatus.CANCELLED
        if not self.counts.shipped:
            return TransferStatus.DRAFT
        if self.counts.in_transit == self.counts.shipped:
            return TransferStatus.SHIPPED
        return TransferStatus.PARTLY_RECEIVED if self.counts.in_transit else TransferStatus.CLOSED

    @property
    def went(self) -> OnTheWay | None:
        """What became of what was on the way when it was cancelled; None if nothing was."""
        if not self.is_cancelled or not self.counts.shipped:
            return None
        if self.counts.returned:
            return OnTheWay.BACK
        told_lost = sum(int(said.split()[2]) for said in self.receipts.values())
        return OnTheWay.LOST if self.counts.lost > told_lost else None

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in (TransferStatus.CLOSED, TransferStatus.CANCELLED)


def transfer_id(organization: str, key: str) -> str:
    """The id of the transfer that was asked for with that key; so a repetition is the same one."""
    return str(UUID(digest_of("transfer", organization, key)))


@dataclass(frozen=True, slots=True)
class DraftTransfer:
    """Plan to bring so many from one warehouse to another. A repetition with the same `key` is the same transfer; ""
    never repeats. Raises InvalidRequest.
    """

    sku: str
    from_warehouse_id: str
    to_warehouse_id: str
    quantity: int
    reason: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        for name in ("sku", "from_warehouse_id", "to_warehouse_id"):
            found.id(name, getattr(self, name))
        if self.from_warehouse_id == self.to_warehouse_id:
            found.wrong("to_warehouse_id", "must be another warehouse")
        found.number("quantity", self.quantity, 1, QUANTITY_MAX)
        found.text("reason", self.reason, REASON_BYTES_MAX)
        found.id("idempotency_key", self.key, required=False)
        found.finish()

    def is_of(self, transfer: Transfer) -> bool:
        """Whether it asks for that transfer."""
        return (self.sku, self.from_warehouse_id, self.to_warehouse_id, self.quantity, self.reason) == (
            transfer.sku, transfer.from_warehouse_id, transfer.to_warehouse_id, transfer.quantity, transfer.reason
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """So many came, so many of them were rejected or are lost. A repetition with the same `key` is the same receipt; ""
    never repeats. Raises InvalidRequest.
    """

    transfer_id: str
    received: int
    rejected: int = 0
    lost: int = 0
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("transfer_id", self.transfer_id)
        for name in ("received", "rejected", "lost"):
            found.number(name, getattr(self, name), 0, QUANTITY_MAX)
        if not (self.received or self.rejected or self.lost):
            found.wrong("received", "must not be 0 where nothing was rejected or lost")
        found.id("idempotency_key", self.key, required=False)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        return f"{self.received} {self.rejected} {self.lost}"


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """Cancel a transfer; what is in transit needs a choice. Raises InvalidRequest."""

    transfer_id: str
    on_the_way: OnTheWay | None = None

    def __post_init__(self) -> None:
        found = Faults()
        found.id("transfer_id", self.transfer_id)
        found.finish()


def transfer_named(named: str) -> str:
    """The id of a transfer. Raises InvalidRequest."""
    found = Faults()
    found.id("transfer_id", named)
    found.finish()
    return named


def cancel_asked(named: str, choice: str) -> CancelTransfer:
    """Of a choice as it is written, "" for none. Raises InvalidRequest."""
    found = Faults()
    if choice not in ("", *OnTheWay):
        found.wrong("in_transit", f"must be {' or '.join(OnTheWay)}, or empty")
    found.finish()
    return CancelTransfer(named, OnTheWay(choice) if choice else None)


@dataclass(frozen=True, slots=True)
class TransfersQuery:
    """The transfers of a stock keeping unit or of all: oldest first, or those on the way by their sources. Raises
    InvalidRequest.
    """

    sku: str = ""
    after: str = ""
    page_size: int = PAGE_MAX
    only_in_transit: bool = False

    def __post_init__(self) -> None:
        found = Faults()
        found.id("sku", self.sku, required=False)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


def shipped(transfer: Transfer) -> Transfer:
    """All of it on the way. Raises TransferEnded."""
    if transfer.is_cancelled:
        raise TransferEnded(transfer.status)
    return replace(transfer, counts=Counts(shipped=transfer.quantity))


def announced(transfer: Transfer, command: ReceiveTransfer, key: str, user: str) -> Transfer:
    """With a receipt that the destination is still to get. Raises TransferEnded, NotInTransit."""
    if transfer.is_over:
        raise TransferEnded(transfer.status)
    if not transfer.counts.shipped:
        raise TransferEnded(transfer.status, "ship it before it is received")
    if len(transfer.receipts) >= RECEIPTS_MAX:
        raise TransferEnded(transfer.status, f"it has {RECEIPTS_MAX} receipts, the most: cancel what is on the way")
    receipt = Receipt(transfer.numbered + 1, command.received, command.rejected, command.lost, user, key)
    if receipt.quantity > transfer.counts.in_transit:
        raise NotInTransit(transfer.counts.in_transit)
    return replace(transfer, pending=receipt, numbered=receipt.number)


def settled(transfer: Transfer, receipt: Receipt, *, has_arrived: bool) -> Transfer:
    """The receipt took effect, or the destination refused it: then all of it is in transit as before."""
    if not has_arrived:
        return replace(transfer, pending=None)
    had = transfer.counts
    counts = had._replace(
        received=had.received + receipt.received,
        rejected=had.rejected + receipt.rejected,
        lost=had.lost + receipt.lost,
    )
    said = f"{receipt.received} {receipt.rejected} {receipt.lost}"
    by = receipt.performed_by if receipt.written_off else transfer.written_off_by
    receipts = {**transfer.receipts, receipt.key: said}
    return replace(transfer, counts=counts, pending=None, receipts=receipts, written_off_by=by)


def cancelled(transfer: Transfer, choice: OnTheWay | None, user: str) -> Transfer:
    """Cancelled, and what was in transit returned or lost. Raises TransferEnded, and NotInTransit where a choice is
    missing.
    """
    if transfer.is_over:
        said = {None: "", OnTheWay.BACK: "what was on the way went back", OnTheWay.LOST: "what was on the way is lost"}
        raise TransferEnded(transfer.status, said[transfer.went])
    had = transfer.counts
    if had.in_transit and choice is None:
        raise NotInTransit(had.in_transit, "say whether what is in transit goes BACK or is LOST")
    if choice is OnTheWay.BACK or not had.in_transit:
        had = had._replace(returned=had.returned + had.in_transit)
        return replace(transfer, counts=had, is_cancelled=True)
    had = had._replace(lost=had.lost + had.in_transit)
    return replace(transfer, counts=had, is_cancelled=True, written_off_by=user)


def check_written_off(transfer: Transfer, more: int, actor: Actor, limits: ApprovalLimits) -> None:
    """Whether the actor may say that so many more of the transfer are rejected or lost: what is written off of it is
    added up, so that no number of small parts passes. Raises PermissionDenied, InvalidRequest where nobody is named,
    OwnAdjustment.
    """
    if not more or not limits.need(transfer.organization, transfer.counts.written_off + more):
        return
    actor.needs(Scope.STOCK_APPROVE)
    found = Faults()
    if not actor.user:
        found.wrong("user_id", f"must name who says that {transfer.counts.written_off + more} are written off")
    found.finish()
    if actor.user == transfer.requested_by:
        raise OwnAdjustment("who asked for the transfer does not say that so many are rejected or lost")

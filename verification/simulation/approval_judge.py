"""Judges adjustments as each batch is applied: many units move only if another person said yes, and then once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey
from travio_inventory.protocol.rows import number, text
from travio_inventory.stock.approval import Approval, ApprovalStatus
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records.approvals import read_approval
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.store.memory import Change

NOBODY_ASKED = (MovementType.OUTBOUND, MovementType.RETURN, MovementType.TRANSFER)
"""Movements by orders and transfers wait for nobody; receipts of what was ordered neither, beside their line."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was asked for, and its answer."""

    approval: str
    user: str
    is_approved: bool
    answer: str
    ended_s: float


class ApprovalJudge:
    """Knows every approval as it was at any moment. Nobody moves more units than `limit` alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: defaultdict[str, list[tuple[float, Approval]]] = defaultdict(list)

    @property
    def pending(self) -> Sequence[str]:
        """What waits."""
        return [named for named, known in self._known.items() if known[-1][1].status is ApprovalStatus.PENDING]

    def applied(self, now_s: float, at: Partition, changes: Sequence[Change]) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        movements = {key: row for key, before, row in changes if key.kind is Kind.MOVEMENT and not before}
        approved: list[int] = []
        for key, before, after in changes:
            if key.kind is Kind.APPROVAL and after and before != after:
                is_now = read_approval(at, key, after)
                was = read_approval(at, key, before) if before else None
                self._known[key.id].append((now_s, is_now))
                yield from self._judge_step(was, is_now, movements)
                if is_now.status is ApprovalStatus.APPROVED:
                    approved.append(is_now.quantity)
        lines = {key for key, _, after in changes if key.kind is Kind.PURCHASE and after}
        is_new = any(key == STOCK and not before for key, before, _ in changes)
        for row in movements.values():
            count, is_ordered = number(row, "quantity"), RowKey(Kind.PURCHASE, text(row, "reference")) in lines
            if row.get("type") in NOBODY_ASKED or is_ordered or is_new or abs(count) <= self._limit:
                continue
            if count not in approved:
                yield f"A2 {count} were moved in {at} by {row.get('performed_by')}, and nobody else said yes"

    def _judge_step(self, was: Approval | None, is_now: Approval, movements: dict[RowKey, Row]) -> Iterator[str]:
        if was is not None and was.status is not ApprovalStatus.PENDING:
            yield f"A3 {was.id} was {was.status} by {was.decided_by}, and is {is_now.status} by {is_now.decided_by}"
        moved = [(int(key.id), number(row, "quantity"), text(row, "performed_by")) for key, row in movements.items()]
        expected: list[tuple[int, int, str]] = []
        if is_now.status is ApprovalStatus.APPROVED:
            expected = [(is_now.movement_version, is_now.quantity, is_now.requested_by)]
        if moved != expected:
            yield f"A4 {is_now.id} is {is_now.status} with the movements {moved}, not {expected}"
        if is_now.status is not ApprovalStatus.PENDING and is_now.decided_by in ("", is_now.requested_by):
            yield f"A1 {is_now.id} was asked for by {is_now.requested_by} and decided by {is_now.decided_by!r}"

    def judge(self, decisions: Sequence[Decided]) -> Iterator[str]:
        """An answer is true when it is given; a refusal stays so."""
        for each in decisions:
            status = ApprovalStatus.APPROVED if each.is_approved else ApprovalStatus.REJECTED
            is_so = any(
                at_s <= each.ended_s and (known.status, known.decided_by) == (status, each.user)
                for at_s, known in self._known[each.approval]
            )
            if each.answer == "ok" and not is_so:
                yield f"I3 {each} was answered ok"
            if each.answer == "OwnAdjustment" and is_so:
                yield f"I5 {each} was refused, and took effect"

"""Judges transfers as each batch is applied: what left a warehouse arrived, came back, was lost, or is on the way."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey
from travio_inventory.protocol.rows import number, text
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records.shards import WHY
from travio_inventory.stock.records.stock_rows import place
from travio_inventory.stock.records.transfer_rows import marked, read_transfer, source_of
from travio_inventory.stock.transfer import Transfer, TransferStatus
from travio_inventory.store.memory import Change

AllRows = Mapping[Partition, Mapping[RowKey, Row]]
TOLD = {"shipped": "inventory.transfer_shipped", "received": "inventory.transfer_received"}
"""What a movement by a transfer is told as, by its reason."""
FINAL = {
    "TransferEnded", "NotInTransit", "StockFull", "StockNotFound", "IdempotencyKeyReused", "InsufficientStock",
    "OwnAdjustment",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a transfer that was asked for, and its answer. A receipt has a key."""

    what: str
    transfer: str
    key: str
    answer: str
    ended_s: float


class TransferJudge:
    """Knows every transfer as it was at any moment, and what each moved where. Who asked for one does not write off
    more than `limit` units of it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: defaultdict[str, list[tuple[float, Transfer]]] = defaultdict(list)
        self._moved: defaultdict[str, defaultdict[Partition, int]] = defaultdict(lambda: defaultdict(int))

    def on_the_way(self, at: Partition) -> int:
        """How many units are in transit to that place."""
        last = [known[-1][1] for known in self._known.values()]
        return sum(each.counts.in_transit for each in last if place(each.organization, each.sku, each.to_number) == at)

    def applied(self, now_s: float, at: Partition, changes: Sequence[Change], rows: AllRows) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        touched: dict[str, None] = {}
        told = [text(row, "type") for key, before, row in changes if key.kind is Kind.EVENT and not before]
        for key, before, after in changes:
            if key.kind is Kind.TRANSFER and not marked(key) and after:
                yield from self._judge_step(now_s, at, key, before, after)
                touched[key.id] = None
            if key.kind is Kind.MOVEMENT and not before and after.get("type") == MovementType.TRANSFER:
                named, reason = text(after, "reference"), text(after, "reason")
                if reason == WHY:
                    continue
                self._moved[named][at] += number(after, "quantity")
                touched[named] = None
                if reason in TOLD and TOLD[reason] not in told:
                    yield f"T3 {named} was {reason}, and only {told} was told"
        for named in touched:
            yield from self._judge_units(named, rows)

    def _judge_step(self, now_s: float, at: Partition, key: RowKey, before: Row, after: Row) -> Iterator[str]:
        is_now = read_transfer(at.organization, key, after)
        self._known[key.id].append((now_s, is_now))
        if min(is_now.counts) < 0 or is_now.counts.in_transit < 0 or is_now.counts.shipped > is_now.quantity:
            yield f"T1 {key.id} of {is_now.quantity} has {is_now.counts}"
        if is_now.counts.written_off > self._limit and is_now.written_off_by in ("", is_now.requested_by):
            yield f"T4 {key.id} of {is_now.requested_by} has {is_now.counts}, written off by {is_now.written_off_by!r}"
        if before:
            was = read_transfer(at.organization, key, before)
            if was.is_over and (was.counts, was.status) != (is_now.counts, is_now.status):
                yield f"T2 {key.id} was {was.status} with {was.counts}, and is {is_now.status} with {is_now.counts}"
            if any(less < more for less, more in zip(is_now.counts, was.counts, strict=True)):
                yield f"T2 {key.id} had {was.counts}, and has {is_now.counts}"

    def _judge_units(self, named: str, rows: AllRows) -> Iterator[str]:
        """Both warehouses had as many movements as the transfer says; of a receipt that was announced the cause at the
        destination says whether it is there.
        """
        if named not in self._known:
            yield f"T1 {named} moved something, and there is no such transfer"
            return
        transfer, moved = self._known[named][-1][1], self._moved[named]
        source = source_of(transfer)
        target = place(transfer.organization, transfer.sku, transfer.to_number)
        counts, arrived = transfer.counts, transfer.counts.received
        if transfer.pending is not None:
            cause = RowKey(Kind.CAUSE, f"transfer {named} {transfer.pending.number}")
            arrived += transfer.pending.received if number(rows[target].get(cause, {}), "movement") else 0
        if moved[source] != counts.returned - counts.shipped:
            yield f"T1 {named} with {counts} took {-moved[source]} from its source"
        if moved[target] != arrived:
            yield f"T1 {named} with {counts}, {transfer.pending}, brought {moved[target]}"
        if moved.keys() - {source, target}:
            yield f"T1 {named} moved something elsewhere: {moved}"

    def judge(self, steps: Sequence[Step]) -> Iterator[str]:
        """An answer is true when it is given, a refusal for ever; nothing is left half way."""
        for named, known in self._known.items():
            if known[-1][1].pending is not None:
                yield f"L2 {named} has {known[-1][1].pending}, which nobody goes on with"
        refused: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for step in steps:
            if step.answer == "ok" and not any(
                at_s <= step.ended_s and _is_done(step, transfer) for at_s, transfer in self._known[step.transfer]
            ):
                yield f"I3 {step} was answered ok"
            if step.what == "receive":
                refused[step.transfer, step.key].add(step.answer)
        for (named, key), answers in refused.items():
            if answers <= FINAL and any(key in transfer.receipts for _, transfer in self._known[named]):
                yield f"I5 receipt {key} of {named} was refused by {answers}, and took effect"


def _is_done(step: Step, transfer: Transfer) -> bool:
    match step.what:
        case "draft":
            return True
        case "ship":
            return transfer.counts.shipped > 0
        case "receive":
            return step.key in transfer.receipts
        case "cancel transfer":
            return transfer.status is TransferStatus.CANCELLED
        case _:
            return False

"""Judges a whole shop: its stock and reservations, transfers, approvals, events of orders, and a replay of it all."""

import json
from collections.abc import Iterator, Mapping, Sequence

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.rows import number, text
from travio_inventory.stock.records.shards import WHY
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.store.memory import Change
from verification.simulation.approval_judge import ApprovalJudge
from verification.simulation.order_judge import OrderJudge
from verification.simulation.purchase_judge import PurchaseJudge
from verification.simulation.stock_oracle import StockOracle
from verification.simulation.transfer_judge import TransferJudge


class ShopOracle(StockOracle):
    """Nobody moves more units than `limit` alone."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.transfers, self.approvals, self.orders = TransferJudge(limit), ApprovalJudge(limit), OrderJudge()
        self.purchases = PurchaseJudge()

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """See StockOracle."""
        super().applied(now_s, partition, changes)
        if partition.table is Table.STOCK:
            self._all_broken(now_s, self.transfers.applied(now_s, partition, changes, self.rows))
            self._all_broken(now_s, self.approvals.applied(now_s, partition, changes))
        self._all_broken(now_s, self.orders.applied(partition, changes))
        self._all_broken(now_s, self.purchases.applied(now_s, partition, changes, self.rows))

    def judge_replay(self) -> None:
        """The movements of a place, one after the other, and its events, come to what it has."""
        for partition, rows in self.rows.items():
            if STOCK in rows:
                self._all_broken(0.0, _replayed(partition, rows))

    def _all_broken(self, now_s: float, said: Iterator[str]) -> None:
        for each in said:
            self._broken(now_s, each)


def _replayed(partition: Partition, rows: Mapping[RowKey, Row]) -> Iterator[str]:
    has = number(rows[STOCK], "available") + number(rows[STOCK], "reserved")
    balance = between = 0
    for key in sorted(key for key in rows if key.kind is Kind.MOVEMENT):
        balance += number(rows[key], "quantity")
        between += number(rows[key], "quantity") if rows[key].get("reason") == WHY else 0
        if number(rows[key], "balance") != balance:
            yield f"S6 {partition}: after the movement {key.id} a replay has {balance}, not {rows[key]}"
    if balance != has:
        yield f"S6 {partition} has {has}, a replay of its movements {balance}"
    told = 0
    events = [row for key, row in rows.items() if key.kind is Kind.EVENT]
    for row in sorted(events, key=lambda row: (text(row, "subject"), number(row, "ordinal"))):
        if row.get("type") == "inventory.stock_updated":
            said = json.loads(text(row, "data"))
            if said["oldStock"] != told and "shard" not in said:
                yield f"S6 {partition}: after {told} an event goes from {said['oldStock']} to {said['newStock']}"
            told += said["newStock"] - said["oldStock"]
    if told != has - between:
        yield f"S6 {partition} has {has}, its events come to {told}"

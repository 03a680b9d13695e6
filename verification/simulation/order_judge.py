"""Judges what came of events of orders: each took effect once, however often and in whatever order it came."""

import json
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.hold import base_id
from travio_inventory.protocol.inbox import DONE
from travio_inventory.protocol.rows import text
from travio_inventory.stock.use_cases.settle_order import FAILED, RESERVED, TOLD
from travio_inventory.store.memory import Change

CREATED, PAID, NOT_PAID, CANCELLED = "order.created", "payment.successful", "payment.failed", "order.cancelled"
AllRows = Mapping[Partition, Mapping[RowKey, Row]]


@dataclass(slots=True)
class Told:
    """An event that other services sent, and what came of it, each time that it was taken in."""

    id: str
    kind: str
    order: str
    body: bytes
    outcomes: list[str] = field(default_factory=list)


class OrderJudge:
    """Sees how far each event is, and every reservation."""

    def __init__(self) -> None:
        self._done: dict[Partition, str] = {}
        self._lived: defaultdict[str, set[str]] = defaultdict(set)
        self._sold: set[str] = set()

    def applied(self, at: Partition, changes: Sequence[Change]) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        for key, before, after in changes:
            if at.table is Table.INBOX and key.kind is Kind.INCOMING and "outcome" in after:
                yield from self._judge_done(at, after)
            if at.table is Table.INBOX and key.kind is Kind.INCOMING:
                was, is_now = text(before, "decision"), text(after, "decision")
                if was not in ("", is_now) and not (was == RESERVED and is_now.startswith(FAILED)):
                    yield f"O1 of {at.name} it was decided {was}, and then {is_now}"
            if key.kind is Kind.HOLD and after.get("status") in ("held", "confirmed"):
                self._lived[text(after, "holder")].add(base_id(key.id))
                if after.get("status") == "confirmed":
                    self._sold.add(text(after, "holder"))

    def _judge_done(self, at: Partition, after: Row) -> Iterator[str]:
        outcome = text(after, "outcome")
        if after.get("status") == DONE and self._done.setdefault(at, outcome) != outcome:
            yield f"O1 {at.name} was done with {self._done[at]}, and then with {outcome}"

    def judge(self, events: Sequence[Told], rows: AllRows) -> Iterator[str]:
        """What is wrong at the end, when everything was told."""
        failed = yield from _failures(rows)
        orders: defaultdict[str, list[Told]] = defaultdict(list)
        for event in events:
            orders[event.order].append(event)
            if len(set(event.outcomes)) != 1:
                yield f"O1 {event.id}, {event.kind} of {event.order}, came to {event.outcomes}"
            if TOLD in event.outcomes and event.id not in failed:
                yield f"O3 {event.id}, {event.kind} of {event.order}, was not done, and nobody was told"
        statuses = _statuses(rows)
        for order, some in orders.items():
            yield from self._judge_order(order, some, statuses[order], failed)

    def _judge_order(
        self, order: str, events: Sequence[Told], statuses: set[str], failed: Mapping[str, tuple[str, str]]
    ) -> Iterator[str]:
        kinds = {event.kind for event in events}
        created = sum(event.kind == CREATED for event in events)
        lived, was_told = len(self._lived[order]), any(event.id in failed for event in events)
        if lived > created:
            yield f"O2 {order} was told of {created} times, and reserved {lived} times"
        if CANCELLED in kinds and statuses & {"held", "confirmed"}:
            yield f"O4 {order} was cancelled, and has {statuses}"
        if PAID not in kinds and order in self._sold:
            yield f"O4 {order} was never paid for, and was committed"
        if kinds == {CREATED, PAID} and "confirmed" not in statuses and not was_told:
            yield f"O4 {order} is paid for, has {statuses}, and nobody was told"
        if kinds == {CREATED} and not lived and not was_told:
            yield f"O4 {order} was never reserved, and nobody was told"


def _failures(rows: AllRows) -> Generator[str, None, dict[str, tuple[str, str]]]:
    """What is wrong with what was told as not done; returns by what caused it the step and the reason."""
    found: dict[str, tuple[str, str]] = {}
    for row in (row for each in rows.values() for key, row in each.items() if key.kind is Kind.EVENT):
        if row.get("type") == "inventory.reservation_failed":
            said = json.loads(text(row, "data"))
            told = (said["step"], said["reason"])
            if found.setdefault(said["causedBy"], told) != told:
                yield f"O3 {said['causedBy']} was told to have failed by {found[said['causedBy']]}, and by {told}"
    return found


def _statuses(rows: AllRows) -> Mapping[str, set[str]]:
    """What became of the reservations of each order."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in (row for each in rows.values() for key, row in each.items() if key.kind is Kind.HOLD):
        found[text(row, "holder")].add(text(row, "status"))
    return found

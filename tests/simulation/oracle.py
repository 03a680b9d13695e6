"""Judges every applied batch, and in the end every answer, by what the service promises."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from travio_inventory.domain.hold import base_id, parse_hold_id
from travio_inventory.store.batches import Kind, Partition, Row, RowKey, Table

LIVE = ("held", "confirmed")
LEGAL = {
    (None, "held"), (None, "confirmed"), (None, "aborted"), ("held", "held"), ("held", "confirmed"),
    ("held", "released"), ("held", "expired"), ("confirmed", "cancelled"),
}  # fmt: skip
EVENTS = {
    "held": "hold.created", "confirmed": "seats.purchased", "released": "hold.released",
    "expired": "hold.expired", "cancelled": "booking.cancelled",
}  # fmt: skip

Change = tuple[RowKey, Row, Row]


class Violated(AssertionError):
    """A promise does not hold."""


@dataclass(slots=True)
class Call:
    """One call as its caller saw it: `answer` is ok, no, ended (the hold was, and is over), again or unknown."""

    op: str
    subject: Any
    invoked: float
    returned: float = 1e12
    answer: str = "unknown"
    result: Any = None


@dataclass(slots=True)
class Oracle:
    """Follows the store. `skew_ms` is how far clocks are apart: no hold may expire earlier than that."""

    skew_ms: int
    holds_max: int
    rows: dict[Partition, dict[RowKey, Row]] = field(default_factory=lambda: defaultdict(dict))
    calls: list[Call] = field(default_factory=list)
    steps: list[tuple[int, str, str | None, str, Row]] = field(default_factory=list)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    held_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    now_ms: int = 0

    def applied(self, partition: Partition, changes: Sequence[Change]) -> None:
        """One batch took effect: judge the state it leaves."""
        for key, _, after in changes:
            self.rows[partition][key] = after
        if partition.table is not Table.BLOCKS:
            return
        due: Counter[tuple[str, str]] = Counter()
        told: Counter[tuple[str, str]] = Counter()
        for key, before, after in changes:
            if key.kind is Kind.HOLD:
                self._hold_changed(partition, key.id, before, after, due)
            elif key.kind is Kind.CELL:
                self._cell_changed(partition, key, before, after)
            elif key.kind is Kind.EVENT:
                told[(str(after["hold"]), str(after["event"]))] += 1
        if due != told:
            raise Violated(f"I8 events differ from steps: {due} {told}")

    def row(self, hold_id: str, organization: str = "o") -> Row:
        """The hold's own row, empty where there is none."""
        parsed = parse_hold_id(hold_id)
        partition = Partition(Table.BLOCKS, organization, parsed.trip, parsed.home)
        return self.rows[partition].get(RowKey(Kind.HOLD, hold_id), {})

    def _hold_changed(
        self, partition: Partition, hold_id: str, before: Row, after: Row, due: Counter[tuple[str, str]]
    ) -> None:
        was, status = before.get("status"), str(after["status"])
        self.steps.append((self.now_ms, hold_id, None if was is None else str(was), status, after))
        if (was, status) not in LEGAL:
            raise Violated(f"I4 {hold_id} went from {was} to {status}")
        if was != status and status in EVENTS:
            due[(hold_id, EVENTS[status])] += 1
        elif was == status == "held":
            due[(hold_id, "hold.extended")] += 1
        if status == "expired" and self.now_ms < int(before["expires_at"] or 0) - self.skew_ms:
            raise Violated(f"I10 {hold_id} expired early at {self.now_ms}: {before['expires_at']}")
        if status in LIVE:
            self._owns_its_cells(partition, hold_id, after)
        self._count(hold_id, status, after)

    def _owns_its_cells(self, partition: Partition, hold_id: str, row: Row) -> None:
        for place in str(row["seats"]).split("\n"):
            block, seat = place.split(" ")
            rows = self.rows[partition._replace(number=int(block))]
            for segment in range(int(row["first_segment"] or 0), int(row["last_segment"] or 0) + 1):
                owner = rows.get(RowKey(Kind.CELL, seat, segment), {}).get("owner")
                if owner != hold_id:
                    raise Violated(f"I1/I2 {hold_id} is {row['status']} without {seat}/{segment}, owner {owner}")

    def _cell_changed(self, partition: Partition, key: RowKey, before: Row, after: Row) -> None:
        owner = before.get("owner")
        if owner is not None and owner != after.get("owner") and self.row(str(owner)).get("status") in LIVE:
            raise Violated(f"I1 {key.id}/{key.segment} taken from live {owner}: {after}")

    def _count(self, hold_id: str, status: str, row: Row) -> None:
        if not self.holds_max or not row.get("holder"):
            return
        live = self.held_by[str(row["holder"])]
        (live.add if status == "held" else live.discard)(hold_id)
        if len(live) > self.holds_max:
            raise Violated(f"I9 {row['holder']} has {len(live)} holds")

    # ---- the history, once all is over

    def judge_history(self) -> None:
        """No answer may be at odds with what took effect."""
        invoked: dict[tuple[str, Any], float] = defaultdict(lambda: 1e12)
        for call in self.calls:
            name = (call.op, call.subject)
            invoked[name] = min(invoked[name], call.invoked)
        booked: dict[str, list[tuple[int, str]]] = defaultdict(list)
        held: dict[str, list[str]] = defaultdict(list)
        for at_ms, hold_id, was, status, row in self.steps:
            base = base_id(hold_id)
            if status == "held" and was is None and row.get("holder"):
                held[str(row["claimant"])].append(hold_id)
            if status == "confirmed" and was != "confirmed":
                booked[base].append((at_ms, str(row["order_id"])))
            if status == "released" and row.get("holder") and invoked["release", base] * 1_000 > at_ms:
                raise Violated(f"I4 {hold_id} released unasked")
            if status == "cancelled" and invoked["cancel", base] * 1_000 > at_ms:
                raise Violated(f"I4 {hold_id} cancelled unasked")
        for base, bookings in booked.items():
            if len(bookings) > 1:
                raise Violated(f"I4 {base} was booked twice: {bookings}")
        self._judge_holds(held)
        for call in self.calls:
            self._judge_step(call, booked)

    def _judge_holds(self, held: dict[str, list[str]]) -> None:
        by_claimant: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            if call.op == "hold" and call.subject:
                by_claimant[call.subject].append(call)
        for claimant, calls in by_claimant.items():
            ids = {call.result for call in calls if call.answer == "ok"}
            came_to_be = set(held[claimant])
            if len(came_to_be) > 1:
                raise Violated(f"I6 two effects of one key: {came_to_be}")
            if ids - came_to_be:
                raise Violated(f"I3 told of {ids}, but held were {came_to_be}")
            noes = [call for call in calls if call.answer == "no"]
            if noes and came_to_be:
                raise Violated(f"I5 refused for good, yet held: {noes[0]} {came_to_be}")

    def _judge_step(self, call: Call, booked: dict[str, list[tuple[int, str]]]) -> None:
        if call.op == "hold":
            return
        row, late = self.row(call.subject), self.row(f"{call.subject}~late")
        statuses = {row.get("status"), late.get("status")}
        if call.op == "confirm":
            order = call.result
            orders = [booked_order for _, booked_order in booked[call.subject]]
            if call.answer == "ok" and order not in orders:
                raise Violated(f"I3 confirmed, never booked: {call} {orders}")
            if call.answer == "no" and order in orders and "cancelled" not in statuses:
                raise Violated(f"I5 confirm refused, yet booked: {call} {orders}")
            if call.answer == "ok" and not statuses & {"confirmed", "cancelled"}:
                raise Violated(f"I3 booking lost: {call} {statuses}")
        if call.op == "release" and call.answer == "ok" and row.get("status") != "released":
            raise Violated(f"I3 release acknowledged, hold is {row.get('status')}")
        if call.op == "cancel" and call.answer == "ok" and "cancelled" not in statuses:
            raise Violated(f"I3 cancel acknowledged, booking is {statuses}")
        if call.op == "cancel" and call.answer == "no" and "confirmed" in statuses:
            first = min(at_ms for at_ms, _ in booked[call.subject])
            if first < call.invoked * 1_000:
                raise Violated(f"I5 cancel refused though booked: {call}")

"""Judges units as each batch is applied, and every answer afterwards: no unit is reserved twice, and none is lost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey
from travio_inventory.protocol.hold import base_id
from travio_inventory.protocol.refusals import HoldExpired
from travio_inventory.store.memory import Change
from verification.simulation.units import COUNTER, HAS_UNITS, LINES, NotEnough, UnitRequest, read_units

LIVE = ("held", "confirmed")
_BECOMES = {
    "hold": LIVE,
    "extend": ("held",),
    "confirm": ("confirmed",),
    "release": ("released",),
    "cancel": ("cancelled",),
    "confirm some": ("confirmed",),
    "release some": ("held", "released"),
    "cancel some": ("confirmed", "cancelled"),
}
NEXT = {
    None: {"held", "confirmed", "aborted"},
    "held": {"held", "confirmed", "released", "expired"},
    "confirmed": {"confirmed", "cancelled"},
}


@dataclass(slots=True)
class Asked:
    """A call and its result: an answer, a refusal's name, or nothing ("unknown")."""

    what: str
    began_s: float
    request: UnitRequest
    hold_id: str = ""
    ended_s: float = 0.0
    answer: str = "unknown"


class UnitsOracle:
    """Sees all rows, knows the number of units, and notes what was true when."""

    def __init__(self, units: int) -> None:
        self._units = units
        self.rows: defaultdict[Partition, dict[RowKey, Row]] = defaultdict(dict)
        self.statuses: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self._had: defaultdict[str, list[tuple[float, tuple[tuple[int, int], ...]]]] = defaultdict(list)
        self._holds: dict[str, Row] = {}
        self._free: defaultdict[int, list[tuple[float, int]]] = defaultdict(lambda: [(0.0, units)])
        self._began_s: defaultdict[str, float] = defaultdict(lambda: inf)
        """When each key was first used."""
        self.violations: list[str] = []

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """A batch was applied."""
        rows = self.rows[partition]
        rows.update((key, after) for key, _, after in changes)
        if COUNTER in rows:
            self._judge_counter(now_s, partition.number, rows)
        for key, before, after in changes:
            if key.kind is Kind.HOLD and before != after:
                self._judge_step(now_s, key.id, before, after)

    def _judge_counter(self, now_s: float, number: int, rows: dict[RowKey, Row]) -> None:
        """Units are conserved, even if batches are sent twice, late or by a process that died."""
        lines = [row for key, row in rows.items() if key.kind is LINES and row["status"] in HAS_UNITS]
        reserved, committed = (
            sum(int(line["quantity"] or 0) for line in lines if line["status"] == status) for status in HAS_UNITS
        )
        available, said = (int(rows[COUNTER].get(name) or 0) for name in ("available", "reserved"))
        if available < 0:
            self._broken(now_s, f"U1 {available} units of {number} are available")
        if said != reserved:
            self._broken(now_s, f"U2 {said} units of {number} are said to be reserved, lines have {reserved}")
        if available + reserved + committed != self._units:
            self._broken(now_s, f"U2 {number}: {available} + {reserved} + {committed} are not {self._units} units")

    def _judge_step(self, now_s: float, hold_id: str, before: Row, after: Row) -> None:
        was, status = before.get("status"), str(after["status"])
        if status not in NEXT.get(None if was is None else str(was), set()):
            self._broken(now_s, f"I4 {hold_id} goes from {was} to {status}")
        self._holds[hold_id] = after
        self.statuses[hold_id].append((now_s, status))
        self._had[hold_id].append((now_s, read_units(after) if status in LIVE else ()))
        if status in LIVE:
            self._judge_whole(now_s, hold_id, after)
        self._note_free(now_s)

    def _judge_whole(self, now_s: float, hold_id: str, hold: Row) -> None:
        """A hold that exists has all its units, in every partition."""
        for number, count in read_units(hold):
            line = self._line(number, hold_id)
            if line.get("status") not in HAS_UNITS or line.get("quantity") != count:
                self._broken(now_s, f"I2 {hold_id} is {hold['status']} without its {count} units of {number}: {line}")

    def _note_free(self, now_s: float) -> None:
        """The number of free units, by the rows that decide; never below zero."""
        had: defaultdict[int, int] = defaultdict(int)
        for hold in self._holds.values():
            if hold["status"] in LIVE:
                for number, count in read_units(hold):
                    had[number] += count
        for number in {*self._free, *had}:
            if had[number] > self._units:
                self._broken(now_s, f"I1 {had[number]} units of {number} are had, of {self._units}")
            self._free[number].append((now_s, self._units - had[number]))

    def _line(self, number: int, hold_id: str) -> Row:
        rows = next(
            (rows for partition, rows in self.rows.items() if partition.number == number and COUNTER in rows), {}
        )
        return rows.get(RowKey(LINES, hold_id), {})

    def _broken(self, now_s: float, said: str) -> None:
        self.violations.append(f"{said} (at {now_s:.2f})")

    # ---- answers

    def judge(self, calls: Sequence[Asked]) -> None:
        """An answer is true and stays true; the same key has the same answer."""
        ids: dict[str, set[str]] = defaultdict(set)
        for call in calls:
            self._began_s[call.request.claimant] = min(call.began_s, self._began_s[call.request.claimant])
        for call in calls:
            if call.answer == "ok":
                self._was(call, _BECOMES[call.what])
            if call.answer == "ok" and call.what.endswith("some"):
                self._judge_some(call)
            if call.answer == "ok" and call.what == "hold":
                ids[call.request.claimant].add(base_id(call.hold_id))
            if call.answer == NotEnough.__name__:
                self._judge_no(call)
            if call.answer == HoldExpired.__name__ and call.what == "confirm":
                self._judge_expired(call)
        for claimant, held in ids.items():
            if len(held) > 1:
                self._broken(0.0, f"I6 {claimant} has {sorted(held)}")

    def _was(self, call: Asked, statuses: Sequence[str]) -> None:
        """Whether it reached that state before the call was answered."""
        known = self.statuses[call.hold_id]
        if not any(status in statuses and at_s <= call.ended_s for at_s, status in known):
            self._broken(call.ended_s, f"I3 {call.what} was answered ok, {call.hold_id} is {known}")

    def _judge_some(self, call: Asked) -> None:
        """It has given up the part that it was to give back, or has no other than the one that was to be booked."""
        (part,), is_booking = call.request.some, call.what == "confirm some"
        parts = [
            {str(number) for number, _ in units} for at_s, units in self._had[call.hold_id] if at_s <= call.ended_s
        ]
        if not any(had <= {part} if is_booking else part not in had for had in parts):
            self._broken(call.ended_s, f"I3 {call.what} was answered ok, {call.hold_id} had {parts}")

    def _judge_no(self, call: Asked) -> None:
        """There were too few units at some moment since the key was first used, and the requested hold never exists."""
        began_s = self._began_s[call.request.claimant]
        if not any(self._least_free(number, began_s, call.ended_s) < count for number, count in call.request.units):
            self._broken(call.ended_s, f"I5 not enough for {call.request.units}, and there were enough all the time")
        born = [hold_id for hold_id, row in self._holds.items() if row.get("claimant") == call.request.claimant]
        if any(status in LIVE for hold_id in born for _, status in self.statuses[hold_id]):
            self._broken(call.ended_s, f"I5 not enough for {call.request.claimant}, and it came to be")

    def _least_free(self, number: int, began_s: float, ended_s: float) -> int:
        noted = self._free[number]
        at_first = [free for at_s, free in noted if at_s <= began_s][-1]
        return min([at_first, *(free for at_s, free in noted if began_s <= at_s <= ended_s)])

    def _judge_expired(self, call: Asked) -> None:
        for hold_id in (base_id(call.hold_id), f"{base_id(call.hold_id)}~late"):
            if any(status == "confirmed" for _, status in self.statuses[hold_id]):
                self._broken(call.ended_s, f"I5 {hold_id} was said to be expired, and is booked")

    def judge_leftovers(self) -> None:
        """After a night with sweepers no units are kept for ended holds."""
        for partition, rows in self.rows.items():
            for key, row in rows.items():
                hold = self._holds.get(key.id, {})
                if key.kind is LINES and row["status"] in HAS_UNITS and not _has(hold, partition.number):
                    self._broken(0.0, f"L2 {key.id} has units of {partition.number}, and is {hold.get('status')}")
                if key.kind is LINES and row["status"] == "reserved" and hold.get("status") == "confirmed":
                    self._broken(0.0, f"L2 {key.id} is booked, and its line in {partition.number} reserved")


def _has(hold: Row, number: int) -> bool:
    """Whether the hold is a booking with units of that partition."""
    return hold.get("status") == "confirmed" and number in dict(read_units(hold))

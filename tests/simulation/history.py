"""What the callers were told, judged in the end by what took effect."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from tests.simulation.oracle import Oracle, Span, Step, Violated, seconds_of
from travio_inventory.domain.hold import base_id, late_id
from travio_inventory.engine.ports import Cell

CAUSES = {
    "hold": (None, "held"),
    "block": (None, "held"),
    "extend": ("held", "held"),
    "release": ("held", "released"),
    "unblock": ("held", "released"),
    "cancel": ("confirmed", "cancelled"),
}
"""What a call that changes a hold does to its row; a confirm leads to confirmed from wherever it was."""


class Answer(StrEnum):
    """What a caller was told."""

    OK = "ok"
    NO = "no"
    """Refused for good."""
    ENDED = "ended"
    """The key's hold came to be and is over."""
    REUSED = "reused"
    """The key belongs to another request."""
    AGAIN = "again"
    """Nothing was done."""
    UNKNOWN = "unknown"


@dataclass(slots=True, eq=False)
class Call:
    """One call as its caller saw it; times in seconds since the run began."""

    number: int
    op: str
    subject: str
    """The claimant of a hold with a key, "" for one without; else the hold's id, or the seat of a block."""
    invoked_s: float
    cells: tuple[Cell, ...] = ()
    order: str = ""
    until_ms: int = 0
    returned_s: float = inf
    answer: Answer = Answer.UNKNOWN
    told: str = ""
    """The hold's id where the answer is ok, else the reason."""
    status: str = ""
    """Of the hold that was told of."""

    @property
    def has_key(self) -> bool:
        """Whether it asks for a hold under an idempotency key."""
        return self.op == "hold" and bool(self.subject)

    def __str__(self) -> str:
        asked = self.order or " ".join(f"{seat}/{segment}" for seat, segment in self.cells)
        window = f"{self.invoked_s:.2f}-{self.returned_s:.2f}"
        return f"#{self.number} {window} {self.op} {self.subject} {asked}: {self.answer} {self.told} {self.status}"


ASKING: ContextVar[Call | None] = ContextVar("ASKING", default=None)
"""On behalf of which call something is done: inherited by every task, timer and late batch."""


@dataclass(slots=True)
class History:
    """All calls of a run. `judge` raises Violated where an answer is at odds with what the oracle saw."""

    oracle: Oracle[Call]
    calls: list[Call] = field(default_factory=list)
    _bookings: dict[str, list[Step[Call]]] = field(default_factory=lambda: defaultdict(list))
    _held: dict[str, list[Step[Call]]] = field(default_factory=lambda: defaultdict(list))
    _invoked: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(lambda: inf))

    def judge(self) -> None:
        """Judge all calls."""
        self._sort()
        self._judge_bookings()
        self._judge_late_effects()
        self._judge_keys()
        self._judge_acknowledged()
        for call in self.calls:
            match call.op:
                case "hold" | "block":
                    self._judge_taken(call)
                case "confirm":
                    self._judge_confirm(call)
                case "cancel":
                    self._judge_cancel(call)
                case "release":
                    self._judge_release(call)
                case "extend":
                    self._judge_extend(call)
                case "find":
                    self._judge_find(call)
                case _:
                    pass

    def _sort(self) -> None:
        for call in self.calls:
            name = (call.op, call.subject)
            self._invoked[name] = min(self._invoked[name], call.invoked_s)
        for step in self.oracle.steps:
            if step.status == "confirmed":
                self._bookings[base_id(step.hold_id)].append(step)
            if step.status == "held" and step.was is None and step.row.get("holder"):
                self._held[str(step.row["claimant"])].append(step)

    def _judge_bookings(self) -> None:
        """A hold is booked at most once; nobody releases or cancels what nobody asked for (I4)."""
        for base, bookings in self._bookings.items():
            if len(bookings) > 1:
                raise Violated(f"I4 {base} was booked twice: {bookings}")
        for step in self.oracle.steps:
            base = base_id(step.hold_id)
            if step.status == "released" and step.row.get("holder") and self._invoked["release", base] > step.at_s:
                raise Violated(f"I4 {step.hold_id} released unasked")
            if step.status == "cancelled" and self._invoked["cancel", base] > step.at_s:
                raise Violated(f"I4 {step.hold_id} cancelled unasked")

    def _judge_late_effects(self) -> None:
        """Nothing that a call sent takes effect after its definite no; what had no key, not before it either (I5).
        A key reused for another request changes nothing (I6).
        """
        for step in self.oracle.steps:
            call = step.call
            if call is None or call.answer in (Answer.OK, Answer.UNKNOWN):
                continue
            if not _is_effect(call, step):
                continue
            was_promised_none = call.answer is Answer.REUSED or (
                call.op in ("hold", "block") and not call.has_key and call.answer is not Answer.ENDED
            )
            if was_promised_none or step.at_s > call.returned_s:
                raise Violated(f"I5 {call}, yet {step}")

    def _judge_keys(self) -> None:
        """One key, one effect, equal answers (I6); no effect where it was refused for good (I5)."""
        by_claimant: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            if call.has_key:
                by_claimant[call.subject].append(call)
        for claimant, calls in by_claimant.items():
            came_to_be = {step.hold_id for step in self._held[claimant]}
            if len(came_to_be) > 1:
                raise Violated(f"I6 two effects of one key: {came_to_be}")
            accepted = [call for call in calls if call.answer in (Answer.OK, Answer.ENDED)]
            if len({call.cells for call in accepted}) > 1:
                raise Violated(f"I6 two requests accepted under one key: {_listed(accepted)}")
            if strange := [call for call in accepted if call.answer is Answer.OK and call.told not in came_to_be]:
                raise Violated(f"I3 told of what never was: {strange[0]}, held were {came_to_be}")
            noes = [call for call in calls if call.answer is Answer.NO]
            if noes and any(_cells_of(step) == noes[0].cells for step in self._held[claimant]):
                raise Violated(f"I5 refused for good, yet held: {noes[0]} {came_to_be}")

    def _judge_taken(self, call: Call) -> None:
        """Who was refused as taken asked for something that somebody had since the key was first used (I5)."""
        if call.answer is not Answer.NO:
            return
        first_s = call.invoked_s
        if call.has_key:
            alike = (other for other in self.calls if other.subject == call.subject and other.cells == call.cells)
            first_s = min(other.invoked_s for other in alike)
        for span in self._spans(call.cells):
            if span.from_s <= call.returned_s and span.to_s >= first_s:
                return
        raise Violated(f"I5 refused as taken though nobody had it since {first_s:.2f}: {call}")

    def _judge_confirm(self, call: Call) -> None:
        bookings = [step for step in self._bookings[call.subject] if step.row.get("order_id") == call.order]
        statuses = self._statuses(call.subject)
        if call.answer is Answer.OK and not bookings:
            raise Violated(f"I3 confirmed, never booked: {call}")
        if call.answer is Answer.OK and not statuses & {"confirmed", "cancelled"}:
            raise Violated(f"I3 booking lost: {call} {statuses}")
        if call.answer is Answer.NO and bookings and "cancelled" not in statuses:
            raise Violated(f"I5 confirm refused, yet booked: {call} {bookings}")

    def _judge_cancel(self, call: Call) -> None:
        statuses = self._statuses(call.subject)
        if call.answer is Answer.OK and "cancelled" not in statuses:
            raise Violated(f"I3 cancel acknowledged, booking is {statuses}: {call}")
        first_s = min((step.at_s for step in self._bookings[call.subject]), default=inf)
        if call.answer is Answer.NO and "confirmed" in statuses and first_s < call.invoked_s:
            raise Violated(f"I5 cancel refused though booked: {call}")

    def _judge_release(self, call: Call) -> None:
        status = self.oracle.row(call.subject).get("status")
        if call.answer is Answer.OK and status != "released":
            raise Violated(f"I3 release acknowledged, hold is {status}: {call}")

    def _judge_extend(self, call: Call) -> None:
        if call.answer is Answer.OK and not any(
            step.status == "held" and int(step.row.get("expires_at") or 0) >= call.until_ms
            for step in self.oracle.timelines[call.subject]
            if step.at_s <= call.returned_s
        ):
            raise Violated(f"I3 extension acknowledged, never made: {call}")

    def _judge_find(self, call: Call) -> None:
        """What was read stood at some moment of the reading (I7)."""
        if call.answer is not Answer.OK:
            return
        timeline = self.oracle.timelines[call.told]
        until = [step.at_s for step in timeline[1:]] + [inf]
        for step, to_s in zip(timeline, until, strict=True):
            if step.status == call.status and step.at_s <= call.returned_s and to_s >= call.invoked_s:
                return
        raise Violated(f"I7 read what did not stand: {call} {timeline}")

    def _judge_acknowledged(self) -> None:
        """No two acknowledged owners of a cell at any moment (I1), by what the callers know alone."""
        by_cell: dict[Cell, list[tuple[float, float, str]]] = defaultdict(list)
        for hold_id, from_s, to_s in self._acknowledged():
            if from_s < to_s:
                for cell in _cells_of(self.oracle.timelines[hold_id][0]):
                    by_cell[cell].append((from_s, to_s, base_id(hold_id)))
        for cell, spans in by_cell.items():
            owner, owned_to_s = "", 0.0
            for from_s, to_s, hold_id in sorted(spans):
                if hold_id != owner and from_s < owned_to_s:
                    raise Violated(f"I1 {cell} acknowledged to {owner} and, at {from_s:.2f}, to {hold_id}")
                if to_s > owned_to_s:
                    owner, owned_to_s = hold_id, to_s

    def _acknowledged(self) -> Iterator[tuple[str, float, float]]:
        """From when to when the callers know that they have what."""
        for call in self.calls:
            if call.answer is not Answer.OK or call.op not in ("hold", "confirm", "extend"):
                continue
            base = base_id(call.told)
            to_s = self._invoked["cancel", base]
            if call.status == "held":
                lapses_s = seconds_of(call.until_ms - self.oracle.skew_ms)
                to_s = min(to_s, self._invoked["release", base], lapses_s)
            yield call.told, call.returned_s, to_s

    def _spans(self, cells: Iterable[Cell]) -> Iterator[Span]:
        for cell in cells:
            yield from self.oracle.spans[cell]

    def _statuses(self, hold_id: str) -> set[object]:
        return {self.oracle.row(hold_id).get("status"), self.oracle.row(late_id(hold_id)).get("status")}


def _is_effect(call: Call, step: Step[Call]) -> bool:
    """Whether the step is what the call asked for, not what it did to others on the way."""
    if call.op == "confirm":
        return step.status == "confirmed"
    if CAUSES.get(call.op) != (step.was, step.status):
        return False
    return call.op in ("hold", "block", "unblock") or base_id(step.hold_id) == call.subject


def _cells_of(step: Step[Call]) -> tuple[Cell, ...]:
    return tuple(cell for _, cell in step.places)


def _listed(calls: Iterable[Call]) -> str:
    return "; ".join(map(str, calls))

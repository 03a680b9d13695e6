"""Judges answers by what took effect, and when, which only an observer of the store can know."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.history import CANCEL_TRIP, Call, CallOutcome
from verification.simulation.oracle import LIVE, Oracle, Span, Step, Violated, seconds_of
from verification.simulation.possible_answers import NEVER_HAD

CLOCK_BOUND_MS = Rules().clock_bound_ms
TAKEN_S_MAX = 2.0
"""The maximum age of what the edge says about a seat."""
CAUSES = {
    "hold": (None, "held"),
    "block": (None, "held"),
    "extend": ("held", "held"),
    "release": ("held", "released"),
    "unblock": ("held", "released"),
    "cancel": ("confirmed", "cancelled"),
}
"""What a call that changes a hold does to its row; a confirm leads to confirmed from any status."""


SAYS_IT_WAS_DONE = {"confirm": "BOOKING_CANCELLED"}
"""The refusal of a step that says that it was done, and undone since."""
SAYS_NOTHING_OF_KEYS = ("SALES_CLOSED", "DEPARTED", "INVALID_SEATS")
"""Refusals of a hold that say nothing of its key, unless this has a hold."""


ASKING: ContextVar[Call | None] = ContextVar("ASKING", default=None)
"""The call on whose behalf something is done: inherited by every task, timer and late batch."""


TOLD_S_MAX = 1.0
"""How long after a step on a good day its maps are invalidated, whether its caller waited or not."""
STALE_S_MAX = 2.0 + 3.0
"""The maximum age of a map: the cache's bound, and the time to read a seat group."""


@dataclass
class Hindsight:
    """`judge` raises Violated if an answer contradicts what the oracle saw."""

    oracle: Oracle[Call]
    calls: Sequence[Call]
    honest_edge: bool = False
    """Whether every message to the edge arrives, so that no map is older than what was acknowledged."""
    good_day: bool = False
    """Whether no batch failed and no process died; only callers may have left."""
    _invoked: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(lambda: inf))

    def judge(self) -> None:
        """Judge all calls."""
        for call in self.calls:
            name = (call.op, call.subject)
            self._invoked[name] = min(self._invoked[name], call.invoked_s)
        self._judge_unasked()
        self._judge_late_effects()
        self._judge_blocking()
        if self.good_day:
            self._judge_leavings()
            self._judge_unknown()
        self._judge_parts()
        self._judge_moves()
        self._judge_repeats()
        for call in self.calls:
            match call.op:
                case "hold" | "move" if call.answer is CallOutcome.SEEN:
                    self._judge_seen(call)
                case "hold" | "block":
                    self._judge_taken(call)
                case "extend":
                    self._judge_extend(call)
                case "find":
                    self._judge_find(call)
                case "unblock":
                    self._judge_unblock(call)
                case "map":
                    self._judge_map(call)
                case _:
                    pass

    def _judge_unasked(self) -> None:
        """No hold is released or cancelled that nobody had asked to end by then (I4)."""
        trip_ends_s = self._invoked[CANCEL_TRIP, ""]
        for step in self.oracle.steps:
            base = base_id(step.hold_id)
            released_s = min(self._invoked["release", base], trip_ends_s)
            if step.status == "released" and step.row.get("holder") and released_s > step.at_s:
                raise Violated(f"I4 {step.hold_id} released unasked")
            if step.status == "cancelled" and min(self._invoked["cancel", base], trip_ends_s) > step.at_s:
                raise Violated(f"I4 {step.hold_id} cancelled unasked")

    def _judge_late_effects(self) -> None:
        """Nothing that a call sent takes effect after its final refusal; without a key, not before it either, nor if it
        is a step on a hold (I5). A key reused for another request changes nothing (I6).
        """
        for step in self.oracle.steps:
            call = step.call
            if call is None or call.answer in (CallOutcome.OK, CallOutcome.UNKNOWN):
                continue
            if not _is_effect(call, step):
                continue
            was_promised_none = call.answer in (CallOutcome.REUSED, CallOutcome.SEEN) or (
                call.op != "unblock" and not call.has_key and call.answer is not CallOutcome.ENDED
            )
            was_promised_none = was_promised_none and call.told != SAYS_IT_WAS_DONE.get(call.op)
            if was_promised_none or step.at_s > call.returned_s:
                raise Violated(f"I5 {call}, yet {step}")

    def _judge_unknown(self) -> None:
        """If every batch was answered, no caller is told that the outcome is unknown (I5)."""
        for call in self.calls:
            if call.told == OutcomeUnknown.reason:
                raise Violated(f"I5 told to be unknown on a day on which every batch was answered: {call}")

    def _judge_leavings(self) -> None:
        """A refused attempt has returned its intents in other seat groups (L2): nobody meets them any more."""
        kept: dict[tuple[int, RowKey], Call] = {}
        for landed in self.oracle.landed:
            for key, _, after in landed.changes:
                if key.kind is Kind.CELL:
                    self._judge_leaving(kept.pop((landed.partition.number, key), None), landed.at_s)
                    owner, call = str(after.get("owner") or ""), landed.call
                    if call is not None and owner and read_title(owner).hold_id not in self.oracle.timelines:
                        kept[landed.partition.number, key] = call
        for call in kept.values():
            self._judge_leaving(call, inf)

    def _judge_leaving(self, call: Call | None, left_s: float) -> None:
        if call is not None and call.answer in (CallOutcome.NO, CallOutcome.AGAIN) and left_s > call.returned_s:
            raise Violated(f"L2 told no, and kept something until {left_s:.2f}: {call}")

    def _judge_taken(self, call: Call) -> None:
        """A caller who was refused a taken seat asked for something that somebody had since the key was first used
        (I5).
        """
        if call.answer is not CallOutcome.NO:
            return
        first_s = call.invoked_s
        if call.has_key:
            alike = (other for other in self.calls if other.subject == call.subject and other.cells == call.cells)
            first_s = min(other.invoked_s for other in alike)
        for span in self._spans(call.cells):
            if any(from_s <= call.returned_s and to_s >= first_s for from_s, to_s in self._windows(span)):
                return
        raise Violated(f"I5 refused as taken though nobody had it since {first_s:.2f}: {call}")

    def _judge_blocking(self) -> None:
        """A call that blocks seats blocks them all at one moment, even if its answer is lost (I2). If seats are
        reported as blocked, each of them was blocked (I3).
        """
        began: dict[Call, set[float]] = defaultdict(set)
        for step in self.oracle.steps:
            if step.call is not None and step.call.op == "block" and _is_effect(step.call, step):
                began[step.call].add(step.at_s)
        for call, moments in began.items():
            if len(moments) > 1:
                raise Violated(f"I2 seats blocked by one call at {sorted(moments)}: {call}")
        for call in self.calls:
            if call.op == "block" and (call.answer is CallOutcome.OK or call in began):
                until_s = max([*began[call], call.returned_s if call.answer is CallOutcome.OK else 0.0])
                for cell in call.cells:
                    if not any(span.from_s <= until_s and span.to_s >= call.invoked_s for span in self._groups(cell)):
                        raise Violated(f"I2 I3 {cell} is not blocked, though others are or it was told: {call}")

    def _judge_unblock(self, call: Call) -> None:
        """A seat that is reported as unblocked by this call was blocked; else it never was (I3)."""
        if call.answer is not CallOutcome.OK:
            return
        ended = any(call.invoked_s <= span.to_s <= call.returned_s for span in self._groups(call.cells[0]))
        if call.status == "was blocked" and not ended:
            raise Violated(f"I3 unblocked, and was not blocked: {call} {self.oracle.spans[call.cells[0]]}")
        for span in self._groups(call.cells[0]):
            if call.status == "not blocked" and span.from_s < call.invoked_s and span.to_s > call.returned_s:
                raise Violated(f"I3 said not to be blocked, and is: {call} {span}")

    def _groups(self, cell: Cell) -> Iterator[Span]:
        """The spans in which the house had the cell."""
        timelines = self.oracle.timelines
        return (span for span in self.oracle.spans[cell] if not timelines[span.hold_id][0].row.get("holder"))

    def _judge_seen(self, call: Call) -> None:
        """What the edge said of a seat was true at some moment since the deciding batch was sent, at most the bound ago
        (I5), and since the last known step (I7). A key's own hold is never reported as another's (I6).
        """
        if call.seen and call.as_of_s + TAKEN_S_MAX < call.invoked_s:
            raise Violated(f"I5 the edge said what is too old, of {call.as_of_s:.2f}: {call}")
        skew_s = self.oracle.skew_ms / 1_000
        for cell, status, hold_id in call.seen:
            from_s = max(min(call.as_of_s - skew_s, call.returned_s), self._acknowledged_s(call, cell))
            if not self._was(hold_id, status, from_s, call.returned_s):
                raise Violated(f"I5 {cell} was not {status} by {hold_id} from {from_s:.2f} on: {call}")
            if call.has_key and self.oracle.row(hold_id).get("claimant") == call.subject:
                raise Violated(f"I6 a key is told of its own hold as of another's: {hold_id} {call}")

    def _was(self, hold_id: str, status: str, from_s: float, to_s: float) -> bool:
        """Whether the hold had what the edge calls `status` at any of these moments."""
        timeline = self.oracle.timelines.get(hold_id, [])
        ends = [*(step.at_s for step in timeline[1:]), inf]
        return any(
            step.at_s <= to_s and end_s >= from_s and _shown(step) == status
            for step, end_s in zip(timeline, ends, strict=False)
        )

    def _windows(self, span: Span) -> Iterator[tuple[float, float]]:
        """When the hold was in the way of others: not after it expired by every clock, because whoever meets it then
        ends it.
        """
        timeline = [step for step in self.oracle.timelines[span.hold_id] if step.status in LIVE]
        ends = [step.at_s for step in timeline[1:]] + [span.to_s]
        for step, next_s in zip(timeline, ends, strict=True):
            to_s = min(next_s, span.to_s)
            lapsed_s = seconds_of(int(step.row.get("expires_at_ms") or 0) + CLOCK_BOUND_MS + self.oracle.skew_ms)
            yield step.at_s, to_s if step.status == "confirmed" else min(to_s, lapsed_s)

    def _judge_extend(self, call: Call) -> None:
        if call.answer is CallOutcome.OK and not any(
            step.status == "held" and int(step.row.get("expires_at_ms") or 0) >= call.until_ms
            for step in self.oracle.timelines[call.subject]
            if step.at_s <= call.returned_s
        ):
            raise Violated(f"I3 extension acknowledged, never made: {call}")

    def _judge_parts(self) -> None:
        """A step for some of a hold's seats that was acknowledged was done: they are given up, or they alone are booked
        (I3). One that was refused for seats that the hold had not named one that it had given up, or never had (I5).
        """
        for call in (call for call in self.calls if call.parts):
            base, parts, is_booking = base_id(call.subject), set(call.parts), call.op == "confirm"
            passed = (*self.oracle.timelines.get(base, ()), *self.oracle.timelines.get(late_id(base), ()))
            known = [step for step in passed if step.at_s <= call.returned_s]
            if call.answer is CallOutcome.OK:
                if is_booking and any(step.row.get("moves") for step in known):
                    continue  # it may have been moved before it was answered
                of = [step for step in known if not is_booking or step.status == "confirmed"]
                kept = [{cell.seat for cell in step.has} for step in of]
                if not any(has <= parts if is_booking else has.isdisjoint(parts) for has in kept):
                    raise Violated(f"I3 acknowledged, and not done: {call} {known}")
            elif call.told == NEVER_HAD and all(parts <= {cell.seat for _, cell in step.places} for step in known):
                raise Violated(f"I5 refused for seats that the hold has: {call} {known}")

    def _judge_moves(self) -> None:
        """A move that was acknowledged was done: the hold had exactly the cells that it was answered (I3). One that was
        refused as taken met an owner, and what an earlier call of it had left on its way comes to nothing (I5).
        """
        for call in (call for call in self.calls if call.op == "move"):
            base = base_id(call.subject)
            passed = (*self.oracle.timelines.get(base, ()), *self.oracle.timelines.get(late_id(base), ()))
            if call.answer is CallOutcome.OK:
                if not any(step.has == {*call.cells} for step in passed if step.at_s <= call.returned_s):
                    raise Violated(f"I3 moved, and never was there: {call} {passed}")
            elif call.answer is CallOutcome.NO and call.told in ("SEAT_HELD", "SEAT_UNAVAILABLE"):
                segments = {cell.segment for step in passed for _, cell in step.places}  # its journey may have changed
                asked = {*call.cells, *(Cell(cell.seat, each) for cell in call.cells for each in segments)}
                windows = (window for span in self._spans(asked) for window in self._windows(span)
                           if base_id(span.hold_id) != base)  # fmt: skip
                if not any(from_s <= call.returned_s and to_s >= call.invoked_s for from_s, to_s in windows):
                    raise Violated(f"I5 not moved as taken, though nobody had it: {call}")
                self._judge_on_its_way(call, passed)

    def _judge_on_its_way(self, refused: Call, passed: Sequence[Step[Call]]) -> None:
        """No earlier call makes the same move of what the hold was when this one was refused for good: its batch was on
        its way by then.
        """
        began_s, asked = refused.invoked_s, {*refused.cells}
        moves = max((_moves(step.row) for step in passed if step.at_s <= began_s), default=0)
        for step in passed:
            is_earlier = step.call is not None and step.call.op == "move" and step.call.invoked_s < began_s
            if is_earlier and step.at_s > refused.returned_s and step.has == asked and _moves(step.before) <= moves:
                raise Violated(f"I5 told no for good, and moved there by an earlier call: {refused} {step}")

    def _judge_repeats(self) -> None:
        """Who has the hold of a key, and repeats the request, gets it, whatever became of the trip (I6)."""
        had: dict[str, float] = defaultdict(lambda: inf)
        for call in self.calls:
            if call.has_key and call.answer is CallOutcome.OK:
                had[call.subject] = min(had[call.subject], call.returned_s)
        for call in self.calls:
            if call.has_key and call.told in SAYS_NOTHING_OF_KEYS and had[call.subject] <= call.invoked_s:
                raise Violated(f"I6 the key has a hold, and its repeated request is refused: {call}")

    def _judge_find(self, call: Call) -> None:
        """What was read was true at some moment of the reading (I7)."""
        if call.has is None:
            return
        timeline = self.oracle.timelines[call.told]
        until = [step.at_s for step in timeline[1:]] + [inf]
        for step, to_s in zip(timeline, until, strict=True):
            if _is_as_told(step, call) and step.at_s <= call.returned_s and to_s >= call.invoked_s:
                return
        raise Violated(f"I7 read what did not stand: {call} {timeline}")

    def _judge_map(self, call: Call) -> None:
        """Each seat was as the map says at some moment since the oldest that it may show (I7)."""
        if call.answer is not CallOutcome.OK:
            return
        for cell, letter in zip(call.cells, call.status, strict=True):
            from_s = max(call.invoked_s - STALE_S_MAX, self._acknowledged_s(call, cell))
            if letter not in self._letters(cell, from_s, call.returned_s):
                raise Violated(f"I7 {cell} was never {letter!r} from {from_s:.2f} on: {call}")

    def _acknowledged_s(self, look: Call, cell: Cell) -> float:
        """When the last known step on the cell before the read took effect: known to anybody if no message to the edge
        is lost, else known to the same life of a process.
        """
        known = (
            at_s
            for known_s, at_s, process in self._known[cell]
            if known_s <= look.invoked_s and (self.honest_edge or process == look.process)
        )
        return max(known, default=0.0)

    @cached_property
    def _known(self) -> dict[Cell, list[tuple[float, float, str]]]:
        """For each cell: when a step was acknowledged or must be known anyway, when it took effect, and which process
        reported it.
        """
        known: dict[Cell, list[tuple[float, float, str]]] = defaultdict(list)
        for call in self.calls:
            if call.has is None or call.op not in ("hold", "confirm", "release", "cancel"):
                continue
            for step in (*self.oracle.timelines[call.told], *self.oracle.timelines[late_id(call.told)]):
                if step.status == call.status and _version(step.row) <= call.has.version:
                    for cell in step.touched:
                        known[cell].append((call.returned_s, step.at_s, call.process))
        for step in self.oracle.steps if self.good_day else ():
            for cell in step.touched:
                known[cell].append((step.at_s + TOLD_S_MAX, step.at_s, ""))
        return known

    def _letters(self, cell: Cell, from_s: float, to_s: float) -> set[str]:
        """The states of the cell at these moments. A running attempt may show as held."""
        letters, at_s = {"h"}, from_s
        for span in self.oracle.spans[cell]:
            if span.from_s <= to_s and span.to_s > from_s:
                if span.from_s > at_s:
                    letters.add("a")
                at_s = max(at_s, span.to_s)
                letters |= self._letters_of(span, to_s)
        return letters | ({"a"} if at_s <= to_s else set())

    def _letters_of(self, span: Span, to_s: float) -> set[str]:
        timeline = self.oracle.timelines[span.hold_id]
        if not timeline[0].row.get("holder"):
            return {"b"}
        booked_s = min((step.at_s for step in timeline if step.status == "confirmed"), default=inf)
        return {"s"} if booked_s <= to_s else set()

    def _spans(self, cells: Iterable[Cell]) -> Iterator[Span]:
        for cell in cells:
            yield from self.oracle.spans[cell]


def _moves(row: Row) -> int:
    return int(row.get("moves") or 0)


def _version(row: Row) -> int:
    """How often the hold was changed."""
    return int(row.get("extensions") or 0)


def _is_as_told(step: Step[Call], call: Call) -> bool:
    """Whether the step made the hold what its reader was told."""
    cells = {cell for _, cell in step.places}
    return call.has is not None and (step.status, _version(step.row), cells) == (
        call.status, call.has.version, {*call.has.cells},
    )  # fmt: skip


def _shown(step: Step[Call]) -> str:
    """The state of a seat after the step: held, sold, blocked or something else."""
    if step.status == "confirmed":
        return "sold"
    return "blocked" if step.status == "held" and not step.row.get("holder") else step.status


def _is_effect(call: Call, step: Step[Call]) -> bool:
    """Whether the step is what the call asked for, and not what it did to other holds on the way."""
    if call.op == "confirm":
        return step.status == "confirmed"
    is_change = (call.parts or call.op == "move") and step.call is call and step.status != "expired"
    if CAUSES.get(call.op) != (step.was, step.status) and not is_change:
        return False
    return call.op in ("hold", "block", "unblock") or base_id(step.hold_id) == call.subject

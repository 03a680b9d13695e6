"""Judges a history by what the service promises: what callers were told must have an order that explains it.

Each hold is a row of moments, one per status it went through. What callers know bounds them; two owners of a cell had
it one after the other; whoever was refused met an owner. A history is right if all moments can be put in order.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from math import inf
from typing import NamedTuple

from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.history import HOUSE, LIVE, Call, CallOutcome, Found, History
from verification.simulation.moments import Before, Moments, NotAfter, NotBefore, OneOf, Undecided, Way, why_impossible
from verification.simulation.turns import violations_of_lists

ABSENT = "absent"
LIVES_IN_ANY_ORDER_MAX = 3
REASONS = {
    "HOLD_EXPIRED": {"expired"},
    "HOLD_RELEASED": {"released"},
    "HOLD_CONFIRMED": {"confirmed"},
    "BOOKING_CANCELLED": {"cancelled"},
    "HOLD_NOT_FOUND": {ABSENT},
    "EXTENSION_TOO_LONG": {"held"},
}
"""Which statuses a refusal rests on."""
REFUSALS = {
    "hold": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "confirm": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "release": {"HOLD_EXPIRED", "HOLD_CONFIRMED", "BOOKING_CANCELLED", "HOLD_NOT_FOUND"},
    "cancel": {"HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_NOT_FOUND"},
    "extend": set(REASONS),
    "find": {"HOLD_NOT_FOUND"},
    "block": {"SEAT_HELD", "SEAT_UNAVAILABLE"},
    "leave": {"NOT_ON_WAITLIST"},
}
"""With which reasons a call may be refused for good."""
SAW = {"confirm": {"confirmed"}, "release": {"released"}, "cancel": {"cancelled"}, "extend": {"held"}}
"""Which status a hold had when the step was acknowledged."""
STEPS = {"confirmed": "confirm", "released": "release", "cancelled": "cancel"}
"""What must have been asked for before a hold came to be so."""
EVENTS = {
    "hold.created": "held", "hold.extended": "held", "seats.purchased": "confirmed", "hold.released": "released",
    "hold.expired": "expired", "booking.cancelled": "cancelled", "seats.blocked": "held", "seats.unblocked": "released",
}  # fmt: skip


def out_of_order(told: Iterable[tuple[str, int]], elsewhere: Container[tuple[str, int]]) -> Iterator[str]:
    """The holds whose events, each named by its hold and ordinal, do not count up (I8). A gap is none where what is
    missing was told elsewhere.
    """
    by_hold: dict[str, list[int]] = defaultdict(list)
    for hold_id, ordinal in told:
        by_hold[hold_id].append(ordinal)
    for hold_id, ordinals in by_hold.items():
        missing = set(range(ordinals[0], ordinals[-1])).difference(ordinals)
        if ordinals != sorted(ordinals) or any((hold_id, ordinal) not in elsewhere for ordinal in missing):
            yield f"I8 events of {hold_id} told out of order: {ordinals}"


def violations(history: History) -> list[str]:
    """Every promise that is seen broken; [] where the history can have been."""
    return [*_Checker(history).judge(), *violations_of_lists(history)]


@dataclass(slots=True, eq=False)
class _Life:
    """A hold that came to be: its statuses, and the moment at which each began."""

    base: str
    row: Found
    statuses: list[str]
    began: list[int]

    @property
    def spans(self) -> Iterator[tuple[int, int | None]]:
        """From which moment to which it had its cells; None where it still has them."""
        first: int | None = None
        for status, moment in zip(self.statuses, self.began, strict=True):
            if status in LIVE:
                first = moment if first is None else first
            elif first is not None:
                yield first, moment
                first = None
        if first is not None:
            yield first, None


class _Span(NamedTuple):
    """While a hold had its cells."""

    life: _Life
    first: int
    last: int | None


class _Checker:
    """Judges one history."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._moments = Moments()
        self._lives = {base: self._life(base) for base in history.bases()}
        self._by_key: dict[str, list[Call]] = defaultdict(list)
        self._asked: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for call in history.calls:
            if call.has_key:
                self._by_key[call.subject].append(call)
            self._asked[call.op, call.subject].append(call)
        self._kept: dict[str, _Life] = {life.row.claimant: life for life in self._lives.values()}
        self._either: list[OneOf] = []
        """What can have been in several ways: decided together, with who had what when."""

    def judge(self) -> Iterator[str]:
        """What is broken, promise by promise."""
        yield from self._judge_rows()
        yield from self._judge_liveness()
        yield from self._judge_keys()
        yield from self._judge_answers()
        yield from self._judge_makers()
        yield from self._judge_steps()
        yield from self._judge_caps()
        yield from self._judge_events()
        yield from self._judge_order()

    def _life(self, base: str) -> _Life:
        statuses = self._history.statuses(base)
        began = [self._moments.new() for _ in statuses]
        for sooner, later in pairwise(began):
            self._moments.learn((Before(sooner, later),))
        row = self._history.holds.get(base) or self._history.holds[late_id(base)]
        return _Life(base, row, statuses, began)

    # ---- what was found in the end

    def _judge_rows(self) -> Iterator[str]:
        """A cell is a hold's exactly when the hold says so (I2); a late booking grew from an expired hold (I4)."""
        history = self._history
        had: dict[Cell, str] = {}
        for life in self._lives.values():
            late = history.holds.get(late_id(life.base))
            if late is not None and late.status in (*LIVE, "cancelled") and life.statuses[:2] != ["held", "expired"]:
                yield f"I4 {life.base} is {life.row.status} and was booked late"
            if life.statuses[-1] not in LIVE:
                continue
            name = late_id(life.base) if late is not None and late.status in LIVE else life.base
            for cell in life.row.cells:
                if history.owners.get(cell) != name:
                    yield f"I2 {name} is {life.statuses[-1]} without {cell}, which {history.owners.get(cell)} has"
                had[cell] = name
        if history.is_settled:
            for cell, owner in history.owners.items():
                if had.get(cell) != owner:
                    yield f"I2 {cell} is kept for {owner}, which does not have it"

    def _judge_liveness(self) -> Iterator[str]:
        """No seat stays stuck (L2), no call waits for ever (L3)."""
        for call in self._history.calls:
            if call.number in self._history.probes and call.answer is not CallOutcome.OK:
                yield f"L2 nobody has it, and it cannot be won: {call}"
            if call.returned_s - call.invoked_s > self._history.answer_s_max:
                yield f"L3 too late an answer: {call}"

    # ---- keys

    def _judge_keys(self) -> Iterator[str]:
        """One key, one request, one hold (I6); where it was refused for good there is none (I5)."""
        for subject, calls in self._by_key.items():
            made = [life for life in self._lives.values() if life.row.claimant == subject]
            if len(made) > 1:
                yield f"I6 one key, several holds: {[life.base for life in made]}"
            bound = {call.cells for call in calls if call.answer in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.NO)}
            bound |= {life.row.cells for life in made}
            if len(bound) > 1:
                yield f"I6 several requests accepted under one key: {calls}"
            elif not any(_binds(cells, calls) for cells in (bound or {call.cells for call in calls})):
                yield f"I6 a key was said to be another request's, and was not: {calls}"
            noes = [call for call in calls if call.answer is CallOutcome.NO]
            if len({call.told for call in noes}) > 1:
                yield f"I6 one key, refused in two ways: {noes}"
            if noes and (made or any(call.answer in (CallOutcome.OK, CallOutcome.ENDED) for call in calls)):
                yield f"I5 refused for good, yet held: {noes[0]} {[life.base for life in made]}"

    # ---- who caused what

    def _judge_makers(self) -> Iterator[str]:
        """Every hold was asked for, and none came to be before it was (I5)."""
        told: dict[str, list[Call]] = defaultdict(list)
        for call in self._history.calls:
            if call.op == "hold" and call.answer is CallOutcome.OK and not call.has_key:
                told[base_id(call.told)].append(call)
        ended: dict[tuple[str, tuple[Cell, ...]], list[Call]] = defaultdict(list)
        for call in self._history.calls:
            if call.op == "hold" and call.answer is CallOutcome.ENDED and not call.has_key:
                ended[call.holder, call.cells].append(call)
        untold: dict[tuple[str, tuple[Cell, ...]], list[_Life]] = defaultdict(list)
        for base, life in self._lives.items():
            if base in told:
                if len(told[base]) > 1:
                    yield f"I1 given to two callers: {told[base]}"
                yield from self._learn((NotBefore(life.began[0], told[base][0].invoked_s),), f"I7 {base}")
            elif life.row.claimant in self._by_key:
                yield from self._made_by_one_of(life, self._by_key[life.row.claimant])
            else:
                untold[life.row.holder, life.row.cells].append(life)
        for holder, cells in dict.fromkeys((*untold, *ended)):
            self._judge_untold(holder, cells, untold[holder, cells], ended[holder, cells])

    def _made_by_one_of(self, life: _Life, calls: Iterable[Call]) -> Iterator[str]:
        makers = [call for call in calls if call.cells == life.row.cells and _may_have_acted(call)]
        if not makers:
            yield f"I5 {life.base} is there, and nobody can have asked for it"
            return
        first_s = min(call.invoked_s for call in makers)
        yield from self._learn((NotBefore(life.began[0], first_s),), f"I7 {life.base}")

    def _judge_untold(self, holder: str, cells: tuple[Cell, ...], lives: list[_Life], ended: list[Call]) -> None:
        """No caller was told the ids of these: each needs a call of its own that was never answered, or was told that
        its hold is over; and who was told so needs one of these.
        """
        op = "block" if holder == HOUSE else "hold"
        unanswered = [
            call
            for call in self._history.calls
            if call.op == op and not call.has_key and call.holder == holder
            if call.cells == cells or (op == "block" and set(cells) <= set(call.cells))
            if call.answer is CallOutcome.UNKNOWN or (op == "block" and call.answer is CallOutcome.OK)
        ]
        ways = []
        for own in permutations(lives, len(ended)):
            seen = [self._facts_of(life, REASONS[call.told], call) for life, call in zip(own, ended, strict=True)]
            others = [life for life in lives if life not in own]
            if None not in seen and len(others) <= len(unanswered):
                for calls in _calls_of(others, unanswered):
                    made = [*zip(own, ended, strict=True), *calls]
                    asked = [NotBefore(life.began[0], call.invoked_s) for life, call in made]
                    ways.append((*asked, *(fact for facts in seen if facts for fact in facts)))
        said = f"I5 nobody can have asked for {[life.base for life in lives]}: {[*unanswered, *ended]}"
        self._either.append(OneOf(ways, said))

    def _judge_steps(self) -> Iterator[str]:
        """No step unasked (I4), no expiry early (I10)."""
        for life in self._lives.values():
            for status, moment in zip(life.statuses[1:], life.began[1:], strict=True):
                if status == "expired":
                    at_ms = life.row.expires_at_ms - self._history.clock_bound_ms - self._history.start_ms
                    yield from self._learn((NotBefore(moment, at_ms / 1_000),), f"I10 {life.base} expired early")
                    continue
                causes = [call for call in self._steps_on(life, status) if _may_have_acted(call)]
                if not causes:
                    yield f"I4 {life.base} was {status} unasked"
                else:
                    first_s = min(call.invoked_s for call in causes)
                    yield from self._learn((NotBefore(moment, first_s),), f"I4 {life.base} was {status} too soon")

    def _steps_on(self, life: _Life, status: str) -> list[Call]:
        if life.row.holder == HOUSE and status == "released":
            return self._asked["unblock", life.row.cells[0].seat]
        calls = self._asked[STEPS[status], life.base]
        return [call for call in calls if status != "confirmed" or call.order == self._order_of(life)]

    def _order_of(self, life: _Life) -> str:
        late = self._history.holds.get(late_id(life.base))
        return late.order if late is not None and late.order else life.row.order

    # ---- what callers saw

    def _judge_answers(self) -> Iterator[str]:
        for call in self._history.calls:
            match call.op:
                case _ if not _is_answer(call):
                    yield f"I5 no answer to such a call: {call}"
                case "hold":
                    yield from self._judge_hold(call)
                case "confirm" | "release" | "cancel" | "extend" | "find":
                    yield from self._judge_step(call)
                case _:
                    pass

    def _judge_hold(self, call: Call) -> Iterator[str]:
        if call.answer is CallOutcome.OK:
            life = self._lives.get(base_id(call.told))
            if life is None:
                yield f"I3 acknowledged, and not there: {call}"
            elif not self._is_own(life.row, call):
                yield f"I2 acknowledged, and another one's: {call} {life.row}"
            else:
                yield from self._saw(life, {call.status}, call)
        elif call.answer is CallOutcome.ENDED and call.has_key:
            life = self._kept.get(call.subject)
            if life is None:
                yield f"I5 said to be over, and never was: {call}"
            else:
                yield from self._saw(life, REASONS[call.told], call)

    def _is_own(self, row: Found, call: Call) -> bool:
        """Whether the hold is what the call asked for, under the call's key where it has one."""
        is_keyed = row.claimant in self._by_key
        whose = row.claimant == call.subject if call.has_key else not is_keyed
        return whose and (row.holder, row.cells) == (call.holder, call.cells)

    def _judge_step(self, call: Call) -> Iterator[str]:
        if call.answer not in (CallOutcome.OK, CallOutcome.NO):
            return
        saw = SAW.get(call.op, {call.status}) if call.answer is CallOutcome.OK else REASONS[call.told]
        if call.op == "cancel" and call.told == "HOLD_NOT_FOUND":
            saw = {ABSENT, "held"}
        life = self._lives.get(call.subject)
        if life is None:
            if ABSENT not in saw:
                yield f"I3 acknowledged, and not there: {call}"
            return
        yield from self._saw(life, saw, call)
        yield from self._judge_terms(life, call)

    def _judge_terms(self, life: _Life, call: Call) -> Iterator[str]:
        """The order that was acknowledged stands; a late confirm refused for good never booked."""
        if call.op == "confirm":
            is_booked = self._order_of(life) == call.order
            if call.answer is CallOutcome.OK and not is_booked:
                yield f"I3 confirmed for another order, {self._order_of(life)}: {call}"
            if call.told == "HOLD_CONFIRMED" and is_booked:
                yield f"I5 refused, and yet booked: {call}"
            if call.told == "HOLD_EXPIRED" and "confirmed" in life.statuses:
                yield f"I5 refused for good, and yet booked: {call}"

    def _saw(self, life: _Life, statuses: set[str], call: Call) -> Iterator[str]:
        """At some moment of the call the hold was in one of these. What was said of its time stands."""
        if call.answer is CallOutcome.OK and call.op != "confirm" and call.until_ms > max(life.row.expires_at_ms, 0):
            yield f"I3 told that it is kept until {call.until_ms}, and ends at {life.row.expires_at_ms}: {call}"
        facts = self._facts_of(life, statuses, call)
        if facts is None:
            yield f"I3 I5 told what never was: {call}, it went through {life.statuses}"
        else:
            yield from self._learn(facts, f"I7 at odds with what others were told: {call}")

    def _facts_of(self, life: _Life, statuses: set[str], call: Call) -> Way | None:
        """That at some moment of the call the hold was in one of these, which follow each other; None if it never
        was.
        """
        passed = [ABSENT, *life.statuses]
        places = [place for place, status in enumerate(passed) if status in statuses]
        if not places:
            return None
        facts: list[NotAfter | NotBefore] = []
        if places[0] > 0:
            facts.append(NotAfter(life.began[places[0] - 1], call.returned_s))
        if places[-1] < len(life.statuses):
            facts.append(NotBefore(life.began[places[-1]], call.invoked_s))
        return tuple(facts)

    # ---- who had what when

    def _judge_order(self) -> Iterator[str]:
        spans = [_Span(life, *span) for life in self._lives.values() for span in life.spans]
        by_cell: dict[Cell, list[_Span]] = defaultdict(list)
        for span in spans:
            for cell in span.life.row.cells:
                by_cell[cell].append(span)
        asked = [*_one_after_the_other(by_cell), *self._met(by_cell), *self._either]
        try:
            said = why_impossible(self._moments, asked)
        except Undecided:
            said = "I7 no order was found that explains all answers"
        if said:
            yield said

    def _met(self, by_cell: dict[Cell, list[_Span]]) -> Iterator[OneOf]:
        """Who was refused a seat as taken met an owner in that state (I5); what the edge said of a seat was so within
        its bound; who was told that a seat is blocked found it so.
        """
        for call in self._history.calls:
            met = dict.fromkeys(span for cell in call.cells for span in by_cell[cell])
            if call.answer is CallOutcome.SEEN and call.as_of_s < inf:
                since_s = min(call.as_of_s - self._history.clock_bound_ms / 1_000, call.returned_s)
                ways = [*_so_within(met, call.told, since_s, call.returned_s)]
                yield OneOf(ways, f"I5 the edge said so, and it was not: {call}")
            elif call.answer is CallOutcome.NO and call.told in REFUSALS["hold"]:
                looks = [(look.invoked_s, min(_done_by_s(look), call.returned_s)) for look in self._looks_of(call)]
                ways = [way for window in looks for way in _so_within(met, call.told, *window)]
                yield OneOf(ways, f"I5 refused as taken, though nobody had it so: {call}")
            elif call.op == "block" and call.answer is CallOutcome.OK:
                for cell in call.cells:
                    met = dict.fromkeys(span for span in by_cell[cell] if span.life.row.holder == HOUSE)
                    ways = [_within(span, call.invoked_s, call.returned_s) for span in met]
                    yield OneOf(ways, f"I3 {cell} blocked, and never was: {call}")

    def _looks_of(self, call: Call) -> list[Call]:
        """Those whose refusal it can have been: a key's refusal is remembered."""
        if not call.has_key:
            return [call]
        return [
            other
            for other in self._by_key[call.subject]
            if other.cells == call.cells and other.invoked_s <= call.returned_s
            if other.answer in (CallOutcome.NO, CallOutcome.UNKNOWN)
        ]

    def _learn(self, facts: Way, said: str) -> Iterator[str]:
        if not self._moments.learn(facts):
            yield said

    # ---- caps, events

    def _judge_caps(self) -> Iterator[str]:
        """No holder has more holds than allowed at a moment at which they all certainly live (I9)."""
        if not self._history.holds_max:
            return
        edges: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for life in self._lives.values():
            from_s = self._moments.latest_s[life.began[0]]
            to_s = self._moments.earliest_s[life.began[1]] if len(life.began) > 1 else inf
            if life.row.holder != HOUSE and from_s < to_s:
                edges[life.row.holder] += [(from_s, 1), (to_s, -1)]
        for holder, changes in edges.items():
            held = 0
            for at_s, change in sorted(changes):
                held += change
                if held > self._history.holds_max:
                    yield f"I9 {holder} has {held} holds at {at_s:.2f}"
                    return

    def _judge_events(self) -> Iterator[str]:
        """Ids are unique, and the events of each hold, each once, tell what it went through in order (I8)."""
        if self._history.events is None:
            return
        first = {event.id: event for event in reversed(self._history.events)}
        if strange := [event for event in self._history.events if first[event.id] != event]:
            yield f"I8 one id, two events: {strange[0]} {first[strange[0].id]}"
        told: dict[str, dict[int, str]] = defaultdict(dict)
        doubled = Counter((base_id(event.hold_id), event.ordinal) for event in first.values())
        yield from (f"I8 told twice under two ids: {place}" for place, count in doubled.items() if count > 1)
        for event in first.values():
            told[base_id(event.hold_id)][event.ordinal] = EVENTS[event.type]
        for base in dict.fromkeys([*told, *self._lives]):
            places = sorted(told[base])
            statuses = [told[base][place] for place in places]
            folded = [now for before, now in zip(["", *statuses], statuses, strict=False) if now != before]
            passed = self._lives[base].statuses if base in self._lives else []
            if folded != passed or places != list(range(len(places))):
                yield f"I8 {base} went through {passed}, its events tell {told[base]}"


def _calls_of(lives: Sequence[_Life], calls: Sequence[Call]) -> Iterator[list[tuple[_Life, Call]]]:
    """Which call each may come from, one each: in every order, where they are few. Else nothing says in which order
    they came to be, and none began before the first call.
    """
    by_time = sorted(calls, key=lambda call: call.invoked_s)
    if len(lives) <= LIVES_IN_ANY_ORDER_MAX:
        for order in permutations(lives):
            yield list(zip(order, by_time, strict=False))
    else:
        yield [(life, by_time[0]) for life in lives]


def _binds(cells: tuple[Cell, ...], calls: Sequence[Call]) -> bool:
    """Whether the key can have been this request's: those told otherwise asked for another one, and later."""
    first_s = min((call.invoked_s for call in calls if call.cells == cells), default=inf)
    return all(
        call.cells != cells and first_s <= call.returned_s for call in calls if call.answer is CallOutcome.REUSED
    )


def _is_answer(call: Call) -> bool:
    """Whether such a call is ever answered so."""
    match call.answer:
        case CallOutcome.NO:
            return call.told in REFUSALS.get(call.op, ())
        case CallOutcome.ENDED:
            return call.op == "hold" and call.told in REFUSALS["confirm"] - {"HOLD_NOT_FOUND"}
        case CallOutcome.SEEN:
            return call.op == "hold" and call.told in REFUSALS["hold"] and not (call.settles and call.as_of_s < inf)
        case CallOutcome.REUSED:
            return call.has_key
        case CallOutcome.OK:
            return call.op != "hold" or call.status in LIVE
        case _:
            return True


def _may_have_acted(call: Call) -> bool:
    """Whether what was asked for can have been done for this call; a confirm that was overtaken says so."""
    if call.answer is CallOutcome.NO:
        return call.op == "confirm" and call.told == "BOOKING_CANCELLED"
    return call.answer in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.UNKNOWN)


def _done_by_s(call: Call) -> float:
    """When all that was done for the call was done; it may go on where the caller lost patience."""
    return inf if call.answer is CallOutcome.UNKNOWN else call.returned_s


def _one_after_the_other(by_cell: dict[Cell, list[_Span]]) -> Iterator[OneOf]:
    """No two owners of a cell at once (I1)."""
    judged: set[tuple[int, int]] = set()
    for cell, spans in by_cell.items():
        for one, other in combinations(spans, 2):
            if (one.first, other.first) not in judged and one.life is not other.life:
                judged.add((one.first, other.first))
                ways = [
                    (Before(sooner.last, later.first),)
                    for sooner, later in ((one, other), (other, one))
                    if sooner.last is not None
                ]
                yield OneOf(ways, f"I1 {cell} belonged to {one.life.base} and {other.life.base} at once")


def _so_within(spans: Iterable[_Span], told: str, from_s: float, to_s: float) -> Iterator[Way]:
    """One of the holds was, at some moment of these, what a refusal says: held, or else sold or blocked."""
    for span in spans:
        life = span.life
        is_house = life.row.holder == HOUSE
        for place, status in enumerate(life.statuses):
            if status in LIVE and (told == "SEAT_HELD") == (status == "held" and not is_house):
                ends = life.began[place + 1] if place + 1 < len(life.began) else None
                if span.first <= life.began[place] and (span.last is None or life.began[place] < span.last):
                    yield _within(_Span(life, life.began[place], ends), from_s, to_s)


def _within(span: _Span, from_s: float, to_s: float) -> Way:
    """The hold had its cells at some moment of these."""
    first = NotAfter(span.first, to_s)
    return (first,) if span.last is None else (first, NotBefore(span.last, from_s))

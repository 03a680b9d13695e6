"""Judges the causes in a history: every hold and every step was requested."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

from travio_inventory.seats.hold import base_id
from travio_inventory.seats.ports import Cell
from verification.simulation.evidence import Evidence, Life
from verification.simulation.history import CANCEL_TRIP, HOUSE, Call, CallOutcome
from verification.simulation.moments import NotBefore, OneOf
from verification.simulation.possible_answers import REASONS, may_have_acted

LIVES_IN_ANY_ORDER_MAX = 3
STEPS = {"confirmed": "confirm", "released": "release", "cancelled": "cancel"}
"""The call that must have been made before a hold had this status."""


def judge_makers(evidence: Evidence) -> Iterator[str]:
    """Every hold was requested, and none existed before its request (I5)."""
    told: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.history.calls:
        if call.op == "hold" and call.answer is CallOutcome.OK and not call.has_key:
            told[base_id(call.told)].append(call)
    ended: dict[tuple[str, tuple[Cell, ...]], list[Call]] = defaultdict(list)
    for call in evidence.history.calls:
        if call.op == "hold" and call.answer is CallOutcome.ENDED and not call.has_key:
            ended[call.holder, call.cells].append(call)
    untold: dict[tuple[str, tuple[Cell, ...]], list[Life]] = defaultdict(list)
    for base, life in evidence.lives.items():
        if base in told:
            if len(told[base]) > 1:
                yield f"I1 given to two callers: {told[base]}"
            yield from evidence.learn((NotBefore(life.began[0], told[base][0].invoked_s),), f"I7 {base}")
        elif life.row.claimant in evidence.by_key:
            yield from _made_by_one_of(evidence, life, evidence.by_key[life.row.claimant])
        else:
            untold[life.row.holder, life.row.cells].append(life)
    for holder, cells in dict.fromkeys((*untold, *ended)):
        _judge_untold(evidence, holder, cells, untold[holder, cells], ended[holder, cells])


def _made_by_one_of(evidence: Evidence, life: Life, calls: Iterable[Call]) -> Iterator[str]:
    makers = [call for call in calls if call.cells == life.row.cells and may_have_acted(call)]
    if not makers:
        yield f"I5 {life.base} is there, and nobody can have asked for it"
        return
    first_s = min(call.invoked_s for call in makers)
    yield from evidence.learn((NotBefore(life.began[0], first_s),), f"I7 {life.base}")


def _judge_untold(
    evidence: Evidence, holder: str, cells: tuple[Cell, ...], lives: list[Life], ended: list[Call]
) -> None:
    """No caller was told the ids of these holds: each needs its own call that was never answered, or that was told that
    its hold is over; and each such answer needs one of these holds.
    """
    op = "block" if holder == HOUSE else "hold"
    unanswered = [
        call
        for call in evidence.history.calls
        if call.op == op and not call.has_key and call.holder == holder
        if call.cells == cells or (op == "block" and set(cells) <= set(call.cells))
        if call.answer is CallOutcome.UNKNOWN or (op == "block" and call.answer is CallOutcome.OK)
    ]
    ways = []
    for own in permutations(lives, len(ended)):
        seen = [evidence.facts_of(life, REASONS[call.told], call) for life, call in zip(own, ended, strict=True)]
        others = [life for life in lives if life not in own]
        if None not in seen and len(others) <= len(unanswered):
            for calls in _calls_of(others, unanswered):
                made = [*zip(own, ended, strict=True), *calls]
                asked = [NotBefore(life.began[0], call.invoked_s) for life, call in made]
                ways.append((*asked, *(fact for facts in seen if facts for fact in facts)))
    said = f"I5 nobody can have asked for {[life.base for life in lives]}: {[*unanswered, *ended]}"
    evidence.either.append(OneOf(ways, said))


def judge_steps(evidence: Evidence) -> Iterator[str]:
    """No step happens without a call (I4), and no hold expires early (I10)."""
    for life in evidence.lives.values():
        for status, moment in zip(life.statuses[1:], life.began[1:], strict=True):
            if status == "expired":
                at_ms = life.row.expires_at_ms - evidence.history.clock_bound_ms - evidence.history.start_ms
                yield from evidence.learn((NotBefore(moment, at_ms / 1_000),), f"I10 {life.base} expired early")
                continue
            causes = [call for call in _steps_on(evidence, life, status) if may_have_acted(call)]
            if not causes:
                yield f"I4 {life.base} was {status} unasked"
            else:
                first_s = min(call.invoked_s for call in causes)
                yield from evidence.learn((NotBefore(moment, first_s),), f"I4 {life.base} was {status} too soon")


def _steps_on(evidence: Evidence, life: Life, status: str) -> list[Call]:
    if life.row.holder == HOUSE and status == "released":
        seats = dict.fromkeys(cell.seat for cell in life.had or life.row.cells)  # several where the vehicle was swapped
        return [call for seat in seats for call in evidence.asked["unblock", seat]]
    ends_of_trip = evidence.asked[CANCEL_TRIP, ""] if status != "confirmed" else []
    calls = [*evidence.asked[STEPS[status], life.base], *ends_of_trip]
    return [call for call in calls if status != "confirmed" or call.order == evidence.order_of(life)]


def _calls_of(lives: Sequence[Life], calls: Sequence[Call]) -> Iterator[list[tuple[Life, Call]]]:
    """The calls that the holds may come from, one for each: in every order, if they are few. Else the order is unknown,
    and none began before the first call.
    """
    by_time = sorted(calls, key=lambda call: call.invoked_s)
    if len(lives) <= LIVES_IN_ANY_ORDER_MAX:
        for order in permutations(lives):
            yield list(zip(order, by_time, strict=False))
    else:
        yield [(life, by_time[0]) for life in lives]

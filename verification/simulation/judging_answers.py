"""Judges the answers about holds and keys by the states that the holds went through."""

from collections.abc import Iterator, Sequence
from math import inf

from travio_inventory.seats.hold import base_id
from travio_inventory.seats.ports import Cell
from verification.simulation.evidence import Evidence, Life
from verification.simulation.history import Call, CallOutcome, FoundHold
from verification.simulation.moments import OneOf
from verification.simulation.possible_answers import ABSENT, HELD_ONCE, NEVER_HAD, REASONS, SAW, is_answer


def judge_answers(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is there (I3) and the caller's own (I2); what was refused never was (I5)."""
    for call in evidence.history.calls:
        match call.op:
            case _ if not is_answer(call):
                yield f"I5 no answer to such a call: {call}"
            case "hold":
                yield from _judge_hold(evidence, call)
            case "confirm" | "release" | "cancel" | "extend" | "find":
                yield from _judge_step(evidence, call)
            case _:
                pass


def _judge_hold(evidence: Evidence, call: Call) -> Iterator[str]:
    if call.answer is CallOutcome.OK:
        life = evidence.lives.get(base_id(call.told))
        if life is None:
            yield f"I3 acknowledged, and not there: {call}"
        elif not _is_own(evidence, life.row, call):
            yield f"I2 acknowledged, and another one's: {call} {life.row}"
        else:
            yield from _saw(evidence, life, {call.status}, call)
    elif call.answer is CallOutcome.ENDED and call.has_key:
        yield from _judge_over(evidence, call)


def _judge_over(evidence: Evidence, call: Call) -> Iterator[str]:
    """Who was told that the key's hold is over had one that was; the key may have had several in its time."""
    lives = evidence.kept[call.subject]
    if not lives:
        yield f"I5 said to be over, and never was: {call}"
    elif len(lives) == 1:
        yield from _saw(evidence, lives[0], REASONS[call.told], call)
    else:
        ways = [way for life in lives if (way := evidence.facts_of(life, REASONS[call.told], call)) is not None]
        evidence.either.append(OneOf(ways, f"I5 said to be over, and none of the key's holds was: {call}"))


def _is_own(evidence: Evidence, row: FoundHold, call: Call) -> bool:
    """Whether the hold is what the call requested, with the call's key if it has one."""
    is_keyed = row.claimant in evidence.by_key
    whose = row.claimant == call.subject if call.has_key else not is_keyed
    return whose and (row.holder, row.cells) == (call.holder, call.cells)


def _judge_step(evidence: Evidence, call: Call) -> Iterator[str]:
    if call.answer not in (CallOutcome.OK, CallOutcome.NO) or call.told == NEVER_HAD:
        return
    if call.parts and call.op != "confirm" and call.answer is CallOutcome.OK:
        saw = {call.status} if call.status else set(HELD_ONCE)
    else:
        saw = SAW.get(call.op, {call.status}) if call.answer is CallOutcome.OK else REASONS[call.told]
    if call.op == "cancel" and call.told == "HOLD_NOT_FOUND":
        saw = {ABSENT, "held"}
    life = evidence.lives.get(call.subject)
    if life is None:
        if ABSENT not in saw:
            yield f"I3 acknowledged, and not there: {call}"
        return
    if call.told == "HOLD_NOT_FOUND" and evidence.history.holds_kept_s < inf:
        ways = [way for way in (evidence.facts_of(life, saw, call), evidence.forgotten(life, call)) if way is not None]
        evidence.either.append(OneOf(ways, f"I11 not found, and it was to be known still: {call}"))
        return
    yield from _saw(evidence, life, saw, call)
    yield from _judge_terms(evidence, life, call)


def _judge_terms(evidence: Evidence, life: Life, call: Call) -> Iterator[str]:
    """The order that was acknowledged stands; a late confirm refused for good never booked."""
    if call.op == "confirm":
        is_booked = evidence.order_of(life) == call.order
        if call.answer is CallOutcome.OK and not is_booked:
            yield f"I3 confirmed for another order, {evidence.order_of(life)}: {call}"
        if call.told == "HOLD_CONFIRMED" and is_booked and not call.parts:
            yield f"I5 refused, and yet booked: {call}"
        if call.told == "HOLD_EXPIRED" and "confirmed" in life.statuses:
            yield f"I5 refused for good, and yet booked: {call}"


def _saw(evidence: Evidence, life: Life, statuses: set[str], call: Call) -> Iterator[str]:
    """At some moment of the call the hold was in one of these. What was said of its time stands; the row of a cancelled
    booking no longer says it.
    """
    is_there = call.answer is CallOutcome.OK and call.op != "confirm" and life.row.status != "cancelled"
    if is_there and call.until_ms > max(life.row.expires_at_ms, 0):
        yield f"I3 told that it is kept until {call.until_ms}, and ends at {life.row.expires_at_ms}: {call}"
    facts = evidence.facts_of(life, statuses, call)
    if facts is None:
        yield f"I3 I5 told what never was: {call}, it went through {life.statuses}"
    else:
        yield from evidence.learn(facts, f"I7 at odds with what others were told: {call}")


def judge_keys(evidence: Evidence) -> Iterator[str]:
    """One key, one request, one hold (I6); where it was refused for good there is none (I5). A key that may have been
    forgotten meanwhile was so until then.
    """
    for subject, calls in evidence.by_key.items():
        if evidence.may_have_ended(calls):
            until_s = min(call.invoked_s for call in calls) + evidence.history.keys_kept_s
            early = [call for call in calls if call.returned_s < until_s]
            told = dict.fromkeys(call.told for call in early if call.answer is CallOutcome.OK)
            made = [life for base in told if (life := evidence.lives.get(base)) is not None]
            yield from _judge_key(early, made, calls)
        else:
            yield from _judge_key(calls, evidence.kept[subject], calls)


def _judge_key(calls: Sequence[Call], made: Sequence[Life], everybody: Sequence[Call]) -> Iterator[str]:
    """These calls were answered while the key stood for one request; any of `everybody` may have bound it."""
    if len(made) > 1:
        yield f"I6 one key, several holds: {[life.base for life in made]}"
    bound = {call.cells for call in calls if call.answer in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.NO)}
    bound |= {life.row.cells for life in made}
    reused = [call for call in calls if call.answer is CallOutcome.REUSED]
    if len(bound) > 1:
        yield f"I6 several requests accepted under one key: {calls}"
    elif not any(_binds(cells, everybody, reused) for cells in (bound or {call.cells for call in everybody})):
        yield f"I6 a key was said to be another request's, and was not: {calls}"
    noes = [call for call in calls if call.answer is CallOutcome.NO]
    if len({call.told for call in noes}) > 1:
        yield f"I6 one key, refused in two ways: {noes}"
    if noes and (made or any(call.answer in (CallOutcome.OK, CallOutcome.ENDED) for call in calls)):
        yield f"I5 refused for good, yet held: {noes[0]} {[life.base for life in made]}"


def _binds(cells: tuple[Cell, ...], calls: Sequence[Call], reused: Sequence[Call]) -> bool:
    """Whether the key can belong to this request: calls that were told otherwise asked later, for another one."""
    first_s = min((call.invoked_s for call in calls if call.cells == cells), default=inf)
    return all(call.cells != cells and first_s <= call.returned_s for call in reused)

"""Judges the limit on a holder's live holds, over all trips and through all services (I9)."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from math import inf
from typing import NamedTuple

from travio_inventory.client import HoldLimitReached
from verification.chaos.ownership import Ownership
from verification.simulation.history import Call, CallOutcome, History

TURNED_AWAY_S_MAX = 0.5
"""A refusal within this time leaves no unanswered batch behind."""
LEFT_BEHIND_S_MAX = 15.0
"""How long after its expiry, or its attempt, a hold may count: clocks behind, late batches, extensions."""


class Busy(NamedTuple):
    """The time in which an attempt, or its hold, may have counted for its holder."""

    from_s: float
    to_s: float


def judge_limits(histories: Collection[History], most: int) -> list[str]:
    """Nobody certainly had more than `most` holds at once, and nobody was refused who had certainly fewer."""
    return [*_over(histories, most), *_unexplained(histories, most)]


def _over(histories: Collection[History], most: int) -> Iterator[str]:
    edges: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for history in histories:
        for owned, holder in Ownership(history).of_holds():
            if owned.from_s < owned.to_s:
                edges[holder] += [(owned.from_s, 1), (owned.to_s, -1)]
    for holder, changes in edges.items():
        held = 0
        for at_s, change in sorted(changes):
            held += change
            if held > most:
                yield f"I9 {holder} had {held} holds at {at_s:.3f}, and may have {most}"
                break


def _unexplained(histories: Collection[History], most: int) -> Iterator[str]:
    calls: dict[str, list[tuple[Call, History]]] = defaultdict(list)
    for history in histories:
        for call in history.calls:
            calls[call.holder].append((call, history))
    for of_holder in calls.values():
        refused = [call for call, _ in of_holder if call.told == HoldLimitReached.reason]
        busy = _busy(of_holder) if refused else []
        for call in refused:
            met = sum(one.from_s <= call.returned_s and call.invoked_s <= one.to_s for one in busy)
            if met < most:
                yield f"I9 refused for a limit of {most}, with {met} at most in the way: {call}"


def _busy(calls: Collection[tuple[Call, History]]) -> list[Busy]:
    """One for each attempt: all calls with one key are one attempt."""
    ended_s: dict[str, float] = defaultdict(lambda: inf)
    for call, _ in calls:
        is_end = call.op == "confirm" or (call.op == "release" and not call.parts)
        if is_end and call.answer is CallOutcome.OK:
            ended_s[call.subject] = min(ended_s[call.subject], call.returned_s)
    attempts: dict[str, Busy] = {}
    for call, history in calls:
        name = call.subject or str(call.number)
        if call.op == "hold" and (to_s := _to_s(call, history, ended_s)) is not None:
            known = attempts.get(name, Busy(inf, -inf))
            attempts[name] = Busy(min(known.from_s, call.invoked_s), max(known.to_s, to_s))
    return [*attempts.values()]


def _to_s(call: Call, history: History, ended_s: Mapping[str, float]) -> float | None:
    """Until when it may have counted; None if it never did."""
    if call.answer is CallOutcome.UNKNOWN:
        return inf
    if call.answer is CallOutcome.OK:
        lapses_s = (call.until_ms - history.start_ms) / 1_000 + LEFT_BEHIND_S_MAX
        return min(ended_s[call.told], max(lapses_s, call.returned_s))
    if call.returned_s - call.invoked_s > TURNED_AWAY_S_MAX:
        return call.returned_s + LEFT_BEHIND_S_MAX
    return None if call.told == HoldLimitReached.reason else call.returned_s

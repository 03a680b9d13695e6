"""What the end of a service costs its callers: whose calls were in flight, when others answered, how it was settled."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from verification.chaos.crowds import CROWD
from verification.chaos.deployment import Fall
from verification.chaos.nemesis import ENDS_A_SERVICE, Struck
from verification.chaos.notebook import Notebook, is_decided, words
from verification.simulation.history import Call, CallOutcome

NEXT_ANSWER_S_MAX = 1.0
"""The promise: within this time after a service's end, the others answer normally."""
FELT_S = 5.0
"""How long after its repair a fault may still have effects: the time that recovery may take."""
NEVER = "never"

_Asked = tuple[str, str, tuple[object, ...], str, tuple[str, ...]]


class Felled(NamedTuple):
    """One end of a service."""

    fall: Fall
    in_flight: Sequence[Call]
    next_answer_s: float
    """From the signal to the other services' first OK to a call that was made after it."""
    others: Sequence[Struck]
    """The faults of another kind that were active at the time, or shortly before."""

    @property
    def is_too_late(self) -> bool:
        """Whether only this end of a service delayed the others."""
        return self.next_answer_s > NEXT_ANSWER_S_MAX and not self.others


class Settled(NamedTuple):
    """A call that was in flight: how it was answered in the end, what it was, and how long after the signal."""

    fall: Fall
    call: Call
    how: str
    to_what: str
    after_s: float


def measure(falls: Sequence[Fall], notebook: Notebook, struck: Sequence[Struck]) -> list[Felled]:
    """Every end of a service during the load."""
    calls = [call for book in notebook.books for call in book.all_calls]
    in_flight = _in_flight(falls, calls, notebook)
    return [Felled(fall, in_flight[fall], _next_answer_s(fall, calls), _others(fall, struck)) for fall in falls]


def _in_flight(falls: Sequence[Fall], calls: Iterable[Call], notebook: Notebook) -> dict[Fall, list[Call]]:
    found: dict[Fall, list[Call]] = {fall: [] for fall in falls}
    at_s = [fall.at_s for fall in falls]
    for call in calls:
        for fall in falls[bisect_right(at_s, call.invoked_s) : bisect_right(at_s, notebook.heard_s(call))]:
            if fall.service == call.process:
                found[fall].append(call)
    return found


def _next_answer_s(fall: Fall, calls: Iterable[Call]) -> float:
    served = (
        call.returned_s - fall.at_s
        for call in calls
        if call.invoked_s >= fall.at_s and call.answer is CallOutcome.OK and call.process != fall.service
    )
    return min(served, default=inf)


def _others(fall: Fall, struck: Iterable[Struck]) -> list[Struck]:
    until_s = fall.at_s + NEXT_ANSWER_S_MAX
    return [
        one
        for one in struck
        if one.planned.fault not in ENDS_A_SERVICE and one.touches(fall.at_s, until_s, felt_s=FELT_S)
    ]


def settle(felled: Iterable[Felled], notebook: Notebook) -> Iterator[Settled]:
    """The result of each customer's call that was in flight: its own answer, or the answer to the next call for the
    same.
    """
    decided: dict[_Asked, list[Call]] = defaultdict(list)
    for book in notebook.books:
        for call in book.all_calls:
            if is_decided(call) and not call.holder.startswith(CROWD):
                decided[_asked(call)].append(call)
    for one in felled:
        for call in one.in_flight:
            if not call.holder.startswith(CROWD):
                yield _settled(one.fall, call, decided[_asked(call)])


def _settled(fall: Fall, call: Call, decided: Iterable[Call]) -> Settled:
    if call.answer is not CallOutcome.UNKNOWN:
        return Settled(fall, call, "answered by it", words(call), call.returned_s - fall.at_s)
    later = [other for other in decided if other.returned_s > fall.at_s]
    if not later:
        return Settled(fall, call, NEVER, "-", inf)
    first = min(later, key=lambda other: other.returned_s)
    return Settled(fall, call, "asked again", words(first), first.returned_s - fall.at_s)


def _asked(call: Call) -> _Asked:
    return call.op, call.subject, call.cells, call.order, call.parts


def unsettled(felled: Iterable[Felled], notebook: Notebook) -> Iterator[str]:
    """Customers' calls that were in flight when a service ended, and that no later call for the same settled (I5)."""
    for one in settle(felled, notebook):
        if one.how == NEVER:
            yield f"I5 in flight when its service was ended, and never answered: {one.call}"

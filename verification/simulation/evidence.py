"""What a history says: the states of each hold, and what the calls show about when each began."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from travio_inventory.seats.hold import late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.history import LIVE, Call, FoundHold, History
from verification.simulation.moments import Before, Moments, NotAfter, NotBefore, OneOf, Way
from verification.simulation.possible_answers import ABSENT, done_by_s


@dataclass(slots=True, eq=False)
class Life:
    """An existing hold: its statuses, and the moment at which each began."""

    base: str
    row: FoundHold
    statuses: list[str]
    began: list[int]
    had: tuple[Cell, ...] = ()
    """The cells that it ever had, if they were changed: who had them when, only an observer of the store can know."""

    @property
    def spans(self) -> Iterator[tuple[int, int | None]]:
        """The moments between which it had its cells; None if it still has them."""
        first: int | None = None
        for status, moment in zip(self.statuses, self.began, strict=True):
            if status in LIVE:
                first = moment if first is None else first
            elif first is not None:
                yield first, moment
                first = None
        if first is not None:
            yield first, None


class Span(NamedTuple):
    """A span in which a hold had its cells."""

    life: Life
    first: int
    last: int | None


class Evidence:
    """What a history says: the lives of its holds, what is known of their statuses, the calls by key and step."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.moments = Moments()
        self.lives = {base: self._life(base) for base in history.bases()}
        self.by_key: dict[str, list[Call]] = defaultdict(list)
        self.asked: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for call in history.calls:
            if call.has_key:
                self.by_key[call.subject].append(call)
            self.asked[call.op, call.subject].append(call)
        self.kept: dict[str, list[Life]] = defaultdict(list)
        """What was held under each key."""
        for life in self.lives.values():
            self.kept[life.row.claimant].append(life)
        self.either: list[OneOf] = []
        """Facts with several possible ways, decided together with who had what when."""

    def _life(self, base: str) -> Life:
        statuses = self.history.statuses(base)
        seen_s = self.history.seen_s.get(base, ())
        began = [
            self.moments.new(at_s) for at_s in (seen_s if len(seen_s) == len(statuses) else [None] * len(statuses))
        ]
        for sooner, later in pairwise(began):
            self.moments.learn((Before(sooner, later),))
        rows = [row for hold_id in (base, late_id(base)) if (row := self.history.holds.get(hold_id)) is not None]
        had = dict.fromkeys(cell for row in rows for cell in row.had or row.cells)
        has_changed = any(row.had or row.cells != rows[0].cells for row in rows if row.cells)
        return Life(base, rows[0], statuses, began, tuple(had) if has_changed else ())

    def learn(self, facts: Way, said: str) -> Iterator[str]:
        """Add the facts to what is known of the moments; yields `said` if they are impossible."""
        if not self.moments.learn(facts):
            yield said

    def facts_of(self, life: Life, statuses: set[str], call: Call) -> Way | None:
        """The facts if at some moment of the call the hold was in one of these statuses, which follow each other; None
        if it never was.
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

    def may_have_ended(self, calls: Sequence[Call]) -> bool:
        """Whether a key may have been forgotten while these calls used it; it is known from the first of them on. A
        process that stood still goes on with a call whose caller left long ago.
        """
        first_s = min(call.invoked_s for call in calls)
        return max(map(done_by_s, calls)) - first_s > self.history.keys_kept_s

    def forgotten(self, life: Life, call: Call) -> Way | None:
        """That the hold had ended so long before the call was answered that it may be forgotten; None if it lives."""
        if not life.statuses or life.statuses[-1] in LIVE:
            return None
        return (NotAfter(life.began[-1], call.returned_s - self.history.holds_kept_s),)

    def order_of(self, life: Life) -> str:
        """The order that the hold is confirmed for; that of its late booking if there is one."""
        late = self.history.holds.get(late_id(life.base))
        return late.order if late is not None and late.order else life.row.order

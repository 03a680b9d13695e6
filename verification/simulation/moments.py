"""Moments of which only bounds are known, and whether an order of them meets all requirements."""

from collections.abc import Iterator, Sequence
from math import inf
from operator import le
from typing import NamedTuple, TypeAlias

BRANCHES_MAX = 5_000


class Before(NamedTuple):
    """One moment is not after another."""

    first: int
    then: int


class NotAfter(NamedTuple):
    """A moment has a latest time, in seconds."""

    moment: int
    at_s: float


class NotBefore(NamedTuple):
    """A moment has an earliest time, in seconds."""

    moment: int
    at_s: float


Fact: TypeAlias = Before | NotAfter | NotBefore
Way: TypeAlias = tuple[Fact, ...]
"""Facts that are true together."""


class OneOf(NamedTuple):
    """At least one of the ways is true; `said` is the promise that is broken if none can be."""

    ways: Sequence[Way]
    said: str


class Undecided(Exception):
    """Too many orders are possible to try them all."""


class Moments:
    """Earliest and latest times, as narrow as the facts make them, and when an observer says that they were."""

    def __init__(self) -> None:
        self.seen_s: list[float | None] = []
        self.earliest_s: list[float] = []
        self.latest_s: list[float] = []
        self._later: list[list[int]] = []
        self._sooner: list[list[int]] = []

    def new(self, seen_s: float | None = None) -> int:
        """Add a moment of which nothing is known, but what an observer says."""
        self.seen_s.append(seen_s)
        self.earliest_s.append(-inf)
        self.latest_s.append(inf)
        self._later.append([])
        self._sooner.append([])
        return len(self.earliest_s) - 1

    def copy(self) -> "Moments":
        """A copy for a trial."""
        twin = Moments()
        twin.seen_s = self.seen_s
        twin.earliest_s, twin.latest_s = self.earliest_s.copy(), self.latest_s.copy()
        twin._later = [moments.copy() for moments in self._later]
        twin._sooner = [moments.copy() for moments in self._sooner]
        return twin

    def are_as_seen(self, asked: "Sequence[OneOf]") -> bool:
        """Whether the times that an observer saw meet all that is known and required."""
        at_s = [seen for seen in self.seen_s if seen is not None]
        return (
            len(at_s) == len(self.seen_s)
            and all(map(le, self.earliest_s, at_s))
            and all(map(le, at_s, self.latest_s))
            and all(at_s[moment] <= at_s[then] for moment, later in enumerate(self._later) for then in later)
            and all(any(_is_so(way, at_s) for way in one_of.ways) for one_of in asked)
        )

    def learn(self, facts: Way) -> bool:
        """Add the facts; False if they contradict each other."""
        return len([fact for fact in facts if self._learn(fact)]) == len(facts)

    def _learn(self, fact: Fact) -> bool:
        match fact:
            case Before(first=first, then=then):
                self._later[first].append(then)
                self._sooner[then].append(first)
                return self._delay(then, self.earliest_s[first]) and self._hasten(first, self.latest_s[then])
            case NotAfter(moment=moment, at_s=at_s):
                return self._hasten(moment, at_s)
            case NotBefore(moment=moment, at_s=at_s):
                return self._delay(moment, at_s)

    def _delay(self, moment: int, at_s: float) -> bool:
        todo, is_possible = [(moment, at_s)], True
        while todo:
            moment, at_s = todo.pop()
            if at_s > self.earliest_s[moment]:
                self.earliest_s[moment] = at_s
                is_possible = is_possible and at_s <= self.latest_s[moment]
                todo += [(later, at_s) for later in self._later[moment]]
        return is_possible

    def _hasten(self, moment: int, at_s: float) -> bool:
        todo, is_possible = [(moment, at_s)], True
        while todo:
            moment, at_s = todo.pop()
            if at_s < self.latest_s[moment]:
                self.latest_s[moment] = at_s
                is_possible = is_possible and at_s >= self.earliest_s[moment]
                todo += [(sooner, at_s) for sooner in self._sooner[moment]]
        return is_possible

    def allows(self, way: Way) -> bool:
        """Whether no fact of the way is excluded by what is known of its own moments."""
        return all(map(self._allows, way))

    def _allows(self, fact: Fact) -> bool:
        match fact:
            case Before(first=first, then=then):
                return self.earliest_s[first] <= self.latest_s[then]
            case NotAfter(moment=moment, at_s=at_s):
                return self.earliest_s[moment] <= at_s
            case NotBefore(moment=moment, at_s=at_s):
                return self.latest_s[moment] >= at_s

    def implies(self, way: Way) -> bool:
        """Whether every fact of the way is certain."""
        return all(map(self._implies, way))

    def _implies(self, fact: Fact) -> bool:
        match fact:
            case Before(first=first, then=then):
                return self.latest_s[first] <= self.earliest_s[then]
            case NotAfter(moment=moment, at_s=at_s):
                return self.latest_s[moment] <= at_s
            case NotBefore(moment=moment, at_s=at_s):
                return self.earliest_s[moment] >= at_s


def _is_so(way: Way, at_s: Sequence[float]) -> bool:
    """Whether every fact of the way is true at these times."""
    for fact in way:
        match fact:
            case Before(first=first, then=then):
                is_so = at_s[first] <= at_s[then]
            case NotAfter(moment=moment, at_s=latest_s):
                is_so = at_s[moment] <= latest_s
            case NotBefore(moment=moment, at_s=earliest_s):
                is_so = at_s[moment] >= earliest_s
        if not is_so:
            return False
    return True


def why_impossible(moments: Moments, asked: Sequence[OneOf]) -> str:
    """What is impossible, "" if an order meets all requirements: that which was seen, or any. Raises Undecided."""
    if moments.are_as_seen(asked):
        return ""
    first_said = ""
    trials: list[Iterator[tuple[Moments, Sequence[OneOf]]]] = [iter([(moments, asked)])]
    for _ in range(BRANCHES_MAX):
        if not trials:
            return first_said or "I7 no order explains all answers"
        trial = next(trials[-1], None)
        if trial is None:
            trials.pop()
            continue
        known, left = trial
        said, left = _narrow(known, left)
        if said:
            first_said = first_said or (said if len(trials) == 1 else f"I7 no order explains all answers: {said}")
        elif not left:
            return ""
        else:
            trials.append(_branches(known, left))
    raise Undecided


def _branches(known: Moments, left: Sequence[OneOf]) -> Iterator[tuple[Moments, Sequence[OneOf]]]:
    chosen = min(left, key=lambda one_of: len(one_of.ways))
    rest = [one_of for one_of in left if one_of is not chosen]
    for way in chosen.ways:
        trial = known.copy()
        if trial.learn(way):
            yield trial, rest


def _narrow(known: Moments, asked: Sequence[OneOf]) -> tuple[str, Sequence[OneOf]]:
    """Learn everything that has one way left; returns what is impossible, or what still has several ways."""
    while True:
        left: list[OneOf] = []
        learnt = False
        for one_of in asked:
            ways = [way for way in one_of.ways if known.allows(way)]
            if not ways:
                return one_of.said, []
            if any(map(known.implies, ways)):
                continue
            if len(ways) > 1:
                left.append(OneOf(ways, one_of.said))
            elif known.learn(ways[0]):
                learnt = True
            else:
                return one_of.said, []
        if not learnt:
            return "", left
        asked = left

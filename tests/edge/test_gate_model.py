"""Any calls in any order, on every edge: it answers like a model of the gate, or lets the attempt pass."""

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edge.edges import EdgeUnderTest, local_edge
from travio_inventory.edge.occupancies import told
from travio_inventory.edge.remembering import RememberingGate
from travio_inventory.seats.ports import Attempt, Cell, Gate, GateAnswer, Locked, Occupancy, Passed, SeatGroupKey, Taken
from travio_inventory.seats.refusals import TakenCell

SEATS = [Cell("A1", 0), Cell("A1", 1), Cell("A2", 0), Cell("A2", 1)]
RANKS = {"held": 0, "sold": 1}


class Model:
    """What is remembered of one seat group when no time passes."""

    def __init__(self) -> None:
        self.locks: dict[Cell, Attempt] = {}
        self.taken: dict[Cell, Occupancy] = {}
        self.known: set[str] = set()
        self.left: set[tuple[str, Cell]] = set()

    def enter(self, wanted: list[Cell], attempt: Attempt) -> GateAnswer:
        """The answer of an edge that remembers everything."""
        if not (attempt.settles or attempt.claimant in self.known):
            taken = [(cell, self.taken[cell]) for cell in wanted if cell in self.taken]
            if others := [(cell, by) for cell, by in taken if by.claimant != attempt.claimant]:
                cells = [TakenCell(*cell, by.status, by.claimant, by.hold, by.until_ms) for cell, by in others]
                return Taken(tuple(cells), min(by.as_of_ms for _, by in others))
            locks = [cell.seat for cell in wanted if self.locks.get(cell, attempt).claimant != attempt.claimant]
            if locks:
                return Locked(tuple(dict.fromkeys(locks)))
        for cell in wanted:
            self.locks.setdefault(cell, attempt)
        if attempt.has_key:
            self.known.add(attempt.claimant)
        return Passed()

    def leave(self, wanted: list[Cell], token: str) -> None:
        """Compare and delete."""
        self.locks = {cell: lock for cell, lock in self.locks.items() if cell not in wanted or lock.token != token}

    def mark(self, wanted: list[Cell], new: Occupancy) -> None:
        """Marks with a claimant count before those without, later ones before earlier ones."""
        for cell in wanted:
            if (new.hold, cell) in self.left:
                continue
            old = self.taken.get(cell)
            if old is None or self._order(new, old) >= self._order(old, new):
                self.taken[cell] = new

    def _order(self, one: Occupancy, other: Occupancy) -> tuple[bool, int, int, int]:
        if one.hold != other.hold:
            return bool(one.claimant), 0, 0, one.as_of_ms
        return bool(one.claimant), RANKS[one.status], one.until_ms, one.as_of_ms

    def clear(self, wanted: list[Cell], hold: str) -> None:
        """Clear the hold's cells, and accept no later mark of it there."""
        self.left |= {(hold, cell) for cell in wanted}
        self.taken = {cell: by for cell, by in self.taken.items() if cell not in wanted or by.hold != hold}


Call: TypeAlias = tuple[str, list[Cell], Attempt, Occupancy]
claimants = st.sampled_from(["ann", "bob"])
calls = st.tuples(
    st.sampled_from(["enter", "enter", "enter", "leave", "mark", "mark", "clear"]),
    st.lists(st.sampled_from(SEATS), min_size=1, unique=True),
    st.builds(
        Attempt,
        token=st.sampled_from(["t1", "t2", "t3"]),
        claimant=claimants,
        has_key=st.sampled_from([False, False, True]),
        settles=st.sampled_from([False, False, False, True]),
    ),
    st.builds(
        Occupancy,
        hold=st.sampled_from(["h1", "h2", "h3"]),
        claimant=claimants | st.just(""),
        status=st.sampled_from(["held", "sold"]),
        until_ms=st.integers(60_000, 60_002),
        as_of_ms=st.integers(0, 2),
    ),
)
"""The times of an occupancy count from the beginning of the run."""


async def asked(gate: Gate, group: SeatGroupKey, wanted: list[Cell], attempt: Attempt) -> GateAnswer:
    """What the gate answers when it is asked, whatever this process remembers."""
    if isinstance(gate, RememberingGate):
        return told(await gate._gate.ask(group, wanted, attempt, ttl_ms=60_000))
    return await gate.enter(group, wanted, attempt, ttl_ms=60_000)


@pytest.mark.once
@given(st.lists(calls, max_size=30))
async def test_whatever_comes_first_an_edge_turns_away_only_with_cause(edge: EdgeUnderTest, script: list[Call]) -> None:
    """An edge that remembers answers like the model; one that forgets may only differ by letting an attempt pass."""
    group, model = edge.group_gate().group, Model()
    began_ms = edge.today_ms() + 5_000  # so that no entry ends during the run
    for verb, wanted, attempt, drawn in script:
        occupancy = drawn._replace(until_ms=drawn.until_ms + began_ms, as_of_ms=drawn.as_of_ms + began_ms)
        match verb:
            case "enter":
                answer = await asked(edge.gate, group, wanted, attempt)
                expected = model.enter(wanted, attempt)
                assert answer == expected or (answer == Passed() and not edge.remembers)
            case "leave":
                await edge.gate.leave(group, wanted, token=attempt.token)
                model.leave(wanted, attempt.token)
            case "mark":
                await edge.taken.mark(group, wanted, occupancy)
                model.mark(wanted, occupancy)
            case _:
                await edge.taken.clear(group, wanted, hold=occupancy.hold)
                model.clear(wanted, occupancy.hold)


@given(st.lists(calls, max_size=30))
async def test_a_process_that_remembers_refuses_only_whom_the_gate_would(script: list[Call]) -> None:
    """And all of them, though its refusal may name fewer seats. Ann has a key, Bob has none."""
    edge, model = local_edge(remembered=True), Model()
    group, began_ms = edge.group_gate().group, edge.today_ms()
    for verb, wanted, drawn_attempt, drawn in script:
        attempt = drawn_attempt._replace(has_key=drawn_attempt.claimant == "ann")
        occupancy = drawn._replace(until_ms=drawn.until_ms + began_ms, as_of_ms=drawn.as_of_ms + began_ms)
        match verb:
            case "enter":
                answer = await edge.gate.enter(group, wanted, attempt, ttl_ms=60_000)
                assert (answer == Passed()) == (model.enter(wanted, attempt) == Passed())
            case "leave":
                await edge.gate.leave(group, wanted, token=attempt.token)
                model.leave(wanted, attempt.token)
            case "mark":
                await edge.taken.mark(group, wanted, occupancy)
                model.mark(wanted, occupancy)
            case _:
                await edge.taken.clear(group, wanted, hold=occupancy.hold)
                model.clear(wanted, occupancy.hold)

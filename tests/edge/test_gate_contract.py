"""What every Gate and TakenSeats keeps: `edge` is every one, `present_edge` those that remember."""

from collections.abc import Iterator
from random import Random
from typing import TypeAlias

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.conftest import Door, Edge, cells
from travio_inventory.domain.trip import TripKey
from travio_inventory.engine.ports import BlockKey, Cell, GateAnswer, Locked, Passed, Taken

MARGIN_MS = 20


# ---- every edge, the absent one too


async def test_free_seats_let_anyone_pass(edge: Edge) -> None:
    assert await edge.door().enter("ann", "A1:0 A1:1 A2:0") == Passed()


async def test_a_claimant_passes_its_own_lock(edge: Edge) -> None:
    """Under the same token, and under a new one: a retry may be a new attempt."""
    door = edge.door()
    await door.enter("ann", "A1:0 A1:1")
    assert await door.enter("ann", "A1:0 A1:1") == Passed()
    assert await door.enter("ann", "A1:1 A2:1", attempt="again") == Passed()


async def test_a_claimant_passes_what_is_taken_by_itself(edge: Edge) -> None:
    door = edge.door()
    await door.mark("ann", "A1:0 A1:1")
    assert await door.enter("ann", "A1:0 A1:1") == Passed()


async def test_seats_left_are_free(edge: Edge) -> None:
    door = edge.door()
    await door.enter("ann", "A1:0 A1:1")
    await door.leave("ann", "A1:0 A1:1")
    assert await door.enter("bob", "A1:0 A1:1") == Passed()


async def test_a_lock_ends_with_its_time(edge: Edge) -> None:
    door = edge.door()
    await door.enter("ann", "A1:0", ttl_ms=100)
    await edge.wait(100 + MARGIN_MS)
    assert await door.enter("bob", "A1:0") == Passed()


async def test_a_taken_entry_ends_with_its_time(edge: Edge) -> None:
    """A clear can be lost: a seat must not be lost with it."""
    door = edge.door()
    await door.mark("ann", "A1:0")
    await door.mark("", "A2:0")
    await edge.wait(edge.taken_ttl_ms + MARGIN_MS)
    assert await door.enter("bob", "A1:0 A2:0") == Passed()


async def test_clear_frees_whoever_marked(edge: Edge) -> None:
    door = edge.door()
    await door.mark("ann", "A1:0")
    await door.mark("", "A2:0")
    await door.clear("A1:0 A2:0")
    assert await door.enter("bob", "A1:0 A2:0") == Passed()


async def test_leaving_and_clearing_what_is_not_there_is_nothing(edge: Edge) -> None:
    door = edge.door()
    await door.leave("ann", "A1:0")
    await door.clear("A1:0")
    assert await door.enter("bob", "A1:0") == Passed()


async def test_a_refused_attempt_leaves_no_lock_behind(edge: Edge) -> None:
    """Bob wants what Ann locks, and more, before and after it: the rest must stay free for Eve."""
    door = edge.door()
    await door.enter("ann", "A2:0")
    await door.enter("bob", "A1:0 A2:0 A3:0")
    assert await door.enter("eve", "A1:0 A3:0") == Passed()


async def test_an_attempt_refused_for_a_taken_seat_leaves_no_lock_behind(edge: Edge) -> None:
    door = edge.door()
    await door.mark("ann", "A2:0")
    await door.enter("bob", "A1:0 A2:0 A3:0")
    assert await door.enter("eve", "A1:0 A3:0") == Passed()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b", "c", 0), ("a", "b:c", 0)),
        (("a", "b}{c", 0), ("a}{b", "c", 0)),
        (("a", "b%3Ac", 0), ("a", "b:c", 0)),
        (("a", "b", 11), ("a", "b1", 1)),
        (("a", "b:1", 1), ("a", "b", 11)),
    ],
)
async def test_blocks_with_names_alike_do_not_meet(
    edge: Edge, one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    ours = edge.trip().trip
    first, second = (
        Door(edge, BlockKey(TripKey(ours + organization, trip), block)) for organization, trip, block in (one, other)
    )
    await first.enter("ann", "A1:0")
    await first.mark("ann", "A2:0")
    assert await second.enter("bob", "A1:0 A2:0") == Passed()


@pytest.mark.parametrize(("one", "other"), [("A:11", "A1:1"), ("A:1:1", "A:11"), ("A%3A1:1", "A:1:1"), ("a:0", "A:0")])
async def test_cells_with_names_alike_do_not_meet(edge: Edge, one: str, other: str) -> None:
    door = edge.door()
    await door.enter("ann", one)
    await door.mark("ann", one)
    assert await door.enter("bob", other) == Passed()


# ---- an edge that is there


async def test_a_lock_turns_others_away(present_edge: Edge) -> None:
    """Whatever token they come with."""
    door = present_edge.door()
    await door.enter("ann", "A1:0 A1:1")
    assert await door.enter("bob", "A1:1 A1:2") == Locked(("A1",))
    assert await door.enter("bob", "A1:1", attempt="ann") == Locked(("A1",))


async def test_a_lock_stands_until_its_time_is_over(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.enter("ann", "A1:0", ttl_ms=400)
    await present_edge.wait(200)
    assert await door.enter("bob", "A1:0") == Locked(("A1",))


async def test_leaving_with_a_foreign_token_frees_nothing(present_edge: Edge) -> None:
    """Bob was slow, his lock ran out, Ann has the seat: what he leaves is hers."""
    door = present_edge.door()
    await door.enter("bob", "A1:0", ttl_ms=100)
    await present_edge.wait(100 + MARGIN_MS)
    await door.enter("ann", "A1:0")
    await door.leave("bob", "A1:0")
    assert await door.enter("eve", "A1:0") == Locked(("A1",))


async def test_a_second_attempt_does_not_take_the_lock_over(present_edge: Edge) -> None:
    """It locks what was free; when it leaves, the first attempt still has its own."""
    door = present_edge.door()
    await door.enter("ann", "A1:0", attempt="first")
    await door.enter("ann", "A1:0 A2:0", attempt="second")
    assert await door.enter("bob", "A2:0") == Locked(("A2",))
    await door.leave("ann", "A1:0 A2:0", attempt="second")
    assert await door.enter("bob", "A2:0") == Passed()
    assert await door.enter("eve", "A1:0") == Locked(("A1",))


async def test_leaving_frees_only_the_cells_named(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.enter("ann", "A1:0 A2:0")
    await door.leave("ann", "A1:0")
    assert await door.enter("bob", "A1:0") == Passed()
    assert await door.enter("bob", "A2:0") == Locked(("A2",))


async def test_a_taken_seat_turns_others_away_after_the_lock_is_gone(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.enter("ann", "A1:0 A1:1")
    await door.mark("ann", "A1:0 A1:1")
    await door.leave("ann", "A1:0 A1:1")
    await present_edge.wait(present_edge.taken_ttl_ms // 2)
    assert await door.enter("bob", "A1:1") == Taken(("A1",))
    assert await door.enter("eve", "A1:0") == Taken(("A1",))


async def test_a_seat_taken_by_nobody_known_turns_everybody_away(present_edge: Edge) -> None:
    """Who has no name either, too."""
    door = present_edge.door()
    await door.mark("", "A1:0")
    assert await door.enter("ann", "A1:0") == Taken(("A1",))
    assert await door.enter("", "A1:0", attempt="t") == Taken(("A1",))


async def test_the_latest_word_on_a_taken_seat_counts(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.mark("", "A1:0")
    await door.mark("ann", "A1:0")
    assert await door.enter("ann", "A1:0") == Passed()
    await door.leave("ann", "A1:0")
    assert await door.enter("bob", "A1:0") == Taken(("A1",))


async def test_marking_again_begins_the_time_again(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.mark("ann", "A1:0")
    await present_edge.wait(present_edge.taken_ttl_ms * 3 // 4)
    await door.mark("ann", "A1:0")
    await present_edge.wait(present_edge.taken_ttl_ms * 3 // 4)
    assert await door.enter("bob", "A1:0") == Taken(("A1",))


async def test_a_refusal_names_its_seats_once_and_in_the_order_asked(present_edge: Edge) -> None:
    door = present_edge.door()
    await door.enter("ann", "A3:0 A3:1 A1:1")
    await door.mark("bob", "A2:0 A5:0 A4:0")
    assert await door.enter("eve", "A4:0 A3:0 A3:1 A2:0 A1:0 A1:1") == Locked(("A3", "A1"))
    assert await door.enter("eve", "A5:0 A1:0 A4:0 A2:0") == Taken(("A5", "A4", "A2"))


# ---- any order of calls, held against a model

SEATS = [Cell("A1", 0), Cell("A1", 1), Cell("A2", 0), Cell("A2", 1)]


class Model:
    """What locks and taken entries there are when no time passes."""

    def __init__(self) -> None:
        self.locks: dict[Cell, tuple[str, str]] = {}
        self.taken: dict[Cell, str] = {}

    def enter(self, wanted: list[Cell], token: str, claimant: str) -> GateAnswer:
        """The answer of an edge that remembers all."""
        locked = [cell.seat for cell in wanted if self.locks.get(cell, ("", claimant))[1] != claimant]
        taken = [cell.seat for cell in wanted if self.taken.get(cell, claimant) != claimant]
        if locked:
            return Locked(tuple(dict.fromkeys(locked)))
        if taken:
            return Taken(tuple(dict.fromkeys(taken)))
        for cell in wanted:
            self.locks.setdefault(cell, (token, claimant))
        return Passed()

    def leave(self, wanted: list[Cell], token: str) -> None:
        """Compare and delete."""
        self.locks = {cell: lock for cell, lock in self.locks.items() if cell not in wanted or lock[0] != token}


Call: TypeAlias = tuple[str, list[Cell], str, str]
"""A verb, the cells, a token, a claimant."""

calls = st.tuples(
    st.sampled_from(["enter", "enter", "enter", "leave", "mark", "clear"]),
    st.lists(st.sampled_from(SEATS), min_size=1, unique=True),
    st.sampled_from(["t1", "t2", "t3"]),
    st.sampled_from(["ann", "bob"]),
)


@settings(deadline=None)  # a server may take its time
@given(st.lists(calls, max_size=30))
async def test_whatever_comes_first_an_edge_turns_away_only_with_cause(edge: Edge, script: list[Call]) -> None:
    """One that remembers answers as the model does; one that forgets may let pass, and nothing else."""
    block, model = edge.door().block, Model()
    for verb, wanted, token, claimant in script:
        if verb == "enter":
            answer = await edge.gate.enter(block, wanted, token=token, claimant=claimant, ttl_ms=60_000)
            expected = model.enter(wanted, token, claimant)
            assert answer == expected or (answer == Passed() and not edge.remembers)
        elif verb == "leave":
            await edge.gate.leave(block, wanted, token=token)
            model.leave(wanted, token)
        elif verb == "mark":
            await edge.taken.mark(block, wanted, claimant=claimant)
            model.taken |= dict.fromkeys(wanted, claimant)
        else:
            await edge.taken.clear(block, wanted)
            model.taken = {cell: who for cell, who in model.taken.items() if cell not in wanted}


# ---- everyone at once


def crowd(seed: int) -> Iterator[tuple[int, str]]:
    """200 claims in two blocks, each for three of six cells, so that many overlap and some do not."""
    chance = Random(seed)
    names = ["A1:0", "A1:1", "A1:2", "A2:0", "A2:1", "A2:2"]
    for number in range(200):
        yield number % 2, " ".join(chance.sample(names, 3))


@pytest.mark.parametrize("seed", range(5))
async def test_of_claims_that_overlap_one_passes(present_edge: Edge, seed: int) -> None:
    doors = (present_edge.door(), present_edge.door())
    passed: list[tuple[int, str]] = []
    start = anyio.Event()

    async def contend(name: str, block: int, wanted: str) -> None:
        await start.wait()
        if await doors[block].enter(name, wanted) == Passed():
            passed.append((block, wanted))

    async with anyio.create_task_group() as tasks:
        for number, (block, wanted) in enumerate(crowd(seed)):
            tasks.start_soon(contend, f"claimant-{number}", block, wanted)
        await anyio.wait_all_tasks_blocked()
        start.set()

    won = [(block, cell) for block, wanted in passed for cell in cells(wanted)]
    assert len(won) == len(set(won)), "a cell was locked for two"
    assert {block for block, _ in won} == {0, 1}, "nobody passed"

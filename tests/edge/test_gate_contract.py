"""What every Gate and TakenSeats promises: `edge` is each of them, `present_edge` those that remember."""

from collections.abc import Iterator
from random import Random

import anyio
import pytest

from tests.edge.edges import EdgeUnderTest, GroupGate, cells, who_has
from travio_inventory.seats.ports import Locked, Passed, SeatGroupKey, Taken
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import TripKey

MARGIN_MS = 20


async def test_free_seats_let_anyone_pass(edge: EdgeUnderTest) -> None:
    assert await edge.group_gate().enter("ann", "A1:0 A1:1 A2:0") == Passed()


async def test_a_claimant_passes_its_own_lock(edge: EdgeUnderTest) -> None:
    """With the same token, and with a new one: a retry may be a new attempt."""
    gate = edge.group_gate()
    await gate.enter("ann", "A1:0 A1:1")
    assert await gate.enter("ann", "A1:0 A1:1") == Passed()
    assert await gate.enter("ann", "A1:1 A2:1", attempt="again") == Passed()


async def test_a_claimant_passes_its_own_taken_seats(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0 A1:1")
    assert await gate.enter("ann", "A1:0 A1:1") == Passed()


async def test_an_attempt_that_settles_passes_everything_that_is_remembered(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.mark("bob", "A1:0", status="sold")
    await gate.enter("eve", "A2:0")
    assert await gate.enter("ann", "A1:0 A2:0", has_key=True, settles=True) == Passed()


async def test_a_claimant_with_a_key_that_was_let_in_passes_again(edge: EdgeUnderTest) -> None:
    """It went to the store then, so only the store can answer its key, whatever happened to the seat since."""
    gate = edge.group_gate()
    await gate.enter("ann", "A1:0", has_key=True, attempt="first")
    await gate.leave("ann", "A1:0", attempt="first")
    await gate.mark("bob", "A1:0", status="sold")
    await gate.enter("eve", "A2:0")
    assert await gate.enter("ann", "A1:0 A2:0", has_key=True, attempt="second") == Passed()


async def test_seats_left_are_free(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.enter("ann", "A1:0 A1:1")
    await gate.leave("ann", "A1:0 A1:1")
    assert await gate.enter("bob", "A1:0 A1:1") == Passed()


async def test_a_lock_ends_with_its_time(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.enter("ann", "A1:0", ttl_ms=100)
    await edge.wait(100 + MARGIN_MS)
    assert await gate.enter("bob", "A1:0") == Passed()


async def test_a_taken_entry_ends_with_its_time(edge: EdgeUnderTest) -> None:
    """A clear can be lost: a seat must not be lost with it."""
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0")
    await gate.mark("", "A2:0")
    await edge.wait(edge.taken_ttl_ms + MARGIN_MS)
    assert await gate.enter("bob", "A1:0 A2:0") == Passed()


async def test_a_late_mark_is_remembered_for_less_time(edge: EdgeUnderTest) -> None:
    """Everything that is remembered of one batch ends together, whenever its mark arrived."""
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0", age_ms=edge.taken_ttl_ms - 200)
    await gate.mark("ann", "A2:0", age_ms=edge.taken_ttl_ms)
    assert await gate.enter("bob", "A2:0") == Passed()
    await edge.wait(200 + MARGIN_MS)
    assert await gate.enter("bob", "A1:0") == Passed()


async def test_a_hold_that_has_run_out_is_not_remembered(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0", held_ms=100)
    await edge.wait(100 + MARGIN_MS)
    assert await gate.enter("bob", "A1:0") == Passed()


async def test_clear_frees_only_the_hold_s_own_cells(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0 A2:0")
    await gate.clear("ann", "A1:0 A2:0")
    assert await gate.enter("bob", "A1:0 A2:0") == Passed()


async def test_a_mark_of_a_cell_that_the_hold_has_no_more_comes_too_late(edge: EdgeUnderTest) -> None:
    """Whether it was marked before or not, even with the latest time; marks of other holds still count."""
    gate = edge.group_gate()
    await gate.mark("ann", "A1:0")
    await gate.clear("ann", "A1:0 A2:0")
    await gate.mark("ann", "A1:0 A2:0")
    assert await gate.enter("bob", "A1:0 A2:0") == Passed()


async def test_what_a_hold_gets_for_what_it_gave_up_turns_others_away_at_once(present_edge: EdgeUnderTest) -> None:
    """A move within a seat group clears the old cells and marks the new ones."""
    gate = present_edge.group_gate()
    await gate.mark("ann", "A1:0 A2:0")
    await gate.clear("ann", "A1:0")
    await gate.clear("ann", "")
    await gate.mark("ann", "A2:0 A3:0")
    assert await gate.enter("bob", "A1:0") == Passed()
    assert who_has(await gate.enter("bob", "A2:0 A3:0")) == {"A2": "held", "A3": "held"}


async def test_leaving_and_clearing_what_is_not_there_changes_nothing(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.leave("ann", "A1:0")
    await gate.clear("ann", "A1:0")
    assert await gate.enter("bob", "A1:0") == Passed()


async def test_a_refused_attempt_leaves_no_lock_behind(edge: EdgeUnderTest) -> None:
    """Bob wants what Ann locks, and more, before and after it: the rest must stay free for Eve."""
    gate = edge.group_gate()
    await gate.enter("ann", "A2:0")
    await gate.enter("bob", "A1:0 A2:0 A3:0")
    assert await gate.enter("eve", "A1:0 A3:0") == Passed()


async def test_an_attempt_refused_for_a_taken_seat_leaves_no_lock_behind(edge: EdgeUnderTest) -> None:
    gate = edge.group_gate()
    await gate.mark("ann", "A2:0")
    await gate.enter("bob", "A1:0 A2:0 A3:0")
    assert await gate.enter("eve", "A1:0 A3:0") == Passed()


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
async def test_seat_groups_with_similar_names_are_kept_apart(
    edge: EdgeUnderTest, one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    ours = edge.trip().trip
    first, second = (
        GroupGate(edge, SeatGroupKey(TripKey(ours + organization, trip), group))
        for organization, trip, group in (one, other)
    )
    await first.enter("ann", "A1:0")
    await first.mark("ann", "A2:0")
    assert await second.enter("bob", "A1:0 A2:0") == Passed()


@pytest.mark.parametrize(("one", "other"), [("A:11", "A1:1"), ("A:1:1", "A:11"), ("A%3A1:1", "A:1:1"), ("a:0", "A:0")])
async def test_cells_with_similar_names_are_kept_apart(edge: EdgeUnderTest, one: str, other: str) -> None:
    gate = edge.group_gate()
    await gate.enter("ann", one)
    await gate.mark("ann", one)
    assert await gate.enter("bob", other) == Passed()


async def test_a_lock_turns_others_away(present_edge: EdgeUnderTest) -> None:
    """With any token."""
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0 A1:1")
    assert await gate.enter("bob", "A1:1 A1:2") == Locked(("A1",))
    assert await gate.enter("bob", "A1:1", attempt="ann") == Locked(("A1",))


async def test_a_lock_stands_until_its_time_is_over(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0", ttl_ms=5_000)
    await present_edge.wait(300)
    assert await gate.enter("bob", "A1:0") == Locked(("A1",))


async def test_leaving_with_a_foreign_token_frees_nothing(present_edge: EdgeUnderTest) -> None:
    """Bob was slow and his lock ran out, so Ann has locked the seat; leaving with his token must not free hers."""
    gate = present_edge.group_gate()
    await gate.enter("bob", "A1:0", ttl_ms=100)
    await present_edge.wait(100 + MARGIN_MS)
    await gate.enter("ann", "A1:0")
    await gate.leave("bob", "A1:0")
    assert await gate.enter("eve", "A1:0") == Locked(("A1",))


async def test_a_second_attempt_does_not_take_the_lock_over(present_edge: EdgeUnderTest) -> None:
    """It locks what was free; when it leaves, the first attempt still has its own."""
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0", attempt="first")
    await gate.enter("ann", "A1:0 A2:0", attempt="second")
    assert await gate.enter("bob", "A2:0") == Locked(("A2",))
    await gate.leave("ann", "A1:0 A2:0", attempt="second")
    assert await gate.enter("bob", "A2:0") == Passed()
    assert await gate.enter("eve", "A1:0") == Locked(("A1",))


async def test_leaving_frees_only_the_cells_named(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0 A2:0")
    await gate.leave("ann", "A1:0")
    assert await gate.enter("bob", "A1:0") == Passed()
    assert await gate.enter("bob", "A2:0") == Locked(("A2",))


async def test_a_taken_seat_turns_others_away_after_the_lock_is_gone(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0 A1:1")
    await gate.mark("ann", "A1:0 A1:1")
    await gate.leave("ann", "A1:0 A1:1")
    await present_edge.wait(present_edge.taken_ttl_ms // 2)
    assert who_has(await gate.enter("bob", "A1:1")) == {"A1": "held"}
    assert who_has(await gate.enter("eve", "A1:0")) == {"A1": "held"}


async def test_a_refused_attempt_is_told_why(present_edge: EdgeUnderTest) -> None:
    """How the seats are taken, whose they are, until when, and as of when: the oldest of several marks."""
    gate = present_edge.group_gate()
    sold = await gate.mark("ann", "A1:0", hold="a:b ~1", status="sold", age_ms=100)
    held = await gate.mark("bob", "A2:1", hold="h\u00f6ld~2")
    blocked = await gate.mark("", "A3:0", hold="house", status="blocked")
    answer = await gate.enter("eve", "A3:0 A2:1 A1:0")
    assert answer == Taken(
        (
            TakenCell("A3", 0, "blocked", "", blocked.hold, 0),
            TakenCell("A2", 1, "held", "bob", held.hold, held.until_ms),
            TakenCell("A1", 0, "sold", "ann", sold.hold, 0),
        ),
        sold.as_of_ms,
    )


async def test_taken_seats_are_reported_before_locked_ones(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0")
    await gate.mark("bob", "A2:0")
    assert who_has(await gate.enter("eve", "A1:0 A2:0")) == {"A2": "held"}


async def test_a_seat_taken_by_an_unknown_claimant_turns_everybody_away(present_edge: EdgeUnderTest) -> None:
    """Also a claimant without a name."""
    gate = present_edge.group_gate()
    await gate.mark("", "A1:0")
    assert who_has(await gate.enter("ann", "A1:0")) == {"A1": "held"}
    assert who_has(await gate.enter("", "A1:0", attempt="t")) == {"A1": "held"}


async def test_a_mark_without_a_claimant_does_not_hide_the_owner(present_edge: EdgeUnderTest) -> None:
    """In either order, of the same hold and of another."""
    gate = present_edge.group_gate()
    await gate.mark("ann", "A1:0", hold="h", age_ms=50)
    await gate.mark("", "A1:0", hold="h", status="sold")
    await gate.mark("", "A1:0", hold="other", status="sold")
    await gate.mark("", "A2:0", hold="h", status="sold")
    await gate.mark("ann", "A2:0", hold="h", age_ms=50)
    assert await gate.enter("ann", "A1:0 A2:0") == Passed()
    await gate.leave("ann", "A1:0 A2:0")
    assert who_has(await gate.enter("bob", "A1:0 A2:0")) == {"A1": "held", "A2": "held"}


async def test_a_hold_only_goes_forward(present_edge: EdgeUnderTest) -> None:
    """Its marks may arrive in any order: booked stays booked, extended stays extended."""
    gate = present_edge.group_gate()
    await gate.mark("ann", "A1:0", status="sold", age_ms=50)
    await gate.mark("ann", "A1:0", status="held")
    longer = await gate.mark("ann", "A2:0", held_ms=90_000, age_ms=50)
    await gate.mark("ann", "A2:0", held_ms=60_000)
    assert who_has(await gate.enter("bob", "A1:0")) == {"A1": "sold"}
    answer = await gate.enter("bob", "A2:0")
    assert isinstance(answer, Taken)
    assert [cell.until_ms for cell in answer.cells] == [longer.until_ms]


async def test_of_two_holds_the_later_one_counts(present_edge: EdgeUnderTest) -> None:
    """In whichever order their marks arrive; and the end of the earlier one does not hide the later."""
    gate = present_edge.group_gate()
    await gate.mark("bob", "A1:0", status="sold")
    await gate.mark("ann", "A1:0", age_ms=100)
    await gate.mark("ann", "A2:0", age_ms=100)
    await gate.mark("bob", "A2:0", status="sold")
    await gate.clear("ann", "A1:0 A2:0")
    assert who_has(await gate.enter("eve", "A1:0 A2:0")) == {"A1": "sold", "A2": "sold"}


async def test_a_later_mark_of_the_same_hold_is_remembered_longer(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.mark("ann", "A1:0", status="sold")
    await present_edge.wait(present_edge.taken_ttl_ms * 3 // 4)
    await gate.mark("ann", "A1:0", status="sold")
    await present_edge.wait(present_edge.taken_ttl_ms * 3 // 4)
    assert who_has(await gate.enter("bob", "A1:0")) == {"A1": "sold"}


async def test_a_claimant_without_a_key_is_not_known_again(present_edge: EdgeUnderTest) -> None:
    """Nor is one that was turned away, with or without a key: neither went to the store."""
    gate = present_edge.group_gate()
    await gate.enter("ann", "A1:0")
    await gate.leave("ann", "A1:0")
    await gate.mark("bob", "A1:0", status="sold")
    for _ in range(2):
        assert who_has(await gate.enter("ann", "A1:0")) == {"A1": "sold"}
        assert who_has(await gate.enter("eve", "A1:0", has_key=True)) == {"A1": "sold"}


async def test_an_attempt_that_passes_a_lock_leaves_it_unchanged(present_edge: EdgeUnderTest) -> None:
    """It locks the free cells, and leaves only those."""
    gate = present_edge.group_gate()
    await gate.enter("bob", "A1:0")
    await gate.enter("ann", "A1:0 A2:0", has_key=True, settles=True)
    assert await gate.enter("eve", "A1:0 A2:0") == Locked(("A1", "A2"))
    await gate.leave("ann", "A1:0 A2:0")
    assert await gate.enter("eve", "A1:0 A2:0") == Locked(("A1",))


async def test_many_cells_are_entered_marked_and_left_at_once(lasting_edge: EdgeUnderTest) -> None:
    """More than a script may pass on in one call."""
    gate = lasting_edge.group_gate()
    words = " ".join(f"A{seat}:{segment}" for seat in range(150) for segment in range(64))
    assert await gate.enter("ann", words) == Passed()
    assert await gate.enter("bob", "A149:63 A0:0") == Locked(("A149", "A0"))
    await gate.mark("ann", words)
    await gate.leave("ann", words)
    assert len(who_has(await gate.enter("bob", words))) == 150
    await gate.clear("ann", words)
    assert await gate.enter("bob", words) == Passed()


async def test_a_refusal_names_its_seats_once_and_in_the_order_asked(present_edge: EdgeUnderTest) -> None:
    gate = present_edge.group_gate()
    await gate.enter("ann", "A3:0 A3:1 A1:1")
    assert await gate.enter("eve", "A4:0 A3:0 A3:1 A2:0 A1:0 A1:1") == Locked(("A3", "A1"))
    await gate.mark("bob", "A2:0 A5:0 A4:0")
    assert [*who_has(await gate.enter("eve", "A5:0 A1:0 A4:0 A2:0"))] == ["A5", "A4", "A2"]


def crowd(seed: int) -> Iterator[tuple[int, str]]:
    """200 claims in two seat groups, each for three of six cells, so that many overlap and some do not."""
    chance = Random(seed)
    names = ["A1:0", "A1:1", "A1:2", "A2:0", "A2:1", "A2:2"]
    for number in range(200):
        yield number % 2, " ".join(chance.sample(names, 3))


@pytest.mark.parametrize("seed", range(5))
async def test_of_claims_that_overlap_one_passes(present_edge: EdgeUnderTest, seed: int) -> None:
    gates = (present_edge.group_gate(), present_edge.group_gate())
    passed: list[tuple[int, str]] = []
    start = anyio.Event()

    async def contend(name: str, group: int, wanted: str) -> None:
        await start.wait()
        if await gates[group].enter(name, wanted) == Passed():
            passed.append((group, wanted))

    async with anyio.create_task_group() as tasks:
        for number, (group, wanted) in enumerate(crowd(seed)):
            tasks.start_soon(contend, f"claimant-{number}", group, wanted)
        await anyio.wait_all_tasks_blocked()
        start.set()

    won = [(group, cell) for group, wanted in passed for cell in cells(wanted)]
    assert len(won) == len(set(won)), "a cell was locked for two"
    assert {group for group, _ in won} == {0, 1}, "nobody passed"

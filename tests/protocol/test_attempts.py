"""How a claim ends: what it met, whether a copy of one of its batches could still land, and as of when."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from tests.protocol.parts import Overtaken, noted, nothing, pauses
from tests.protocol.test_moving import LATE_MS, due, taken
from tests.protocol.test_overtaken import LAPSES_MS
from travio_inventory.protocol.batches import Index, Write
from travio_inventory.protocol.claims import Claimed, Contended, Lost, Unanswered, Won
from travio_inventory.protocol.hold import DIGEST_CHARS, HoldId
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.records.seat_rows import FREE
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, cells_alone, commits
from verification.kit.sale import GRACE_S, Sale

LASTS_MS = 7
"""How long each batch takes."""
FAILING = [(Spoil.LOST, True), (Spoil.NOT_DONE, False)]
Claiming = Callable[..., Awaitable[tuple[Claimed, bool]]]


async def claiming(sale: Sale, seats: str) -> Claiming:
    """Claims the seats, in batches that take their time; says also whether it asked seat groups other than its home."""
    released = await sale.hold(seats)
    await sale.release(released)
    await sale.settled()
    hold: Hold = replace(
        released, id=str(HoldId(sale.trip.key.trip, released.groups[0], "0" * DIGEST_CHARS, is_late=False))
    )
    noted(sale, lambda: sale.clock.pass_ms(LASTS_MS))
    return lambda late_ms=0: sale.process.holds.attempts.claim([hold], sale.clock.now_ms() - late_ms)


async def test_one_seat_group_is_won_at_once_without_a_look(sale: Sale) -> None:
    claim = await claiming(sale, "A1")
    read = sale.store.rows_read.total()
    assert await claim() == (Claimed(Won(), in_doubt=False, as_of_ms=START_MS), False)
    assert sale.store.rows_read.total() == read


async def test_every_one_of_holds_that_are_committed_together_is_in_its_holder_s_list(sale: Sale) -> None:
    released = await sale.hold("A1")
    await sale.release(released)
    await sale.settled()
    group = released.groups[0]
    together = [
        replace(released, id=str(HoldId(sale.trip.key.trip, group, digit * DIGEST_CHARS, is_late=False)), holder=by,
                journey=Journey(at, at))
        for at, (digit, by) in enumerate((("0", "ann"), ("1", "bob")))
    ]  # fmt: skip
    claimed, _ = await sale.process.holds.attempts.claim(together, sale.clock.now_ms())
    assert isinstance(claimed.result, Won)
    await sale.settled()
    for hold in together:
        assert hold.id in [listed.id for listed in await sale.holds(by=hold.holder)]


async def test_the_home_is_won_last(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2")
    assert await claim() == (Claimed(Won(), in_doubt=False, as_of_ms=START_MS + LASTS_MS), True)


@pytest.mark.parametrize(("seats", "by", "asked_others"), [("A1", commits, False), ("A1 A2", cells_alone, True)])
@pytest.mark.parametrize(("how", "in_doubt"), FAILING)
async def test_only_a_batch_that_was_sent_leaves_a_doubt(
    sale: Sale, seats: str, by: Callable[..., bool], how: Spoil, *, in_doubt: bool, asked_others: bool
) -> None:
    claim = await claiming(sale, seats)
    sale.store.spoil(how, by)
    ended, has_asked = await claim()
    assert ended == Claimed(Unanswered(), in_doubt=in_doubt, as_of_ms=sale.clock.now_ms() - LASTS_MS)
    assert has_asked is asked_others


async def test_a_doubt_about_another_seat_group_is_not_forgotten_at_home(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2")
    sale.store.spoil(Spoil.UNANSWERED, cells_alone, times=1)
    sale.store.spoil(Spoil.NOT_DONE, commits)
    ended, _ = await claim()
    assert (ended.result, ended.in_doubt) == (Unanswered(), True)


@pytest.mark.parametrize(("times", "in_doubt"), [(0, False), (1, True)])
async def test_one_to_which_others_come_first_again_and_again_is_contended(
    sale: Sale, times: int, *, in_doubt: bool
) -> None:
    claim = await claiming(sale, "A1")
    sale.store.spoil(Spoil.LOST, commits, times=times)
    sale.store.spoil(Spoil.REFUSED, commits)
    ended, _ = await claim()
    assert isinstance(ended.result, Contended)
    assert ended == Claimed(ended.result, in_doubt=in_doubt, as_of_ms=sale.clock.now_ms() - LASTS_MS)


@pytest.mark.parametrize("seats", ["A1", "A1 A2"])
async def test_what_others_have_is_known_without_a_doubt(sale: Sale, seats: str) -> None:
    claim = await claiming(sale, seats)
    before_ms = sale.clock.now_ms()
    held = await sale.elsewhere().hold(seats, by="bob")
    ended, _ = await claim()
    assert isinstance(ended.result, Lost)
    assert [taken.key.id for taken in ended.result.taken] == sorted((seats.split() * 3), reverse=True)
    assert {taken.owner for taken in ended.result.taken} == {held.id}
    assert ended == Claimed(ended.result, in_doubt=False, as_of_ms=before_ms)


async def test_what_others_have_elsewhere_is_enough_where_the_home_is_free(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2 A3")
    held = [await sale.elsewhere().hold("A2 A3", by="bob"), await sale.elsewhere().hold("A4", by="eve")]
    ended, asked_others = await claim()
    assert isinstance(ended.result, Lost)
    assert {(taken.key.id, taken.owner, taken.home["status"]) for taken in ended.result.taken} == {
        (seat, held[0].id, "held") for seat in ("A2", "A3")
    }
    assert (ended.in_doubt, ended.as_of_ms, asked_others) == (False, START_MS, True)


async def test_a_doubt_about_one_is_not_forgotten_where_another_was_lost(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2 A3")
    await sale.elsewhere().hold("A2", by="bob")
    partition = sale.group_partition("A3")
    sale.store.spoil(Spoil.LOST, lambda asked, writes: asked == partition and cells_alone(asked, writes))
    ended, _ = await claim()
    assert (type(ended.result), ended.in_doubt) == (Lost, True)


async def test_a_claim_of_which_others_gave_back_a_part_is_contended_at_once(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2")

    async def give_back(_: Sequence[Write]) -> None:
        first = sale.process.holds.resource.keys(await sale.find(released), sale.group_partition("A2"))[0]
        await sale.market.store.apply(sale.group_partition("A2"), [Write(first, {}, FREE)])

    released = (await sale.holds())[0]
    sale.store.spoil(Spoil.UNANSWERED, cells_alone, times=1)
    sale.process.sender.batches = sent = Overtaken(sale.store, nothing, give_back)
    ended, _ = await claim()
    assert isinstance(ended.result, Contended)
    assert ([key.id for key in ended.result.keys], len(sent.sent)) == (["A2"] * 3, 2)


async def test_what_others_have_is_as_of_the_first_answer_whichever_seat_group_gave_it(sale: Sale) -> None:
    claim = await claiming(sale, "A1 A2 A3")
    await sale.elsewhere().hold("A2 A3", by="bob")
    late = sale.group_partition("A2")
    sale.store.spoil(Spoil.LOST, lambda asked, writes: asked == late and cells_alone(asked, writes), times=2)
    ended, _ = await claim()
    assert isinstance(ended.result, Lost)
    assert (len(ended.result.taken), ended.as_of_ms) == (6, START_MS + LASTS_MS)


async def test_the_sweeper_is_led_to_each_seat_group_for_when_the_attempt_and_the_hold_are_over(sale: Sale) -> None:
    sale.clock.pass_ms(LATE_MS)
    now_ms = sale.clock.now_ms()
    sent = noted(sale)
    await sale.hold("A1 A2", ttl_s=150)
    for batch, seat in zip(sent[-2:], ("A2", "A1"), strict=True):
        where = sale.group_partition(seat)
        entries = [due(sale, where, at_ms) for at_ms in (now_ms + 150_000, now_ms + GRACE_S * 1_000)]
        assert [entry for entry in batch.entries if entry.of is Index.EXPIRY] == entries
        assert taken(batch)[0] == (seat, 0, "held", now_ms + 150_000)


async def test_intents_of_the_house_are_looked_at_after_the_grace_and_those_of_late_bookings_at_once(
    sale: Sale,
) -> None:
    hold = await sale.hold("A3 A4")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    now_ms = sale.clock.now_ms()
    sent = noted(sale)
    for step, seat, until_ms in (
        (sale.block("A1 A2"), "A2", now_ms + GRACE_S * 1_000),
        (sale.confirm(hold), "A4", now_ms),
    ):
        sent.clear()
        await step
        assert {(each[0], each[3]) for batch in sent for each in taken(batch) if each[0] == seat} >= {(seat, until_ms)}


async def test_what_is_held_for_ever_falls_due_never(sale: Sale) -> None:
    sent = noted(sale)
    await sale.block("A1")
    assert Index.EXPIRY not in {entry.of for batch in sent for entry in batch.entries}


async def test_nothing_is_sent_once_the_grace_is_over(sale: Sale) -> None:
    claim = await claiming(sale, "A1")
    sale.clock.pass_ms(GRACE_S * 1_000)
    ended = Claimed(Unanswered(), in_doubt=False, as_of_ms=START_MS + GRACE_S * 1_000)
    assert await claim(late_ms=GRACE_S * 1_000) == (ended, False)


async def abandoned(sale: Sale) -> None:
    """Another process died with a claim on A3, of a hold whose home is that of A1."""
    other = sale.elsewhere()
    await other.dies(other.hold("A1 A3"), other.store.stall(commits))


async def test_an_attempt_that_is_running_is_waited_for(sale: Sale) -> None:
    claim = await claiming(sale, "A3")
    await abandoned(sale)
    ended, _ = await claim()
    assert isinstance(ended.result, Contended)
    assert [key.id for key in ended.result.keys] == ["A3"] * 3
    assert (sale.clock.now_ms(), pauses(sale)) == (START_MS + LASTS_MS, 0), "the caller waits, not the claim"


async def test_who_cannot_be_judged_is_judged_again_after_a_pause(sale: Sale) -> None:
    """Each of the three claims of a round counts as an error."""
    claim = await claiming(sale, "A3")
    await abandoned(sale)
    sale.store.cannot_read(sale.group_partition("A1"))
    ended, _ = await claim()
    assert ended == Claimed(Unanswered(), in_doubt=False, as_of_ms=START_MS + LASTS_MS)
    assert pauses(sale) == 1


async def test_what_cannot_be_freed_is_freed_again_after_a_pause(sale: Sale) -> None:
    claim = await claiming(sale, "A3")
    await abandoned(sale)
    sale.clock.pass_ms(GRACE_S * 1_000)
    sale.store.spoil(Spoil.LOST, cells_alone)
    ended, _ = await claim()
    assert (ended.result, ended.in_doubt) == (Unanswered(), False)
    assert pauses(sale) == 1


async def test_what_a_living_hold_gave_up_elsewhere_is_free_whoever_gives_it_back(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.store.spoil(Spoil.LOST, cells_alone)
    await sale.release(hold, "A2")
    await sale.settled()
    assert await sale.statuses("A2") == ["held"] * 3
    assert (await sale.elsewhere().hold("A2", by="bob")).seats == ("A2",)
    assert await sale.statuses("A1") == ["held"] * 3

"""A move: which batches it sends, what it takes and gives back, and of which moment others are told."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import pytest

from tests.protocol.parts import Move as Step
from tests.protocol.parts import Overtaken, hold_row, noted, nothing, pauses
from tests.protocol.test_overtaken import LASTS_MS, Heard, slow
from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, RowKey, Rows, StoreUnavailable, Write
from travio_inventory.protocol.claims import ERRORS_MAX
from travio_inventory.protocol.steps.deciding import TRIES_MAX
from travio_inventory.seats.hold import Confirmed, Hold
from travio_inventory.seats.move import Move
from travio_inventory.seats.refusals import SeatContended, SeatTaken, TripOpening
from travio_inventory.seats.trip import Trip
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, cells_alone, commits, fences
from verification.kit.passing import Batch
from verification.kit.sale import GRACE_S, TTL_S, Market, Sale
from verification.kit.trips import a_trip

GRACE_MS = GRACE_S * 1_000
ENDS_MS = START_MS + TTL_S * 1_000
LATE_MS = 55_000
"""So late in a minute that the grace ends in the next one."""


class Onto(NamedTuple):
    """A Destination: that seat, at the old price."""

    trip: Trip
    seat: str

    def is_done(self, hold: Hold) -> bool:
        """See Destination."""
        return hold.seats == (self.seat,)

    def of(self, hold: Hold) -> Hold | None:
        """See Destination."""
        return None if hold.seats == (self.seat,) else hold.reseated((self.seat,), self.trip)


class Unread(Overtaken):
    """The first reads are not answered."""

    left = 0

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.left -= 1
        if self.left >= 0:
            raise StoreUnavailable("no answer")
        return await super().get(partition, keys)


class Left(Heard):
    """Notes also the seats that a hold had before it was moved."""

    def __init__(self, sale: Sale) -> None:
        super().__init__(sale)
        self.seats: list[str] = []

    async def changed(self, hold: Hold, *, as_of_ms: int) -> None:
        self.seats += hold.before.seats if hold.before is not None else ()


def due(sale: Sale, partition: Partition, at_ms: int) -> IndexEntry:
    """The entry that leads the sweeper there."""
    return index_entries.due(partition, at_ms, sale.process.sender.rules.retention)


async def moved(sale: Sale, hold: Hold, moves: str, ends: str | None = None) -> list[Batch]:
    """What a new process sends to move it, with all that follows from that."""
    mover = sale.elsewhere()
    sent = noted(mover)
    await mover.move(hold, moves, ends)
    await mover.settled()
    return sent


def taken(batch: Batch) -> list[tuple[str, int, object, object]]:
    """The cells that it takes: seat, segment, what they say, until when."""
    cells = [write for write in batch.writes if write.key.kind is Kind.CELL and write.values.get("owner")]
    return [(each.key.id, each.key.segment, each.values["status"], each.values.get("until_ms")) for each in cells]


async def test_a_hold_is_moved_by_an_intent_a_commit_and_a_return(sale: Sale) -> None:
    hold = await sale.hold("A1 A2", "A-B", ttl_s=150)
    ends_ms = START_MS + 150_000
    sale.clock.pass_ms(LATE_MS)
    now_ms = START_MS + LATE_MS
    home, left, new = map(sale.group_partition, ("A1", "A2", "A3"))
    intent, commit, give_back = await moved(sale, hold, "A2>A3")
    assert [intent.partition, commit.partition, give_back.partition] == [new, home, left]
    assert taken(intent) == [("A3", 0, "held", ends_ms)]
    assert [*intent.entries] == [due(sale, new, now_ms + GRACE_MS), due(sale, new, ends_ms)]
    epoch = (await sale.process.sender.now(now_ms)).epoch
    assert [*commit.entries] == [
        index_entries.recorded(home, epoch, sale.process.sender.rules.retention),
        *(due(sale, partition, now_ms) for partition in sorted([left, new])),
        due(sale, home, ends_ms),
    ]
    assert taken(commit) == []
    assert (await sale.find(hold)).recorded == (epoch, now_ms)


async def test_a_hold_gets_more_at_home_by_its_commit_alone(sale: Sale) -> None:
    hold = await sale.hold("A1", "A-B")
    (commit,) = await moved(sale, hold, "", "A-C")
    assert taken(commit) == [("A1", 1, "held", ENDS_MS)]


async def test_a_booking_is_moved_and_nothing_of_it_falls_due(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A2", "A-B"))
    left, new = map(sale.group_partition, ("A2", "A3"))
    await sale.settled()
    sale.clock.pass_ms(LATE_MS)
    now_ms = START_MS + LATE_MS
    intent, commit, *_ = await moved(sale, booking, "A2>A3", "A-C")
    assert taken(intent) == [("A3", 0, "held", now_ms), ("A3", 1, "held", now_ms)]
    assert [*intent.entries] == [due(sale, new, now_ms + GRACE_MS)]
    assert taken(commit) == [("A1", 1, "sold", None)]
    assert [*commit.entries][1:] == [due(sale, partition, now_ms) for partition in sorted([left, new])]


async def test_a_move_is_told_as_of_its_commit_and_again_as_of_when_it_was_seen(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    heard = Heard(sale)
    slow(sale)
    await sale.move(hold, "A2>A3")
    assert heard.changes == [(hold.id, hold.state, START_MS + LASTS_MS)]
    await sale.settled()
    now_ms = sale.clock.now_ms()
    await sale.move(hold, "A2>A3")
    assert heard.changes[1:] == [(hold.id, hold.state, now_ms)]


async def test_a_move_without_an_answer_is_told_and_what_it_left_given_back(sale: Sale) -> None:
    hold, heard = await sale.hold("A1 A2"), Heard(sale)
    sale.store.spoil(Spoil.UNANSWERED, commits)
    sent = noted(sale)
    assert (await sale.move(hold, "A2>A3")).seats == ("A1", "A3")
    assert heard.changes == [(hold.id, hold.state, START_MS)]
    await sale.settled()
    assert await sale.statuses("A2") == ["available"] * 3
    assert sent[-1].partition == sale.group_partition("A2")
    await sale.assert_legal()


async def test_who_lost_gives_back_what_he_took_before_he_says_so(sale: Sale) -> None:
    hold = await sale.hold("A1 A2 A3")
    for seat in ("A5", "A6"):
        await sale.elsewhere().hold(seat, by="bob")
    sent = noted(sale)
    with pytest.raises(SeatTaken) as refused:
        await sale.move(hold, "A1>A4 A2>A5 A3>A6")
    assert sorted({cell.seat for cell in refused.value.cells}) == ["A5", "A6"]
    assert await sale.statuses("A4") == ["available"] * 3
    assert (await hold_row(sale, hold.id))["moves"] == 1
    assert pauses(sale) == 0
    assert [batch.partition for batch in sent if fences(*batch[:2])] == [sale.group_partition("A1")]


async def test_who_loses_a_seat_of_his_home_is_told_so_at_once(market: Market) -> None:
    sale = await market.open(seats_per_group=18)
    hold, _ = await sale.hold("A1"), await sale.hold("A2", by="bob")
    sent = noted(sale)
    with pytest.raises(SeatTaken):
        await sale.process.holds.move(sale.actor(), hold.id, Move(sale.trip, {"A1": "A2"}))
    assert [fences(*batch[:2]) for batch in sent] == [False, True]


async def test_a_seat_that_another_is_taking_is_contended_and_the_move_is_fenced(sale: Sale) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()
    await other.dies(other.hold("A3 A2", by="bob"), at=other.store.stall(commits))
    with pytest.raises(SeatContended) as refused:
        await sale.move(hold, "A1>A3")
    assert refused.value.seats == ("A3",)
    assert (await hold_row(sale, hold.id))["moves"] == 1


async def test_a_move_that_did_nothing_for_certain_fences_nothing(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.NOT_DONE, cells_alone)
    sent = noted(sale)
    with pytest.raises(BackendUnavailable):
        await sale.move(hold, "A1>A2")
    assert (len(sent), pauses(sale)) == (ERRORS_MAX + 1, ERRORS_MAX)
    assert "moves" not in await hold_row(sale, hold.id)


async def test_a_move_in_doubt_is_fenced_and_tried_again(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.LOST, cells_alone, times=ERRORS_MAX + 1)
    assert (await sale.move(hold, "A1>A2")).seats == ("A2",)
    assert (await hold_row(sale, hold.id))["moves"] == 2


async def test_a_move_within_its_home_that_is_in_doubt_is_fenced_and_tried_again(market: Market) -> None:
    sale = await market.open(seats_per_group=18)
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.LOST, commits, times=ERRORS_MAX + 1)
    assert (await sale.move(hold, "A1>A2")).seats == ("A2",)
    assert (await hold_row(sale, hold.id))["moves"] == 2


async def test_a_move_that_is_in_doubt_again_and_again_did_nothing(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.LOST, cells_alone)
    with pytest.raises(BackendUnavailable):
        await sale.move(hold, "A1>A2")
    assert (await hold_row(sale, hold.id))["moves"] == TRIES_MAX
    assert (await sale.find(hold)).seats == ("A1",)


@pytest.mark.parametrize("spoil", [Spoil.LOST, Spoil.NOT_DONE])
async def test_a_commit_that_has_no_effect_is_undone(sale: Sale, spoil: Spoil) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(spoil, commits)
    with pytest.raises(BackendUnavailable):
        await sale.move(hold, "A1>A2")
    assert await sale.statuses("A2") == ["available"] * 3


async def test_a_move_that_another_call_commits_before_it_is_undone_is_done(sale: Sale) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()
    sale.store.spoil(Spoil.NOT_DONE, commits)
    before = [nothing] * (1 + ERRORS_MAX + 1)
    sale.process.sender.batches = Overtaken(sale.store, *before, lambda _: other.move(hold, "A1>A2"))
    left = Left(sale)
    assert (await sale.move(hold, "A1>A2")).seats == ("A2",)
    assert left.seats == ["A1"], "those who show maps hear of it"
    await sale.settled()
    await sale.assert_legal()


async def test_a_move_that_others_commit_and_book_before_it_is_undone_is_a_booking(sale: Sale) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()

    async def move_and_book(_: Sequence[Write]) -> None:
        await other.move(hold, "A1>A2")
        await other.confirm(hold)

    sale.store.spoil(Spoil.NOT_DONE, commits)
    sale.process.sender.batches = Overtaken(sale.store, *[nothing] * (1 + ERRORS_MAX + 1), move_and_book)
    moved = await sale.move(hold, "A1>A2")
    assert (moved.seats, type(moved.state)) == (("A2",), Confirmed)


async def test_a_seat_that_others_take_and_return_all_the_time_is_contended(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.REFUSED, cells_alone)
    with pytest.raises(SeatContended) as refused:
        await sale.move(hold, "A1>A2")
    assert refused.value.seats == ("A2",)


async def test_seats_whose_rows_are_not_made_yet_are_not_said_to_be_taken(sale: Sale) -> None:
    hold = await sale.hold("A1")
    larger = a_trip(sale.trip.key.trip, organization=sale.trip.key.organization, seats=20, seats_per_group=1)
    with pytest.raises(TripOpening):
        await sale.process.holds.move(sale.actor(), hold.id, Move(larger, {"A1": "A19"}))


async def test_what_the_house_blocks_is_moved_and_falls_due_never(sale: Sale) -> None:
    await sale.block("A1")
    (key,) = await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)
    sent = noted(sale)
    await sale.process.holds.move(house_of(sale.trip.key.organization), key.id, Onto(sale.trip, "A2"))
    last = max(entry.bucket for batch in sent for entry in batch.entries if entry.of is Index.EXPIRY)
    assert last == due(sale, sale.group_partition("A2"), START_MS + GRACE_MS).bucket


async def test_a_hold_that_cannot_be_read_is_asked_for_a_few_times(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.cannot_read(sale.group_partition("A1"))
    with pytest.raises(BackendUnavailable):
        await sale.process.holds.move(sale.actor(), hold.id, Move(sale.trip, {"A1": "A2"}))
    assert pauses(sale) == TRIES_MAX


@pytest.mark.parametrize(
    "step", [lambda other, hold: other.extend(hold, ttl_s=TTL_S + 9), lambda other, hold: other.confirm(hold)]
)
async def test_a_hold_that_changes_before_the_commit_is_moved_as_it_is_then(
    sale: Sale, step: Callable[[Sale, Hold], Awaitable[Hold]]
) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()
    sale.process.sender.batches = Overtaken(sale.store, nothing, lambda _: step(other, hold))
    after = await sale.move(hold, "A1>A2")
    assert (after.seats, after.state) == (("A2",), (await sale.find(hold)).state)
    assert pauses(sale) == 1
    await sale.settled()
    await sale.assert_legal()


@pytest.mark.parametrize(("unread", "said"), [(0, SeatContended), (1, BackendUnavailable)])
async def test_a_move_that_others_overtake_each_time_is_contended_if_all_was_read(
    sale: Sale, unread: int, said: type[Exception]
) -> None:
    hold, other = await sale.hold("A1"), sale.elsewhere()
    until_s = iter(range(TTL_S + 1, TTL_S + 9))
    extend: list[Step] = [nothing, lambda _: other.extend(hold, ttl_s=next(until_s)), nothing, nothing]
    sale.process.sender.batches = Unread(sale.store, *extend * TRIES_MAX)
    sale.process.sender.batches.left = unread
    with pytest.raises(said) as refused:
        await sale.process.holds.move(sale.actor(), hold.id, Move(sale.trip, {"A1": "A2"}))
    assert getattr(refused.value, "seats", ("A2",)) == ("A2",)
    assert pauses(sale) == TRIES_MAX
    await sale.assert_legal()

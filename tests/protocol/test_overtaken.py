"""Another process comes first: what is sent again, what is answered, and of which moment others are told."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.protocol.parts import Move, Overtaken, Pauses, hold_row, noted, nothing, pauses
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Batches, Kind, Partition, RowKey, Rows, Write
from travio_inventory.protocol.fencing import REFUSED, RETRY, Fencing
from travio_inventory.protocol.hold import Aborted, Expired, HoldState
from travio_inventory.protocol.refusals import HoldExpired
from travio_inventory.protocol.resource import Taken
from travio_inventory.protocol.steps.expire import TRIES_MAX
from travio_inventory.seats.hold import Hold, Passenger, late_id
from travio_inventory.seats.refusals import InvalidSeats, SeatTaken
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.passing import Batch, Passing
from verification.kit.sale import CLOCK_BOUND_MS, TTL_S, Market, Sale

LASTS_MS = 7
"""How long each batch takes."""
ENDS_MS = START_MS + TTL_S * 1_000
LAPSES_MS = TTL_S * 1_000 + CLOCK_BOUND_MS


class Heard:
    """A HoldWatch that notes what it is told."""

    def __init__(self, sale: Sale) -> None:
        self.changes: list[tuple[str, HoldState, int]] = []
        self.organizations: set[str] = set()
        self.refusals: list[tuple[str, list[str], int]] = []
        sale.process.holds.rolling.watch = self

    async def changed(self, hold: Hold, *, as_of_ms: int) -> None:
        """Note it."""
        self.changes.append((hold.id, hold.state, as_of_ms))
        self.organizations.add(hold.organization)

    async def refused(self, hold: Hold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """Note it."""
        self.refusals.append((hold.id, [each.key.id for each in taken], as_of_ms))


def slow(sale: Sale) -> list[Batch]:
    """What the process sends from now on, in batches that take their time."""
    return noted(sale, lambda: sale.clock.pass_ms(LASTS_MS))


def sizes(sent: Sequence[Batch]) -> list[int]:
    """Of how many holds each batch has the row."""
    return [sum(write.key.kind is Kind.HOLD for write in batch.writes) for batch in sent]


@pytest.fixture
async def group(market: Market) -> Sale:
    """Eighteen seats in one seat group."""
    sale = await market.open(seats_per_group=18)
    sale.process.sender.random = Pauses()
    return sale


async def held(sale: Sale, count: int) -> list[Hold]:
    return [await sale.hold(f"A{number + 1}") for number in range(count)]


async def test_holds_that_were_extended_are_left_out_one_by_one_and_no_try_is_counted(group: Sale) -> None:
    holds, other = await held(group, TRIES_MAX + 1), group.elsewhere()
    extended = [lambda _, hold=hold: other.extend(hold, ttl_s=150) for hold in holds[:-1]]
    group.process.sender.batches = sent = Overtaken(group.store, *extended)
    after = await group.process.holds.expiring.expire_together(holds)
    assert {hold_id: row["status"] for hold_id, row in after.items()} == {
        **{hold.id: "held" for hold in holds[:-1]},
        holds[-1].id: "expired",
    }
    assert sizes(sent.sent) == [*range(len(holds), 0, -1)]
    assert pauses(group) == 0


@pytest.mark.parametrize(("count", "batches"), [(1, [1]), (2, [2, 1, 1]), (3, [3, 1, 2])])
async def test_of_several_of_which_none_moved_each_half_is_tried(group: Sale, count: int, batches: list[int]) -> None:
    holds = await held(group, count)
    group.store.spoil(Spoil.REFUSED, commits, times=1)
    sent = noted(group)
    after = await group.process.holds.expiring.expire_together(holds)
    assert {hold_id: row["status"] for hold_id, row in after.items()} == {
        hold.id: "held" if count == 1 else "expired" for hold in holds
    }
    assert (sizes(sent), pauses(group)) == (batches, 0)


async def test_an_end_is_told_as_of_when_its_batch_was_sent(group: Sale) -> None:
    holds, heard = await held(group, 2), Heard(group)
    slow(group)
    await group.process.holds.expiring.expire_together(holds)
    assert heard.changes == [(hold.id, Expired(ENDS_MS), START_MS) for hold in holds]


async def test_an_end_without_an_answer_is_told_once_it_is_seen(group: Sale) -> None:
    [hold], heard = await held(group, 1), Heard(group)
    group.store.spoil(Spoil.UNANSWERED, commits, times=1)
    slow(group)
    await group.process.holds.expiring.expire(hold)
    assert heard.changes == [(hold.id, Expired(ENDS_MS), START_MS + LASTS_MS)]
    assert heard.organizations == {hold.organization}


@pytest.mark.parametrize(("kept", "wanted"), [("A1", "A1"), ("A2", "A1")])
async def test_a_lapsed_hold_that_gave_up_seats_before_its_end_is_in_nobodys_way(
    group: Sale, kept: str, wanted: str
) -> None:
    hold, other = await group.hold("A1 A2"), group.elsewhere()
    group.clock.pass_ms(LAPSES_MS)
    given_up = "A2" if kept == "A1" else "A1"
    group.process.sender.batches = Overtaken(group.store, nothing, lambda _: other.release(hold, given_up))
    assert (await group.hold(wanted, by="bob")).seats == (wanted,)
    await group.assert_legal()


async def test_a_lapsed_hold_of_which_other_seats_are_booked_before_its_end_is_in_nobodys_way(group: Sale) -> None:
    hold, other = await group.hold("A1 A2"), group.elsewhere()
    group.clock.pass_ms(LAPSES_MS)
    group.process.sender.batches = Overtaken(group.store, nothing, lambda _: other.confirm(hold, seats="A2"))
    assert (await group.hold("A1", by="bob")).seats == ("A1",)
    await group.assert_legal()


async def test_a_hold_that_changes_before_every_try_to_end_it_is_unknown(group: Sale) -> None:
    hold, other = await group.hold("A1 A2 A3 A4 A5"), group.elsewhere()
    group.clock.pass_ms(LAPSES_MS)
    changes = [lambda _, seat=seat: other.release(hold, seat) for seat in ("A1", "A2", "A3", "A4")]
    group.process.sender.batches = Overtaken(group.store, *changes)
    with pytest.raises(OutcomeUnknown):
        await group.process.holds.judging.neighbour(hold.organization, hold.id)


async def expired(sale: Sale, seats: str) -> Hold:
    hold = await sale.hold(seats)
    await sale.process.holds.expiring.expire(hold)
    await sale.settled()
    return hold


class Meanwhile(Passing):
    """After the read of that number of this row somebody else takes a step."""

    def __init__(self, store: Batches, row_id: str, number: int, step: Callable[[], Awaitable[object]]) -> None:
        super().__init__(store)
        self._row_id = row_id
        self._number = number
        self._step = step

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        found = await super().get(partition, keys)
        self._number -= any(key.id == self._row_id for key in keys)
        if not self._number:
            self._number = -1
            await self._step()
        return found


async def test_a_move_of_an_expired_hold_is_not_told_that_it_is_a_booking_by_now(sale: Sale) -> None:
    """A booking can be moved: that it expired was true when it was read, once for the request, and to move it."""
    hold, other = await expired(sale, "A1"), sale.elsewhere()
    sale.process.sender.batches = Meanwhile(sale.store, late_id(hold.id), 2, lambda: other.confirm(hold))
    with pytest.raises(HoldExpired):
        await sale.move(hold, "A1>A2")
    assert (await sale.move(hold, "A1>A2")).seats == ("A2",)


async def test_a_late_booking_to_which_others_came_first_keeps_who_has_its_seats(sale: Sale) -> None:
    hold = await expired(sale, "A1 A2")
    await sale.hold("A1", by="bob")
    heard, kept = Heard(sale), sale.process.holds.resource.kept
    slow(sale)
    with pytest.raises(HoldExpired) as refused:
        await sale.confirm(hold)
    row = await hold_row(sale, late_id(hold.id))
    assert (row["status"], row["reason"]) == ("aborted", REFUSED)
    assert row["taken"] != kept((), hold)["taken"]
    assert refused.value.at_ms == ENDS_MS
    with pytest.raises(HoldExpired) as again:
        await sale.confirm(hold)
    assert again.value.at_ms == ENDS_MS
    assert heard.changes[-1][:2] == (late_id(hold.id), Aborted(REFUSED))
    assert heard.changes[-1][2] < sale.clock.now_ms() - LASTS_MS, "as of the batch that met them, not of the fence"


@pytest.mark.parametrize(("how", "said"), [(Spoil.LOST, OutcomeUnknown), (Spoil.NOT_DONE, BackendUnavailable)])
async def test_a_late_booking_without_an_answer_says_only_what_is_certain(
    sale: Sale, how: Spoil, said: type[Exception]
) -> None:
    hold = await expired(sale, "A1")
    sale.store.spoil(how, commits)
    with pytest.raises(said):
        await sale.confirm(hold)


def fencing(sale: Sale, reason: str) -> Move:
    """Another process fences the hold that is being made."""

    async def fence(writes: Sequence[Write]) -> None:
        [hold_id] = [write.key.id for write in writes if write.key.kind is Kind.HOLD]
        other = sale.elsewhere().process
        await Fencing(other.sender, other.holds.resource).fence(sale.trip.key.organization, hold_id, reason)

    return fence


async def test_a_hold_that_was_fenced_as_retryable_is_made_under_another_id(sale: Sale) -> None:
    heard = Heard(sale)
    sale.process.sender.batches = sent = Overtaken(sale.store, fencing(sale, RETRY))
    hold = await sale.hold("A1")
    [fenced] = [write.key.id for write in sent.sent[0].writes if write.key.kind is Kind.HOLD]
    assert fenced != hold.id
    assert heard.changes == [(fenced, Aborted(RETRY), START_MS), (hold.id, hold.state, START_MS)]


async def test_a_hold_that_was_fenced_as_refused_is_refused(sale: Sale) -> None:
    sale.process.sender.batches = sent = Overtaken(sale.store, fencing(sale, REFUSED))
    with pytest.raises(SeatTaken):
        await sale.hold("A1")
    assert len(sent.sent) == 1


async def test_a_refusal_is_told_and_what_it_took_elsewhere_is_given_back(sale: Sale) -> None:
    await sale.elsewhere().hold("A1", by="bob")
    heard = Heard(sale)
    slow(sale)
    with pytest.raises(SeatTaken):
        await sale.hold("A1 A2")
    [(refused, seats, as_of_ms)] = heard.refusals
    assert (seats, as_of_ms) == (["A1"] * 3, START_MS + LASTS_MS)
    assert heard.changes == [(refused, Aborted(RETRY), sale.clock.now_ms())]
    assert await sale.statuses("A2") == ["available"] * 3


async def test_a_hold_of_which_a_seat_is_released_meanwhile_is_not_booked_with_its_passenger(sale: Sale) -> None:
    hold, other = await sale.hold("A1 A2"), sale.elsewhere()
    sale.process.sender.batches = Meanwhile(sale.store, hold.id, 1, lambda: other.release(hold, "A2"))
    with pytest.raises(InvalidSeats, match="the hold has the seats A1, not A2"):
        await sale.confirm(hold, passengers=[Passenger("A1"), Passenger("A2")])
    assert (await sale.find(hold)).state == hold.state

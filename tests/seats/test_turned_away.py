"""Contenders turned away for the moment: by the gate, or by a running attempt."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import pytest

from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.protocol.batches import Batches
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Cell, GateAnswer, SeatGroupKey
from travio_inventory.seats.refusals import BY_STORE, Decided, SeatContended, SeatHeld, SeatTaken, SeatUnavailable
from travio_inventory.seats.trip import TripKey
from verification.kit.clocks import Clock
from verification.kit.edges import TAKEN_TTL_S, Edge, local_edge
from verification.kit.faulty_batches import commits
from verification.kit.sale import Market, Sale

Step = Callable[[], Coroutine[Any, Any, Hold]]


async def test_the_gate_turns_others_away_from_a_seat_it_knows_taken(sale: Sale) -> None:
    await sale.hold("A1 A18", "A-C")
    with pytest.raises(SeatHeld) as turned_away:
        await sale.hold("A2 A18", "B-D", by="bob")
    assert [cell[:3] for cell in turned_away.value.cells] == [("A18", 1, "held")]
    assert turned_away.value.decided == Decided("edge", sale.clock.now_ms())
    await sale.hold("A2", "B-D", by="cid")


async def test_the_gate_never_decides_a_key(sale: Sale) -> None:
    """It says what the seat is; when the seat is free, a call with the same key makes the hold."""
    rival = await sale.hold("A1", by="bob")
    with pytest.raises(SeatHeld):
        await sale.hold("A1", key="k")
    await sale.release(rival)
    assert (await sale.hold("A1", key="k")).is_live


async def test_a_call_that_settles_is_answered_by_the_store(sale: Sale) -> None:
    """Whatever the gate remembers, even during a running attempt; its refusal is final for the key."""
    rival = await sale.hold("A1 A2", "A-B", by="bob")
    for _ in range(2):
        with pytest.raises(SeatHeld) as refused:
            await sale.hold("A1", "A-C", key="k", settles=True)
        assert refused.value.decided == BY_STORE
    at_commit = sale.store.stall(commits)
    attempt = asyncio.ensure_future(sale.hold("A1", "B-C", by="cid"))
    await at_commit.reached.wait()
    with pytest.raises(SeatHeld):
        await sale.hold("A1", "A-C", key="k", settles=True)
    at_commit.go.set()
    await attempt
    await sale.release(rival)
    with pytest.raises(SeatHeld):
        await sale.hold("A1", "A-C", key="k")


async def test_a_call_that_settles_needs_a_key(sale: Sale) -> None:
    with pytest.raises(InvalidRequest, match="settle: needs an idempotency_key"):
        await sale.hold("A1", settles=True)


@pytest.mark.once
async def test_a_winner_repeats_its_key_in_a_crowd_and_is_always_told_the_same(sale: Sale) -> None:
    """The crowd sometimes reaches the store, which says that the seat is sold; that must not hide whose it is."""
    hold = await sale.hold("A1", by="ann", key="k")
    booked = await sale.confirm(hold)
    for number in range(100):
        sale.clock.pass_s(40 * (number % 2) or 0.7)  # after this time the edge has forgotten the winner
        for rival in range(3):
            with pytest.raises(SeatUnavailable):
                await sale.hold("A1", by=f"rival-{rival}", key=f"{number}")
        assert await sale.hold("A1", by="ann", key="k") == booked


async def test_the_crowd_costs_the_store_one_read_in_two_seconds(sale: Sale) -> None:
    """Meanwhile the winner's own retries pass."""
    await sale.confirm(await sale.hold("A1", by="ann", key="k"))
    sale.clock.pass_s(TAKEN_TTL_S)
    sent = sale.store.batches
    for number in range(50):
        with pytest.raises(SeatUnavailable):
            await sale.hold("A1", by=f"rival-{number}")
    assert sale.store.batches - sent == 1


async def test_the_gate_turns_a_move_away_from_a_seat_it_knows_taken_and_the_store_is_not_asked(sale: Sale) -> None:
    """Its own seats never stand in its way, nor do those that it comes back to."""
    hold, rival = await sale.hold("A1 A2", "A-C", by="ann"), await sale.hold("A3", by="bob")
    await sale.settled()
    sent = sale.store.batches
    for _ in range(20):
        with pytest.raises(SeatHeld) as refused:
            await sale.move(hold, "A1>A4 A2>A3")
        assert refused.value.decided.by == "edge"
    assert (sale.store.batches, (await sale.find(hold)).seats) == (sent, ("A1", "A2"))
    with pytest.raises(SeatHeld) as refused:
        await sale.move(hold, "A1>A4 A2>A3", settles=True)
    assert refused.value.decided == BY_STORE
    await sale.release(rival)
    for moves, ends in (("A2>A3", None), ("A3>A2 A1>A4", None), ("A4>A1", "A-D"), ("", "B-C")):
        await sale.move(hold, moves, ends)
    await sale.hold("A3 A4", by="bob")


async def test_the_gate_knows_the_seats_that_a_hold_got_by_a_move_at_once(sale: Sale) -> None:
    """Also where it gave up others of the same seat group for them."""
    hold = await sale.move(await sale.hold("A1 A2", "A-C"), "A2>A3")
    await sale.release(hold, "A1")
    for seat, answer in (("A3", Decided("edge", sale.clock.now_ms())), ("A1", None), ("A2", None)):
        if answer is None:
            await sale.hold(seat, "A-C", by="bob")
            continue
        with pytest.raises(SeatHeld) as turned_away:
            await sale.hold(seat, "A-C", by="bob")
        assert turned_away.value.decided == answer


async def test_of_a_hold_and_a_move_to_its_seat_one_passes_the_gate(sale: Sale) -> None:
    moved = await sale.hold("A1", by="ann")
    moving: tuple[Step, Step] = lambda: sale.move(moved, "A1>A3"), lambda: sale.hold("A3", by="bob")
    holding: tuple[Step, Step] = lambda: sale.hold("A5", by="bob"), lambda: sale.move(moved, "A3>A5")
    for first, second in (moving, holding):
        at_commit = sale.store.stall(commits)
        attempt = asyncio.ensure_future(first())
        await at_commit.reached.wait()
        sent = sale.store.batches
        with pytest.raises(SeatContended) as refused:
            await second()
        assert (refused.value.decided.by, sale.store.batches) == ("edge", sent)
        at_commit.go.set()
        await attempt


async def test_a_move_that_the_store_refuses_leaves_the_gate_open(sale: Sale) -> None:
    hold, rival = await sale.hold("A1"), await sale.elsewhere().hold("A3", by="bob")
    with pytest.raises(SeatHeld) as refused:
        await sale.move(hold, "A1>A3")
    assert refused.value.decided == BY_STORE
    sale.clock.pass_s(TAKEN_TTL_S)
    await sale.elsewhere().release(rival)
    assert (await sale.move(hold, "A1>A3")).seats == ("A3",)


async def test_of_one_users_attempts_without_a_key_one_passes_the_gate(sale: Sale) -> None:
    """Each is a separate attempt: while the first is running and after it has won."""
    at_commit = sale.store.stall(commits)
    attempt = asyncio.ensure_future(sale.hold("A1"))
    await at_commit.reached.wait()
    sent = sale.store.batches
    for _ in range(20):
        with pytest.raises(SeatContended):
            await sale.hold("A1")
    at_commit.go.set()
    hold = await attempt
    for _ in range(20):
        with pytest.raises(SeatHeld) as refused:
            await sale.hold("A1")
        assert refused.value.own_hold == hold.id
    assert sale.store.batches == sent


async def test_the_gate_turns_others_away_while_an_attempt_is_running(sale: Sale) -> None:
    at_commit = sale.store.stall(commits)
    attempt = asyncio.ensure_future(sale.hold("A1 A18"))
    await at_commit.reached.wait()
    with pytest.raises(SeatContended) as turned_away:
        await sale.hold("A17 A18", by="bob")
    assert turned_away.value.seats == ("A18",)
    assert 50 <= turned_away.value.retry_after_ms <= 250
    at_commit.go.set()
    assert (await attempt).is_live
    await sale.hold("A17", by="bob")


async def test_a_repeated_key_leaves_the_gate_open_where_its_hold_is_no_more(sale: Sale) -> None:
    """It locks the seats that it asks for, and is answered with the hold, which has others by now."""
    hold = await sale.hold("A1 A18", key="k")
    await sale.move(hold, "A1>A2 A18>A17")
    again = await sale.hold("A1 A18", key="k")
    assert again.seats == ("A2", "A17")
    await sale.hold("A1 A18", by="bob")


async def test_a_released_seat_passes_the_gate_at_once(sale: Sale) -> None:
    await sale.release(await sale.hold("A1 A18"))
    await sale.hold("A1 A18", by="bob")
    await sale.block("A2")
    await sale.unblock("A2")
    await sale.hold("A2", by="bob")


async def test_the_store_says_contention_while_an_attempt_over_several_seat_groups_is_running(
    single_seats: Sale,
) -> None:
    """Its intents are there, its home row is not: nobody knows whether it will win."""
    at_commit = single_seats.store.stall(commits)
    attempt = asyncio.ensure_future(single_seats.hold("A1 A2"))
    await at_commit.reached.wait()
    with pytest.raises(SeatContended) as turned_away:
        await single_seats.elsewhere().hold("A2 A3", by="bob")
    assert turned_away.value.seats == ("A2",)
    at_commit.go.set()
    assert (await attempt).is_live
    with pytest.raises(SeatTaken):
        await single_seats.elsewhere().hold("A2 A3", by="bob")
    await single_seats.hold("A3", by="bob")


async def test_a_caller_that_leaves_at_the_gate_leaves_it_open(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate has let it in, and it leaves before it gets the answer."""
    let_in, enter = asyncio.Event(), LocalGate.enter

    async def enter_slowly(gate: LocalGate, *asked: Any, **how: Any) -> GateAnswer:  # noqa: ANN401 - as it is called
        answer = await enter(gate, *asked, **how)
        let_in.set()
        await asyncio.sleep(5)
        return answer

    with monkeypatch.context() as slow:
        slow.setattr(LocalGate, "enter", enter_slowly)
        attempt = asyncio.ensure_future(sale.hold("A1 A18"))
        await let_in.wait()
        attempt.cancel()
        await asyncio.wait([attempt])
    await sale.settled()
    await sale.hold("A1 A18", by="bob")


class LookingCache(LocalSeatMapCache):
    """Tells what the gate says of a seat whenever a map is invalidated: other processes ask the gate again then."""

    def __init__(self, gate: LocalGate, clock: Clock) -> None:
        super().__init__(clock.now_ms, trips_max=8)
        self._gate = gate
        self.seen: list[str] = []

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """See SeatMapCache."""
        places = [(SeatGroupKey(trip, group), Cell(seat, 0)) for group in groups for seat in ("A1", "A2", "A6")]
        found = [cell.seat for group, cell in places if await self._gate.look(group, [cell])]
        self.seen.append(" ".join(found))
        return await super().invalidate(trip, groups)


async def test_the_gate_knows_of_a_step_before_other_processes_hear_of_it(store: Batches) -> None:
    """They would remember for a moment what it said before."""
    caches: list[LookingCache] = []

    def looking(clock: Clock) -> Edge:
        edge = local_edge(clock)
        assert isinstance(edge.gate, LocalGate)
        caches.append(LookingCache(edge.gate, clock))
        return edge._replace(seat_maps=caches[-1])

    market = Market(store, edge=looking)
    sale = await market.open(seats=6, seats_per_group=3)
    hold = await sale.hold("A1 A6")
    await sale.release(hold, "A1")
    await sale.move(hold, "A6>A2")
    await sale.release(hold)
    await market.settled()
    assert caches[0].seen[-4:] == ["A1 A6", "A6", "A2", ""]

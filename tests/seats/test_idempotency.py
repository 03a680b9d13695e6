"""Idempotency keys: one request, one effect, one answer."""

import asyncio

import pytest

from travio_inventory.kernel.refusals import IdempotencyKeyReused
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, RowKey
from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.refusals import BookingCancelled, HoldExpired, HoldReleased, SeatContended, SeatTaken
from verification.kit.faulty_batches import commits
from verification.kit.sale import GRACE_S, TTL_S, Sale

SEATS = "A1 A2 A18"


async def test_the_same_key_is_the_same_hold(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C", key="k")
    sale.clock.pass_s(30)
    assert await sale.hold(SEATS, "A-C", key="k") == hold
    assert await sale.hold("A18 A2 A1", "A-C", key="k") == hold
    assert await sale.elsewhere().hold(SEATS, "A-C", key="k") == hold
    assert list(await sale.holds()) == [hold]


async def test_without_a_key_every_request_is_a_new_one(sale: Sale) -> None:
    await sale.hold(SEATS)
    with pytest.raises(SeatTaken):
        await sale.hold(SEATS)


async def test_one_key_sent_twenty_times_at_once_is_one_hold(sale: Sale) -> None:
    processes = [sale, sale.elsewhere()]
    answers = await asyncio.gather(*(processes[n % 2].hold(SEATS, key="k") for n in range(20)))
    assert answers == [answers[0]] * 20
    assert list(await sale.holds()) == [answers[0]]
    assert [event.type for event in await sale.relay()] == ["hold.created"]
    await sale.assert_legal()


async def test_a_retry_is_the_same_request_after_the_default_time_has_changed(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = await sale.hold("A1", key="k", ttl_s=0)
    monkeypatch.setattr("verification.kit.sale.TTL_S", TTL_S + 30)
    later = sale.elsewhere()
    assert await later.hold("A1", key="k", ttl_s=0) == hold
    assert await later.hold("A1", key="k", ttl_s=-1) == hold
    with pytest.raises(IdempotencyKeyReused):
        await later.hold("A1", key="k", ttl_s=TTL_S + 30)


@pytest.mark.parametrize(
    ("seats", "ends", "ttl_s"),
    [("A1", "A-B", TTL_S), ("A1 A3", "A-B", TTL_S), ("A1 A2", "A-C", TTL_S), ("A1 A2", "A-B", 1)],
)
async def test_a_key_used_for_another_request_is_refused_and_changes_nothing(
    sale: Sale, seats: str, ends: str, ttl_s: int
) -> None:
    hold = await sale.hold("A1 A2", "A-B", key="k")
    for process in (sale, sale.elsewhere()):
        with pytest.raises(IdempotencyKeyReused):
            await process.hold(seats, ends, key="k", ttl_s=ttl_s)
    assert await sale.hold("A1 A2", "A-B", key="k") == hold
    assert await sale.seats("held") == "A1 A2"
    assert await sale.seats("held", "B-D") == ""


async def test_a_key_belongs_to_its_holder(sale: Sale) -> None:
    hold = await sale.hold("A1", key="k")
    other = await sale.hold("A18", by="bob", key="k")
    assert hold.id != other.id
    assert await sale.hold("A1", key="k") == hold


async def test_a_keys_refusal_is_final(sale: Sale) -> None:
    """The seat is free again, but a refused caller may have gone elsewhere."""
    rival = await sale.hold("A18", "B-C", by="bob")
    told = []
    for _ in range(2):
        with pytest.raises(SeatTaken) as refused:
            await sale.elsewhere().hold("A1 A18", key="k")
        told.append([cell[:3] for cell in refused.value.cells])
        await sale.release(rival)
    assert told == [[("A18", 1, "held")]] * 2
    assert await sale.elsewhere().seats("held") == ""
    await sale.elsewhere().hold("A1 A18", key="another")


async def test_a_refused_key_leaves_no_seat_behind(sale: Sale) -> None:
    await sale.hold("A18", by="bob")
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A1 A2 A18", key="k")
    await sale.assert_legal()
    await sale.hold("A1 A2", by="cid")


async def test_a_key_that_the_gate_turned_away_is_free_to_try_again(sale: Sale) -> None:
    rival = await sale.hold("A18", by="bob")
    with pytest.raises(SeatTaken):
        await sale.hold("A1 A18", key="k")
    await sale.release(rival)
    assert (await sale.hold("A1 A18", key="k")).is_live


async def test_a_key_that_met_an_attempt_under_way_tries_again_under_a_new_id(single_seats: Sale) -> None:
    """Contended is "ask again": the fenced id stays fenced, the key goes on to a new one."""
    sale, rival = single_seats, single_seats.elsewhere()
    at_commit = rival.store.stall(commits)
    attempt = asyncio.ensure_future(rival.hold("A17 A18", by="bob"))
    await at_commit.reached.wait()
    with pytest.raises(SeatContended):
        await sale.hold(SEATS, key="k")
    at_commit.go.set()
    await rival.release(await attempt)
    fenced = await bound_id(sale, "k")
    hold = await sale.hold(SEATS, key="k")
    assert hold.id == await bound_id(sale, "k") != fenced
    assert await sale.elsewhere().hold(SEATS, key="k") == hold
    await sale.assert_legal()


async def test_a_key_whose_attempt_was_abandoned_tries_again_under_a_new_id(single_seats: Sale) -> None:
    """The process died between the intents and the commit, and another attempt met the intents."""
    sale, doomed = single_seats, single_seats.elsewhere()
    await doomed.dies(doomed.hold(SEATS, key="k"), at=doomed.store.stall(commits))
    sale.clock.pass_s(GRACE_S)
    await sale.release(await sale.hold("A18", by="bob"))
    abandoned = await bound_id(sale, "k")
    hold = await sale.hold(SEATS, key="k")
    assert hold.id == await bound_id(sale, "k") != abandoned
    assert await sale.elsewhere().hold(SEATS, key="k") == hold
    await sale.assert_legal()


async def test_a_key_whose_attempt_was_cut_short_continues_it(single_seats: Sale) -> None:
    """Nobody has fenced it: the existing intents are its own."""
    sale, doomed = single_seats, single_seats.elsewhere()
    await doomed.dies(doomed.hold(SEATS, key="k"), at=doomed.store.stall(commits))
    bound = await bound_id(sale, "k")
    assert (await sale.hold(SEATS, key="k")).id == bound
    await sale.assert_legal()


async def test_a_key_whose_attempt_is_long_over_does_not_go_on_with_its_id(single_seats: Sale) -> None:
    """Its hold may have been made, ended and forgotten since: what is bound to it now may be a late copy."""
    sale, doomed = single_seats, single_seats.elsewhere()
    await doomed.dies(doomed.hold(SEATS, key="k"), at=doomed.store.stall(commits))
    sale.clock.pass_s(GRACE_S)
    abandoned = await bound_id(sale, "k")
    hold = await sale.hold(SEATS, key="k")
    assert hold.id == await bound_id(sale, "k") != abandoned
    home = seat_rows.home_partition(sale.trip.key.organization, abandoned)
    fenced = (await sale.store.get(home, [rows.hold_key(abandoned)]))[rows.hold_key(abandoned)]
    assert fenced["status"] == "aborted"
    await sale.assert_legal()


async def test_a_released_holds_key_says_released(sale: Sale) -> None:
    await sale.release(await sale.hold(SEATS, key="k"))
    for process in (sale, sale.elsewhere()):
        with pytest.raises(HoldReleased):
            await process.hold(SEATS, key="k")
    assert await sale.seats("held") == ""


@pytest.mark.parametrize("is_swept", [True, False])
async def test_an_expired_holds_key_says_expired(sale: Sale, is_swept: bool) -> None:
    await sale.hold(SEATS, key="k")
    sale.clock.pass_s(TTL_S + 1)
    if is_swept:
        await sale.sweep()
    else:
        await sale.hold("A18", by="bob")
    with pytest.raises(HoldExpired):
        await sale.elsewhere().hold(SEATS, key="k")


async def test_a_bookings_key_says_the_booking(sale: Sale) -> None:
    hold = await sale.hold(SEATS, key="k")
    booking = await sale.confirm(hold)
    assert await sale.hold(SEATS, key="k") == booking
    await sale.cancel(booking)
    with pytest.raises(BookingCancelled):
        await sale.hold(SEATS, key="k")


async def test_a_late_bookings_key_says_the_booking(sale: Sale) -> None:
    hold = await sale.hold(SEATS, key="k")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    booking = await sale.confirm(hold)
    assert booking.id == late_id(base_id(hold.id))
    assert await sale.hold(SEATS, key="k") == booking


async def bound_id(sale: Sale, key: str) -> str:
    """The id that the key stands for now."""
    name = RowKey(Kind.KEY, key)
    found = await sale.store.get(rows.ledger_partition(sale.actor()), [name])
    return rows.text(found[name], "hold")

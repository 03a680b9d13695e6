"""Confirm, release, extend, cancel: what they do, what they answer when repeated, and when they refuse."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from travio_inventory.kernel.refusals import FinalRefusal, InvalidRequest
from travio_inventory.seats.hold import Cancelled, Confirmed, Held, Hold, Passenger, Released
from travio_inventory.seats.refusals import (
    BookingCancelled,
    ExtensionTooLong,
    HoldConfirmed,
    HoldExpired,
    HoldNotFound,
    HoldReleased,
)
from verification.kit.sale import TOTAL_S_MAX, TTL_S, Sale

Step: TypeAlias = Callable[[Sale, Hold], Awaitable[Hold]]

CONFIRM: Step = Sale.confirm
RELEASE: Step = Sale.release
EXTEND: Step = Sale.extend
CANCEL: Step = Sale.cancel
FIND: Step = Sale.find
SEATS = "A1 A2 A18"


async def expired(sale: Sale, _: Hold) -> None:
    """Let it expire and be swept, then book one of its seats for another holder."""
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.hold("A18", by="thief", ttl_s=600)


async def released(sale: Sale, hold: Hold) -> None:
    await sale.release(hold)


async def confirmed(sale: Sale, hold: Hold) -> None:
    await sale.confirm(hold)


async def cancelled(sale: Sale, hold: Hold) -> None:
    await sale.confirm(hold)
    await sale.cancel(hold)


# ---- what they do


async def test_confirm_sells_every_cell(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    booking = await sale.confirm(hold, "order-7")
    assert booking == hold.with_state(Confirmed("order-7"))
    assert await sale.find(hold) == booking
    assert await sale.seats("sold", "A-C") == SEATS
    assert await sale.seats("sold", "C-D") == ""


async def test_a_booking_never_runs_out(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.confirm(hold)
    sale.clock.pass_s(100 * TTL_S)
    await sale.elsewhere().sweep()
    assert (await sale.find(hold)).state == Confirmed("order-1")
    assert await sale.seats("sold") == SEATS


@pytest.mark.parametrize("step", [CONFIRM, RELEASE, CANCEL])
async def test_a_step_again_is_the_same_answer(sale: Sale, step: Step) -> None:
    hold = await sale.hold(SEATS)
    if step is CANCEL:
        await sale.confirm(hold)
    answer = await step(sale, hold)
    assert await step(sale, hold) == answer
    assert await step(sale.elsewhere(), hold) == answer
    await sale.assert_legal()


@pytest.mark.parametrize("give_back", [released, cancelled])
async def test_released_seats_are_free_at_once(sale: Sale, give_back: Callable[[Sale, Hold], Awaitable[None]]) -> None:
    await give_back(sale, await sale.hold(SEATS))
    assert len((await sale.seats("available")).split()) == len(sale.trip.seats)
    await sale.hold(SEATS, by="bob")
    await sale.assert_legal()


@pytest.mark.parametrize(("finish", "status"), [(confirmed, "sold"), (released, "available"), (cancelled, "available")])
async def test_the_other_seat_groups_are_rolled_forward(
    sale: Sale, finish: Callable[[Sale, Hold], Awaitable[None]], status: str
) -> None:
    await finish(sale, await sale.hold(SEATS, "A-C"))
    await sale.settled()
    for seat in SEATS.split():
        assert await sale.statuses(seat) == [status, status, "available"]


async def test_a_passenger_list_names_the_seats_of_the_hold(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    for seats in ("A1", "A1 A2 A3", "A1 A3", "A1 A1"):
        with pytest.raises(InvalidRequest, match="passengers"):
            await sale.confirm(hold, passengers=list(map(Passenger, seats.split())))
    assert (await sale.find(hold)) == hold
    passengers = [Passenger("A2"), Passenger("A1")]
    assert (await sale.confirm(hold, passengers=passengers)).state == Confirmed("order-1")


async def test_a_hold_is_extended_from_now(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(30)
    extended = await sale.extend(hold, ttl_s=100)
    assert extended == replace(hold, state=Held(sale.clock.at_ms + 100_000), extensions=1)
    assert await sale.extend(hold, ttl_s=100) == extended
    assert await sale.find(hold) == extended


async def test_an_extension_never_makes_a_hold_shorter(sale: Sale) -> None:
    hold = await sale.hold(SEATS, ttl_s=100)
    assert await sale.extend(hold, ttl_s=50) == hold
    assert await sale.find(hold) == hold


async def test_an_extended_hold_outlives_its_first_expiry(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(30)
    extended = await sale.extend(hold)
    sale.clock.pass_s(TTL_S - 1)
    await sale.sweep()
    assert await sale.find(hold) == extended
    sale.clock.pass_s(2)
    await sale.sweep()
    with pytest.raises(HoldExpired):
        await sale.extend(hold)


async def test_extensions_are_capped_in_total(sale: Sale) -> None:
    hold = await sale.hold(SEATS, ttl_s=600)
    cap_ms = sale.clock.at_ms + TOTAL_S_MAX * 1_000
    sale.clock.pass_s(500)
    longest = await sale.extend(hold, ttl_s=TOTAL_S_MAX - 500)
    assert longest.state == Held(cap_ms)
    sale.clock.pass_ms(1)
    with pytest.raises(ExtensionTooLong) as refused:
        await sale.extend(hold, ttl_s=TOTAL_S_MAX - 500)
    assert refused.value.until_ms == cap_ms
    assert await sale.find(hold) == longest


@pytest.mark.parametrize("step", [CONFIRM, EXTEND, RELEASE])
async def test_what_nobody_ended_yet_can_still_be_finished(sale: Sale, step: Step) -> None:
    """Confirm, extend and release compare no clock: on a lapsed row that still says held they win."""
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 5)
    done = await step(sale, hold)
    await sale.sweep()
    assert await sale.find(hold) == done
    await sale.assert_legal()


async def test_a_booking_of_another_order_is_not_shown(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.confirm(hold, "order-1")
    with pytest.raises(HoldConfirmed):
        await sale.confirm(hold, "order-2")
    assert (await sale.find(hold)).state == Confirmed("order-1")


async def test_a_cancelled_booking_keeps_its_order(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.confirm(hold, "order-9")
    assert (await sale.cancel(hold)).state == Cancelled("order-9")
    assert (await sale.find(hold)).state == Cancelled("order-9")
    assert (await sale.release(await sale.hold("A1", by="bob"))).state == Released()


# ---- what they refuse


@pytest.mark.parametrize(
    ("end", "step", "refusal"),
    [
        (released, CONFIRM, HoldReleased),
        (released, EXTEND, HoldReleased),
        (released, CANCEL, HoldReleased),
        (expired, CONFIRM, HoldExpired),
        (expired, RELEASE, HoldExpired),
        (expired, EXTEND, HoldExpired),
        (expired, CANCEL, HoldExpired),
        (confirmed, RELEASE, HoldConfirmed),
        (confirmed, EXTEND, HoldConfirmed),
        (cancelled, CONFIRM, BookingCancelled),
        (cancelled, RELEASE, BookingCancelled),
        (cancelled, EXTEND, BookingCancelled),
    ],
)
async def test_a_hold_that_ended_says_how(
    sale: Sale, end: Callable[[Sale, Hold], Awaitable[None]], step: Step, refusal: type[FinalRefusal]
) -> None:
    """It never lives again, and every call gets the same refusal."""
    hold = await sale.hold(SEATS)
    await end(sale, hold)
    state = (await sale.find(hold)).state
    for process in (sale, sale, sale.elsewhere()):
        with pytest.raises(refusal) as refused:
            await step(process, hold)
        assert type(refused.value) is refusal
    assert (await sale.find(hold)).state == state
    await sale.assert_legal()


async def test_an_expired_hold_says_when(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    expires_at_ms = sale.clock.at_ms + TTL_S * 1_000
    await expired(sale, hold)
    for step in (CONFIRM, RELEASE, EXTEND, CANCEL):
        with pytest.raises(HoldExpired) as refused:
            await step(sale, hold)
        assert refused.value.at_ms == expires_at_ms


async def test_a_hold_that_is_no_booking_cannot_be_cancelled(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    with pytest.raises(FinalRefusal):
        await sale.cancel(hold)
    assert await sale.find(hold) == hold


@pytest.mark.parametrize("is_booked", [False, True])
async def test_somebody_elses_hold_is_not_there(sale: Sale, is_booked: bool) -> None:
    """Another holder's and another organization's get the same refusal."""
    hold = await sale.hold(SEATS)
    if is_booked:
        hold = await sale.confirm(hold)
    for stranger in (replace(hold, holder="eve"), replace(hold, trip=hold.trip._replace(organization="another"))):
        for step in (CONFIRM, RELEASE, EXTEND, CANCEL, FIND):
            with pytest.raises(HoldNotFound):
                await step(sale, stranger)
    assert await sale.find(hold) == hold


DIGEST = "0123456789abcdef0123456789abcdef"
MALFORMED = [
    "",
    "~",
    "~~",
    "x",
    f"t1~0~{DIGEST}",
    f"t1~99~{DIGEST}",
    f"t1~999999~{DIGEST}",
    f"t1~9999999~{DIGEST}",
    f"t1~00~{DIGEST}",
    f"t1~-1~{DIGEST}",
    f"t1~\u0661~{DIGEST}",
    f"t1~\u00b2~{DIGEST}",
    f"t1~0~{DIGEST}~late",
    f"t1~0~{DIGEST}~late~late",
    f"t1~0~{DIGEST[:-1]}",
    f"t1~0~{DIGEST}0",
    f"~0~{DIGEST}",
    f"another~0~{DIGEST}",
    "t1~0~" + "~" * 32,
    "t1\x1f~0~" + "\x00" * 32,
    "t1~0~" + "'" * 32,
    "late~late",
    "~late",
]


@pytest.mark.parametrize("step", [CONFIRM, RELEASE, EXTEND, CANCEL, FIND])
async def test_an_id_that_no_hold_has_is_not_found(single_seats: Sale, step: Step) -> None:
    hold = await single_seats.hold("A1")
    others = [hold.id.upper() + suffix for suffix in ("~late", "~late~late", " ", "\n")]
    for text in [*MALFORMED, *others]:
        is_text = text.isprintable() and text
        with pytest.raises(HoldNotFound if is_text else InvalidRequest):
            await step(single_seats, replace(hold, id=text))

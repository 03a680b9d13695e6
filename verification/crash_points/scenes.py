"""Every step that writes, as a scene: of the protocol, of waiting lists, of background jobs and of caches."""

from dataclasses import replace

from travio_inventory.protocol.batches import Index
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.minute_cursor import MinuteCursor
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.hold import Hold
from verification.crash_points.large_scenes import STEPS as LARGE
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import cells_alone
from verification.kit.sale import Sale
from verification.kit.scenes import SEATS, Scene, Step, Subject, booked, dead_attempt, held, lapsed, step, whole
from verification.kit.scenes import STEPS as PROTOCOL
from verification.kit.trips import two_classes

LONG_S = 200
"""How long after the beginning of a minute background jobs have closed it."""


async def jobs_were_here(sale: Sale) -> None:
    """A sweeper ran on the store before, so the next one need not search a whole day."""
    minutes = MinuteCursor(
        sale.store, Index.EXPIRY, sale.clock, Retention().entries_s, first=minute_of(START_MS) - 1, waits=StoreWaits()
    )
    await minutes.settled((), START_MS)


# ---- what comes before


async def booked_long_ago(sale: Sale) -> Hold:
    booking = await booked(sale)
    sale.clock.pass_s(LONG_S)
    return booking


async def lapsed_long_ago(sale: Sale) -> Hold:
    hold = await lapsed(sale)
    sale.clock.pass_s(LONG_S)
    return hold


async def bob_waits(sale: Sale) -> Subject:
    await sale.join("bob")
    return None


async def ann_and_bob_wait(sale: Sale) -> Subject:
    await sale.join("ann")
    return await bob_waits(sale)


async def all_blocked(sale: Sale) -> Subject:
    await sale.block(SEATS)
    return None


async def closed(sale: Sale) -> Subject:
    await sale.close()
    return None


async def one_seat_held(sale: Sale) -> Hold:
    return await sale.hold("A2")


async def frozen(sale: Sale) -> Hold:
    hold = await one_seat_held(sale)
    await sale.freeze()
    return hold


async def booked_and_held_by_bob(sale: Sale) -> Hold:
    booking = await sale.confirm(await sale.hold("A1"))
    await sale.hold("A2", by="bob")
    return booking


async def held_and_blocked(sale: Sale) -> Hold:
    await sale.block("A2")
    return await sale.hold("A1")


async def half_frozen(sale: Sale) -> Subject:
    """A process died when it had told one seat group."""
    doomed = sale.elsewhere()
    await doomed.dies(doomed.freeze(), at=doomed.store.stall(cells_alone))
    return None


# ---- steps


async def close(sale: Sale, _: Subject) -> object:
    return await sale.close()


async def reopen(sale: Sale, _: Subject) -> object:
    return await sale.reopen()


async def freeze(sale: Sale, _: Subject) -> object:
    return await sale.freeze()


async def change_prices(sale: Sale, _: Subject) -> object:
    return await sale.change(seats={"A1": 77})


async def cancel_trip(sale: Sale, _: Subject) -> object:
    return await sale.cancel_trip()


async def swap_for_the_same_seats(sale: Sale, _: Subject) -> object:
    return await _swap(sale, "A2 A1")


async def swap_for_a_vehicle_without_one_seat(sale: Sale, _: Subject) -> object:
    return await _swap(sale, "A3 A1")


async def _swap(sale: Sale, seats: str) -> object:
    """How far it is when it is over: a call is answered before that when the machine is slow."""
    by_id = {seat.id: seat for seat in two_classes(3)}
    vehicle = replace(sale.trip, seats=tuple(by_id[seat] for seat in seats.split()), former=())
    while not (report := await sale.swap(seats=vehicle)).swap.is_over:
        continue
    return report.swap.moved, report.swap.left, [(hold.holder, hold.seats) for hold in report.left]


async def unfreeze(sale: Sale, _: Subject) -> object:
    return await sale.unfreeze()


async def sweep_what_is_due(sale: Sale, _: Subject) -> None:
    swept = await sale.sweep()
    for error in swept.failures.values():
        raise error


async def relay(sale: Sale, _: Subject) -> None:
    await sale.relay()


async def relay_what_it_did(sale: Sale, _: Subject) -> None:
    await sale.hold(SEATS, key="k")
    await sale.relay()


async def join(sale: Sale, _: Subject) -> object:
    return await sale.join("ann")


async def leave(sale: Sale, _: Subject) -> None:
    await sale.leave("ann")


async def block_all(sale: Sale, _: Subject) -> object:
    return await sale.block(SEATS)


async def unblock_all(sale: Sale, _: Subject) -> object:
    return await sale.unblock(SEATS)


async def look(sale: Sale, _: Subject) -> object:
    return await sale.map()


STEPS: dict[str, Step] = (
    PROTOCOL
    | LARGE
    | {
        "sweep what is due": step(sweep_what_is_due, lapsed_long_ago),
        "sweep what a dead attempt left": replace(step(sweep_what_is_due, dead_attempt), cuts=[1]),
        "close sales": step(close),
        "reopen sales": step(reopen, closed),
        "freeze": step(freeze, one_seat_held),
        "unfreeze": step(unfreeze, frozen),
        "change prices": step(change_prices),
        "cancel a trip": step(cancel_trip, one_seat_held),
        "cancel a trip that is booked": step(cancel_trip, booked),
        "swap the vehicle of a hold": step(swap_for_the_same_seats, held),
        "swap the vehicle of a hold and a block": step(swap_for_the_same_seats, held_and_blocked),
        "swap the vehicle, and one has no seat": step(swap_for_a_vehicle_without_one_seat, booked_and_held_by_bob),
        "unfreeze what is half frozen": step(unfreeze, half_frozen),
        "relay": step(relay, booked_long_ago),
        "hold and relay": whole(step(relay_what_it_did)),
        "join a waiting list": whole(step(join)),
        "join a waiting list behind another": whole(step(join, bob_waits)),
        "leave a waiting list": whole(step(leave, ann_and_bob_wait)),
        "block several seats": step(block_all),
        "unblock several seats": step(unblock_all, all_blocked),
        "look at the seats": step(look, held),
    }
)

SCENES = [Scene(name, per_group) for name, played in STEPS.items() for per_group in played.cuts]

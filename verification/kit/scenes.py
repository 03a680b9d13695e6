"""The steps of the protocol as scenes: what comes before a step, the step, and what comes after it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.seats.commands import GiveBackCommand, hold_ref
from travio_inventory.seats.hold import Hold, Passenger
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import seat_rows
from verification.kit.faulty_batches import commits
from verification.kit.pictures import group_rows
from verification.kit.sale import GRACE_S, TTL_S, Sale
from verification.kit.trips import PerGroup

PORTIONS = Portions()
SEATS = "A1 A2"
"""All that the trip has."""

Subject: TypeAlias = Hold | None
Preparing: TypeAlias = Callable[[Sale], Awaitable[Subject]]
Doing: TypeAlias = Callable[[Sale, Subject], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step, what comes before it, and what comes between its answer and the final reading of the record."""

    act: Doing
    before: Preparing
    afterwards: Doing
    holds_max: int = 0
    is_opening: bool = False
    names_itself: bool = True
    """Whether a repeated call means the same step: it has a key, or names its hold."""
    portions: Portions = PORTIONS
    cuts: Sequence[PerGroup] = ("all", 1)
    """How the trip is cut into seat groups: one for all seats, or one for each."""


# ---- what comes before


async def nothing(_: Sale, __: Subject = None) -> Subject:
    return None


async def held(sale: Sale) -> Hold:
    return await sale.hold(SEATS)


async def held_alone(sale: Sale) -> Hold:
    return await sale.hold("A1")


async def booked_by_name(sale: Sale) -> Hold:
    return await sale.confirm(await held_alone(sale), passengers=[Passenger("A1", "Ann")])


async def booked_alone(sale: Sale) -> Hold:
    return await sale.confirm(await held_alone(sale))


async def held_part_of_the_way(sale: Sale) -> Hold:
    return await sale.hold(SEATS, "A-B")


async def held_with_bob(sale: Sale) -> Hold:
    hold = await held_alone(sale)
    await taken_by_bob(sale)
    return hold


async def booked(sale: Sale) -> Hold:
    return await sale.confirm(await held(sale))


async def lapsed(sale: Sale) -> Hold:
    hold = await held(sale)
    sale.clock.pass_s(TTL_S + 1)
    return hold


async def swept(sale: Sale) -> Hold:
    hold = await lapsed(sale)
    await sweep(sale, hold)
    return hold


async def booked_late(sale: Sale) -> Hold:
    return await sale.confirm(await swept(sale))


async def lost_to_bob(sale: Sale) -> Hold:
    hold = await swept(sale)
    await taken_by_bob(sale)
    return hold


async def taken_by_bob(sale: Sale) -> Hold:
    return await sale.hold("A2", by="bob")


async def lapsed_of_bobs(sale: Sale) -> Hold:
    hold = await sale.hold(SEATS, by="bob")
    sale.clock.pass_s(TTL_S + 1)
    return hold


async def lapsed_slot(sale: Sale) -> Hold:
    hold = await sale.hold("A2")
    sale.clock.pass_s(TTL_S + 1)
    return hold


async def dead_attempt(sale: Sale) -> Subject:
    """A process died between its intents and its commit, longer ago than the grace period."""
    doomed = sale.elsewhere()
    await doomed.dies(doomed.hold(SEATS, by="bob"), at=doomed.store.stall(commits))
    sale.clock.pass_s(GRACE_S)
    return None


async def blocked(sale: Sale) -> Subject:
    await sale.block("A2")
    return None


# ---- steps


async def hold(sale: Sale, _: Subject) -> object:
    return await sale.hold(SEATS)


async def hold_with_key(sale: Sale, _: Subject) -> object:
    return await sale.hold(SEATS, key="k")


async def hold_one_with_key(sale: Sale, _: Subject) -> object:
    return await sale.hold("A1", key="k")


async def confirm(sale: Sale, subject: Subject) -> object:
    return await sale.confirm(_some(subject))


async def release(sale: Sale, subject: Subject) -> object:
    return await sale.release(_some(subject))


async def extend(sale: Sale, subject: Subject) -> object:
    return await sale.extend(_some(subject), ttl_s=5 * TTL_S)


async def cancel(sale: Sale, subject: Subject) -> object:
    return await sale.cancel(_some(subject))


async def release_some(sale: Sale, subject: Subject) -> object:
    return await sale.release(_some(subject), "A2")


async def confirm_some(sale: Sale, subject: Subject) -> object:
    return await sale.confirm(_some(subject), seats="A1")


async def cancel_some(sale: Sale, subject: Subject) -> object:
    return await sale.cancel(_some(subject), "A2")


async def erase(sale: Sale, subject: Subject) -> object:
    return await sale.inventory.erase_passengers(sale.actor(), hold_ref(_some(subject).id))


async def move(sale: Sale, subject: Subject) -> object:
    return await sale.move(_some(subject), "A1>A2")


async def travel_on(sale: Sale, subject: Subject) -> object:
    return await sale.move(_some(subject), ends="A-D")


async def block(sale: Sale, _: Subject) -> object:
    return await sale.block("A2")


async def unblock(sale: Sale, _: Subject) -> object:
    return await sale.unblock("A2")


async def open_trip(sale: Sale, _: Subject) -> None:
    await sale.open_trip()


async def sweep(sale: Sale, _: Subject) -> None:
    """Every seat group, whether anything points there or not."""
    finder = LapseFinder(sale.process.holds)
    for number in range(sale.trip.group_count):
        try:
            await finder.sweep(seat_rows.group_partition(sale.trip.key, number))
        except BackendUnavailable:  # of one seat group; those before it are done
            raise OutcomeUnknown from None


def _some(subject: Subject) -> Hold:
    assert subject is not None
    return subject


# ---- between the answer and the final reading


async def bob_leaves(sale: Sale, _: Subject) -> object:
    """The holder releases the seats, whether its list has them yet or not: what still arrives finds them free."""
    holds = await group_rows(sale, Kind.HOLD)
    his = [key.id for key, row in holds.items() if row.get("holder") == "bob" and row["status"] == "held"]
    return [await sale.inventory.release_hold(sale.actor("bob"), GiveBackCommand(hold_id=each)) for each in his]


def step(act: Doing, before: Preparing = nothing, afterwards: Doing = nothing) -> Step:
    """A scene that fits on one line."""
    return Step(act=act, before=before, afterwards=afterwards, names_itself=act not in (hold, block))


def whole(one: Step) -> Step:
    """It takes the same batches however the trip is cut."""
    return replace(one, cuts=["all"])


STEPS = {
    "hold": step(hold),
    "hold with a key": step(hold_with_key),
    "hold with a key and a limit": whole(replace(step(hold_with_key), holds_max=1)),
    "hold in the slot of a lapsed one": whole(replace(step(hold_one_with_key, lapsed_slot), holds_max=1)),
    "hold what another's lapsed hold has": step(hold_with_key, lapsed_of_bobs),
    "hold what a dead attempt left": replace(step(hold_with_key, dead_attempt), cuts=[1]),
    "hold what another has": step(hold, taken_by_bob, bob_leaves),
    "hold what another has, with a key": step(hold_with_key, taken_by_bob, bob_leaves),
    "confirm": step(confirm, held),
    "confirm a lapsed hold that nobody ended": whole(step(confirm, lapsed)),
    "confirm late": step(confirm, swept),
    "confirm late what another has": step(confirm, lost_to_bob, bob_leaves),
    "release": step(release, held),
    "release some": step(release_some, held),
    "confirm some": step(confirm_some, held),
    "cancel some": step(cancel_some, booked),
    "erase passengers": whole(step(erase, booked_by_name)),
    "move": step(move, held_alone),
    "move a booking": step(move, booked_alone),
    "move to another journey": step(travel_on, held_part_of_the_way),
    "move to what another has": step(move, held_with_bob, bob_leaves),
    "extend": step(extend, held),
    "expire": step(sweep, lapsed),
    "cancel": step(cancel, booked),
    "cancel a late booking": whole(step(cancel, booked_late)),
    "block": whole(step(block)),
    "block what another has": whole(step(block, taken_by_bob, bob_leaves)),
    "unblock": whole(step(unblock, blocked)),
    "open": replace(step(open_trip), is_opening=True),
}


class Scene(NamedTuple):
    """A step by its name, and how the trip is cut into seat groups."""

    step: str
    per_group: PerGroup


SCENES = [Scene(name, per_group) for name, played in STEPS.items() for per_group in played.cuts]

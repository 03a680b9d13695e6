"""Stored seat plans: sent part by part, replaced and deleted as a whole, whatever dies in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied, RetryableRefusal
from travio_inventory.protocol.batches import Batches, Kind, Partition, Table
from travio_inventory.seats.definition import write_each
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.records import seat_plans
from travio_inventory.seats.refusals import InvalidTrip, SeatPlanNotFound, TripDefinedOtherwise
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat_plan import NOWHERE, PlanKey, PlanProgress, SeatPlanPart, TripOnPlan
from travio_inventory.seats.trip import Trip, TripKey
from verification.kit.asking import definition
from verification.kit.faulty_batches import everything_after
from verification.kit.sale import Market, Sale
from verification.kit.trips import a_trip, row_of

PORTIONS = Portions(seats_at_once_max=4, seats_per_part_max=5, groups_max=2)
ROUTE = (Segment("A", "B"), Segment("B", "C"))
HALL = row_of(7)
USUAL = limits.SEATS_PER_GROUP_DEFAULT
OTHER = row_of(5, seat="B{}")


@pytest.fixture
async def house(store: Batches) -> AsyncIterator[Sale]:
    """An organization for which seven seats are many."""
    async with Market(store, portions=PORTIONS) as market:
        yield market.prepare(a_trip())


def key(sale: Sale, plan: str = "hall") -> PlanKey:
    return PlanKey(sale.trip.key.organization, plan)


def parts(
    sale: Sale, seats: Sequence[Seat], *, plan: str = "hall", revision: str = "r1", size: int = 3
) -> list[SeatPlanPart]:
    """The seats as parts of so many."""
    starts = range(0, len(seats), size)
    return [
        SeatPlanPart(key(sale, plan), revision, index, len(starts), layout(seats[start : start + size]))
        for index, start in enumerate(starts)
    ]


def layout(seats: Sequence[Seat]) -> Trip:
    return Trip(TripKey("o", "p"), NOWHERE, tuple(seats), vehicle="hall", currency="EUR", is_stored=True)


def actor(sale: Sale) -> Actor:
    return house_of(sale.trip.key.organization)


async def put(sale: Sale, sent: Sequence[SeatPlanPart]) -> PlanProgress:
    """The answer to the last part."""
    for part in sent:
        answer = await sale.inventory.seat_plans.put(actor(sale), part)
    return answer


async def plans(sale: Sale) -> list[tuple[str, str, int]]:
    """Name, revision and seats of each."""
    return [each[:3] for each in await sale.inventory.seat_plans.all(actor(sale))]


def on_plan(sale: Sale, *, trip: str = "t9", plan: str = "hall") -> TripOnPlan:
    return TripOnPlan(TripKey(sale.trip.key.organization, trip), ROUTE, plan)


async def open_on_plan(sale: Sale, *, trip: str = "t9", plan: str = "hall") -> Trip:
    """The trip, opened to the end."""
    asked = on_plan(sale, trip=trip, plan=plan)
    await sale.inventory.open_trip(actor(sale), asked)
    await sale.go_on_opening()
    return await definition(sale.inventory, asked.key)


async def test_a_plan_is_stored_once_for_any_number_of_trips(house: Sale) -> None:
    assert await put(house, parts(house, HALL)[:2]) == PlanProgress(is_stored=False)
    assert await plans(house) == []
    with pytest.raises(SeatPlanNotFound):
        await open_on_plan(house)
    assert await put(house, parts(house, HALL)) == PlanProgress(is_stored=True, seats=7)
    assert await plans(house) == [("hall", "r1", 7)]
    for name in ("t8", "t9"):
        trip = await open_on_plan(house.elsewhere(), trip=name)
        assert (trip.seats, trip.vehicle, trip.currency, trip.segments) == (HALL, "hall", "EUR", ROUTE)
        assert await house.inventory.open_trip(actor(house), on_plan(house, trip=name)) == Opening(14, 14)


async def test_sections_and_features_may_be_in_any_part(house: Sale) -> None:
    car, deck = Section("car", "Car 7"), Section("deck")
    door, stairs = Feature("door", 1, 1, "car"), Feature("stairs", 1, 2, "deck")
    seats = [replace(seat, section=section.id) for seat, section in zip(HALL, [deck, car] * 4, strict=False)]
    contents: list[dict[str, Any]] = [
        {"seats": (), "sections": (car,), "features": (door,)},
        {"seats": tuple(seats[:4])},
        {"seats": (), "sections": (deck,)},
        {"seats": tuple(seats[4:]), "features": (stairs,)},
    ]
    sent = [
        SeatPlanPart(key(house), "r1", index, len(contents), replace(layout(HALL[:1]), **content, is_stored=True))
        for index, content in enumerate(contents)
    ]
    assert await put(house, sent) == PlanProgress(is_stored=True, seats=7)
    trip = await open_on_plan(house)
    assert (trip.sections, trip.features) == ((car, deck), (door, stairs))
    assert {*trip.seats} == {*seats}


@pytest.mark.parametrize(("of_plan", "own", "got"), [(2, 0, 2), (2, 3, 3), (-1, 0, 7), (0, 0, USUAL), (0, 4, 4)])
async def test_a_trip_has_seat_groups_as_its_plan_says_unless_it_says_it(
    house: Sale, of_plan: int, own: int, got: int
) -> None:
    sent = [replace(part, layout=replace(part.layout, seats_per_group=of_plan)) for part in parts(house, HALL)]
    await put(house, sent)
    await house.inventory.open_trip(actor(house), replace(on_plan(house), seats_per_group=own))
    await house.go_on_opening()
    assert (await definition(house.inventory, on_plan(house).key)).seats_per_group == got
    with pytest.raises(InvalidRequest, match="seats_per_group"):
        replace(sent[0], layout=replace(sent[0].layout, seats_per_group=-2, is_stored=True))


async def test_a_part_that_is_sent_again_must_say_the_same(house: Sale) -> None:
    first, *rest = parts(house, HALL)
    await put(house, [first, first])
    other = replace(first, layout=layout(row_of(3, seat="X{}")))
    with pytest.raises(InvalidRequest, match=r"^part: part 0 of revision 'r1' was sent otherwise before"):
        await put(house, [other])
    with pytest.raises(InvalidRequest, match=r"^part: part 0 of revision 'r1' was sent otherwise before"):
        await put(house, [replace(first, count=9)])
    assert (await put(house, rest)).is_stored
    assert (await put(house, [first, *rest])).is_stored


async def test_the_answer_to_the_last_part_names_what_is_missing(house: Sale) -> None:
    sent = parts(house, HALL, size=1)
    assert await put(house, sent[2:4] + sent[-1:]) == PlanProgress(is_stored=False, missing=(0, 1, 4, 5))
    assert await put(house, [*sent[:2], *sent[4:6], sent[-1]]) == PlanProgress(is_stored=True, seats=7)


async def test_a_plan_that_contradicts_itself_is_refused_as_a_whole(house: Sale) -> None:
    await put(house, parts(house, OTHER))
    with pytest.raises(InvalidTrip, match="seat 'A1' is defined twice"):
        await put(house, parts(house, (*HALL, HALL[0]), revision="r2"))
    assert await plans(house) == [("hall", "r1", 5)]
    first, second, _ = parts(house, HALL, revision="r3")
    with pytest.raises(InvalidRequest, match=r"part_count: other parts of this revision say another number"):
        await put(house, [first, replace(second, count=2)])


async def test_a_trip_keeps_its_seats_whatever_happens_to_the_plan(house: Sale) -> None:
    await put(house, parts(house, HALL))
    trip = await open_on_plan(house)
    await put(house, parts(house, OTHER, revision="r2"))
    assert await plans(house) == [("hall", "r2", 5)]
    with pytest.raises(TripDefinedOtherwise):
        await house.inventory.open_trip(actor(house), on_plan(house))
    assert (await open_on_plan(house, trip="new")).seats == OTHER
    await house.inventory.seat_plans.delete(actor(house), key(house))
    assert await plans(house) == []
    with pytest.raises(SeatPlanNotFound):
        await house.inventory.open_trip(actor(house), on_plan(house, trip="newer"))
    with pytest.raises(SeatPlanNotFound):
        await house.inventory.seat_plans.delete(actor(house), key(house))
    assert await definition(house.elsewhere().inventory, trip.key) == trip
    assert (await put(house, parts(house, HALL, revision="r3"))).is_stored
    assert (await put(house, parts(house, OTHER, revision="r1"))).is_stored
    assert await plans(house) == [("hall", "r1", 5)]


async def kept_parts(sale: Sale) -> set[str]:
    """The revisions of which the store keeps parts."""
    rows = await sale.market.store.read(Partition(Table.SEAT_PLANS, *key(sale)), Kind.PLAN_PART)
    return {name.id.split("\x1f")[0] for name, row in rows.items() if row["status"] != "forgotten"}


@pytest.mark.parametrize("after", range(14))
async def test_a_call_may_die_at_any_batch(house: Sale, after: int) -> None:
    """The plan is what it was before, or what it becomes; a repeated call leaves nothing of the other one."""
    await put(house, parts(house, HALL))
    doomed = house.elsewhere()
    stall = doomed.store.stall(everything_after(after, lambda partition, _: partition.table is Table.SEAT_PLANS))
    dying = asyncio.ensure_future(put(doomed, parts(house, OTHER, revision="r2")))
    await asyncio.wait({dying, asyncio.ensure_future(stall.reached.wait())}, return_when="FIRST_COMPLETED")
    dying.cancel()
    assert await plans(house) in ([("hall", "r1", 7)], [("hall", "r2", 5)])
    assert (await open_on_plan(house)).seats in (HALL, OTHER)
    assert (await put(house, parts(house, OTHER, revision="r2"))).is_stored
    assert await kept_parts(house) == {"r2"}
    assert (await open_on_plan(house, trip="later")).seats == OTHER


@pytest.mark.parametrize("after", range(6))
async def test_a_deletion_may_die_at_any_batch(house: Sale, after: int) -> None:
    await put(house, parts(house, HALL))
    doomed = house.elsewhere()
    stall = doomed.store.stall(everything_after(after, lambda partition, _: partition.table is Table.SEAT_PLANS))
    dying = asyncio.ensure_future(doomed.inventory.seat_plans.delete(actor(house), key(house)))
    await asyncio.wait({dying, asyncio.ensure_future(stall.reached.wait())}, return_when="FIRST_COMPLETED")
    dying.cancel()
    try:
        await house.inventory.seat_plans.delete(actor(house), key(house))
    except SeatPlanNotFound:
        assert after
    assert await kept_parts(house) == set()
    assert await plans(house) == []


async def test_of_two_revisions_at_once_one_is_the_plan(house: Sale) -> None:
    answers = await asyncio.gather(
        put(house, parts(house, HALL)),
        put(house.elsewhere(), parts(house, OTHER, revision="r2")),
        return_exceptions=True,
    )
    assert all(isinstance(answer, PlanProgress | RetryableRefusal) for answer in answers)
    assert await plans(house) in ([("hall", "r1", 7)], [("hall", "r2", 5)])


async def test_an_organization_has_a_bounded_number_of_plans(house: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_plans, "PLANS_MAX", 2)
    for name in ("a", "b"):
        assert (await put(house, parts(house, HALL, plan=name))).is_stored
    with pytest.raises(InvalidRequest, match=r"^plan_id: there are 2 plans already, the most: delete one$"):
        await put(house, parts(house, HALL, plan="c"))
    assert (await put(house, parts(house, OTHER, plan="b", revision="r2"))).is_stored
    await house.inventory.seat_plans.delete(actor(house), key(house, "a"))
    assert (await put(house, parts(house, HALL, plan="c"))).is_stored


async def test_a_part_has_bounded_text(house: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = parts(house, HALL, size=7)
    size = len(part.layout.written(write_each(part.layout.seats), as_asked=True))
    monkeypatch.setattr(seat_plans, "PART_CHARS_MAX", size - 1)
    with pytest.raises(InvalidRequest, match=f"^part: its text has {size} characters as JSON; at most {size - 1}"):
        await put(house, [part])
    monkeypatch.setattr(seat_plans, "PART_CHARS_MAX", size)
    assert (await put(house, [part])).is_stored


def test_a_part_names_what_is_wrong_with_it() -> None:
    with pytest.raises(InvalidRequest) as refused:
        SeatPlanPart(PlanKey("o", ""), "", 3, 3, layout(()))
    assert [violation.field for violation in refused.value.violations] == [
        "plan_id", "revision", "part_index", "part.seats",
    ]  # fmt: skip
    most = layout(row_of(limits.SEATS_PER_PART_MAX))
    SeatPlanPart(PlanKey("o", "p"), "r", limits.PLAN_PARTS_MAX - 1, limits.PLAN_PARTS_MAX, most)
    with pytest.raises(InvalidRequest, match=r"part_count: must be 1 to 1000, not 1001"):
        SeatPlanPart(PlanKey("o", "p"), "r", 0, limits.PLAN_PARTS_MAX + 1, most)
    with pytest.raises(InvalidRequest, match=r"part\.seats: must have 0 to 1000 seats, not 1001"):
        SeatPlanPart(PlanKey("o", "p"), "r", 0, 1, layout(row_of(limits.SEATS_PER_PART_MAX + 1)))


async def test_nobody_stores_a_plan_for_another_organization(house: Sale) -> None:
    stranger = house_of("another")
    (part,) = parts(house, HALL, size=7)
    with pytest.raises(PermissionDenied):
        await house.inventory.seat_plans.put(stranger, part)
    with pytest.raises(PermissionDenied):
        await house.inventory.seat_plans.delete(stranger, key(house))
    assert await house.inventory.seat_plans.all(stranger) == []

"""The scenes have every use case that writes."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from inspect import getmembers, iscoroutinefunction
from random import Random
from typing import Any, get_type_hints

import pytest

from travio_inventory.kernel.actor import house_of, service_of
from travio_inventory.seats.commands import AvailabilityQuery, SeatMapQuery, hold_ref, trip_id
from travio_inventory.seats.hold import Hold, Released
from travio_inventory.seats.queries import DeedsQuery
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.seats.trip import Ends, Journey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.follow_maps import MapPart
from travio_inventory.store.memory import MemoryBatches
from verification.crash_points.places import Opened
from verification.crash_points.playing import Stage, new_trip
from verification.crash_points.points import Lane, Meter
from verification.crash_points.scenes import SCENES, STEPS
from verification.kit.asking import definition
from verification.kit.edges import local_edge
from verification.kit.sale import Sale
from verification.kit.scenes import Scene

READS: dict[str, Callable[[Sale], Awaitable[object]]] = {
    "list_trips": lambda sale: sale.listed(),
    "read_deeds": lambda sale: sale.inventory.read_deeds(sale.actor(), DeedsQuery()),
    "read_trips.one": lambda sale: definition(sale.inventory, sale.trip.key),
    "read_trips.of_hold": lambda sale: sale.inventory.read_trips.of_hold(sale.actor(), a_hold(sale)),
    "read_holds.one": lambda sale: sale.inventory.read_holds.one(sale.actor(), hold_ref(f"t1~0~{0:032}")),
    "read_holds.holder": lambda sale: sale.inventory.read_holds.holder(
        service_of(sale.trip.key.organization), hold_ref(f"t1~0~{0:032}")
    ),
    "read_holds.page": lambda sale: sale.holds(),
    "read_seat_map": lambda sale: sale.map(),
    "follow_maps": lambda sale: sale.inventory.follow_maps(sale.actor(), sale.trip.key.trip, [MapPart(Ends("A", "D"))]),
    "check_availability": lambda sale: sale.inventory.check_availability(
        sale.actor(), AvailabilityQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "D"))
    ),
    "summarize_trip": lambda sale: sale.inventory.summarize_trip(
        sale.actor(), SeatMapQuery(trip_id=sale.trip.key.trip, ends=Ends("A", "D"))
    ),
    "waitlist.page": lambda sale: sale.waits("ann"),
    "read_trips.opening": lambda sale: sale.inventory.read_trips.opening(sale.actor(), trip_id(sale.trip.key.trip)),
    "read_manifest": lambda sale: sale.manifest(),
    "read_order": lambda sale: sale.order("order-1"),
    "explain_seat": lambda sale: sale.explained("A1"),
    "audit_trips.due": lambda sale: sale.inventory.audit_trips.due(house_of(sale.trip.key.organization)),
    "audit_trips.listed": lambda sale: sale.inventory.audit_trips.listed(
        house_of(sale.trip.key.organization), 0, after="", most=10
    ),
    "seat_plans.all": lambda sale: sale.inventory.seat_plans.all(sale.actor()),
}
"""The verbs that write nothing to the store."""
KILLED_ELSEWHERE = {"forget_trips", "audit_trips.one", "settle_payment.made", "settle_payment.failed"}
"""Forgetting takes hours of visits: `tests/seats/test_forgotten_trips.py` kills it before its batches. An audit repairs
by the steps of holds, which have scenes. Payments are killed in `tests/events/inbound/test_killed.py`.
"""
BACKGROUND = ("hold and relay", "relay", "sweep")
"""How the names of the scenes begin that have background jobs."""


class Heard:
    """Passes everything on to a use case, and notes which verbs are called."""

    def __init__(self, name: str, use_case: Any, asked: set[str]) -> None:  # noqa: ANN401 - any use case
        self._name = name
        self._use_case = use_case
        self._asked = asked

    def __call__(self, *words: object, **named: object) -> object:
        self._asked.add(self._name)
        return self._use_case(*words, **named)

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - any verb
        self._asked.add(f"{self._name}.{verb}")
        return getattr(self._use_case, verb)


def verbs() -> Iterator[str]:
    """Every verb of the inventory, as the code has it."""
    for name, use_case in get_type_hints(Inventory).items():
        for verb, _ in getmembers(use_case, iscoroutinefunction):
            if verb == "__call__":
                yield name
            elif not verb.startswith("_"):
                yield f"{name}.{verb}"


def a_hold(sale: Sale) -> Hold:
    """A hold of the user, as a use case may return it."""
    return Hold("t1~0~0", sale.trip.key, "ann", (), (), Journey(0, 0), 0, "", Released())


def stage(scene: Scene, meter: Meter) -> Stage:
    store = MemoryBatches(None, Random(1), sleep)
    return Stage(Opened(store, store, local_edge), STEPS[scene.step], new_trip(scene), meter, lambda _: None)


async def test_every_use_case_that_writes_is_in_a_scene() -> None:
    asked: set[str] = set()
    for scene in SCENES:
        async with stage(scene, Meter()) as played:
            subject = await played.prepare()
            use_cases = {each.name: getattr(played.asked.inventory, each.name) for each in fields(Inventory)}
            listening: dict[str, Any] = {name: Heard(name, each, asked) for name, each in use_cases.items()}
            played.asked.inventory = Inventory(**listening)
            await played.act(subject)
    assert {*verbs()} - asked <= READS.keys() | KILLED_ELSEWHERE
    assert len({*verbs()}) > len(READS)


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.step.startswith(BACKGROUND)], ids=str)
async def test_slow_rounds_come_to_the_trip_in_every_play(scene: Scene) -> None:
    """They take any shard of the list of trips: a point that one play has must be reached in every other."""
    meter = Meter()
    async with stage(scene, meter) as played:
        subject = await played.prepare()
        meter.start()
        await played.act(subject)
    asked = meter.asked[Lane.CALL]
    assert asked[asked.index("read_index trips") + 1].startswith("read ")


@pytest.mark.parametrize("verb", READS)
async def test_a_verb_that_is_listed_as_reading_writes_nothing(verb: str) -> None:
    meter = Meter()
    async with stage(Scene("hold", "all"), meter) as played:
        await played.prepare()
        meter.start()
        with suppress(HoldNotFound):
            await READS[verb](played.asked)
    assert meter.asked[Lane.CALL]
    assert not [name for name in meter.asked[Lane.CALL] if name.startswith("apply")]
    assert verb in verbs()


async def test_a_name_that_begins_with_apply_is_a_write() -> None:
    """So that the test above can fail."""
    meter = Meter()
    async with stage(Scene("hold", "all"), meter) as played:
        subject = await played.prepare()
        meter.start()
        await played.act(subject)
    assert [name for name in meter.asked[Lane.CALL] if name.startswith("apply")]

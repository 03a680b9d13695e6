"""Of a large body much is read in turns, and what is read at once has bounds."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError

from tests.rest.serving import TRIP, Web
from travio_inventory.api.reservations import Reservations
from travio_inventory.api.rest.event_models import EventRequest
from travio_inventory.api.rest.events import EventRoutes
from travio_inventory.api.rest.json_types import MEMBERS_MAX
from travio_inventory.api.rest.large_forms import AT_ONCE, read_each, read_forms
from travio_inventory.api.rest.native import native_routers
from travio_inventory.api.rest.native.selling_models import BlockRequest, PlanPart
from travio_inventory.api.rest.native.trip_models import ChangeRequest, SeatDefinition, SwapRequest, TripRequest
from travio_inventory.api.rest.routes import LargeBodyRoute, Route
from travio_inventory.api.rest.showtimes import ShowtimeRoutes
from travio_inventory.api.rest.stock import stock_routers
from travio_inventory.api.rest.stock.bulk_models import BulkRequest
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.clock import SystemClock
from verification.kit.in_process import settings_of

A = {"seat_id": "1A"}
UNKNOWN: dict[str, object] = {f"unknown-{number}": 0 for number in range(MEMBERS_MAX + 1)}
SCHEMA = "__pydantic_core_schema__"
TEXTS_MAX = 5_000
"""So many texts are read in less than a millisecond."""


async def test_others_have_their_turn_while_many_forms_are_read() -> None:
    turn, in_turn = 0, Counter[int]()

    def value_of(seat: SeatDefinition) -> str:
        in_turn[turn] += 1
        return seat.seat_id

    ids = [f"seat-{number}" for number in range(3 * AT_ONCE + 1)]
    said = [{"seat_id": each} for each in ids]
    reading = asyncio.ensure_future(read_forms(SeatDefinition, said, value_of, "seats"))
    while not reading.done():
        await asyncio.sleep(0)
        turn += 1
    assert await reading == ids
    assert [*in_turn.values()] == [AT_ONCE, AT_ONCE, AT_ONCE, 1]


async def test_what_is_read_does_not_keep_the_garbage_collector_busy() -> None:
    said = [{"seat_id": f"seat-{number}"} for number in range(AT_ONCE)]
    seats = await read_forms(SeatDefinition, said, SeatDefinition.value, "seats")
    assert not any(map(gc.is_tracked, seats))


async def test_where_all_is_wrong_reading_ends_soon_and_faults_are_named() -> None:
    tried = []

    def read(form: object) -> object:
        tried.append(form)
        return SeatDefinition.model_validate(form)

    with pytest.raises(RequestValidationError) as refused:
        await read_each(enumerate([{"seat_id": 1}] * 10_000), read, "part", "seats")
    assert len(tried) == len(refused.value.errors()) == VIOLATIONS_MAX
    assert refused.value.errors()[1]["loc"] == ("body", "part", "seats", 1, "seat_id")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/trips", {"seat_config": {"seats": [A, {"seat_id": 2}]}}, "seat_config.seats[1].seat_id"),
        ("POST", "/v1/trips", {"seat_config": {"seats": [0]}}, "seat_config.seats[0]"),
        ("POST", "/v1/trips", {"seat_config": {"features": [{"kind": 1}]}}, "seat_config.features[0].kind"),
        ("POST", "/v1/trips", {"segments": [{}] * 513}, "segments"),
        ("POST", "/v1/trips", {"station_names": {"A": 1}}, "station_names.A"),
        ("POST", f"{TRIP}/swap", {"seat_mapping": {"1A": 1}}, "seat_mapping.1A"),
        ("POST", f"{TRIP}/swap", {"seat_config": {"sections": [{"section_id": "s"}] * 1_001}}, "seat_config.sections"),
        ("PATCH", TRIP, {"seat_prices": {"1A": 5, "1B": "5"}}, "seat_prices.1B"),
        ("PATCH", TRIP, {"class_prices": {"economy": 2**63}}, "class_prices.economy"),
        ("PATCH", TRIP, {"times": [{"segment_index": 0, "departure_time": "now"}]}, "times[0].departure_time"),
        ("PATCH", TRIP, {"times": [{"segment_index": 0} | UNKNOWN]}, "times[0]"),
        ("PATCH", TRIP, UNKNOWN, "body"),
        ("POST", f"{TRIP}/seat-blocks", {"seat_ids": ["1A"] * 5_001}, "seat_ids"),
        ("PUT", "/v1/seat-plans/P", {"revision": "1", "part": {"seats": [A] * 1_001}}, "part.seats"),
    ],
)  # fmt: skip
async def test_what_is_wrong_in_a_large_body_is_named(
    web: Web, method: str, path: str, body: dict[str, object], field: str
) -> None:
    whole = {"trip_id": "T/2", "segments": []} | body if path == "/v1/trips" else body
    refused = await web.client.request(method, path, json=whole)
    assert refused.status_code == 422
    (said,) = refused.json()["errors"]
    assert said["field"] == field


async def test_a_trip_with_many_seats_is_opened_with_all_of_them(web: Web) -> None:
    seats = [{"seat_id": f"s{number}", "row": number} for number in range(2 * AT_ONCE + 1)]
    assert (await web.open(trip_id="T/2", seat_config={"seats": seats})).json()["seats_created"] == 2 * len(seats)
    page = await web.do("GET", "/v1/trips/T%2F2/seats")
    assert [each["seat_id"] for each in page["seats"]] == [each["seat_id"] for each in seats]


async def test_nothing_that_may_be_many_is_read_at_once_and_of_what_is_all_wrong_little_is(web: Web) -> None:
    clock = SystemClock()
    async with open_stock(settings_of()) as stock:
        reservations = Reservations(web.inventory, SeatVersions(clock), clock)
        routers = [
            *native_routers(web.inventory, clock),
            EventRoutes(web.inventory, reservations, is_ready=lambda: True).router(),
            ShowtimeRoutes(web.inventory).router(),
            *stock_routers(stock, clock),
        ]
    routes = [route for router in routers for route in router.routes if isinstance(route, Route) and route.body_field]
    forms, others = set[Any](), set[Any]()
    for route in routes:
        kind = forms if isinstance(route, LargeBodyRoute) else others
        kind.add(route.body_field and route.body_field.field_info.annotation)
    unbounded = {each: [*_too_much(schema)] for each in others if (schema := getattr(each, SCHEMA, None))}
    assert {each: found for each, found in unbounded.items() if "any number, whatever is wrong" in found} == {}
    assert len(unbounded) > 20
    assert {TripRequest, SwapRequest, ChangeRequest, PlanPart, BlockRequest, EventRequest, BulkRequest} < forms
    assert {form: found for form in forms if (found := [*_too_much(getattr(form, SCHEMA))])} == {}


def _too_much(schema: Any) -> Iterator[str]:  # noqa: ANN401 - pydantic's own
    """What may have any number of members, or many that are more than texts and are read at once."""
    if isinstance(schema, list):
        for each in schema:
            yield from _too_much(each)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") in ("list", "dict"):
        members = schema.get("items_schema") or schema["values_schema"]
        is_text = schema["type"] == "list" and members["type"] == "str"
        if schema.get("max_length") is None and not schema.get("fail_fast"):
            yield "any number, whatever is wrong"
        elif schema.get("max_length") is None:
            yield f"any number of {members['type']}"
        elif members["type"] != "any" and not (is_text and schema["max_length"] <= TEXTS_MAX):
            yield f"{schema['max_length']} of {members['type']} at once"
    for name, inner in schema.items():
        if name not in ("serialization", "metadata"):
            yield from _too_much(inner)

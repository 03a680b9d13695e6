"""What web clients of the gateway of old send and read: each member, status and header, over a real connection."""

import asyncio
from itertools import count
from typing import Any

import httpx
import pytest

from tests.rest.faces.serving import Client, seconds_until, serving

NUMBERS = count(1)
STATIONS = ("A", "B", "C")
SEATS = [
    {"seat_id": "s1", "seat_number": "1A", "row": 1, "column": 1, "seat_type": "window", "seat_class": "business"},
    {"seat_id": "s2", "seat_number": "1B", "row": 1, "column": 2, "seat_type": "aisle", "seat_class": "economy"},
    {"seat_id": "s3", "seat_number": "2A", "row": 2, "column": 1, "seat_type": "window", "seat_class": "economy"},
]
PRICES = {"s1": 900, "s2": 500, "s3": 700}
WHOLE = {"from": "A", "to": "C"}


class Bus:
    """A trip of its own, of the organization acme; u1 calls unless another is named."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.id = f"bus-{next(NUMBERS)}"

    async def open(self) -> None:
        segments = [{"from_station_id": STATIONS[at], "to_station_id": STATIONS[at + 1]} for at in range(2)]
        seats = [seat | {"price_paisa": PRICES[str(seat["seat_id"])]} for seat in SEATS]
        body = {"trip_id": self.id, "segments": segments, "seat_config": {"seats": seats}}
        assert (await self._client("POST", "/v1/trips?org_id=acme", body)).status_code == 201

    async def ask(self, what: str, **params: str) -> httpx.Response:
        query = httpx.QueryParams({"org_id": "acme", **params})
        return await self._client("GET", f"/v1/trips/{self.id}/{what}?{query}")

    async def hold(self, *seats: str, user: str = "u1", **more: object) -> httpx.Response:
        body = {"trip_id": self.id, "from_station_id": "A", "to_station_id": "C", "seat_ids": seats, "session_id": "x"}
        return await self._client("POST", "/v1/holds?org_id=acme", body | more, user=user)

    async def held(self, *seats: str, **more: object) -> str:
        """The id of the hold."""
        return str((await self.hold(*seats, **more)).json()["hold_id"])  # type: ignore[arg-type]  # no user among them

    async def delete(self, hold: str, user: str = "u1") -> httpx.Response:
        return await self._client("DELETE", f"/v1/holds/{hold}?org_id=acme", user=user)

    async def confirm(self, hold: str) -> None:
        answer = await self._client("POST", f"/v1/holds/{hold}/confirm?org_id=acme", {"order_id": "o1"}, user="u1")
        assert answer.status_code == 200

    async def states(self) -> dict[str, str]:
        """The status of each seat, in a word."""
        rows = (await self.ask("seatmap", **WHOLE)).json()["rows"]
        return {seat["seat_id"]: seat["status"].removeprefix("SEAT_STATUS_") for row in rows for seat in row["seats"]}


@pytest.fixture
async def bus(client: Client) -> Bus:
    """A bus that is open."""
    bus = Bus(client)
    await bus.open()
    return bus


def old(told: dict[str, Any], *names: str) -> dict[str, Any]:
    """Of what is told, the members that clients of old know."""
    return {name: told[name] for name in names}


def free(seat: int) -> dict[str, str]:
    """A free seat as availability tells it."""
    known = {name: str(SEATS[seat][name]) for name in ("seat_id", "seat_number", "seat_class", "seat_type")}
    return known | {"status": "SEAT_STATUS_AVAILABLE"}


async def test_availability_is_for_one_passenger_and_names_free_seats_alone(bus: Bus) -> None:
    await bus.hold("s2")
    answer = await bus.ask("availability", **WHOLE)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert old(told, "is_available", "available_seats", "price_paisa") == {
        "is_available": True, "available_seats": 2, "price_paisa": 700,
    }  # fmt: skip
    assert [old(seat, *free(0)) for seat in told["seats"]] == [free(0), free(2)]


@pytest.mark.parametrize(
    ("params", "is_available", "seats", "price"),
    [
        ({"passengers": "2"}, True, ["s1", "s2", "s3"], 1_200),
        ({"passengers": "3", "seat_class": "economy"}, False, ["s2", "s3"], 0),
        ({"seat_class": "business"}, True, ["s1"], 900),
        ({"seat_class": "first"}, False, [], 0),
    ],
)
async def test_availability_is_for_a_party_and_a_class(
    bus: Bus, params: dict[str, str], is_available: bool, seats: list[str], price: int
) -> None:
    told = (await bus.ask("availability", **WHOLE, **params)).json()
    assert (told["is_available"], told["available_seats"], told["price_paisa"]) == (is_available, len(seats), price)
    assert [seat["seat_id"] for seat in told["seats"]] == seats


async def test_a_seat_map_is_rows_of_seats_with_a_legend(bus: Bus) -> None:
    await bus.hold("s1")
    answer = await bus.ask("seatmap", **WHOLE)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert told["legend"] == {"available": "#00FF00", "held": "#FFFF00", "booked": "#FF0000", "blocked": "#808080"}
    assert [(row["row_number"], [seat["seat_id"] for seat in row["seats"]]) for row in told["rows"]] == [
        (1, ["s1", "s2"]),
        (2, ["s3"]),
    ]
    seats = [seat for row in told["rows"] for seat in row["seats"]]
    for seat, defined, status in zip(seats, SEATS, ("HELD", "AVAILABLE", "AVAILABLE"), strict=True):
        known = {name: defined[name] for name in ("seat_id", "seat_number", "column", "seat_type", "seat_class")}
        known |= {"status": f"SEAT_STATUS_{status}", "price_paisa": PRICES[str(defined["seat_id"])]}
        assert old(seat, *known) == known
    missing = await bus.ask("seatmap", **WHOLE | {"org_id": "other"})
    assert (missing.status_code, missing.json()["reason"]) == (404, "TRIP_NOT_FOUND")


async def test_a_hold_lasts_as_long_as_its_client_says(bus: Bus) -> None:
    answer = await bus.hold("s1", hold_duration_seconds=120, a_member="of another client")
    told = answer.json()
    assert answer.status_code == 201
    known = {"success": True, "held_seat_ids": ["s1"], "failed_seat_ids": [], "failure_reason": ""}
    assert old(told, *known) == known
    assert 110 < seconds_until(told["expires_at"]) <= 120
    assert 590 < seconds_until((await bus.hold("s2")).json()["expires_at"]) <= 600


async def test_a_hold_of_a_taken_seat_is_a_problem_that_clients_of_old_read_too(bus: Bus) -> None:
    await bus.hold("s2")
    answer = await bus.hold("s1", "s2", user="u2")
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert {"type", "title", "status", "detail", "reason", "domain", "metadata"} <= told.keys()
    known = {"hold_id": "", "success": False, "held_seat_ids": [], "failed_seat_ids": ["s2"], "expires_at": None}
    assert old(told, *known) == known
    assert told["failure_reason"].startswith("seat query contention - please retry")
    assert await bus.states() == {"s1": "AVAILABLE", "s2": "HELD", "s3": "AVAILABLE"}


async def test_the_key_of_a_body_is_one_too_and_what_is_unknown_is_settled(bus: Bus) -> None:
    first = await bus.hold("s1", idempotency_key=f"k-{bus.id}")
    again = await bus.hold("s1", idempotency_key=f"k-{bus.id}", settle=True)
    assert (again.status_code, again.json()) == (201, first.json())
    await bus.delete(first.json()["hold_id"])
    ended = await bus.hold("s1", idempotency_key=f"k-{bus.id}", settle=True)
    assert (ended.status_code, ended.json()["reason"]) == (410, "HOLD_RELEASED")


async def test_a_delete_frees_the_seats_and_is_answered_the_same_again(bus: Bus) -> None:
    hold = await bus.held("s1", "s2")
    for _ in range(2):
        answer = await bus.delete(hold)
        assert (answer.status_code, answer.content) == (204, b"")
    assert set((await bus.states()).values()) == {"AVAILABLE"}


async def test_a_hold_that_is_over_or_not_the_callers_cannot_be_deleted() -> None:
    async with serving(hold_ttl_seconds=1) as client:
        bus = Bus(client)
        await bus.open()
        booked, hers = await bus.held("s1", hold_duration_seconds=600), await bus.held("s3", hold_duration_seconds=600)
        expired = await bus.held("s2")
        await bus.confirm(booked)
        async with asyncio.timeout(60):
            while (await bus.states())["s2"] == "HELD":  # noqa: ASYNC110 - the sweeper tells nobody
                await asyncio.sleep(0.02)
        for hold, user, reason in (
            (booked, "u1", "HOLD_CONFIRMED"),
            (expired, "u1", "HOLD_EXPIRED"),
            (hers, "u2", "HOLD_NOT_FOUND"),
            (f"{bus.id}~0~{'0' * 32}", "u1", "HOLD_NOT_FOUND"),
            ("no-hold", "u1", "HOLD_NOT_FOUND"),
        ):
            answer = await bus.delete(hold, user)
            assert (answer.status_code, answer.json()["reason"]) == (400, reason)
        assert await bus.states() == {"s1": "BOOKED", "s2": "AVAILABLE", "s3": "HELD"}

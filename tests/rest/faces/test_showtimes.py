"""Showtimes over HTTP."""

import asyncio
from itertools import count
from typing import Any

import httpx
import pytest

from tests.rest.faces.serving import TOKENS, Client, refused, said, seconds_until, serving, token

NUMBERS = count(1)


class Showtime:
    """A showtime of its own, with the seats A1, A2 and B1."""

    def __init__(self, client: Client) -> None:
        self.post = client
        self.id = f"show/{next(NUMBERS)}"

    async def open(self, seats: object = ("A1", "A2", "B1"), **headers: str) -> httpx.Response:
        return await self.post("POST", "/showtimes", {"showtimeId": self.id, "seats": seats}, **headers)

    async def hold(self, seats: str, user: str = "alice", headers: dict[str, str] | None = None, **more: object) -> Any:  # noqa: ANN401 - the answer
        body = {"showtimeId": self.id, "seatIds": seats.split(), "userId": user, **more}
        return await self.post("POST", "/hold", body, **headers or {})

    async def held(self, seats: str, user: str = "alice") -> str:
        """The id of the hold."""
        answer = await self.hold(seats, user)
        assert answer.status_code == 201
        return str(answer.json()["holdId"])

    async def release(self, hold: str, **headers: str) -> httpx.Response:
        return await self.post("POST", "/release", {"holdId": hold}, **headers)

    async def purchase(self, hold: str, order: str = "o1", **headers: str) -> httpx.Response:
        return await self.post("POST", "/purchase", {"holdId": hold, "orderId": order}, **headers)

    async def states(self) -> dict[str, str]:
        """The state of each seat."""
        answer = await self.post("GET", f"/availability?showtimeId={self.id}")
        body = answer.json()
        assert (answer.status_code, body["showtimeId"]) == (200, self.id)
        return {seat["seatId"]: seat["state"] for seat in body["availability"]}


@pytest.fixture
async def show(client: Client) -> Showtime:
    """A showtime that is open."""
    show = Showtime(client)
    assert (await show.open()).status_code == 201
    return show


async def test_a_showtime_is_opened_once_and_the_same_again_is_answered_ok(client: Client) -> None:
    show = Showtime(client)
    seats = ["A1", {"seatId": "B1", "row": 2, "seatType": "sofa", "price": 12.5}]
    told = {"showtimeId": show.id, "seatCount": 2, "isOnSale": True}
    assert said(await show.open(seats)) == (201, told)
    assert said(await show.open(seats)) == (200, told)
    assert refused(await show.open(["A1"]))[:2] == (409, "TRIP_DEFINED_OTHERWISE")
    assert await show.states() == {"A1": "available", "B1": "available"}


async def test_a_hold_says_what_it_has_and_until_when(show: Showtime) -> None:
    answer = await show.hold("A2 A1")
    body = answer.json()
    assert answer.status_code == 201
    assert body == {"holdId": body["holdId"], "expiresAt": body["expiresAt"], "seatIds": ["A1", "A2"]}
    assert 590 < seconds_until(body["expiresAt"]) <= 600
    answer = await show.post("GET", f"/availability?showtimeId={show.id}")
    assert said(answer) == (
        200,
        {
            "showtimeId": show.id,
            "availability": [
                {"seatId": "A1", "state": "held", "holdExpiresAt": body["expiresAt"]},
                {"seatId": "A2", "state": "held", "holdExpiresAt": body["expiresAt"]},
                {"seatId": "B1", "state": "available"},
            ],
        },
    )


async def test_a_purchase_repeated_is_answered_the_same(show: Showtime) -> None:
    hold = await show.held("A1 A2")
    for _ in range(2):
        assert said(await show.purchase(hold)) == (200, {"holdId": hold, "orderId": "o1", "seatIds": ["A1", "A2"]})
    assert refused(await show.purchase(hold, "o2")) == (409, "HOLD_CONFIRMED", "hold is confirmed")
    assert refused(await show.release(hold))[:2] == (409, "HOLD_CONFIRMED")
    assert await show.states() == {"A1": "purchased", "A2": "purchased", "B1": "available"}


async def test_a_release_frees_the_seats_and_is_repeated_with_the_same_answer(show: Showtime) -> None:
    hold = await show.held("A1")
    for _ in range(2):
        assert said(await show.release(hold)) == (200, {"holdId": hold, "released": True})
    assert refused(await show.purchase(hold))[:2] == (410, "HOLD_RELEASED")
    assert await show.states() == {"A1": "available", "A2": "available", "B1": "available"}


async def test_taken_seats_are_named_and_nothing_is_held(show: Showtime) -> None:
    hold = await show.held("A1")
    refusal = await show.hold("A2 A1", "bob")
    assert refused(refusal) == (409, "SEAT_HELD", "Seat unavailable")
    assert refusal.json()["seatIds"] == ["A1"]
    await show.purchase(hold)
    refusal = await show.hold("A2 A1", "bob")
    assert refused(refusal) == (409, "SEAT_UNAVAILABLE", "Seat unavailable")
    assert refusal.json()["seatIds"] == ["A1"]
    assert await show.states() == {"A1": "purchased", "A2": "available", "B1": "available"}


async def test_of_fifty_buyers_of_one_seat_one_gets_it(show: Showtime) -> None:
    answers = await asyncio.gather(*[show.hold("A1", f"u{number}") for number in range(50)])
    assert sorted(answer.status_code for answer in answers) == [201] + 49 * [409]
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(body["error"], *body["seatIds"]) for body in lost} == {("Seat unavailable", "A1")}


@pytest.mark.parametrize("where", ["body", "Idempotency-Key", "idempotencyKey"])
async def test_a_key_is_answered_by_what_came_of_it(show: Showtime, where: str) -> None:
    more = {"idempotencyKey": f"key of {show.id}"} if where == "body" else {}
    headers = {} if where == "body" else {where: f"key of {show.id}"}
    made = await show.hold("A1", headers=headers, **more)
    again = await show.hold("A1", headers=headers, **more)
    assert (made.status_code, said(again)) == (201, said(made))
    assert refused(await show.hold("A2", headers=headers, **more))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    await show.purchase(made.json()["holdId"])
    booked = await show.hold("A1", headers=headers, **more)
    assert said(booked) == (201, {**made.json(), "expiresAt": None})


async def test_calls_with_one_key_at_the_same_time_make_one_hold(show: Showtime) -> None:
    answers = await asyncio.gather(*[show.hold("A1", idempotencyKey=f"at once {show.id}") for _ in range(10)])
    made = [answer.json()["holdId"] for answer in answers if answer.status_code == 201]
    assert len({*made}) == 1
    others = [answer for answer in answers if answer.status_code != 201]
    assert {(answer.status_code, answer.json()["reason"]) for answer in others} <= {(409, "SEAT_CONTENDED")}
    assert all("retry-after" in answer.headers for answer in others)
    assert (await show.hold("A1", idempotencyKey=f"at once {show.id}")).json()["holdId"] == made[0]


async def test_the_key_of_the_header_wins(show: Showtime) -> None:
    key = f"key of {show.id}"
    made = await show.hold("A1", headers={"Idempotency-Key": key}, idempotencyKey="another")
    assert said(await show.hold("A1", headers={"Idempotency-Key": key}, idempotencyKey="a third")) == said(made)


async def test_a_hold_that_ended_is_gone_and_its_key_says_so() -> None:
    async with serving(hold_ttl_seconds=1) as client:
        show = Showtime(client)
        await show.open()
        made = await show.hold("A1", idempotencyKey="k")
        async with asyncio.timeout(60):
            while "held" in (await show.states()).values():  # noqa: ASYNC110 - the sweeper tells nobody
                await asyncio.sleep(0.02)
        assert await show.states() == {"A1": "available", "A2": "available", "B1": "available"}
        assert refused(await show.release(made.json()["holdId"]))[:2] == (410, "HOLD_EXPIRED")
        assert refused(await show.hold("A1", idempotencyKey="k"))[:2] == (410, "HOLD_EXPIRED")


async def test_what_the_house_blocks_is_shown_so(show: Showtime) -> None:
    block = {"seat_ids": ["A1"], "reason": "broken"}
    answer = await show.post("POST", f"/v1/trips/{show.id.replace('/', '%2F')}/seat-blocks?org_id=default", block)
    assert answer.status_code == 200
    assert await show.states() == {"A1": "blocked", "A2": "available", "B1": "available"}


async def test_any_trip_of_one_segment_is_a_showtime_and_no_other(show: Showtime) -> None:
    stops = ["paris", "lyon", "nice"]
    segments = [{"from_station_id": stops[at], "to_station_id": stops[at + 1]} for at in range(2)]
    trips = {"short": segments[:1], "long": segments}
    for trip, route in trips.items():
        body = {"trip_id": trip, "segments": route, "seat_config": {"seats": [{"seat_id": "A1"}]}}
        assert (await show.post("POST", "/v1/trips", body)).status_code in (200, 201)
    show.id = "short"
    await show.held("A1")
    assert await show.states() == {"A1": "held"}
    show.id = "long"
    assert refused(await show.hold("A1"))[:2] == (422, "INVALID_JOURNEY")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/hold", {"seatIds": ["A1"], "userId": "u"}, "showtimeId"),
        ("/hold", {"showtimeId": "", "seatIds": ["A1"], "userId": "u"}, "showtimeId"),
        ("/hold", {"showtimeId": "s", "seatIds": [], "userId": "u"}, "seatIds"),
        ("/hold", {"showtimeId": "s", "seatIds": [7], "userId": "u"}, "seatIds[0]"),
        ("/hold", {"showtimeId": "s", "seatIds": ["A1"]}, "userId"),
        ("/hold", {"showtimeId": "s", "seatIds": ["A1"], "userId": "u", "idempotencyKey": "a\nb"}, "idempotencyKey"),
        ("/release", {}, "holdId"),
        ("/release", {"holdId": ""}, "holdId"),
        ("/purchase", {"holdId": "h"}, "orderId"),
        ("/purchase", {"holdId": "h", "orderId": ""}, "orderId"),
        ("/showtimes", {"showtimeId": "s", "seats": []}, "seats"),
        ("/showtimes", {"showtimeId": "s", "seats": [""]}, "seats[0].seatId"),
        ("/showtimes", {"showtimeId": "s", "seats": [{"seatId": "A1", "price": -1}]}, "seats[0].price"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(client: Client, path: str, body: object, field: str) -> None:
    answer = await client("POST", path, body)
    assert (refused(answer)[0], answer.json()["errors"][0]["field"]) == (422, field)
    assert field in answer.json()["error"]


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    show = Showtime(client)
    assert refused(await show.hold("A1"))[:2] == (404, "TRIP_NOT_FOUND")
    assert refused(await client("GET", "/availability?showtimeId=none"))[:2] == (404, "TRIP_NOT_FOUND")
    assert refused(await client("GET", "/availability"))[0] == 422
    for hold in ("h", f"none~0~{0:032}"):
        assert refused(await show.release(hold)) == (404, "HOLD_NOT_FOUND", "hold not found")
        assert refused(await show.purchase(hold)) == (404, "HOLD_NOT_FOUND", "hold not found")


async def test_with_tokens_a_hold_is_of_its_user_alone() -> None:
    alice, bob = {"authorization": token("hold confirm")}, {"authorization": token("hold confirm", user="bob")}
    async with serving(**TOKENS) as client:
        show = Showtime(client)
        assert (await show.open(authorization=token("admin"))).status_code == 201
        assert refused(await show.hold("A1", "bob", headers=alice))[:2] == (403, "PERMISSION_DENIED")
        made = await show.hold("A1", "alice", headers=alice)
        assert made.status_code == 201
        hold = made.json()["holdId"]
        for ask in (show.release, show.purchase):
            assert refused(await ask(hold, **bob))[:2] == (404, "HOLD_NOT_FOUND")
        assert refused(await show.purchase(hold, authorization=token("hold")))[0] == 403
        assert refused(await show.purchase(hold))[:2] == (401, "UNAUTHENTICATED")
        shop = token("hold confirm delegate", user="shop")
        assert said(await show.purchase(hold, authorization=shop))[0] == 200

"""Events and reservations over HTTP."""

import asyncio
import re
import time
from itertools import count
from typing import Any

import httpx
import pytest

from tests.rest.faces.serving import TOKENS, Client, refused, said, seconds_until, serving, token

IN = "/api/inventory"
SEATS = [
    {"seatNumber": "A1", "section": "stalls", "rowNumber": "A", "seatType": "VIP", "price": 125.5},
    {"seatNumber": "A2", "section": "stalls", "rowNumber": "A", "price": 19.99},
    {"seatNumber": "B1", "section": "stalls", "rowNumber": 2, "seatType": "PREMIUM", "price": 7},
]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NUMBERS = count(1)


class Event:
    """An event of its own, with the seats A1, A2 and B1; alice calls unless another is named."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.id = next(NUMBERS)

    async def call(self, method: str, path: str, body: object = None, user: str = "", **headers: str) -> httpx.Response:
        return await self._client(method, IN + path, body, user=user, **headers)

    async def open(self, seats: object = SEATS, **headers: str) -> httpx.Response:
        return await self.call("POST", "/events", {"eventId": self.id, "seats": seats}, **headers)

    async def reserve(self, seats: str, user: str = "alice", **headers: str) -> httpx.Response:
        return await self.post({"eventId": self.id, "seatNumbers": seats.split()}, user, **headers)

    async def post(self, body: object, user: str = "alice", **headers: str) -> httpx.Response:
        return await self.call("POST", "/reservations", body, user, **headers)

    async def reserved(self, seats: str, user: str = "alice") -> list[str]:
        """The ids of the reservations of these seats, in their order."""
        answer = await self.reserve(seats, user)
        assert answer.status_code == 201
        return [each["reservationId"] for each in answer.json()["reservations"]]

    async def find(self, reservation: str, **headers: str) -> httpx.Response:
        return await self.call("GET", f"/reservations/{reservation}", **headers)

    async def confirm(self, reservation: str, booking: str = "b1", **headers: str) -> httpx.Response:
        body = {"bookingId": booking}
        return await self.call("POST", f"/reservations/{reservation}/confirm", body, "alice", **headers)

    async def cancel(self, reservation: str, user: str = "alice", **headers: str) -> httpx.Response:
        return await self.call("POST", f"/reservations/{reservation}/cancel", user=user, **headers)

    async def statuses(self, *reservations: str) -> list[str]:
        return [(await self.find(each)).json()["status"] for each in reservations]

    async def seats(self) -> list[dict[str, Any]]:
        """The free seats."""
        answer = await self.call("GET", f"/events/{self.id}/seats/available")
        assert answer.status_code == 200
        return [*answer.json()["seats"]]

    async def free(self) -> list[str]:
        return [seat["seatNumber"] for seat in await self.seats()]


@pytest.fixture
async def event(client: Client) -> Event:
    """An event that is open."""
    event = Event(client)
    assert (await event.open()).status_code == 201
    return event


async def test_an_event_is_opened_once_and_the_same_again_is_answered_ok(client: Client) -> None:
    event = Event(client)
    told = {"eventId": event.id, "seatCount": 3, "isOnSale": True}
    assert said(await event.open()) == (201, told)
    assert said(await event.open()) == (200, told)
    assert refused(await event.open(SEATS[:1]))[:2] == (409, "TRIP_DEFINED_OTHERWISE")


async def test_free_seats_are_told_with_every_member(event: Event) -> None:
    seats = await event.seats()
    created, versions = {seat["createdAt"] for seat in seats}, {seat["version"] for seat in seats}
    assert all(RFC_3339.fullmatch(each) and abs(seconds_until(each)) < 60 for each in created)
    assert all(abs(version / 1_000 - time.time()) < 60 for version in versions)
    common = {"eventId": event.id, "section": "stalls", "status": "AVAILABLE"}
    common |= {"version": max(versions), "createdAt": max(created)}
    vip = {"seatId": "A1", "seatNumber": "A1", "rowNumber": "A", "seatType": "VIP", "price": 125.5}
    regular = {"seatId": "A2", "seatNumber": "A2", "rowNumber": "A", "seatType": "REGULAR", "price": 19.99}
    premium = {"seatId": "B1", "seatNumber": "B1", "rowNumber": "2", "seatType": "PREMIUM", "price": 7.0}
    assert seats == [common | vip, common | regular, common | premium]


async def test_each_seat_of_a_post_has_a_reservation_and_they_expire_together(event: Event) -> None:
    answer = await event.reserve("A1 B1")
    assert answer.status_code == 201
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"reservations", "expiresAt"}
    assert 590 < seconds_until(body["expiresAt"]) <= 600
    first, second = body["reservations"]
    assert RFC_3339.fullmatch(first["createdAt"])
    common = {"eventId": event.id, "userId": "alice", "status": "ACTIVE"}
    common |= {"expiresAt": body["expiresAt"], "createdAt": first["createdAt"]}
    assert first == {**common, "seatId": "A1", "reservationId": first["reservationId"]}
    assert second == {**common, "seatId": "B1", "reservationId": second["reservationId"]}
    assert first["reservationId"] != second["reservationId"]
    for each in (first, second):
        assert said(await event.find(each["reservationId"])) == (200, each)
    assert await event.free() == ["A2"]


async def test_a_booking_is_confirmed_reservation_by_reservation(event: Event) -> None:
    """As clients do that know of no hold: the first confirm books the seats of the POST, the others find it done."""
    ids = await event.reserved("A1 A2")
    for reservation in ids * 2:
        answer = await event.confirm(reservation)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["reservationId"], body["status"], body["expiresAt"]) == (reservation, "CONFIRMED", None)
    assert await event.free() == ["B1"]
    assert refused(await event.confirm(ids[0], "b2"))[:2] == (409, "HOLD_CONFIRMED")


async def test_a_reservation_is_cancelled_alone_before_and_after_it_is_booked(event: Event) -> None:
    one, two, three = ids = await event.reserved("A1 A2 B1")
    for _ in range(2):
        answer = await event.cancel(two)
        assert (answer.status_code, answer.json()["status"], answer.json()["seatId"]) == (200, "CANCELLED", "A2")
    assert await event.statuses(*ids) == ["ACTIVE", "CANCELLED", "ACTIVE"]
    assert await event.free() == ["A2"]
    assert refused(await event.confirm(two))[:2] == (410, "HOLD_RELEASED")
    assert await event.statuses(*ids) == ["ACTIVE", "CANCELLED", "ACTIVE"]
    await event.confirm(one)
    assert await event.statuses(*ids) == ["CONFIRMED", "CANCELLED", "CONFIRMED"]
    assert (await event.cancel(three)).json()["status"] == "CANCELLED"
    assert await event.statuses(*ids) == ["CONFIRMED", "CANCELLED", "CANCELLED"]
    assert await event.free() == ["A2", "B1"]


async def test_a_confirm_that_is_refused_has_booked_nothing(event: Event) -> None:
    """Whoever cancels a seat at the same time comes before the confirm, after it, or between its steps."""
    for _ in range(20):
        one, two = await event.reserved("A1 A2")
        confirmed, cancelled = await asyncio.gather(event.confirm(two), event.cancel(two))
        assert cancelled.json()["status"] == "CANCELLED"
        booked = "CONFIRMED" if confirmed.status_code == 200 else "ACTIVE"
        assert await event.statuses(one, two) == [booked, "CANCELLED"]
        await event.cancel(one)


async def test_when_its_time_is_over_a_reservation_has_expired_and_its_seats_are_free() -> None:
    async with serving(hold_ttl_seconds=1) as client:
        event = Event(client)
        await event.open()
        (reservation,) = await event.reserved("A1")
        late, with_it = await event.reserved("A2 B1", user="carol")
        await asyncio.sleep(1.3)
        assert await event.statuses(reservation, late) == ["EXPIRED", "EXPIRED"]
        async with asyncio.timeout(60):
            while await event.free() != ["A1", "A2", "B1"]:  # noqa: ASYNC110 - the sweeper tells nobody
                await asyncio.sleep(0.02)
        (his,) = await event.reserved("A1", user="bob")
        await event.call("POST", f"/reservations/{his}/confirm", {"bookingId": "b1"}, "bob")
        assert refused(await event.confirm(reservation))[:2] == (410, "HOLD_EXPIRED")
        assert refused(await event.cancel(reservation))[:2] == (410, "HOLD_EXPIRED")
        path = f"/reservations/{late}/confirm"
        for _ in range(2):  # nobody else wanted these
            assert (await event.call("POST", path, {"bookingId": "b2"}, "carol")).json()["status"] == "CONFIRMED"
        assert await event.statuses(late, with_it) == ["CONFIRMED", "CONFIRMED"]


async def test_taken_seats_are_a_conflict_and_nothing_is_reserved(event: Event) -> None:
    await event.reserved("A1")
    refusal = await event.reserve("A2 A1", "bob")
    assert refused(refusal) == (409, "SEAT_HELD", "seat query contention - please retry: A1 held")
    assert refusal.json()["taken"] == [{"seat_id": "A1", "segment_index": 0, "status": "held"}]
    assert await event.free() == ["A2", "B1"]


async def test_of_fifty_who_want_one_seat_one_gets_it_and_all_others_hear_of_a_conflict(event: Event) -> None:
    answers = await asyncio.gather(*[event.reserve("A1", f"u{number}") for number in range(50)])
    assert sorted(answer.status_code for answer in answers) == [201] + 49 * [409]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert {refused(answer)[1] for answer in lost} <= {"SEAT_CONTENDED", "SEAT_HELD"}
    assert all("retry-after" in answer.headers for answer in lost if "SEAT_CONTENDED" in answer.text)


async def test_a_caller_who_is_nobody_reserves_nothing(event: Event) -> None:
    answer = await event.reserve("A1", user="")
    assert refused(answer) == (401, "UNAUTHENTICATED", "unauthorized")
    assert answer.json()["detail"] == "this call needs a user: name one, as X-User-Id does, or show the token of one"
    assert await event.free() == ["A1", "A2", "B1"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"eventId": None}, "eventId"),
        ({"eventId": "7"}, "eventId"),
        ({"eventId": 2**63}, "eventId"),
        ({"seatNumbers": None}, "seatNumbers"),
        ({"seatNumbers": []}, "seatNumbers"),
        ({"seatNumbers": [f"A{number}" for number in range(11)]}, "seatNumbers"),
        ({"seatNumbers": ["A1", "A1"]}, "seatNumbers"),
        ({"seatNumbers": ["Z9"]}, "seatNumbers"),
        ({"seatNumbers": ["A1", "a\nb"]}, "seatNumbers[1]"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(event: Event, wrong: dict[str, object], field: str) -> None:
    answer = await event.post({"eventId": event.id, "seatNumbers": ["A1"], **wrong})
    assert refused(answer)[0] == 400
    assert answer.json()["errors"][0]["field"] == field
    assert field in answer.json()["error"]


@pytest.mark.parametrize(
    ("seat", "field"),
    [
        ({}, "seats[0].seatNumber"),
        ({"seatNumber": ""}, "seats[0].seatNumber"),
        ({"seatNumber": "A1", "seatType": "SUITE"}, "seats[0].seatType"),
        ({"seatNumber": "A1", "price": 1.005}, "seats[0].price"),
        ({"seatNumber": "A1", "price": -1}, "seats[0].price"),
        ({"seatNumber": "A1", "price": 10**15}, "seats[0].price"),
        ({"seatNumber": "A1", "price": "1e999999"}, "seats[0].price"),
        ({"seatNumber": "A1", "price": "NaN"}, "seats[0].price"),
        ({"seatNumber": "A1", "section": "x\x00"}, "sections[0].section"),
    ],
)
async def test_a_wrong_seat_of_an_event_is_refused_by_its_field(client: Client, seat: object, field: str) -> None:
    answer = await Event(client).open([seat])
    assert (refused(answer)[0], answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.once
async def test_more_seats_than_a_trip_can_have_are_not_read(client: Client) -> None:
    for path, body in ((f"{IN}/events", {"eventId": 1}), ("/showtimes", {"showtimeId": "s"})):
        answer = await client("POST", path, {**body, "seats": [""] * 100_001})
        assert [error["field"] for error in answer.json()["errors"]] == ["seats"]


async def test_a_body_that_is_no_json_is_refused(client: Client) -> None:
    assert refused(await client.send(f"{IN}/reservations", b"{"))[0] == 400


async def test_what_is_not_there_is_not_found(event: Event) -> None:
    assert refused(await event.call("GET", "/events/0/seats/available"))[:2] == (404, "TRIP_NOT_FOUND")
    assert refused(await event.call("GET", "/events/x/seats/available"))[0] == 400
    for reservation in (f"event-{event.id}~0~{1:032}.QTE", "no-reservation", "t~0~x", "%00"):
        for ask in (event.find, event.confirm, event.cancel):
            assert refused(await ask(reservation))[:2] == (404, "HOLD_NOT_FOUND")


async def test_a_seat_that_the_post_did_not_have_has_no_reservation_and_nothing_is_booked(event: Event) -> None:
    (reservation,) = await event.reserved("A1")
    other = reservation.replace(".QTE", ".QTI")
    assert refused(await event.find(other))[:2] == (404, "HOLD_NOT_FOUND")
    assert refused(await event.confirm(other))[:2] == (404, "HOLD_NOT_FOUND")
    assert await event.statuses(reservation) == ["ACTIVE"]


async def test_a_key_is_answered_by_what_came_of_it(event: Event) -> None:
    key = {"idempotency_key": '"k1"'}
    made = await event.reserve("A1 A2", **key)
    again = await event.reserve("A2 A1", **key)
    assert (made.status_code, said(again)) == (201, said(made))
    assert refused(await event.reserve("B1", **key))[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    one, two = (each["reservationId"] for each in made.json()["reservations"])
    await event.confirm(one)
    booked = await event.reserve("A1 A2", **key)
    assert (booked.status_code, booked.json()["expiresAt"]) == (201, None)
    assert {each["status"] for each in booked.json()["reservations"]} == {"CONFIRMED"}
    for each in (one, two):
        await event.cancel(each)
    assert refused(await event.reserve("A1 A2", **key))[:2] == (410, "BOOKING_CANCELLED")


async def test_a_reservation_of_grpc_is_the_same_reservation(event: Event) -> None:
    """Its id names all seats of the call."""
    ids = await event.reserved("A1 A2")
    whole = ids[0].partition(".")[0]
    answer = await event.find(whole)
    assert (answer.json()["reservationId"], answer.json()["seatIds"]) == (whole, ["A1", "A2"])
    assert (await event.cancel(whole)).json()["status"] == "CANCELLED"
    assert await event.statuses(*ids) == ["CANCELLED"] * 2


async def test_with_tokens_everybody_has_their_own_reservations_in_their_own_organization() -> None:
    buyer, admin = token("read hold confirm"), token("admin", user="root")
    async with serving(**TOKENS) as client:
        event = Event(client)
        assert (await event.open(authorization=admin)).status_code == 201
        answer = await event.reserve("A1", user="", authorization=buyer)
        assert answer.status_code == 201
        (mine,) = answer.json()["reservations"]
        assert mine["userId"] == "alice"
        reservation = mine["reservationId"]
        assert said(await event.find(reservation, authorization=buyer)) == (200, mine)
        for stranger in (token("read hold", user="bob"), token("read hold", organization="other")):
            assert refused(await event.find(reservation, authorization=stranger))[:2] == (404, "HOLD_NOT_FOUND")
            assert refused(await event.cancel(reservation, "", authorization=stranger))[0] == 404
        till = {"authorization": token("confirm")}
        path = f"/reservations/{reservation}/confirm"
        assert (await event.call("POST", path, {"bookingId": "b1"}, **till)).json()["status"] == "CONFIRMED"
        mine |= {"status": "CONFIRMED", "expiresAt": None}
        shop = token("read hold confirm delegate", user="shop")
        assert said(await event.find(reservation, authorization=shop)) == (200, mine)
        assert refused(await event.find(reservation))[:2] == (401, "UNAUTHENTICATED")
        assert refused(await event.cancel(reservation, authorization=token("read")))[0] == 403
        assert refused(await event.open(authorization=buyer))[0] == 403
        assert said(await event.call("GET", "/health")) == (200, {"status": "healthy"})

"""Holds over HTTP: what old web clients read, keys, and what becomes of holds later."""

import asyncio

import httpx
import pytest

from tests.rest.serving import ALICE, BOB, TRIP, Web, web_of


async def test_a_hold_is_answered_as_old_clients_read_it_and_says_where_it_is(web: Web) -> None:
    answer = await web.hold("1B 1A")
    made = answer.json()
    assert answer.status_code == 201
    assert made["expires_at"].endswith("Z")
    assert made | {"hold_id": "", "expires_at": ""} == {
        "hold_id": "",
        "success": True,
        "held_seat_ids": ["1A", "1B"],
        "failed_seat_ids": [],
        "expires_at": "",
        "failure_reason": "",
        "seat_prices_minor": [100, 200],
        "price_minor": 300,
        "currency": "BDT",
    }
    read = await web.do("GET", answer.headers["location"])
    assert (read["hold_id"], read["status"]) == (made["hold_id"], "HOLD_STATUS_HELD")


async def test_a_seat_that_is_taken_is_a_problem_with_what_old_clients_read(web: Web) -> None:
    await web.held("1A", BOB)
    answer = await web.hold("1A 1B")
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert (told["title"], told["status"], told["reason"]) == ("Conflict", 409, "SEAT_HELD")
    assert told["taken"] == [{"seat_id": "1A", "segment_index": at, "status": "held"} for at in (0, 1)]
    old = {"hold_id": "", "success": False, "held_seat_ids": [], "failed_seat_ids": ["1A"], "expires_at": None}
    assert old.items() <= told.items()
    assert told["failure_reason"] == "seat query contention - please retry"
    assert await web.free() == ["1B", "1C", "1D"]


@pytest.mark.parametrize("again", ["k1", '"k1"'])
async def test_a_key_is_answered_by_the_hold_that_it_made(web: Web, again: str) -> None:
    first = await web.hold("1A", key="k1")
    second = await web.hold("1A", key=again)
    assert (second.status_code, second.json()) == (201, first.json())
    assert await web.free() == ["1B", "1C", "1D"]


async def test_the_key_of_the_header_wins_over_that_of_the_body(web: Web) -> None:
    await web.hold("1A", key="k1", idempotency_key="k2")
    assert (await web.hold("1B", idempotency_key="k2")).status_code == 201
    assert (await web.hold("1B", key="k1")).status_code == 422


async def test_two_keys_of_one_request_are_refused_and_the_same_twice_is_one(web: Web) -> None:
    body = {"trip_id": "T/1", "from_station_id": "A", "to_station_id": "C", "seat_ids": ["1A"]}

    async def hold_with(path: str, one: str, other: str) -> httpx.Response:
        keys = [("idempotency-key", one), ("idempotency-key", other)]
        return await web.client.post(path, json=body, headers=[*ALICE.items(), *keys])

    told = (await hold_with("/v1/holds", "k1", "k2")).json()
    assert [error["field"] for error in told["errors"]] == ["idempotency_key"]
    assert (await web.client.post("/v1/holds", json=body | {"seat_ids": ["1B"]}, headers=ALICE)).status_code == 201
    assert (await hold_with("/v1/holds", "k1", "k1")).status_code == 201


async def test_a_key_for_another_request_is_refused(web: Web) -> None:
    await web.hold("1A", key="k1")
    answer = await web.hold("1B", key="k1")
    assert (answer.status_code, answer.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_key_is_answered_by_its_hold_as_it_stands_now(web: Web) -> None:
    first = await web.hold("1A", key="k1")
    path = first.headers["location"]
    await web.do("POST", f"{path}/confirm", {"order_id": "o1"})
    booked = await web.hold("1A", key="k1")
    assert (booked.status_code, booked.json()["hold_id"]) == (201, first.json()["hold_id"])
    await web.do("DELETE", path.replace("holds", "bookings"))
    ended = await web.hold("1A", key="k1")
    assert (ended.status_code, ended.json()["reason"]) == (410, "BOOKING_CANCELLED")


async def test_calls_with_one_key_at_once_come_to_one_hold(web: Web) -> None:
    """Each joins it, or is told to come back."""
    answers = await asyncio.gather(*(web.hold("1A", key="k1") for _ in range(8)))
    held = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(held) + len(waiting) == 8
    assert len({answer.json()["hold_id"] for answer in held}) == 1
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in waiting)
    again = await web.hold("1A", key="k1")
    assert (again.status_code, again.json()) == (201, held[0].json())


async def test_what_the_edge_said_is_no_keys_answer(web: Web) -> None:
    path = await web.held("1A", BOB)
    refused = await web.hold("1A", key="k1")
    assert refused.json()["metadata"]["decided_by"] == "edge"
    await web.do("DELETE", path, who=BOB)
    assert (await web.hold("1A", key="k1")).status_code == 201


async def test_a_key_whose_outcome_is_unknown_is_settled_by_the_store(web: Web) -> None:
    await web.held("1A", BOB)
    for settles, decides in ((False, "edge"), (True, "store")):
        refused = await web.hold("1A", key="k1", settle=settles)
        assert refused.json()["metadata"]["decided_by"] == decides


async def test_a_hold_is_released_once_and_only_by_its_holder(web: Web) -> None:
    path = await web.held("1A")
    answers = [await web.client.delete(path, headers=who) for who in (BOB, ALICE, BOB)]
    assert [answer.status_code for answer in answers] == [400, 204, 400]
    assert answers[0].json()["reason"] == "HOLD_NOT_FOUND"
    assert await web.free() == ["1A", "1B", "1C", "1D"]


async def test_some_seats_are_released_and_the_hold_is_extended(web: Web) -> None:
    path = await web.held("1A 1B")
    assert await web.do("POST", f"{path}/release", {"seat_ids": ["1A"]}) == {
        "given_back_count": 1,
        "remaining_seat_ids": ["1B"],
    }
    extended = await web.do("POST", f"{path}/extend", {"hold_duration_seconds": 1_200})
    assert extended["expires_at"] == (await web.do("GET", path))["expires_at"]


async def test_a_hold_is_moved_and_booked_with_passengers_and_the_booking_is_cancelled_in_part(web: Web) -> None:
    path = await web.held("1A 1B")
    moved = await web.do("POST", f"{path}/move", {"moves": [{"from_seat_id": "1A", "to_seat_id": "1C"}]})
    assert (moved["hold"]["seat_ids"], moved["confirmed_seats"]) == (["1B", "1C"], [])
    named = [{"seat_id": "1B", "passenger_name": "Rahima", "passenger_nid": "77"}, {"seat_id": "1C"}]
    booked = await web.do("POST", f"{path}/confirm", {"order_id": "o1", "passengers": named})
    assert [seat["seat_number"] for seat in booked["confirmed_seats"]] == ["no B", "no C"]
    booking = path.replace("holds", "bookings")
    assert (await web.do("GET", booking))["passengers"][0]["passenger_name"] == "Rahima"
    await web.do("DELETE", f"{booking}/passengers")
    assert (await web.do("GET", booking))["passengers"] == []
    left = await web.do("POST", f"{booking}/cancel", {"seat_ids": ["1B"]})
    assert left == {"given_back_count": 1, "remaining_seat_ids": ["1C"]}
    await web.do("DELETE", booking)
    assert await web.free() == ["1A", "1B", "1C", "1D"]


async def test_holds_are_listed_page_by_page(web: Web) -> None:
    paths = {await web.held(seat) for seat in ("1A", "1B", "1C")}
    seen, token = [], ""
    while True:
        page = await web.do("GET", f"/v1/holds?page_size=2&page_token={token}&trip_id=T%2F1")
        seen += [hold["seat_ids"][0] for hold in page["holds"]]
        token = page["next_page_token"]
        if not token:
            break
    assert (sorted(seen), len(paths)) == (["1A", "1B", "1C"], 3)
    assert (await web.do("GET", "/v1/holds", who=BOB))["holds"] == []


async def test_the_limit_of_holds_is_told_with_when_to_retry() -> None:
    async with web_of(holds_per_holder_max=1) as web:
        await web.open()
        await web.held("1A")
        answer = await web.hold("1B")
        assert (answer.status_code, answer.json()["reason"]) == (429, "HOLD_LIMIT")
        assert answer.json()["failed_seat_ids"] == ["1B"]
        assert int(answer.headers["retry-after"]) * 1_000 >= answer.json()["retry_after_ms"] > 0


async def test_a_user_and_an_organization_are_taken_from_the_query_or_the_headers(web: Web) -> None:
    path = await web.held("1A")
    assert (await web.client.get(path, params={"user_id": "alice"})).status_code == 200
    assert (await web.client.get(path, headers=BOB, params={"user_id": "alice"})).status_code == 200
    for other in ({"org_id": "other"}, {"user_id": "bob"}):
        assert (await web.client.get(path, headers=ALICE, params=other)).status_code == 404
    nobody = await web.client.get(path)
    assert nobody.json()["errors"] == [{"field": "user_id", "detail": "must not be empty"}]
    headers = ALICE | {"x-organization-id": "other"}
    assert (await web.client.get(TRIP, headers=headers)).status_code == 404

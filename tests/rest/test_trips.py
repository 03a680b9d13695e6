"""Trips, blocks, plans, waiting lists and what an organization reads, over HTTP."""

import pytest

from tests.rest.serving import BOB, TRIP, Web, web_of


async def test_a_trip_is_read_as_it_was_opened_and_opened_again_without_effect(web: Web) -> None:
    assert (await web.open()).json() == {"trip_id": "T/1", "segments_created": 2, "seats_created": 8, "opening": None}
    trip = await web.do("GET", TRIP)
    assert (trip["trip_id"], trip["organization_id"], trip["state"]) == ("T/1", "default", "TRIP_STATE_OPEN")
    assert [segment["departure_time"] for segment in trip["segments"]] == ["2096-10-02T07:06:40Z", None]
    page = await web.do("GET", f"{TRIP}/seats")
    assert page["seats"] == trip["seat_config"]["seats"]
    other = await web.open(currency="EUR")
    assert (other.status_code, other.json()["reason"]) == (409, "TRIP_DEFINED_OTHERWISE")


async def test_trips_are_listed_by_departure(web: Web) -> None:
    within = "departs_from=2096-10-01T00:00:00Z&departs_before=2096-11-01T00:00:00Z"
    (listed,) = (await web.do("GET", f"/v1/trips?{within}"))["trips"]
    assert (listed["trip_id"], listed["departure_time"]) == ("T/1", "2096-10-02T07:06:40Z")
    assert (await web.do("GET", "/v1/trips"))["trips"] == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("2096-10-02T09:00:00", "must say its offset from UTC, as Z does"),
        ("2096-13-02T09:00:00Z", "must be a time as 2027-06-05T08:30:00Z"),
        ("9 o'clock", "must be a time as 2027-06-05T08:30:00Z"),
    ],
)
async def test_a_wrong_time_is_told_in_our_words(web: Web, said: str, why: str) -> None:
    refused = await web.client.patch(TRIP, json={"times": [{"segment_index": 0, "departure_time": said}]})
    assert (refused.status_code, refused.json()["detail"]) == (422, f"times[0].departure_time: {why}")


async def test_prices_and_times_are_changed(web: Web) -> None:
    times = [{"segment_index": 0, "departure_time": "2096-10-02T09:00:00+02:00"}]
    assert await web.do("PATCH", TRIP, {"seat_prices": {"1A": 5}, "times": times}) == {"version": 2}
    trip = await web.do("GET", TRIP)
    assert (trip["seat_config"]["seats"][0]["price_paisa"], trip["version"]) == (5, 2)
    assert trip["segments"][0]["departure_time"] == "2096-10-02T07:00:00Z"
    stale = await web.client.patch(TRIP, json={"seat_prices": {"1A": 6}, "version": 1})
    assert (stale.status_code, stale.json()["reason"]) == (409, "TRIP_CHANGED")


@pytest.mark.parametrize(
    ("close", "state", "reopen"),
    [("close", "TRIP_STATE_CLOSED", "reopen"), ("freeze", "TRIP_STATE_FROZEN", "unfreeze")],
)
async def test_sales_are_closed_and_opened_again(web: Web, close: str, state: str, reopen: str) -> None:
    assert (await web.do("POST", f"{TRIP}/{close}"))["state"] == state
    refused = await web.hold("1A")
    assert (refused.status_code, refused.json()["reason"]) == (409, "SALES_CLOSED")
    assert (await web.do("POST", f"{TRIP}/{reopen}"))["state"] == "TRIP_STATE_OPEN"
    assert (await web.hold("1A")).status_code == 201


async def test_a_trip_is_cancelled_with_its_holds(web: Web) -> None:
    path = await web.held("1A")
    cancelled = await web.do("POST", f"{TRIP}/cancel")
    assert (cancelled["state"], cancelled["released_holds"]) == ("TRIP_STATE_CANCELLED", 1)
    assert (await web.do("GET", path))["status"] == "HOLD_STATUS_RELEASED"


async def test_a_trip_gets_another_vehicle(web: Web) -> None:
    path = await web.held("1A 1B")
    seats = [{"seat_id": "1A", "row": 1, "column": 1}, {"seat_id": "2A", "row": 2, "column": 1}]
    swapped = await web.do("POST", f"{TRIP}/swap", {"seat_config": {"seats": seats}, "seat_mapping": {"1B": "2A"}})
    assert (swapped["done"], swapped["moved"], swapped["left"]) == (True, 1, 0)
    assert (await web.do("GET", path))["seat_ids"] == ["1A", "2A"]


async def test_seats_are_taken_off_sale_and_put_back(web: Web) -> None:
    blocks = f"{TRIP}/seat-blocks"
    assert (await web.do("POST", blocks, {"seat_ids": ["1A", "1B"], "reason": "broken"}))["updated_count"] == 2
    assert await web.free() == ["1C", "1D"]
    back = await web.do("DELETE", f"{blocks}?seat_id=1A&seat_id=1C")
    assert back == {"updated_count": 1, "not_blocked_seat_ids": ["1C"]}
    assert await web.free() == ["1A", "1C", "1D"]


async def test_the_organization_reads_bookings_and_traces(web: Web) -> None:
    path = await web.held("1A")
    passengers = [{"seat_id": "1A", "passenger_name": "Rahima", "passenger_nid": "77"}]
    await web.do("POST", f"{path}/confirm", {"order_id": "o/1", "passengers": passengers})
    (listed,) = (await web.do("GET", f"{TRIP}/manifest"))["holds"]
    assert listed["passengers"] == [{"seat_id": "1A", "passenger_name": "Rahima", "passenger_nid": ""}]
    (known,) = (await web.do("GET", f"{TRIP}/manifest?include_national_ids=true"))["holds"]
    assert known["passengers"][0]["passenger_nid"] == "77"
    (ordered,) = (await web.do("GET", "/v1/orders/o%2F1/bookings"))["holds"]
    assert ordered["booking_id"] == listed["booking_id"]
    explained = await web.do("GET", f"{TRIP}/seats/1A/explanation")
    assert {each["status"] for each in explained["segments"]} == {"sold"}
    assert {trace["user_id"] for trace in explained["traces"]} == {"alice"}


async def test_a_seat_plan_is_stored_used_and_deleted() -> None:
    async with web_of() as web:
        part = {"seats": [{"seat_id": "1A", "row": 1, "column": 1}]}
        put = await web.do("PUT", "/v1/seat-plans/bus", {"revision": "1", "part": part})
        assert put == {"stored": True, "missing_parts": [], "seat_count": 1}
        (plan,) = (await web.do("GET", "/v1/seat-plans"))["plans"]
        assert (plan["plan_id"], plan["seat_count"]) == ("bus", 1)
        assert (await web.open(seat_config={}, seat_plan="bus")).json()["seats_created"] == 2
        both = await web.open(seat_plan="bus")
        assert both.json()["errors"][0]["field"] == "seat_config"
        await web.do("DELETE", "/v1/seat-plans/bus")
        assert (await web.client.delete("/v1/seat-plans/bus")).status_code == 404


async def test_users_wait_in_the_order_of_joining(web: Web) -> None:
    waitlist = f"{TRIP}/waitlist"
    for who, position in (({}, 1), (BOB, 2)):
        joined = await web.do("POST", waitlist, {"requested_seats": 2}, who or {"x-user-id": "alice"})
        assert joined["position"] == position
    (entry,) = (await web.do("GET", "/v1/waitlist"))["entries"]
    assert (entry["trip_id"], entry["requested_seats"]) == ("T/1", 2)
    await web.do("DELETE", waitlist)
    assert (await web.client.delete(waitlist, headers={"x-user-id": "alice"})).json()["reason"] == "NOT_ON_WAITLIST"

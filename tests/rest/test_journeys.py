"""On a trip of one segment its ends may be left out, over every face; on a longer one they may not."""

import pytest

from tests.rest.serving import TRIP, Web, web_of

ONE = [{"from_station_id": "start", "to_station_id": "end"}]


async def test_the_ends_of_a_trip_of_one_segment_may_be_left_out() -> None:
    async with web_of() as web:
        await web.open(segments=ONE)
        answer = await web.hold("1A", from_station_id="", to_station_id="")
        assert answer.status_code == 201
        seat_map = await web.do("GET", f"{TRIP}/seatmap")
        assert [stop["station_id"] for stop in seat_map["stops"]] == ["start", "end"]


async def test_the_ends_of_a_longer_journey_are_asked_for(web: Web) -> None:
    answer = await web.client.get(f"{TRIP}/seatmap")
    assert (answer.status_code, answer.json()["reason"]) == (422, "INVALID_JOURNEY")
    assert [each["field"] for each in answer.json()["errors"]] == ["from_station_id", "to_station_id"]


@pytest.mark.parametrize("segment", ["1", "x"])
async def test_a_journey_that_is_named_by_segments_too_must_begin_there(web: Web, segment: str) -> None:
    answer = await web.client.get(f"{TRIP}/seatmap", params={"from": "A", "to": "C", "from_segment_index": segment})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "from_segment_index")


async def test_a_request_that_is_read_quickly_is_answered_as_any_other(web: Web) -> None:
    """FastAPI reads what is not usual: a journey that is named by segments, another kind of JSON."""
    journey = {"from": "A", "to": "C"}
    by_segments = journey | {"from_segment_index": "0", "to_segment_index": "1"}
    for headers in ({}, {"x-organization-id": "other"}):
        maps = [
            await web.client.get(f"{TRIP}/seatmap", params=each, headers=headers) for each in (journey, by_segments)
        ]
        assert (maps[0].status_code, maps[0].content) == (maps[1].status_code, maps[1].content)
    named = {"if-none-match": (await web.client.get(f"{TRIP}/seatmap", params=journey)).headers["etag"]}
    assert (await web.client.get(f"{TRIP}/seatmap", params=by_segments, headers=named)).status_code == 304
    body = {"trip_id": "T/1", "from_station_id": "A", "to_station_id": "C", "seat_ids": ["1A"]}
    kinds = ("application/json", "application/vnd.travio+json")
    headers = {"x-user-id": "alice", "idempotency-key": '"k1"'}
    for changed in ({}, {"seat_ids": ["1B"]}, {"trip_id": 7}, {"seat_ids": [""]}):
        held = [
            await web.client.post("/v1/holds", json=body | changed, headers=headers | {"content-type": kind})
            for kind in kinds
        ]
        assert (held[0].status_code, held[0].json()) == (held[1].status_code, held[1].json())

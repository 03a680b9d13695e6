"""On a trip of one segment its ends may be left out, over every face; on a longer one they may not."""

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

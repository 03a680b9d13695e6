"""Maps over HTTP: the same as over gRPC, named, compressed, and sent only if they have changed."""

import gzip
import json

import pytest

from tests.rest.serving import ROUTE, TRIP, Web, web_of

MAP = f"{TRIP}/seatmap"


def states(seat_map: dict[str, list[dict[str, list[dict[str, str]]]]]) -> dict[str, str]:
    """The status of each seat."""
    return {seat["seat_id"]: seat["status"] for row in seat_map["rows"] for seat in row["seats"]}


async def test_a_map_has_every_seat_with_its_state(web: Web) -> None:
    path = await web.held("1A 1B")
    await web.do("POST", f"{path}/confirm", {"order_id": "o1", "seat_ids": ["1A"]})
    await web.held("1C")
    await web.do("POST", f"{TRIP}/seat-blocks", {"seat_ids": ["1D"], "reason": "broken"})
    seat_map = (await web.client.get(MAP, params=ROUTE)).json()
    assert states(seat_map) == {
        "1A": "SEAT_STATUS_BOOKED",
        "1B": "SEAT_STATUS_AVAILABLE",
        "1C": "SEAT_STATUS_HELD",
        "1D": "SEAT_STATUS_BLOCKED",
    }
    (row,) = seat_map["rows"]
    assert row["seats"][2]["hold_expires_at"].endswith("Z")
    assert "hold_expires_at" not in row["seats"][1]
    assert (row["row_number"], row["seats"][1]["price_paisa"]) == (1, 200)
    assert seat_map["legend"]["available"] == "#00FF00"
    assert [stop["station_id"] for stop in seat_map["stops"]] == ["A", "B", "C"]
    assert (seat_map["state"], seat_map["departed"], seat_map["currency"]) == ("TRIP_STATE_OPEN", False, "BDT")


async def test_a_map_that_has_not_changed_is_not_sent_again(web: Web) -> None:
    first = await web.client.get(MAP, params=ROUTE)
    named = {"if-none-match": first.headers["etag"]}
    same = await web.client.get(MAP, params=ROUTE, headers=named)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    path = await web.held("1A")
    other = await web.client.get(MAP, params=ROUTE, headers=named)
    assert (other.status_code, states(other.json())["1A"]) == (200, "SEAT_STATUS_HELD")
    await web.do("DELETE", path)
    assert (await web.client.get(MAP, params=ROUTE, headers=named)).status_code == 304


async def test_the_name_of_a_map_is_the_same_in_every_process(web: Web) -> None:
    async with web_of() as other:
        await other.open()
        names = [(await each.client.get(MAP, params=ROUTE)).headers["etag"] for each in (web, other)]
    assert names[0] == names[1]


async def test_a_map_is_compressed_where_asked(web: Web) -> None:
    plain = await web.client.get(MAP, params=ROUTE, headers={"accept-encoding": "identity"})
    async with web.client.stream("GET", MAP, params=ROUTE, headers={"accept-encoding": "gzip"}) as zipped:
        assert zipped.headers["content-encoding"] == "gzip"
        data = b"".join([part async for part in zipped.aiter_raw()])
    assert "content-encoding" not in plain.headers
    assert json.loads(gzip.decompress(data)) == plain.json()
    assert zipped.headers["etag"] == plain.headers["etag"]
    assert zipped.headers["vary"] == "Accept-Encoding"
    await web.held("1A")
    assert states((await web.client.get(MAP, params=ROUTE)).json())["1A"] == "SEAT_STATUS_HELD"


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
async def test_only_who_takes_gzip_gets_it(web: Web, accepted: str, is_zipped: bool) -> None:
    answer = await web.client.get(MAP, params=ROUTE, headers={"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) == is_zipped


async def test_any_map_is_known_to_who_names_all(web: Web) -> None:
    assert (await web.client.get(MAP, params=ROUTE, headers={"if-none-match": "*"})).status_code == 304


async def test_free_seats_are_counted_and_priced(web: Web) -> None:
    await web.held("1A")
    answer = (await web.client.get(f"{TRIP}/availability", params=ROUTE | {"passengers": "2"})).json()
    assert (answer["is_available"], answer["available_seats"], answer["price_paisa"]) == (True, 3, 500)
    assert {seat["status"] for seat in answer["seats"]} == {"SEAT_STATUS_AVAILABLE"}
    assert answer["checked_at"].endswith("Z")
    asked = {"trip_id": "T/1", "from_station_id": "A", "to_station_id": "B"}
    both = await web.do("POST", "/v1/availability", {"requests": [asked, asked | {"passengers": 4}]})
    assert [each["is_available"] for each in both["results"]] == [True, False]


async def test_a_question_of_a_batch_that_is_wrong_is_named(web: Web) -> None:
    asked = {"trip_id": "T/1", "from_station_id": "A", "to_station_id": "B"}
    answer = await web.client.post("/v1/availability", json={"requests": [asked, asked | {"passengers": -1}]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "requests[1].passengers")


async def test_a_summary_counts_by_class(web: Web) -> None:
    await web.held("1B")
    summary = (await web.client.get(f"{TRIP}/summary", params=ROUTE)).json()
    (only,) = summary["classes"]
    counts = (only["free"], only["held"], only["booked"], only["blocked"], only["largest_run"])
    assert counts == (3, 1, 0, 0, 2)
    assert only["lowest_price_paisa"] == 100

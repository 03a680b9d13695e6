"""Two values of what has one are refused by name, on every face: of two readers each would take another."""

from collections.abc import AsyncIterator

import httpx
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.live.serving import browser_of, selling
from tests.api.live.test_sockets import closed, next_of, socket
from travio_inventory.api.rest.single_values import SINGLE
from travio_inventory.app.service import App
from travio_inventory.wire.inventory import v1

HOLD = {"trip_id": "t1", "from_station_id": "A", "to_station_id": "D", "seat_ids": ["A1"]}
TWO_USERS = [("x-user-id", "alice"), ("x-user-id", "bob")]


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[App]:
    async with selling() as app:
        yield app


@pytest.fixture(scope="module")
async def web(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(app) as web:
        yield web


def wrong(answer: httpx.Response, status: int = 422) -> list[str]:
    """The fields that are refused."""
    told = answer.json()
    assert (answer.status_code, told["reason"]) == (status, "INVALID_REQUEST")
    return [error["field"] for error in told["errors"]]


@pytest.mark.parametrize("name", SINGLE)
async def test_two_values_of_a_header_are_refused_and_one_twice_is_one(web: httpx.AsyncClient, name: bytes) -> None:
    said = name.decode()
    answer = await web.get("/v1/holds?user_id=me", headers=[(said, "a"), (said, "b")])
    assert wrong(answer) == [SINGLE[name]]
    if name not in (b"if-match", b"content-encoding"):
        assert (await web.get("/v1/holds?user_id=me", headers=[(said, "x"), (said, "x")])).status_code == 200


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("org_id=a&org_id=b", ["org_id"]),
        ("from=A&from=B&to=C&passengers=1&passengers=2", ["from", "passengers"]),
        ("user_id=a&user_id=&unknown=1&unknown=2", ["user_id", "unknown"]),
    ],
)
async def test_two_values_of_a_parameter_are_refused(web: httpx.AsyncClient, query: str, fields: list[str]) -> None:
    for path in ("availability", "seatmap", "updates"):
        assert wrong(await web.get(f"/v1/trips/t1/{path}?{query}")) == fields


async def test_what_is_a_list_may_have_many(web: httpx.AsyncClient) -> None:
    answer = await web.delete("/v1/trips/t1/seat-blocks?seat_id=A1&seat_id=A2&from=A&to=D")
    assert answer.status_code == 200
    listed = [
        ("if-none-match", '"a"'),
        ("if-none-match", '"b"'),
        ("accept-encoding", "br"),
        ("accept-encoding", "gzip"),
    ]
    assert (await web.get("/v1/trips/t1/seatmap?from=A&to=D", headers=listed)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/holds", HOLD, 422),
        ("/v1/trips", {}, 422),
        ("/hold", {"showtimeId": "s", "seatIds": ["A1"]}, 422),
        ("/api/inventory/reservations", {"eventId": 7, "seatNumbers": ["A1"]}, 400),
    ],
)
async def test_two_users_are_nobody_on_every_face(
    web: httpx.AsyncClient, path: str, body: dict[str, object], status: int
) -> None:
    answer = await web.post(path, json=body, headers=TWO_USERS)
    assert wrong(answer, status) == ["X-User-Id"]
    assert ("error" in answer.json()) == (not path.startswith("/v1"))


async def test_a_socket_is_told_so(app: App) -> None:
    async with socket(app, "/?tripId=t1&org_id=a&org_id=b") as opened:
        said = await next_of(opened)
        assert (said["type"], said["reason"]) == ("error", "INVALID_REQUEST")
        assert "org_id" in said["detail"]
        assert await closed(opened) == (1008, "INVALID_REQUEST")


@pytest.mark.parametrize("name", ["authorization", "x-user-id", "connect-timeout-ms"])
async def test_connect_is_told_so(web: httpx.AsyncClient, name: str) -> None:
    path, headers = "/inventory.v1.InventoryService/GetSeatMap", [(name, "10000"), (name, "20000")]
    answer = await web.post(path, json={"trip_id": "t1"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert SINGLE[name.encode()] in answer.json()["message"]


@pytest.mark.parametrize("server", ["lean", "grpclib"])
async def test_grpc_is_told_so(server: str) -> None:
    async with selling(server=server) as app:
        channel = Channel("127.0.0.1", app.port)
        try:
            stub = v1.InventoryServiceStub(channel)
            asked = v1.GetTripRequest(trip_id="t1", organization_id="default")
            for tokens, refused in ((("Bearer a", "Bearer b"), True), (("Bearer a", "Bearer a"), False)):
                metadata = [("authorization", token) for token in tokens]
                if refused:
                    with pytest.raises(GRPCError, match="authorization: is given twice") as told:
                        await stub.get_trip(asked, metadata=metadata)
                    assert told.value.status is Status.INVALID_ARGUMENT
                else:
                    assert await stub.get_trip(asked, metadata=metadata)
        finally:
            channel.close()


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/holds", 415), ("/v1/trips", 415), ("/hold", 415), ("/api/inventory/reservations", 415)]
)
async def test_a_body_that_is_not_as_it_is_is_refused_with_what_is_taken(
    web: httpx.AsyncClient, path: str, status: int
) -> None:
    for coding in ("gzip", "identity, gzip", "none"):
        answer = await web.post(path, json=HOLD, headers={"content-encoding": coding, "x-user-id": "me"})
        assert (answer.status_code, answer.headers["accept-encoding"]) == (status, "identity")
        assert answer.json()["reason"] == "UNSUPPORTED_MEDIA_TYPE"
    answer = await web.post(path, json=HOLD, headers={"content-encoding": "Identity", "x-user-id": "me"})
    assert answer.status_code != status


@pytest.mark.once
@pytest.mark.parametrize("number", ["1_0", "+3", " 3", "3 ", "%EF%BC%93", "%C2%B2", "3.0", "1e1", "0x1", "", "9" * 30])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/trips/t1/availability?from=A&to=D&passengers=",
        "/v1/trips/t1/seatmap?from=A&to=D&to_segment_index=2&from_segment_index=",
        "/v1/trips/t1/manifest?page_size=",
        "/v1/holds?user_id=me&page_size=",
        "/v1/trips?page_size=",
        "/v1/waitlist?user_id=me&page_size=",
        "/v1/deeds?page_size=",
        "/v1/orders/o/bookings?page_size=",
    ],
)
async def test_a_number_is_its_digits(web: httpx.AsyncClient, path: str, number: str) -> None:
    assert wrong(await web.get(path + number)) == [path.rpartition("&")[2].rpartition("?")[2][:-1]]


@pytest.mark.parametrize("number", ["1_0", "+3", "%203", "%EF%BC%93"])
async def test_the_number_of_an_event_is_its_digits(web: httpx.AsyncClient, number: str) -> None:
    assert wrong(await web.get(f"/api/inventory/events/{number}/seats/available"), 400) == ["eventId"]


@pytest.mark.parametrize(
    "moment", ["20270605T083000Z", "2027-W01-1T00:00:00Z", "2027-06-05T08Z", "2027-06-05x08:30:00Z"]
)
async def test_a_time_is_as_rfc_3339_has_it(web: httpx.AsyncClient, moment: str) -> None:
    assert wrong(await web.get("/v1/trips", params={"departs_from": moment})) == ["departs_from"]


async def test_what_is_no_text_is_refused_where_it_stands(web: httpx.AsyncClient) -> None:
    """Two of them would be one id: what cannot be read is replaced by the same sign."""
    for sent in ("%ff", "%ED%A0%80", "a%C3"):
        answer = await web.put(f"/v1/seat-plans/{sent}", json={})
        assert (answer.status_code, answer.json()["detail"]) == (400, "the path must be UTF-8")
        assert wrong(await web.get(f"/v1/holds?user_id=me&org_id={sent}")) == ["query"]
    for name in (b"x-user-id", b"x-organization-id", b"idempotency-key"):
        answer = await web.post("/v1/holds", json=HOLD, params={"user_id": "me"}, headers=[(name, b"caf\xe9")])
        assert wrong(answer) == [SINGLE[name]]


async def test_a_user_of_a_header_is_the_same_as_one_of_a_query(web: httpx.AsyncClient) -> None:
    held = await web.post("/v1/holds", json=HOLD | {"seat_ids": ["A4"]}, headers=[(b"x-user-id", "caf\u00e9".encode())])
    assert held.status_code == 201
    listed = await web.get("/v1/holds", params={"user_id": "caf\u00e9"})
    assert [hold["hold_id"] for hold in listed.json()["holds"]] == [held.json()["hold_id"]]


async def test_a_path_with_one_slash_too_many_is_none(web: httpx.AsyncClient) -> None:
    """To redirect, the service would have to know by which scheme and host it was asked."""
    for path in ("/v1/holds/", "/v1/trips/t1/", "/livez/", "//v1/trips/t1"):
        answer = await web.get(str(web.base_url).rstrip("/") + path, headers={"x-user-id": "me"})
        assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND"), path
    for path in ("/api/inventory/reservations/", "/hold/"):
        answer = await web.get(path, headers={"x-user-id": "me", "host": "[:::]"})
        assert (answer.status_code, answer.json()["error"]) == (404, "Not Found"), path

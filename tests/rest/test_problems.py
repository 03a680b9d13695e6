"""Every refusal is a problem with the status of the one table, and says as much as over gRPC."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NoReturn, cast

import httpx
import pytest
from starlette.responses import Response

from tests.api.test_refusals import each_refusal
from tests.rest.serving import ALICE, TRIP, Web, web_of
from travio_inventory.api.refusals import DOMAIN, TABLE, metadata
from travio_inventory.api.rest.guard import BodyLimits
from travio_inventory.api.rest.problems import MEDIA_TYPE, refused
from travio_inventory.api.rest.routes import LARGE_AT_ONCE_MAX
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import InvalidRequest, Refusal, RetryableRefusal, Unauthenticated
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory


def members(answer: Response) -> dict[str, object]:
    """Those of the problem."""
    return dict(json.loads(bytes(answer.body)))


@each_refusal
def test_a_refusal_has_the_status_of_the_table_and_the_details_of_grpc(refusal: Refusal) -> None:
    answer = refused(refusal)
    told = members(answer)
    assert answer.status_code == told["status"] == TABLE[type(refusal)].http
    assert answer.media_type == MEDIA_TYPE
    assert (told["reason"], told["domain"]) == (type(refusal).reason, DOMAIN)
    assert (told["detail"], told["metadata"]) == (str(refusal), metadata(refusal))
    assert ("errors" in told) == isinstance(refusal, InvalidRequest)


@each_refusal
def test_a_refusal_that_may_be_retried_says_when(refusal: Refusal) -> None:
    answer = refused(refusal)
    told = members(answer)
    if not isinstance(refusal, RetryableRefusal):
        assert "retry-after" not in answer.headers
        return
    assert told["retry_after_ms"] == refusal.retry_after_ms
    assert 0 <= int(answer.headers["retry-after"]) * 1_000 - refusal.retry_after_ms < 1_000


def test_a_caller_who_is_not_let_in_is_told_how() -> None:
    assert refused(Unauthenticated()).headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/v1/nothing", b"", 404, "NOT_FOUND"),
        ("PUT", "/v1/holds", b"{}", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/holds", b"{", 400, "INVALID_REQUEST"),
        ("POST", "/v1/holds", b"[]", 422, "INVALID_REQUEST"),
        ("POST", "/v1/holds", b"{" + b" " * 70_000, 413, "CONTENT_TOO_LARGE"),
        ("GET", "/v1/trips/none", b"", 404, "TRIP_NOT_FOUND"),
    ],
)
async def test_what_is_not_served_is_a_problem_too(
    web: Web, method: str, path: str, body: bytes, status: int, reason: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await web.client.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    told = answer.json()
    assert (told["reason"], told["domain"], told["metadata"]) == (reason, DOMAIN, {})


async def test_all_that_is_wrong_with_a_body_is_named_by_field(web: Web) -> None:
    answer = await web.hold("1A", trip_id=7, hold_duration_seconds=1.5, seat_ids=["1A", 2], settle="yes")
    assert [each["field"] for each in answer.json()["errors"]] == [
        "trip_id",
        "seat_ids[1]",
        "hold_duration_seconds",
        "settle",
    ]
    unknown = await web.client.post(f"{TRIP}/waitlist", json={"seats": 2}, headers={"x-user-id": "alice"})
    assert unknown.json()["errors"][0]["field"] == "seats"


def failing(error: Exception) -> Any:  # noqa: ANN401 - stands for any use case
    """A use case that fails so."""

    async def fails(*_: object) -> NoReturn:
        raise error

    return fails


async def test_a_bug_is_told_as_no_more_than_that() -> None:
    broken = failing(RuntimeError("a secret"))
    shop = "https://shop.example"
    async with web_of(origins=(shop,), changed=lambda inventory: replace(inventory, list_trips=broken)) as web:
        answer = await web.client.get("/v1/trips", headers={"origin": shop})
        assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
        assert "secret" not in answer.text
        assert answer.headers["access-control-allow-origin"] == shop, "its page would be told that nobody answered"
        assert SAFE.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("sent", ["", "null", "[]", "{"])
async def test_where_all_of_a_body_is_wrong_the_field_is_the_body(web: Web, sent: str) -> None:
    answer = await web.client.post("/v1/holds", content=sent, headers=ALICE | {"content-type": "application/json"})
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "field"),
    [
        ("POST", "/v1/trips", r'{"trip_id":"T/2","segments":[],"station_names":{"\ud800":1}}', "station_names.\ud800"),
        ("PATCH", TRIP, r'{"class_prices":{"\ud800":"x"}}', "class_prices.\ud800"),
    ],
)
async def test_a_field_is_named_although_its_name_is_half_a_surrogate_pair(
    web: Web, method: str, path: str, sent: str, field: str
) -> None:
    headers = ALICE | {"content-type": "application/json"}
    answer = await web.client.request(method, path, content=sent, headers=headers)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


async def test_an_answer_that_takes_too_long_is_refused_and_its_outcome_unknown() -> None:
    slow = failing(TimeoutError())
    async with web_of(changed=lambda inventory: replace(inventory, hold_seats=slow, list_trips=slow)) as web:
        answers = [await web.hold("1A"), await web.client.get("/v1/trips")]
        told = [(answer.status_code, answer.json()["reason"]) for answer in answers]
        assert told == [(503, "OUTCOME_UNKNOWN"), (503, "BACKEND_UNAVAILABLE")]


@pytest.mark.once
async def test_a_large_body_that_is_not_read_in_time_is_refused_for_nothing_was_begun() -> None:
    seats = [{"seat_id": f"s{number}", "seat_number": "1", "row": 1, "column": 1} for number in range(20_000)]
    async with web_of(deadline_s=0.02) as web:
        answer = await web.open(seat_config={"seats": seats})
        assert (answer.status_code, answer.json()["reason"]) == (503, "BACKEND_UNAVAILABLE")


@pytest.mark.once
@pytest.mark.parametrize("calls", ["/v1/holds", "/v1/trips"], ids=["usual", "large"])
async def test_a_body_that_arrives_slowly_takes_nothing_of_the_time_of_its_answer(calls: str) -> None:
    """While it arrives nothing is done: to say that the outcome is unknown would be wrong."""
    async with web_of(deadline_s=1.0) as web:

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"trip_id":'
            await asyncio.sleep(1.5)
            yield b'"T/1","seat_ids":["1A"]}'

        answer = await web.client.post(calls, content=slowly(), headers={"content-type": "application/json"} | ALICE)
        assert answer.status_code in (404, 422), answer.text


async def test_only_what_opens_or_changes_a_trip_may_be_large() -> None:
    async with web_of(BodyLimits(usual_max=1_000, large_max=2_000, unread_max=10_000)) as web:
        assert (await web.open(time_zone="A" * 1_900)).status_code == 413
        assert (await web.open(vehicle_id="A" * 600)).json()["errors"][0]["field"] == "vehicle_id"
        assert (await web.hold("1A", session_id="A" * 1_000)).status_code == 413


async def test_bodies_that_are_too_large_together_are_refused() -> None:
    async with web_of(BodyLimits(usual_max=1_000, large_max=1_000, unread_max=50)) as web:
        answer = await web.hold("1A")
        assert (answer.status_code, answer.json()["reason"]) == (429, "OVERLOADED")


async def test_of_large_bodies_few_are_worked_on_at_once() -> None:
    """All are served, each in its turn, and whole."""
    running, most = 0, 0

    def counted(inventory: Inventory) -> Inventory:
        async def open_trip(actor: Actor, asked: Trip | TripOnPlan) -> Opening:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return await inventory.open_trip(actor, asked)

        return replace(inventory, open_trip=cast(Any, open_trip))

    seats = [{"seat_id": f"seat-{at}", "seat_number": "a" * 40, "row": at, "column": 1} for at in range(700)]
    async with web_of(changed=counted) as web:
        opened = [web.open(trip_id=f"T{number}", seat_config={"seats": seats}) for number in range(5)]
        assert [answer.status_code for answer in await asyncio.gather(*opened)] == [201] * 5
        assert most == LARGE_AT_ONCE_MAX
        known = (await web.client.get("/v1/trips/T4/seats")).json()["seats"]
        assert [seat["seat_id"] for seat in known] == [seat["seat_id"] for seat in seats]


async def test_bodies_are_counted_only_while_they_are_read() -> None:
    async with web_of(BodyLimits(usual_max=1_000, large_max=1_000, unread_max=300)) as web:
        assert [(await web.hold("1A")).status_code for _ in range(6)] == [404] * 6


async def test_all_methods_of_a_path_are_told(web: Web) -> None:
    answer = await web.client.put(TRIP)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH")


SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


async def test_browsers_are_told_to_be_careful_and_no_cookie_is_set(web: Web) -> None:
    for answer in (await web.client.get(TRIP), await web.client.get("/v1/nothing")):
        assert SAFE.items() <= dict(answer.headers).items()
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers


EVIL, OWN = {"origin": "https://evil.example"}, {"origin": "http://here"}


async def test_a_page_of_another_origin_does_nothing_with_what_browsers_send_unasked(web: Web) -> None:
    """A form or an image of any page: no preflight comes before it, and the answer is not needed."""
    refused = await web.client.post(f"{TRIP}/close", headers=EVIL)
    assert (refused.status_code, refused.json()["reason"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert (await web.do("GET", TRIP))["state"] == "TRIP_STATE_OPEN"
    assert (await web.client.get(TRIP, headers=EVIL)).status_code == 200
    no_address = await web.client.post(f"{TRIP}/close", headers={"origin": "http://["})
    assert (no_address.status_code, no_address.json()["reason"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert (await web.client.post(f"{TRIP}/close", headers=OWN)).status_code == 200
    async with web_of(origins=("https://evil.example",)) as friend:
        assert (await friend.open()).status_code == 201
        assert (await friend.client.post(f"{TRIP}/close", headers=EVIL)).status_code == 200


ASKING = {"origin": "https://shop.example", "access-control-request-method": "POST"}


async def test_a_page_of_another_origin_may_call_only_if_an_operator_says_so(web: Web) -> None:
    closed = await web.client.options("/v1/holds", headers=ASKING)
    assert "access-control-allow-origin" not in closed.headers
    async with web_of(origins=("https://shop.example",)) as shop:
        allowed = await shop.client.options("/v1/holds", headers=ASKING)
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        other = await shop.client.options("/v1/holds", headers=ASKING | {"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        read: httpx.Response = await shop.client.get("/v1/waitlist", headers={"origin": "https://shop.example"})
        assert "ETag" in read.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in read.headers

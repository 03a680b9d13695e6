"""The npm clients of Connect and gRPC-Web in a browser, on the page of a shop elsewhere, against a whole service."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, TypeAlias

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.duration_pb2 import DESCRIPTOR as DURATION
from google.rpc.error_details_pb2 import DESCRIPTOR as DETAILS  # has no stubs
from playwright.async_api import Browser, JSHandle, Route, async_playwright

from travio_inventory.app.service import App, running
from travio_inventory.client import InventoryClient
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token
from verification.kit.trips import a_trip

SHOP = "http://shop.test/"
Between: TypeAlias = tuple[str, Mapping[str, object]]
"""A call: its method and its request."""
PROTOCOLS = ("connect json", "connect binary", "grpc-web")


def contract() -> str:
    """The contract and the details of refusals, as the npm client loads them."""
    compiled = FileDescriptorSet.FromString(files("travio_inventory.wire").joinpath("descriptors.binpb").read_bytes())
    for file in (DURATION, DETAILS):
        compiled.file.append(FileDescriptorProto.FromString(file.serialized_pb))
    return base64.b64encode(compiled.SerializeToString()).decode()


class Shop:
    """A page elsewhere with a client that speaks one of the protocols."""

    def __init__(self, client: JSHandle) -> None:
        self._client = client

    async def call(self, method: str, **request: object) -> Any:  # noqa: ANN401 - JSON
        """The answer, or what is `refused`."""
        return await self._client.evaluate("(client, [name, request]) => client.call(name, request)", [method, request])

    async def watch(self, method: str, count: int, *, between: Between, **request: object) -> Any:  # noqa: ANN401 - JSON
        """The first answers of a stream; the call `between` is made after the first."""
        return await self._client.evaluate(
            """(client, [name, request, count, [other, asked]]) =>
                client.watch(name, request, count, () => client.call(other, asked))""",
            [method, request, count, between],
        )


@dataclass(frozen=True)
class Shops:
    browser: Browser
    script: str
    app: App

    @asynccontextmanager
    async def speaking(self, protocol: str, token: str = "") -> AsyncIterator[Shop]:
        """The page of a shop on another origin."""
        page = await self.browser.new_page()

        async def serve(route: Route) -> None:
            await route.fulfill(content_type="text/html", body="<!doctype html><title>Shop</title>")

        await page.route(SHOP, serve)
        await page.goto(SHOP)
        await page.add_script_tag(content=self.script)
        made = [protocol, f"http://127.0.0.1:{self.app.http_port}", contract(), token]
        yield Shop(await page.evaluate_handle("made => shopOf(...made)", made))
        await page.close()


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[App]:
    async with running(settings_of(http_host="127.0.0.1", http_port=0, cors_origin="http://shop.test")) as app:
        yield app


@pytest.fixture(scope="module")
async def shops(app: App, chromium: str, web_client: str) -> AsyncIterator[Shops]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=("--no-sandbox", "--disable-features=LocalNetworkAccessChecks")
        )
        yield Shops(browser, web_client, app)
        await browser.close()


@pytest.fixture(params=PROTOCOLS)
async def shop(request: pytest.FixtureRequest, shops: Shops) -> AsyncIterator[Shop]:
    async with shops.speaking(request.param) as shop:
        yield shop


@pytest.fixture
async def ride(app: App) -> dict[str, str]:
    """A new trip from A to D, as requests name it."""
    trip = a_trip()
    async with InventoryClient(f"127.0.0.1:{app.port}", user="seller", organization=trip.key.organization) as seller:
        await seller.open_trip(trip)
    return {
        "tripId": trip.key.trip,
        "organizationId": trip.key.organization,
        "fromStationId": "A",
        "toStationId": "D",
    }


async def test_a_shop_sells_a_seat_and_the_next_one_is_told_why_not(shop: Shop, ride: dict[str, str]) -> None:
    held = await shop.call("holdSeats", **ride, userId="ann", seatIds=["A1"])
    assert held["success"]
    assert held["heldSeatIds"] == ["A1"]
    late = await shop.call("holdSeats", **ride, userId="bob", seatIds=["A1"])
    assert late["refused"]["code"] == "FailedPrecondition"
    assert late["refused"]["message"].startswith("seat query contention - please retry")
    assert late["refused"]["reason"] == "SEAT_HELD"
    free = await shop.call("checkAvailability", **ride, passengers=1)
    assert "A1" not in [seat["seatId"] for seat in free["seats"]]
    named = {"organizationId": ride["organizationId"], "userId": "ann"}
    booked = await shop.call("confirmBooking", **named, holdId=held["holdId"], orderId="order-7", passengers=[])
    assert booked["success"]


async def test_a_shop_sees_a_seat_vanish(shop: Shop, ride: dict[str, str]) -> None:
    taken = ("holdSeats", {**ride, "userId": "ann", "seatIds": ["A2"]})
    snapshot, change = await shop.watch("watchSeatMap", 2, between=taken, **ride)
    assert snapshot["kind"] == "WATCH_SEAT_MAP_KIND_SNAPSHOT"
    assert len(snapshot["seats"]) > 1
    assert change["kind"] == "WATCH_SEAT_MAP_KIND_CHANGE"
    assert [seat["seatId"] for seat in change["seats"]] == ["A2"]
    assert change["after"] == snapshot["position"]


async def test_a_watch_that_is_refused_says_why(shop: Shop, ride: dict[str, str]) -> None:
    [told] = await shop.watch("watchSeatMap", 1, between=("getTrip", {}), **ride | {"tripId": "nowhere"})
    assert told["refused"]["code"] == "NotFound"
    assert told["refused"]["reason"] == "TRIP_NOT_FOUND"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_shop_is_told_that_it_is_not_served(protocol: str, shops: Shops) -> None:
    without = settings_of(http_host="127.0.0.1", http_port=0, cors_origin="*", connect="off")
    async with running(without) as app, replace(shops, app=app).speaking(protocol) as shop:
        told = await shop.call("getTrip")
        assert told["refused"]["code"] == "Unimplemented"
        assert told["refused"]["message"] == "Connect and gRPC-Web are not served here: TRAVIO_CONNECT=off"
        assert await shop.watch("watchSeatMap", 1, between=("getTrip", {})) == [told]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_shop_shows_a_token(protocol: str, shops: Shops) -> None:
    tokens: dict[str, Any] = {"auth": "jwt", "jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    settings = settings_of(http_host="127.0.0.1", http_port=0, cors_origin="*", **tokens)
    async with running(settings) as app:
        elsewhere = replace(shops, app=app)
        async with elsewhere.speaking(protocol) as nobody:
            assert (await nobody.call("listHolds"))["refused"]["code"] == "Unauthenticated"
        async with elsewhere.speaking(protocol, token()) as ann:
            assert "refused" not in await ann.call("listHolds", userId="ann")
            assert (await ann.call("listHolds", userId="bob"))["refused"]["code"] == "PermissionDenied"
            assert (await ann.call("listTrips", organizationId="other"))["refused"]["code"] == "PermissionDenied"

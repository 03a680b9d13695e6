"""What the house may do over gRPC and HTTP is in its record: a new action is asked for here, or fails.

Nothing here lists the actions: they are what is served, needs a right of the house, and changes something.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import betterproto2
import httpx
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions
from grpclib.client import Channel
from grpclib.exceptions import GRPCError
from grpclib.testing import ChannelFor

from tests.api import test_who_may_call as seats_asked
from tests.api.requests import VALID
from tests.api.stock import test_calls as stock_asked
from tests.rest import test_who_may_call as http_asked
from tests.rest.serving import BODIES
from tests.rest.stock.test_who_may import ADJUST, ADMIN, APPROVE, CALLS, Served, one_of_everything
from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.tokens import TokenAuthentication, TokenRules
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import SERVICE, STOCK_SERVICE, InventoryService
from travio_inventory.api.grpc.stock_service import StockService
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.stock import stock_routers
from travio_inventory.app.service import open_assembly
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.deed import BEGAN
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.wire.inventory import v1
from travio_inventory.wire.stock import v1 as stock_v1
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

OF_THE_HOUSE = {Grant.ADMIN, Grant.STOCK_ADMIN, Grant.STOCK_ADJUST, Grant.STOCK_APPROVE}
"""Rights that buyers, and what sells to them, do not have."""
ORG = "org"
BY_ANN = {"authorization": f"Bearer {token(org=ORG, sub='ann', scope=http_asked.USERS)}"}
"""What the house does is recorded under the name of whoever's token it is."""


class House(NamedTuple):
    """A service with one of everything in stock, each by its name in `things`, and the record of the house."""

    channel: Channel
    deeds: Deeds
    stock: Served

    async def verbs_of(self, doing: Awaitable[object]) -> list[str]:
        """What is in the record once that is done or refused, and was not before. Each deed has its end."""
        before = await self._recorded()
        with suppress(GRPCError):
            await doing
        new = await self._recorded()
        for each in before:
            del new[each]
        assert BEGAN not in {outcome for _, _, outcome in new.values()}
        assert {who for _, who, _ in new.values()} <= {"user ann"}
        return [verb for verb, _, _ in new.values()]

    async def _recorded(self) -> dict[str, tuple[str, str, str]]:
        page = await self.deeds.page(ORG, "", after="", most=500)
        assert not page.next
        return {deed.id: (deed.verb, deed.who, deed.outcome) for deed in page.deeds}


@asynccontextmanager
async def served() -> AsyncIterator[House]:
    clock, signals = SystemClock(), MapSignals()
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    tokens = TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=clock)
    async with open_assembly(settings_of(stock_approval_above="50"), signals=signals) as assembly:
        assert assembly.stock is not None
        feeds = Feeds(assembly.inventory.follow_maps, signals, clock)
        seats = InventoryService(assembly.inventory, feeds, authentication=tokens, refusals="status", clock=clock)
        stock = StockService(assembly.stock, authentication=tokens, clock=clock, bulk_s=60)
        codec, details = PassThroughCodec(), SerializedDetails()
        callers = Callers(tokens, default_organization="default")
        app = application(list(stock_routers(assembly.stock, clock)), callers, WebRules(BODIES, deadline_s=10))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        web = httpx.AsyncClient(transport=transport, base_url="http://here/api/v1", headers=BY_ANN)
        async with ChannelFor([seats, stock], codec=codec, status_details_codec=details) as channel, web:
            deeds = Deeds(assembly.sender.batches, clock)
            yield House(channel, deeds, Served(web, frozenset(), await one_of_everything(web)))
        await feeds.close()


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    async with served() as house:
        yield house


def changing(service: str) -> set[str]:
    """Calls that change something, as the contract says of them."""
    safe = MethodOptions.NO_SIDE_EFFECTS
    methods = descriptors.pool().FindServiceByName(service).methods
    return {method.name for method in methods if method.GetOptions().idempotency_level != safe}


def of_the_house(service: str, needs: Mapping[str, Grant]) -> set[str]:
    return {name for name in changing(service) if needs[name] in OF_THE_HOUSE}


def call(stub: object, name: str) -> Callable[..., Awaitable[object]]:
    found: Callable[..., Awaitable[object]]
    found = getattr(stub, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    return found


def by_ann(request: betterproto2.Message) -> betterproto2.Message:
    """The same request; it names her where it names a user."""
    same = type(request).FromString(bytes(request))
    if hasattr(same, "user_id"):
        same.user_id = "ann"
    return same


async def test_each_call_of_grpc_that_the_house_may_make_is_one_deed_and_no_other_call_is(house: House) -> None:
    stub, found = v1.InventoryServiceStub(house.channel), {}
    for name in sorted(changing(SERVICE) - seats_asked.STREAMS):
        request = by_ann(VALID[getattr(v1, seats_asked.CALLS[name])][0])
        found[name] = len(await house.verbs_of(call(stub, name)(request, metadata=BY_ANN)))
    expected = of_the_house(SERVICE, seats_asked.NEEDS)
    assert len(expected) > 6
    assert found == {name: int(name in expected) for name in found}


def stock_requests(things: Mapping[str, str]) -> dict[str, betterproto2.Message]:
    """A valid request of each call of `stock.v1` that the house may make."""
    who: dict[str, Any] = {"organization_id": ORG, "user_id": "ann"}
    line = stock_v1.OrderedLine(sku="cup", warehouse_id=things["warehouse"], quantity=1)
    change = stock_v1.StockLine(inventory_id=things["entry"], quantity=1, reason="found", type="INBOUND")
    site, contact = stock_v1.Site(name="West"), stock_v1.Contact(name="Other")
    said: dict[str, dict[str, Any]] = {
        "UpdateStock": {"change": change},
        "UpdateStockBulk": {"lines": [change], "idempotency_key": "k"},
        "DecideAdjustment": {"approval_id": things["approval"], "approve": True},
        "AddInventory": {"sku": "jug", "warehouse_id": things["warehouse"], "product_id": "p"},
        "ChangeInventory": {"inventory_id": things["entry"], "reorder_point": 1, "version": 1},
        "AddWarehouse": {"code": "west", "site": site},
        "ChangeWarehouse": {"warehouse_id": things["warehouse"], "site": site, "version": 1},
        "DraftTransfer": {
            "sku": "cup", "from_warehouse_id": things["warehouse"], "to_warehouse_id": things["south"], "quantity": 1,
        },
        "ShipTransfer": {"transfer_id": things["transfer"]},
        "ReceiveTransfer": {"transfer_id": things["transfer"], "received": 1},
        "CancelTransfer": {"transfer_id": things["transfer"]},
        "AddSupplier": {"code": "other", "contact": contact},
        "ChangeSupplier": {"supplier_id": things["supplier"], "contact": contact, "version": 1},
        "PlacePurchaseOrder": {"supplier_id": things["supplier"], "lines": [line]},
        "ReceivePurchaseOrder": {"purchase_order_id": things["purchase"], "lines": [line]},
        "CancelPurchaseOrder": {"purchase_order_id": things["purchase"]},
    }  # fmt: skip
    return {name: stock_asked.request_of(name, **asked, **who) for name, asked in said.items()}


async def test_each_call_of_grpc_about_stock_that_the_house_may_make_is_one_deed(house: House) -> None:
    stub, requests = stock_v1.StockServiceStub(house.channel), stock_requests(house.stock.things)
    assert set(requests) == of_the_house(STOCK_SERVICE, stock_asked.NEEDS)
    found = {
        name: len(await house.verbs_of(call(stub, name)(request, metadata=BY_ANN)))
        for name, request in requests.items()
    }
    assert found == dict.fromkeys(requests, 1)


async def test_each_route_about_stock_that_the_house_may_take_is_one_deed_and_no_other_is(house: House) -> None:
    asked = [each for each in CALLS if not each.named.startswith("GET ")]
    found = {each.named: len(await house.verbs_of(house.stock.answer(each, BY_ANN))) for each in asked}
    assert found == {each.named: int(each.scope in {ADJUST, ADMIN, APPROVE}) for each in asked}


STOCK_PATH = "/api/v1/"
"""Of the routes of which the test before has a table."""


async def test_each_other_route_that_the_house_may_take_is_one_deed_and_no_other_is() -> None:
    """With the examples of the description; what is refused is recorded too."""
    async with http_asked.serving() as face:
        face.client.headers.update(BY_ANN)
        paths = (await face.client.get("/openapi.json")).json()["paths"]

        async def recorded() -> set[str]:
            told = (await face.client.get("/v1/deeds", params={"page_size": 500})).json()
            assert {each["who"] for each in told["deeds"]} <= {"user ann"}
            return {each["deed_id"] for each in told["deeds"]}

        found, expected = {}, {}
        for each in face.calls():
            if each.method == "GET" or each.path.startswith(STOCK_PATH):
                continue
            before = await recorded()
            query, body = _example(paths, each)
            await face.client.request(each.method, re.sub(r"\{[^}]*\}", "1", each.path), params=query, json=body)
            found[each.named] = len(await recorded() - before)
            expected[each.named] = int(each.needs in OF_THE_HOUSE)
    assert sum(expected.values()) > 10
    assert found == expected


def _example(paths: Mapping[str, Any], asked: http_asked.Call) -> tuple[dict[str, Any], Any]:
    """The query and the body that the description has as an example."""
    operation = next(methods for path, methods in paths.items() if _same(path, asked.path))[asked.method.lower()]
    queries = (each for each in operation["parameters"] if each["in"] == "query" and each["required"])
    query = {each["name"]: each["schema"]["examples"][0] for each in queries}
    body = operation.get("requestBody", {"content": {"application/json": {"example": None}}})
    return query, body["content"]["application/json"]["example"]


def _same(path: str, route: str) -> bool:
    return re.sub(r"\{[^}]*\}", "{}", path) == re.sub(r"\{[^}]*\}", "{}", route)

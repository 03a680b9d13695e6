"""The calls of one service over gRPC and over Connect, asked without a socket."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import betterproto2
import httpx
from google.rpc.status_pb2 import Status as RpcStatus  # has no stubs
from grpclib.testing import ChannelFor

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.auth.tokens import TokenAuthentication, TokenRules
from travio_inventory.api.connect.application import ConnectMethods
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import SERVICE, InventoryService, services
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.guard import BodyLimits
from travio_inventory.app.service import open_inventory
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET

BODIES = BodyLimits(usual_max=20_000, large_max=40_000, unread_max=60_000)
PROTOBUF, JSON = "application/proto", "application/json"


class Refused(NamedTuple):
    """What Connect tells of a refusal."""

    code: str
    message: str
    details: list[tuple[str, bytes]]

    @classmethod
    def read(cls, body: bytes) -> "Refused":
        told = json.loads(body)
        details = [(detail["type"], base64.b64decode(detail["value"] + "==")) for detail in told.get("details", [])]
        return cls(told["code"], told.get("message", ""), details)

    @classmethod
    def of_grpc(cls, status: str, message: str | None, details: RpcStatus) -> "Refused":
        """The same refusal as gRPC tells it."""
        code = {"cancelled": "canceled"}.get(status.lower(), status.lower())
        return cls(code, message or "", [(each.type_url.rpartition("/")[2], each.value) for each in details.details])


class Both(NamedTuple):
    """The service over gRPC, and over Connect."""

    stub: v1.InventoryServiceStub
    client: httpx.AsyncClient
    inventory: Inventory

    async def post(self, name: str, body: bytes, *, form: str = PROTOBUF, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-type": form}
        return await self.client.post(f"/{SERVICE}/{name}", content=body, headers=named)

    async def ask(self, request: betterproto2.Message, name: str, **headers: str) -> bytes | Refused:
        """The bytes of the answer, or the refusal."""
        answer = await self.post(name, bytes(request), **headers)
        return answer.content if answer.status_code == httpx.codes.OK else Refused.read(answer.content)

    async def told(self, name: str, **request: object) -> Any:  # noqa: ANN401 - JSON
        """The answer in JSON."""
        answer = await self.post(name, json.dumps(request).encode(), form=JSON)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


@asynccontextmanager
async def serving(
    authentication: Authentication | None = None,
    *,
    deadline_s: float = 10,
    kind: type[InventoryService] = InventoryService,
    bodies: BodyLimits = BODIES,
) -> AsyncIterator[Both]:
    """The service, to everybody unless there is an authentication."""
    signals, known = MapSignals(), authentication or AuthenticationOff()
    async with open_inventory(settings_of(), signals=signals) as inventory:
        feeds = Feeds(inventory.follow_maps, signals, SystemClock())
        service = kind(inventory, feeds, authentication=known, refusals="status", clock=SystemClock())
        callers = Callers(known, default_organization="default")
        large = frozenset({"InitializeTripInventory"})
        methods = ConnectMethods(service, callers, bodies, large=large, deadline_s=deadline_s)
        app = application([], callers, WebRules(bodies, deadline_s), others=[methods.route()])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        channel_for = ChannelFor(services(service), codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        async with channel_for as channel, httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            yield Both(v1.InventoryServiceStub(channel), client, inventory)
        await feeds.close()


def by_tokens(anonymous: Identity | None = None) -> TokenAuthentication:
    """Tokens of the issuer of tests."""
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    return TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=SystemClock(), anonymous=anonymous)

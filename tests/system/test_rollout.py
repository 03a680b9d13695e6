"""Pods of a service are replaced one after the other under load, as a Deployment does: no caller sees an error."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import anyio
import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from google.protobuf.message_factory import GetMessageClass

from tests.typed import ROOT
from travio_inventory.app.listening import LINGER_SECONDS_MAX
from travio_inventory.app.relayed import FLUSH_SECONDS_MAX
from travio_inventory.client import HoldStatus, InventoryClient
from verification.kit.requests import RPCS, path_of, request
from verification.kit.service_process import ORGANIZATION, ServiceProcess, eventually
from verification.kit.stores import services_on
from verification.kit.trips import trip_of
from verification.servers.cassandra import Cassandra
from verification.servers.redis import RedisServer

pytestmark = pytest.mark.long

PODS = 2
BUYERS = 6
CALLS_BETWEEN = 5
"""Calls of each buyer before the next pod is replaced."""
SEEN_SECONDS_MAX = 30.0
ESTABLISHED = "01"
"""A connection's state in /proc/net/tcp."""
DRAIN_SECONDS = 3
STOP_SECONDS_MAX = 2 * DRAIN_SECONDS + LINGER_SECONDS_MAX + FLUSH_SECONDS_MAX
"""What docs/operations.md and the manifests give a stop, after `preStop`."""


class Balancer:
    """As a Service does: a new connection goes to one of the pods that are ready, and stays there."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.port = 0
        self._next = 0
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Balancer"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for each in self._connections:
                each.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self._next += 1
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.ready[self._next % len(self.ready)])
        try:
            await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))
        finally:
            for each in (writer, to_writer):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until one side closes; then the other is closed as well."""
    with suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


class Buyer:
    """Holds and releases one seat again and again, and never asks twice by itself: that is the client's business."""

    def __init__(self, name: str, client: InventoryClient, trip: str, seat: str) -> None:
        self.name, self.calls = name, 0
        self._client, self._trip, self._seat = client.acting_for(name), trip, seat

    async def buy(self) -> None:
        """Until it is cancelled. Raises whatever a call ends with that is not its answer."""
        while True:
            held = await self._client.hold(self._trip, "S0", "S1", [self._seat], key=token_hex(8))
            assert (await self._client.find_hold(held.id)).status is HoldStatus.HELD
            assert await self._client.release(held.id) == 1
            self.calls += 3


@pytest.fixture(scope="module")
def backends(cassandra_node: Cassandra, redis_node: RedisServer) -> dict[str, str]:
    return {
        **services_on(cassandra_node),
        "REDIS_ADDR": redis_node.address,
        "TRAVIO_REDIS_REPLY_MS_MAX": "5000",
        "TRAVIO_DRAIN_SECONDS": str(DRAIN_SECONDS),
        "TRAVIO_EVENTS": "none",
    }


@pytest.fixture
async def pods(backends: dict[str, str], tmp_path: Path) -> AsyncIterator[list[ServiceProcess]]:
    made = [ServiceProcess(tmp_path, **backends) for _ in range(PODS)]
    try:
        await asyncio.gather(*(pod.start() for pod in made))
        yield made
    finally:
        for pod in made:
            pod.kill()


async def calls_go_on(buyers: Sequence[Buyer], tasks: list[asyncio.Task[None]]) -> None:
    """Wait until each buyer has made some more calls. Raises what ended one of them."""
    goal = {buyer.name: buyer.calls + CALLS_BETWEEN for buyer in buyers}

    async def made() -> bool:
        for task in tasks:
            if task.done():
                task.result()
        return all(buyer.calls >= goal[buyer.name] for buyer in buyers)

    await eventually(made, within_s=SEEN_SECONDS_MAX)


async def ended_by_us(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel them; none may have ended before, whatever with."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * len(tasks), ended


async def is_connected_to(pod: ServiceProcess) -> bool:
    """Whether somebody is: a channel waits longer and longer before it tries an address again, and has no other if the
    next pod stops meanwhile.
    """
    table = await anyio.Path("/proc/net/tcp").read_text()
    connections = [line.split() for line in table.splitlines()[1:]]
    return any(local.endswith(f":{pod.port:04X}") and state == ESTABLISHED for _, local, _, state, *_ in connections)


async def stopped_in_time(pod: ServiceProcess) -> None:
    async with asyncio.timeout(STOP_SECONDS_MAX):
        assert await pod.stop() == 0
    pod.assert_nothing_broke_down()


@pytest.mark.thorough
async def test_a_rollout_under_load_is_seen_by_no_client_that_connects_again(
    pods: list[ServiceProcess], backends: dict[str, str], tmp_path: Path
) -> None:
    """Each pod in turn gets no new connections any more, is told to stop, ends in its time, and is replaced."""
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Balancer().listening())
        balancer.ready = [pod.port for pod in pods]
        target = f"127.0.0.1:{balancer.port}"
        clients = [
            await stack.enter_async_context(InventoryClient(target, organization=ORGANIZATION, deadline_s=20.0))
            for _ in range(BUYERS)
        ]
        await clients[0].open_trip(trip_of("rollout", seats=BUYERS, seats_per_group=2))
        buyers = [Buyer(f"u{number}", client, "rollout", f"seat-{number}") for number, client in enumerate(clients, 1)]
        tasks = [asyncio.create_task(buyer.buy()) for buyer in buyers]
        for number, old in enumerate(pods[:PODS]):
            await calls_go_on(buyers, tasks)
            new = ServiceProcess(tmp_path, **backends)
            pods.append(new)
            await new.start()
            balancer.ready[number] = new.port
            await stopped_in_time(old)
            await calls_go_on(buyers, tasks)
        await ended_by_us(tasks)


RETRIED = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "inventory.v1.InventoryService"}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
"""As docs/kubernetes.md advises clients of other languages to balance and to repeat calls."""


def channel_options() -> list[tuple[str, int | str]]:
    """The policy above, and the options that docs/kubernetes.md tells for gRPC's core, with their values."""
    told = re.findall(r"`(grpc\.[a-z_]+)=(\d+)`", (ROOT / "docs" / "kubernetes.md").read_text())
    options = {name: int(value) for name, value in told}
    assert options.keys() == {"grpc.max_reconnect_backoff_ms", "grpc.dns_min_time_between_resolutions_ms"}
    return [("grpc.service_config", json.dumps(RETRIED)), *options.items()]


class StrangeBuyer(Buyer):
    """The same by the wire alone, through the gRPC library of another house."""

    def __init__(self, name: str, channel: grpc.aio.Channel, trip: str, seat: str) -> None:
        self.name, self.calls = name, 0
        self._channel, self._trip, self._seat = channel, trip, seat

    async def buy(self) -> None:
        who = {"user_id": self.name, "organization_id": ORGANIZATION}
        journey = {"trip_id": self._trip, "from_station_id": "S0", "to_station_id": "S1", "seat_ids": [self._seat]}
        while True:
            held = await self._call("HoldSeats", {**who, **journey, "idempotency_key": token_hex(8)})
            await self._call("ReleaseSeats", {**who, "hold_id": held.hold_id, "seat_ids": []})
            self.calls += 2

    async def _call(self, method: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - a message of any call
        rpc = self._channel.unary_unary(
            path_of(method),
            response_deserializer=GetMessageClass(RPCS[method].output_type).FromString,
        )
        return await rpc(request(method, fields).SerializeToString(), timeout=20.0)


async def test_restarts_under_load_are_seen_by_no_client_that_balances_and_repeats(
    pods: list[ServiceProcess],
) -> None:
    """Each process in turn is told to stop, ends in its time, and is started again at its address."""
    async with pods[0].client() as house:
        await house.open_trip(trip_of("balanced", seats=BUYERS, seats_per_group=2))
    target = "ipv4:" + ",".join(f"127.0.0.1:{pod.port}" for pod in pods)
    async with grpc.aio.insecure_channel(target, options=channel_options()) as channel:
        buyers = [StrangeBuyer(f"u{n}", channel, "balanced", f"seat-{n}") for n in range(1, BUYERS + 1)]
        tasks = [asyncio.create_task(buyer.buy()) for buyer in buyers]
        for pod in pods:
            await calls_go_on(buyers, tasks)
            await stopped_in_time(pod)
            await calls_go_on(buyers, tasks)
            await pod.start()
            await eventually(partial(is_connected_to, pod), within_s=SEEN_SECONDS_MAX)
        await calls_go_on(buyers, tasks)
        await ended_by_us(tasks)

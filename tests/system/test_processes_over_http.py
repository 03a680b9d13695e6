"""Several processes share the port for HTTP as they share that for gRPC: to callers they are one service."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ServiceProcess
from verification.kit.stores import services_on
from verification.servers.cassandra import Cassandra

CALLERS = 16
"""Each on a connection of its own: enough that rarely one process gets all."""
TRIP = {
    "trip_id": "t1",
    "segments": [{"from_station_id": "A", "to_station_id": "B"}],
    "seat_config": {"seats": [{"seat_id": "1A"}, {"seat_id": "1B"}]},
}


@pytest.fixture
def variables(cassandra_node: Cassandra) -> dict[str, str]:
    """Settings of a service on a cluster, with HTTP."""
    return {
        **services_on(cassandra_node),
        "TRAVIO_EDGE": "absent",
        "TRAVIO_EVENTS": "none",
        "TRAVIO_HTTP_PORT": str(free_port()),
    }


@pytest.mark.parametrize("only", [pytest.param("", marks=pytest.mark.thorough), " --only http"])
async def test_one_of_all_callers_gets_the_seat(
    processes: Callable[..., ServiceProcess], variables: dict[str, str], only: str
) -> None:
    group = processes(f"serve --workers 2{only}", **variables)
    await group.start()
    assert re.search(rf"ready: 2 processes on .*HTTP at 127\.0\.0\.1:{group.web_port} with pid", group.log)
    address = f"http://127.0.0.1:{group.web_port}"

    async def hold(user: int) -> int:
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            body = {"trip_id": "t1", "seat_ids": ["1A"]}
            answer = await client.post("/v1/holds", json=body, headers={"x-user-id": f"u{user}"})
            return answer.status_code

    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        assert (await client.post("/v1/trips", json=TRIP)).status_code == 201
    assert Counter(await asyncio.gather(*map(hold, range(CALLERS)))) == {201: 1, 409: CALLERS - 1}
    assert await group.stop() == 0


async def test_a_key_is_answered_by_every_process_and_after_a_kill(
    processes: Callable[..., ServiceProcess], variables: dict[str, str]
) -> None:
    """What a key means is in the store: no process has to have heard of it before."""
    ports = [{"TRAVIO_HTTP_PORT": str(free_port())} for _ in range(2)]
    here, there = [processes("serve --only http", **variables | port) for port in ports]
    for process in (here, there):
        await process.start()
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(_caller(process)) for process in (here, there)]
        assert (await one.post("/v1/trips", json=TRIP)).status_code == 201
        answers = await asyncio.gather(*(_keyed(client, "1A") for client in (one, other) * 8))
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.json()["hold_id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        waits = [answer for answer in answers if answer.status_code == 409]
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in waits)
        here.kill()
        for client in (other, one):
            if client is one:
                await here.start()
            again = await _keyed(client, "1A")
            assert (again.status_code, {again.json()["hold_id"]}) == (201, made)
            reused = await _keyed(client, "1B")
            assert (reused.status_code, reused.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        (hold,) = made
        assert (await one.post(f"/v1/holds/{hold}/confirm", json={"order_id": "o1"})).status_code == 200
        assert (await _keyed(other, "1A")).status_code == 201
        assert (await other.delete(f"/v1/bookings/{hold}")).status_code == 204
        ended = await _keyed(one, "1A")
        assert (ended.status_code, ended.json()["reason"]) == (410, "BOOKING_CANCELLED")


def _caller(process: ServiceProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.web_port}", timeout=60, headers={"x-user-id": "ann"})


async def _keyed(client: httpx.AsyncClient, seat: str) -> httpx.Response:
    """A hold of the seat, always with the same key."""
    return await client.post("/v1/holds", json={"trip_id": "t1", "seat_ids": [seat]}, headers={"idempotency-key": "k1"})

"""Several processes share the port for HTTP as they share that for gRPC: to callers they are one service."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable

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
    "seat_config": {"seats": [{"seat_id": "1A"}]},
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

"""What idle connections cost: memory of the process with and without them, and how long others wait beside them."""

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import latency_ms
from verification.attack.raw_connection import RawConnection
from verification.attack.targets import FAIR_TRIP, trips
from verification.kit.frames import asked
from verification.kit.requests import path_of, request
from verification.kit.service_process import ServiceProcess, serving

CONNECTIONS: Final = 10_000
AT_ONCE: Final = 100
CALLS_PER_SECOND: Final = 200
SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 2.0
ANSWER_SECONDS_MAX: Final = 30.0
METHOD: Final = "GetSeatMap"


async def idle_beside(engine: str, *, connections: int = CONNECTIONS, seconds: float = SECONDS) -> Mapping[str, object]:
    """Others are timed before, beside and after so many connections that have each made one call."""
    _allow_many_files()
    with TemporaryDirectory(prefix="travio-idle-") as folder:
        limits = {"TRAVIO_SERVER": engine, "TRAVIO_CONNECTIONS_MAX": str(connections + 1_000)}
        async with serving(Path(folder), **limits) as service:
            async with service.client() as client:
                for trip in trips():
                    await client.open_trip(trip)
            others = await ChannelPool.connect("127.0.0.1", service.port, 4)
            await _p99_ms(others, seconds)
            before_kb, before_ms = _resident_kb(service), await _p99_ms(others, seconds)
            async with _idle(service, connections):
                await asyncio.sleep(SETTLE_SECONDS)
                beside_kb, beside_ms = _resident_kb(service), await _p99_ms(others, seconds)
            await asyncio.sleep(SETTLE_SECONDS)
            after_ms = await _p99_ms(others, seconds)
            others.close()
            await asyncio.sleep(0)
    return {
        "connections": connections,
        "process alone, MB": round(before_kb / 1_024, 1),
        "a connection, KB": round((beside_kb - before_kb) / connections, 2),
        "others' p99 before, beside, after, ms": [round(each, 2) for each in (before_ms, beside_ms, after_ms)],
        "p99 beside them, times": round(beside_ms / median((before_ms, after_ms)), 2),
    }


async def _p99_ms(others: ChannelPool, seconds: float) -> float:
    """Of calls that are made at a steady rate, each timed from when it was due."""
    loop, waits_s = asyncio.get_running_loop(), list[float]()
    message = request(METHOD, {"trip_id": FAIR_TRIP}).SerializeToString()
    began_s = loop.time()

    async def call(due_s: float) -> None:
        await others.call(path_of(METHOD), message)
        waits_s.append(loop.time() - due_s)

    async with asyncio.TaskGroup() as calls:
        for number in range(int(seconds * CALLS_PER_SECOND)):
            due_s = began_s + number / CALLS_PER_SECOND
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            calls.create_task(call(due_s))
    return latency_ms(waits_s)["p99"]


@asynccontextmanager
async def _idle(service: ServiceProcess, count: int) -> AsyncIterator[None]:
    """So many connections, each with a call behind it, while the block lasts. Raises AssertionError where one is not
    served.
    """
    heard: Counter[str] = Counter()
    message = asked(1, path_of(METHOD), request(METHOD, {"trip_id": FAIR_TRIP}).SerializeToString())

    async def come() -> RawConnection:
        connection = await RawConnection.connect(service.port, heard)
        await connection.send(message)
        await connection.answers(1, within_s=ANSWER_SECONDS_MAX)
        return connection

    idle: list[RawConnection] = []
    try:
        while len(idle) < count:
            idle += await asyncio.gather(*(come() for _ in range(min(AT_ONCE, count - len(idle)))))
        assert heard == {"OK": count}, heard
        yield
        assert heard == {"OK": count}, heard
    finally:
        for connection in idle:
            connection.leave()


def _resident_kb(service: ServiceProcess) -> int:
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

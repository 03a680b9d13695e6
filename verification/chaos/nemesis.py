"""The nemesis: on a seed, one fault after the other on the services, and beside that on what they stand on.

Towards the end of each minute it rests, so that times can be measured; then it ends one service and does nothing else.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Literal, NamedTuple, TypeAlias

import redis
from h2.exceptions import ProtocolError

from travio_inventory.protocol.batches import Table
from verification.chaos.brokers import PUBLISH_S_MAX, Broker
from verification.chaos.deployment import KEYSPACE, Deployment, Service
from verification.kit.raw_caller import raw_caller
from verification.kit.requests import path_of
from verification.kit.service_process import EndedEarly
from verification.servers.cassandra import Node
from verification.servers.cql_proxy import Fault as BatchFault

WITHIN_BOUND_MS = 200
BEYOND_BOUND_MS = (1_000, 5_000)
LATE_MS = (200, 1_000, 4_000)
BATCHES_AT_ONCE = 3
SPOIL_S = 0.25
FLUSH_S = 0.2
ALTER_S_MAX = 30
FLOOD_RESETS = 400
FLOOD_PAUSE_S = 0.05
START_S_MAX = 120.0
START_PAUSE_S = 0.5

CALM_EVERY_S = 60.0
CALM_S = 15.0
FALL_BEFORE_CALM_ENDS_S = 5.0

SLOW_S = 0.3
"""So much later everything comes, in both directions."""

Lane: TypeAlias = Literal["service", "backend", "broker", "calm"]


class Planned(NamedTuple):
    """A planned fault: the earliest second from the start of the load, how long it lasts, what it affects."""

    lane: Lane
    at_s: float
    lasts_s: float
    fault: str
    target: int

    def __str__(self) -> str:
        return f"{self.at_s:6.1f} s  {self.fault} ({self.target}) for {self.lasts_s:.1f} s"


class Struck(NamedTuple):
    """A past fault, until all of it was repaired: seconds on the clock of the calls."""

    planned: Planned
    from_s: float
    to_s: float

    def touches(self, from_s: float, to_s: float, *, felt_s: float) -> bool:
        """Whether it was active then, or shortly before."""
        return self.from_s <= to_s and from_s <= self.to_s + felt_s


@dataclass
class Nemesis:
    """Carries a plan out, at least `faults_min` faults of it. `struck` is what was done."""

    deployment: Deployment
    say: Callable[[str], None]
    faults_min: int = 0
    struck: list[Struck] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    _services: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a fault is done to one of them."""

    async def strike(self, plan: Sequence[Planned], until_s: float) -> None:
        """Run all lanes side by side. Faults that are due later are left out, once there were `faults_min`. Everything
        is repaired when this returns.
        """
        self.began_s = time.monotonic()
        lanes: tuple[Lane, ...] = ("service", "backend", "broker", "calm")
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._lane([planned for planned in plan if planned.lane == lane], until_s))

    async def _lane(self, plan: Sequence[Planned], until_s: float) -> None:
        for planned in plan:
            await asyncio.sleep(planned.at_s - self._now_s())
            if planned.lane != "calm":
                await asyncio.sleep(_after_calm_s(self._now_s()) - self._now_s())
            if self._now_s() + planned.lasts_s > until_s and len(self.struck) >= self.faults_min:
                return
            async with self._services if planned.lane in {"service", "calm"} else nullcontext():
                from_s = time.monotonic()
                self.say(f"{self._now_s():6.1f} s  {planned.fault} ({planned.target})")
                await FAULTS[planned.fault].act(self.deployment, planned)
                self.struck.append(Struck(planned, from_s, time.monotonic()))

    def _now_s(self) -> float:
        return time.monotonic() - self.began_s


def plan(seed: int, seconds: float, faults: Sequence[str], *, brokers: int = 0) -> list[Planned]:
    """The faults for this number of seconds, in order; those of brokers if there are some. Each fault comes once before
    any comes again.
    """
    random = Random(seed)
    lanes: tuple[Lane, ...] = ("service", "backend")
    planned = [one for lane in lanes for one in _lane(random, lane, seconds, faults)]
    planned += _calm_lane(random, seconds, faults)
    if brokers:
        planned += _lane(Random(f"{seed} brokers"), "broker", seconds, faults, targets=brokers)
    return sorted(planned, key=lambda one: one.at_s)


def _lane(random: Random, lane: Lane, seconds: float, faults: Sequence[str], *, targets: int = 3) -> Iterator[Planned]:
    chosen = [name for name in faults if FAULTS[name].lane == lane]
    long_s = 2.0 if seconds < 60 else 4.0
    at_s, rest = random.uniform(1, 2), list[str]()
    while chosen:
        rest = rest or random.sample(chosen, len(chosen))
        lasts_s = random.uniform(1, long_s)
        if _after_calm_s(at_s + lasts_s) > at_s + lasts_s:
            at_s = _after_calm_s(at_s + lasts_s)
        if at_s + lasts_s > seconds:
            return
        yield Planned(lane, at_s, lasts_s, rest.pop(), random.randrange(targets))
        at_s += lasts_s + random.uniform(0.3, long_s / 2)


def _calm_lane(random: Random, seconds: float, faults: Sequence[str]) -> Iterator[Planned]:
    ends = [name for name in ENDS_A_SERVICE if name in faults]
    for number in range(int(seconds / CALM_EVERY_S) if ends else 0):
        at_s = (number + 1) * CALM_EVERY_S - FALL_BEFORE_CALM_ENDS_S
        yield Planned("calm", at_s, 1.0, ends[number % len(ends)], random.randrange(3))


def _after_calm_s(at_s: float) -> float:
    """The end of the calm period at that moment; the moment itself if it is not calm."""
    left_s = CALM_EVERY_S - at_s % CALM_EVERY_S
    return at_s + left_s if left_s <= CALM_S else at_s


# ---- what can be done to a service


def _service(deployment: Deployment, planned: Planned) -> Service:
    return deployment.services[planned.target % len(deployment.services)]


async def _kill_service(deployment: Deployment, planned: Planned) -> None:
    service = _service(deployment, planned)
    deployment.kill(service)
    await asyncio.sleep(planned.lasts_s)
    await _start(service)


async def _stop_service(deployment: Deployment, planned: Planned) -> None:
    service = _service(deployment, planned)
    assert await deployment.stop(service) == 0, service.process.log
    await _start(service)


async def _start(service: Service) -> None:
    """Start it again and again while it finds no store or no Redis, as an operator's supervisor would."""
    async with asyncio.timeout(START_S_MAX):
        while True:
            try:
                await service.start()
            except EndedEarly:
                await asyncio.sleep(START_PAUSE_S)
            else:
                return


async def _pause_service(deployment: Deployment, planned: Planned) -> None:
    service = _service(deployment, planned)
    service.process.tell(signal.SIGSTOP)
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        service.process.tell(signal.SIGCONT)


async def _part_from_one(deployment: Deployment, planned: Planned) -> None:
    hosts = deployment.nodes.hosts
    await _part(_service(deployment, planned), [hosts[planned.target % len(hosts)]], planned)


async def _part_from_all(deployment: Deployment, planned: Planned) -> None:
    await _part(_service(deployment, planned), deployment.nodes.hosts, planned)


async def _part(service: Service, hosts: Sequence[str], planned: Planned) -> None:
    for host in hosts:
        await service.proxy.darken(host)
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        for host in hosts:
            await service.proxy.lighten(host)


async def _spoil_batches(deployment: Deployment, planned: Planned) -> None:
    """A few batches at a time are lost, late or doubled; some are kept until the next few."""
    proxy, random = _service(deployment, planned).proxy, Random(planned.at_s)
    ends_s = time.monotonic() + planned.lasts_s
    while time.monotonic() < ends_s:
        fault, late_ms = random.choice(list(BatchFault)), random.choice(LATE_MS)
        await proxy.spoil("", fault, first=random.randint(1, 3), times=BATCHES_AT_ONCE, late_ms=late_ms)
        await asyncio.sleep(SPOIL_S)
        await proxy.settle("")


async def _skew_within(deployment: Deployment, planned: Planned) -> None:
    ahead_ms = Random(planned.at_s).randint(-WITHIN_BOUND_MS, WITHIN_BOUND_MS)
    await deployment.skew(_service(deployment, planned), ahead_ms, lasts_s=planned.lasts_s)


async def _skew_beyond(deployment: Deployment, planned: Planned) -> None:
    random = Random(planned.at_s)
    ahead_ms = random.choice((-1, 1)) * random.randint(*BEYOND_BOUND_MS)
    await deployment.skew(_service(deployment, planned), ahead_ms, lasts_s=planned.lasts_s)


async def _flood(deployment: Deployment, planned: Planned) -> None:
    """Connections that open calls only to cancel them, until they are closed; in a thread of their own."""
    service, ends_s = _service(deployment, planned), time.monotonic() + planned.lasts_s
    while time.monotonic() < ends_s:
        await asyncio.to_thread(asyncio.run, _flood_once(service.process.port))
        await asyncio.sleep(FLOOD_PAUSE_S)


async def _flood_once(port: int) -> None:
    with suppress(OSError, ProtocolError):  # the service disconnects such a caller
        async with raw_caller(port) as caller:
            for _ in range(FLOOD_RESETS):
                caller.reset(caller.open(path_of("GetTrip")))
                await asyncio.sleep(0)


# ---- what can be done to what they depend on


async def _kill_redis(deployment: Deployment, planned: Planned) -> None:
    deployment.redis.kill()
    await asyncio.sleep(planned.lasts_s)
    await asyncio.to_thread(deployment.redis.start)


async def _pause_redis(deployment: Deployment, planned: Planned) -> None:
    deployment.redis.pause()
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        deployment.redis.resume()


async def _flush_redis(deployment: Deployment, planned: Planned) -> None:
    ends_s = time.monotonic() + planned.lasts_s
    while time.monotonic() < ends_s:
        with suppress(redis.RedisError):
            await asyncio.to_thread(deployment.redis.ask, "FLUSHALL")
        await asyncio.sleep(FLUSH_S)


def _nodes(deployment: Deployment, planned: Planned, count: int) -> list[Node]:
    nodes = deployment.nodes.nodes
    return [nodes[(planned.target + number) % len(nodes)] for number in range(min(count, len(nodes)))]


async def _kill_nodes(deployment: Deployment, planned: Planned, count: int) -> None:
    nodes = _nodes(deployment, planned, count)
    for node in nodes:
        node.kill()
    await asyncio.sleep(planned.lasts_s)
    await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))


async def _pause_nodes(deployment: Deployment, planned: Planned, count: int) -> None:
    nodes = _nodes(deployment, planned, count)
    for node in nodes:
        node.pause()
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        for node in nodes:
            node.resume()


async def _change_schema(deployment: Deployment, planned: Planned) -> None:
    """As a later release does, and as one does that takes it back."""
    await asyncio.to_thread(_alter_tables, deployment, "ADD IF NOT EXISTS later_release text")
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        await asyncio.to_thread(_alter_tables, deployment, "DROP IF EXISTS later_release")


def _alter_tables(deployment: Deployment, change: str) -> None:
    with deployment.nodes.session() as session:
        for table in Table:
            session.execute(f"ALTER TABLE {KEYSPACE}.{table.value} {change}", timeout=ALTER_S_MAX)


# ---- what can be done to the brokers that they tell


def _broker(deployment: Deployment, planned: Planned) -> Broker:
    return [*deployment.brokers.values()][planned.target]


async def _kill_broker(deployment: Deployment, planned: Planned) -> None:
    server = _broker(deployment, planned).server
    server.kill()
    await asyncio.sleep(planned.lasts_s)
    await asyncio.to_thread(server.start)


async def _pause_broker(deployment: Deployment, planned: Planned) -> None:
    """For longer than a call to publish waits."""
    server = _broker(deployment, planned).server
    server.pause()
    try:
        await asyncio.sleep(planned.lasts_s + PUBLISH_S_MAX)
    finally:
        server.resume()


async def _fill_broker(deployment: Deployment, planned: Planned) -> None:
    """Too."""
    async with _broker(deployment, planned).full():
        await asyncio.sleep(planned.lasts_s + PUBLISH_S_MAX)


async def _slow_broker(deployment: Deployment, planned: Planned) -> None:
    line = _broker(deployment, planned).line
    line.delay_s = SLOW_S
    try:
        await asyncio.sleep(planned.lasts_s)
    finally:
        line.delay_s = 0


class Fault(NamedTuple):
    """A fault, which is over when `act` returns."""

    lane: Lane
    what: str
    act: Callable[[Deployment, Planned], Awaitable[None]]


FAULTS = {
    "service-kill": Fault("service", "a service is killed (-9) and started again", _kill_service),
    "service-stop": Fault("service", "a service is told to stop (SIGTERM) and started again", _stop_service),
    "service-pause": Fault("service", "a service is stopped (SIGSTOP) and goes on", _pause_service),
    "partition-one": Fault("service", "a service does not reach one database node", _part_from_one),
    "partition-all": Fault("service", "a service does not reach the database", _part_from_all),
    "batches": Fault("service", "conditional batches are lost, late or doubled", _spoil_batches),
    "clock": Fault("service", "a service's clock is set within the bound of 250 ms", _skew_within),
    "clock-beyond": Fault("service", "a service's clock is set 1 to 5 s off", _skew_beyond),
    "flood": Fault("service", "connections open calls only to cancel them", _flood),
    "redis-kill": Fault("backend", "Redis is killed and started again, empty", _kill_redis),
    "redis-pause": Fault("backend", "Redis is stopped (SIGSTOP) and goes on", _pause_redis),
    "redis-flush": Fault("backend", "Redis forgets everything, again and again", _flush_redis),
    "node-kill": Fault("backend", "a database node is killed (-9) and started again", partial(_kill_nodes, count=1)),
    "node-pause": Fault("backend", "a database node is stopped (SIGSTOP) and goes on", partial(_pause_nodes, count=1)),
    "two-nodes-kill": Fault(
        "backend", "two database nodes are killed and started again", partial(_kill_nodes, count=2)
    ),
    "schema": Fault("backend", "a column comes to every table under the services, and goes", _change_schema),
    "two-nodes-pause": Fault("backend", "two database nodes are stopped and go on", partial(_pause_nodes, count=2)),
    "broker-kill": Fault("broker", "a broker that is told events is killed (-9) and started again", _kill_broker),
    "broker-pause": Fault("broker", "a broker is stopped (SIGSTOP) and goes on", _pause_broker),
    "broker-full": Fault("broker", "a broker takes nothing more: its disk or its memory is full", _fill_broker),
    "broker-slow": Fault("broker", "everything reaches a broker late, and its answers come late", _slow_broker),
}
ENDS_A_SERVICE = ("service-kill", "service-stop")

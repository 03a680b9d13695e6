"""Measures the service on real servers that it starts, one part after the other, and writes the figures down.

Nothing else should run on the machine meanwhile. `--part` chooses; the figures of the other parts are kept.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from travio_inventory.bench.measuring import cpu_seconds
from travio_inventory.bench.report import commit, machine, versions
from travio_inventory.bench.servers import ENGINES
from verification.deployments.faults import Fault, Phases, sell_through
from verification.deployments.idle import idle_beside
from verification.deployments.neighbours import see_each_other
from verification.deployments.processes import by_processes
from verification.deployments.telling import cost_of_telling
from verification.hot_article import __main__ as sale
from verification.servers.cassandra import Cassandra, cassandra
from verification.servers.redis import RedisServer, redis_server
from verification.stock_load import __main__ as stock_load

BENCH_SECONDS_MAX = 900
DEFAULT_OUT = Path("docs/measured.json")
SEAT_GROUP_SIZES = (16, 64, 256, 0)
"""0: all seats of the trip."""


class Deployment(NamedTuple):
    """The servers that run; the environment leads to them."""

    nodes: Cassandra
    redis: RedisServer


Part = Callable[[], Mapping[str, object]]


@contextmanager
def deployed(nodes: int, edge: str = "redis") -> Iterator[Deployment]:
    """Real servers with the schema, and an environment in which the service uses them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="travio-", ignore_cleanup_errors=True)))
        running = stack.enter_context(cassandra(folder / "cassandra", 3 if nodes == 3 else 1, optimized=True))
        edge_server = stack.enter_context(redis_server(folder / "redis"))
        settings = {
            "SCYLLA_HOSTS": ",".join(f"{host}:{running.port}" for host in running.hosts),
            "REDIS_ADDR": edge_server.address,
            "TRAVIO_EDGE": edge,
            "TRAVIO_AUTH": "off",
            "TRAVIO_ENVIRONMENT": "production" if nodes == 3 else "development",
        }
        os.environ.update(settings)
        stack.callback(lambda: [os.environ.pop(name) for name in settings])
        typed("schema", "apply", "--replication", str(nodes))
        yield Deployment(running, edge_server)


@contextmanager
def changed(name: str, value: str) -> Iterator[None]:
    """A setting for so long."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def typed(*words: str) -> str:
    """What the command says on standard output. Raises CalledProcessError."""
    command = [sys.executable, "-m", "travio_inventory.cli", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=BENCH_SECONDS_MAX).stdout


def bench(*words: str, of_these_servers: Sequence[str] = ()) -> dict[str, Any]:
    """The results of a bench, with its command as anybody may give it."""
    results: dict[str, Any] = json.loads(typed("bench", *words, *of_these_servers, "--json"))["results"]
    return {"command": " ".join(["travio-inventory", "bench", *words]), **results}


def claims_bench(servers: Deployment, *words: str) -> dict[str, Any]:
    """The results of the bench of claims, with the CPU time of the database."""
    pids = [f"--database-pid={node.process.pid}" for node in servers.nodes.nodes]
    return bench("claims", *words, of_these_servers=pids)


def warm_up() -> None:
    """Servers become faster during their first tens of thousands of requests."""
    bench("claims", "--seats", "2000", "--in-flight", "128")


def hot_seat() -> Mapping[str, object]:
    """Fifty buyers, one seat; without the edge fewer rounds, because they take long."""
    found = {}
    for nodes in (1, 3):
        for edge, rounds in (("redis", 200), ("absent", 10)):
            with deployed(nodes, edge):
                found[f"{nodes} node{'s' * (nodes > 1)}, edge {edge}"] = bench("hot-seat", "--rounds", str(rounds))
    return found


def claims(nodes: int) -> Mapping[str, object]:
    """Free seats of one trip and of many, compared with bare loops of the same batches."""
    name = f"{nodes} node{'s' * (nodes > 1)}"
    many = ("--trips", "100", "--seats", "40")
    with deployed(nodes) as servers:
        warm_up()
        return {
            name: claims_bench(servers, "--seats", "2000"),
            f"{name}, many trips": claims_bench(servers, *many),
            f"{name}, many trips, confirmed": claims_bench(servers, *many, "--confirm"),
        }


def seat_groups() -> Mapping[str, object]:
    """One trip sold by one process and by four, in seat groups of several sizes."""
    sale = ("--seats", "1000", "--segments", "5", "--in-flight", "128")
    with deployed(1) as servers:
        warm_up()
        return {
            f"{seats or 'all'} seats in a group, {processes} process{'es' * (processes > 1)}": claims_bench(
                servers, *sale, "--seats-per-group", str(seats or -1), "--processes", str(processes)
            )
            for seats in SEAT_GROUP_SIZES
            for processes in (1, 4)
        }


def hot_group() -> Mapping[str, object]:
    """Sixteen seats that 64 buyers hold and release, with group commit and without."""
    found = {}
    for most in (32, 1):
        with deployed(1) as servers, changed("TRAVIO_GROUP_COMMIT_MAX", str(most)):
            warm_up()
            found[f"up to {most} in a batch"] = claims_bench(
                servers, "--seats", "16", "--segments", "5", "--in-flight", "64", "--churn", "5"
            )
    return found


def browsing() -> Mapping[str, object]:
    """Seat maps, cold, warm and during a sale."""
    with deployed(1):
        warm_up()
        return {
            f"{seats} seats x 5 segments": bench("browsing", "--seats", str(seats), "--segments", "5")
            for seats in (500, 1_300)
        }


def capacity() -> Mapping[str, object]:
    """What one call of each kind costs the service and Redis, and how its time varies where it waits for no other."""
    with deployed(1) as servers:
        warm_up()
        return {
            "a crowd on one seat": _with_redis(servers, "refusals", "--seconds", "6"),
            "one caller on a taken seat": _with_redis(servers, "refusals", "--workers", "1", "--seconds", "6"),
            "many read a map": _with_redis(servers, "map", "--seconds", "6"),
            "one reads a map": _with_redis(servers, "map", "--workers", "1", "--seconds", "6"),
            "holds of many trips": _with_redis(
                servers, "claims", "--trips", "100", "--seats", "40", "--in-flight", "32"
            ),
        }


def asking() -> Mapping[str, object]:
    """What a contender costs Redis where none is refused by what its process remembers."""
    with deployed(1) as servers:
        return {"fifty at once, seat after seat": _with_redis(servers, "hot-seat", "--rounds", "60")}


def telling() -> Mapping[str, object]:
    """What metrics and traces cost a call, on the embedded store."""
    return cost_of_telling(bench)


def idle() -> Mapping[str, object]:
    """Ten thousand idle connections, on each server."""
    return {engine: asyncio.run(idle_beside(engine)) for engine in ENGINES}


def processes() -> Mapping[str, object]:
    """One, two and four processes on one port."""
    with deployed(1):
        shared = {
            name: os.environ[name] for name in ("SCYLLA_HOSTS", "REDIS_ADDR", "TRAVIO_EDGE", "TRAVIO_ENVIRONMENT")
        }
        return asyncio.run(by_processes(shared))


def _with_redis(servers: Deployment, *words: str) -> dict[str, Any]:
    """The results of a bench, with the CPU time of Redis."""
    before_s = cpu_seconds(servers.redis.process.pid) or 0.0
    found = bench(*words)
    return {**found, "redis CPU ms": round(((cpu_seconds(servers.redis.process.pid) or 0.0) - before_s) * 1_000)}


def neighbours() -> Mapping[str, object]:
    """Two processes that see each other's writes."""
    with deployed(1):
        return asyncio.run(see_each_other(300))


def redis_faults() -> Mapping[str, object]:
    """Redis killed, and Redis stopped."""
    found = {}
    with deployed(1) as servers:
        warm_up()
        redis = servers.redis
        for fault in (
            Fault("Redis is killed, and started again", redis.kill, redis.start),
            Fault("Redis is stopped (SIGSTOP), and goes on", redis.pause, redis.resume),
        ):
            found[fault.name] = asyncio.run(sell_through(fault, Phases()))
    return found


def node_fault() -> Mapping[str, object]:
    """One of three database nodes killed."""
    with deployed(3) as servers:
        warm_up()
        node = servers.nodes.nodes[1]
        fault = Fault("one of three database nodes is killed, and started again", node.kill, node.start)
        return {fault.name: asyncio.run(sell_through(fault, Phases(during_s=15.0, after_s=20.0)))}


def stock() -> Mapping[str, object]:
    """Stock beside 50,000 live reservations, at 500 calls a second, in one process on each store. On CQL its server's
    files also lie in memory: how much of it is this disk's part.
    """
    asked = {"live": 50_000, "per_second": 500, "seconds": 60, "lines": 10_000, "warm_up_s": 20}
    kept = {"sqlite": ("sqlite", "disk"), "cql": ("cql", "disk"), "cql, files in memory": ("cql", "memory")}
    return {name: stock_load.found(on, files, **asked) for name, (on, files) in kept.items()}


def hot_article() -> Mapping[str, object]:
    """64 buyers of one article on each store in one process, and in two on the same server; a crowd of 5,000."""
    asked = {"buyers": 64, "seconds": 15, "crowd": 5_000, "units": 100}
    one = {on: sale.sold_on(on, rounds=3, **asked) for on in ("sqlite", "cql")}
    two = asyncio.run(sale.by_processes(2, 16, buyers=64, seconds=15))
    return {**one, "cql, 2 processes": two}


PARTS: dict[str, Part] = {
    "hot-seat": hot_seat,
    "claims": partial(claims, 1),
    "claims-3-nodes": partial(claims, 3),
    "seat-groups": seat_groups,
    "hot-group": hot_group,
    "browsing": browsing,
    "capacity": capacity,
    "asking": asking,
    "telling": telling,
    "idle": idle,
    "processes": processes,
    "neighbours": neighbours,
    "redis-faults": redis_faults,
    "node-fault": node_fault,
    "stock": stock,
    "hot-article": hot_article,
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m verification.deployments", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given several times; default: all")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help=f"JSON file, default {DEFAULT_OUT}")
    options = parser.parse_args()
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}
    for part in options.part or PARTS:
        sys.stderr.write(f"== {part}\n")
        kept[part] = {
            "command": f"python -m verification.deployments --part {part}",
            "commit": commit(),
            "machine": machine(),
            "load before": round(os.getloadavg()[0], 1),
            "versions": versions(),
            "found": PARTS[part](),
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=2) + "\n")
    sys.stdout.write(json.dumps({part: kept[part]["found"] for part in options.part or PARTS}, indent=2) + "\n")


if __name__ == "__main__":
    main()

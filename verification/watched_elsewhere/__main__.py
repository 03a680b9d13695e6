"""Sells in one service what is watched in another, on one store: `python -m verification.watched_elsewhere`."""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ServiceProcess
from verification.kit.stores import services_on
from verification.servers.cassandra import cassandra
from verification.servers.redis import redis_server


async def measured(folder: Path, rounds: int, *options: str) -> int:
    """Run the bench so often, sold in one process and watched in the other; its worst exit status."""
    with ExitStack() as stack:
        node = stack.enter_context(cassandra(folder / "cassandra", optimized=True))
        redis = stack.enter_context(redis_server(folder))
        settings = services_on(node) | {"REDIS_ADDR": redis.address}
        services = []
        for name in ("sells", "tells"):
            (folder / name).mkdir()
            services.append(ServiceProcess(folder / name, **settings, TRAVIO_HTTP_PORT=str(free_port())))
            stack.callback(services[-1].kill)
            await services[-1].start()
        sells, tells = services
        command = [sys.executable, "-m", "travio_inventory.cli", "bench", "watching", "--target", sells.target]
        command += ["--http", f"127.0.0.1:{tells.web_port}", *options]
        statuses = [await (await asyncio.create_subprocess_exec(*command)).wait() for _ in range(rounds)]
        return max(statuses)


def main() -> int:
    """The exit status of the bench."""
    parser = argparse.ArgumentParser(prog="python -m verification.watched_elsewhere", description=__doc__)
    parser.add_argument("--watchers", type=int, default=1_000, help="how many watch (%(default)s)")
    parser.add_argument("--changes", type=float, default=5.0, help="holds and releases a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="the first one warms the store up (%(default)s)")
    asked = parser.parse_args()
    options = (f"--watchers={asked.watchers}", f"--changes={asked.changes}", f"--seconds={asked.seconds}")
    with TemporaryDirectory(prefix="travio-watched-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(measured(Path(folder), asked.rounds, *options))


if __name__ == "__main__":
    sys.exit(main())

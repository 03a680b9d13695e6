"""Starts servers for a human, until Ctrl-C, as in `python -m verification.servers cassandra --nodes 3`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

from verification.servers import cassandra, fetch, go_programs, kafka, nats, rabbitmq, redis
from verification.servers.process import ServerFailedError

PARENT_POLL_S = 0.5


@contextmanager
def cassandra_command(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running nodes."""
    with cassandra.cassandra(folder, options.nodes or 1, optimized=options.optimized) as running:
        yield "SCYLLA_HOSTS=" + ",".join(f"{host}:{running.port}" for host in running.hosts)


@contextmanager
def redis_command(folder: Path, _: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running server."""
    with redis.redis_server(folder) as running:
        yield f"REDIS_ADDR={running.address}"


@contextmanager
def redis_cluster_command(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running cluster."""
    with redis.redis_cluster(folder, nodes=options.nodes or 3) as running:
        yield "REDIS_ADDR=cluster:" + ",".join(node.address for node in running)


@contextmanager
def kafka_command(folder: Path, _: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running node, which creates a topic for whoever publishes to it."""
    with kafka.kafka(folder, makes_topics=True) as running:
        yield f"TRAVIO_EVENTS=kafka://{running.address}"


@contextmanager
def rabbitmq_command(folder: Path, _: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running node."""
    with rabbitmq.rabbit_server(folder) as running:
        yield f"RABBITMQ_URL={running.url}"


@contextmanager
def nats_command(folder: Path, _: argparse.Namespace) -> Iterator[str]:
    """The variables to export for the running node."""
    with nats.nats_server(folder) as running:
        yield f"NATS_URL={running.url}"


COMMANDS = {
    "cassandra": cassandra_command,
    "redis": redis_command,
    "redis-cluster": redis_cluster_command,
    "kafka": kafka_command,
    "rabbitmq": rabbitmq_command,
    "nats": nats_command,
}


def main() -> None:
    """Run the command that was typed."""
    parser = argparse.ArgumentParser(
        prog="python -m verification.servers", description="The servers for tests and benches."
    )
    parser.add_argument("command", choices=["fetch", *COMMANDS], help="fetch: bring what is missing (make servers)")
    parser.add_argument("--nodes", type=int, choices=[1, 3], help="default: 1, and 3 for redis-cluster")
    parser.add_argument("--optimized", action="store_true", help="cassandra: slower to start, faster in the long run")
    options = parser.parse_args()
    try:
        if options.command == "fetch":
            fetch.fetch()
            cassandra.archive_classes()
            kafka.archive_classes()
            go_programs.fetch_kubectl()
        else:
            serve(options)
    except (fetch.ServersMissingError, ServerFailedError, CalledProcessError) as error:
        sys.exit(f"servers: {error}")


def serve(options: argparse.Namespace) -> None:
    """Start, print what to export, and run until interrupted or until the parent process is gone."""
    parent = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with TemporaryDirectory(prefix="travio-servers-", ignore_cleanup_errors=True) as folder:
            servers: AbstractContextManager[str] = COMMANDS[options.command](Path(folder), options)
            with servers as exported:
                sys.stdout.write(f"export {exported}\n# logs: {folder}/*/server.log; Ctrl-C ends it\n")
                sys.stdout.flush()
                while os.getppid() == parent:
                    time.sleep(PARENT_POLL_S)
    except KeyboardInterrupt:
        sys.stderr.write("servers: stopped, data removed\n")


if __name__ == "__main__":
    main()

"""How fast one relay catches up with a backlog, and several that share the work: on real servers that this starts.

Each count of relays has a topic and a position of its own, and they take turns. The relays have shared out the slices
before Kafka counts as back. Nothing else should run on the machine.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import SystemRandom
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple, TypeAlias

from travio_inventory.app.assemble import Ports, assemble
from travio_inventory.app.backends import open_batches
from travio_inventory.app.service import rules_of
from travio_inventory.bench.event_backlog import record
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.events.sinks.kafka import Kafka
from travio_inventory.events.targets.kafka import parse_kafka
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.events import Event, Sink, SinkDown
from travio_inventory.settings import load_settings
from verification.kit.stores import services_on
from verification.servers.cassandra import cassandra
from verification.servers.kafka import Kafka as KafkaNode
from verification.servers.kafka import kafka

SHARED_OUT_S = 12.0
"""In this time each relay has its share of the slices."""
TURN_S_MAX = 600.0
PAUSE_S = 0.05
YOUNG_S = 8.0
"""Relays leave younger events to the process that recorded them."""

Line: TypeAlias = "Connection[bool, Sequence[str]]"


class Turn(NamedTuple):
    """So many relays published all of it."""

    relays: int
    seconds: float
    events: int
    repeats: int
    shares: Sequence[int]

    @property
    def per_second(self) -> float:
        """Events."""
        return self.events / self.seconds


class Opened:
    """A sink that is down until it is opened, and notes what it got."""

    def __init__(self, sink: Sink) -> None:
        self.is_open = False
        self.ids: list[str] = []
        self._sink = sink

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        if not self.is_open:
            raise SinkDown("not yet")
        await self._sink.publish(events)
        self.ids += [event.id for event in events]


def relay(name: str, url: str, line: "Connection[Sequence[str], bool]") -> None:
    """The life of one relay: it is told when the sink is back, tells what it published, and is told when all is."""
    asyncio.run(_relay(name, url, line))


async def _relay(name: str, url: str, line: "Connection[Sequence[str], bool]") -> None:
    settings = load_settings(background=False, events="none")
    async with open_batches(settings) as store, Kafka(parse_kafka(url)) as broker:
        sink = Opened(broker)
        ports = Ports(
            store.batches, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {name: sink}, shared=[name]
        )
        assembly = assemble(ports, SystemClock(), SystemRandom(), rules_of(settings))
        told = 0
        while not (line.poll() and sink.is_open and line.recv()):
            if not sink.is_open and line.poll():
                sink.is_open = line.recv()
            with suppress(SinkDown):
                await assembly.relays[name].round()
            if len(sink.ids) > told:
                line.send(sink.ids[told:])
                told = len(sink.ids)
            else:
                await asyncio.sleep(PAUSE_S)
        await assembly.steps.drain(1)


def turn(node: KafkaNode, relays: int, events: int) -> Turn:
    """So many relays publish everything to a topic of their own."""
    name = f"told-{token_hex(4)}"
    asyncio.run(node.create(name))
    context = get_context("spawn")
    lines: list[Line] = []
    processes = []
    for _ in range(relays):
        ours, theirs = context.Pipe()
        url = f"kafka://{node.address}?topic={name}"
        processes.append(context.Process(target=relay, args=(name, url, theirs), daemon=True))
        processes[-1].start()
        lines.append(ours)
    _wait(SHARED_OUT_S)
    for line in lines:
        line.send(True)
    began, shares, known, got = perf_counter(), [0] * relays, set[str](), 0
    while len(known) < events and perf_counter() - began < TURN_S_MAX:
        for at, line in enumerate(lines):
            while line.poll(PAUSE_S / relays):
                ids = line.recv()
                shares[at] += len(ids)
                got += len(ids)
                known.update(ids)
    seconds = perf_counter() - began
    for line, process in zip(lines, processes, strict=True):
        line.send(True)
        process.join(10)
        process.kill()
    return Turn(relays, seconds, len(known), got - len(known), shares)


def _wait(seconds: float) -> None:
    asyncio.run(asyncio.sleep(seconds))


def main() -> int:
    """The exit status: 1 if an event was not published."""
    asked = argparse.ArgumentParser(prog="python -m verification.relays_together", description=__doc__)
    asked.add_argument("--events", type=int, default=40_000, help="how many to record")
    asked.add_argument("--relays", default="1,2,1,2", help="how many relays each turn has")
    given = asked.parse_args()
    with TemporaryDirectory(prefix="travio-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with cassandra(folder / "cassandra", optimized=True) as nodes, kafka(folder) as node:
            os.environ |= services_on(nodes) | {"TRAVIO_EDGE": "absent", "TRAVIO_AUTH": "off"}
            settings = load_settings(background=False, events="none")
            asyncio.run(record(settings, given.events, lambda *_: None))
            _wait(YOUNG_S)
            turns = [turn(node, int(count), given.events // 2 * 2) for count in given.relays.split(",")]
    for one in turns:
        sys.stdout.write(f"{json.dumps(one._asdict() | {'per_second': round(one.per_second)})}\n")
    return int(any(one.events < given.events // 2 * 2 for one in turns))


if __name__ == "__main__":
    sys.exit(main())

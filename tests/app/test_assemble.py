"""One assembly for all: the watch gets every use case and port, each under its own name."""

import asyncio
from random import Random
from typing import TypeVar, get_type_hints

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.events.relay import EventRelay
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.events import Sink
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock
from verification.kit.edges import local_edge

T = TypeVar("T")


class Seen:
    """Notes what it is asked to watch."""

    def __init__(self) -> None:
        self.ports: list[str] = []
        self.use_cases: dict[str, type] = {}

    def port(self, name: str, port: T) -> T:
        """See Watch."""
        self.ports.append(name)
        return port

    def use_case(self, name: str, use_case: T) -> T:
        """See Watch."""
        self.use_cases[name] = type(use_case)
        return use_case

    def sink(self, name: str, sink: Sink) -> Sink:
        """See Watch."""
        self.ports.append(f"sink {name}")
        return sink

    def at_once(self, _name: str, refuses: RefusesAtOnce) -> RefusesAtOnce:
        """See Watch."""
        return refuses


def test_every_use_case_and_port_is_watched_under_its_own_name() -> None:
    seen, clock = Seen(), Clock()
    gate, taken, seat_maps, *_ = local_edge(clock)
    ports = Ports(MemoryBatches(None, Random(0), asyncio.sleep), gate, taken, seat_maps, {"told": InProcess()})
    assembly = assemble(ports, clock, Random(0), InventoryRules(HoldTimes(60, 60, 60)), watch=seen)
    assert seen.use_cases.pop("relay_events.told") is EventRelay
    assert seen.use_cases == get_type_hints(Inventory)
    assert {name: type(getattr(assembly.inventory, name)) for name in seen.use_cases} == seen.use_cases
    assert sorted(seen.ports) == ["gate", "holds", "seat_maps", "sink told", "store", "taken"]

"""Which metric is read where: what the inventory, its edge and store, and the process have counted."""

import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from travio_inventory.app.assemble import Assembly
from travio_inventory.app.backends import Edge, Store
from travio_inventory.app.background.unchecked import What
from travio_inventory.app.readiness import PARTS, Readiness
from travio_inventory.app.relaying import Relay
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.hits import Hits
from travio_inventory.kernel.tally import Tally
from travio_inventory.protocol.dead_letter_rows import LetterList
from travio_inventory.protocol.dead_letters import Count
from travio_inventory.protocol.step_counts import StepCounts
from travio_inventory.seats.audit.findings import Fault
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.settings import Settings
from travio_inventory.stock.audit.findings import StockFault
from travio_inventory.telemetry import families
from travio_inventory.telemetry.families import Family
from travio_inventory.telemetry.meters import NO_LABELS, Figure, Labels, Meters
from travio_inventory.telemetry.metrics import Figures
from travio_inventory.telemetry.watched import HOLDS, PORTS, SINK

if TYPE_CHECKING:
    from travio_inventory.stock.counts import StockCounts

OUTCOMES: Final = MappingProxyType(
    {"Applied": "applied", "Refused": "refused", "Unknown": "unknown", "NotDone": "not_done"}
)
AUDIT, EVENTS_IN, WAITING = "audit", "events_in", r"events_in\.(\S+) waiting"
GATE, STORE, SWEEPER = "gate.enter", "store.apply", "expire_holds"
NO_FAULTS: Final = {(fault.value,): 0 for fault in (*Fault, *StockFault)}
"""A counter that begins with its first fault has not risen, as Prometheus sees it: an alert would be silent."""
FORGOTTEN, KEPT, FAILED = "forgotten", "kept", "failed"
VISITS: Final = (FORGOTTEN, KEPT, FAILED)
OF_STORE: Final = MappingProxyType(
    {
        "store.forgotten rows": families.FORGOTTEN_ROWS,
        "group commit.batches": families.GROUPS,
        "group commit.steps": families.GROUP_MEMBERS,
        "group commit.refused": families.GROUPS_REFUSED,
        "group commit.sent again": families.GROUP_AGAIN,
    }
)
"""The figures of the store by their names."""
OF_CALLS: Final = (
    families.USE_CASE,
    families.CLEANUP,
    families.HOLDS,
    families.GATE,
    families.EDGE_CALL,
    families.BATCH,
    families.READ,
    families.PUBLISHING,
    families.EVENTS_IN,
)
FOUND, MISSED = "hit", "miss"
OF_RELAYS: Final[Mapping[Family, Callable[[Relay], float]]] = MappingProxyType(
    {
        families.RELAY_LAG: lambda relay: relay.lag_ms() / 1_000,
        families.RELAY_LEFT: lambda relay: relay.forgotten_in_s(),
        families.RELAY_MISSED: lambda relay: relay.missed_s(),
    }
)
STATM: Final = Path("/proc/self/statm")
OPEN_FILES: Final = Path("/proc/self/fd")
STARTED_S: Final = time.time()


def tell_calls(meters: Meters, figures: Figures) -> None:
    """What was counted around use cases and ports."""
    for family in OF_CALLS:
        meters.read(family, partial(_of_calls, figures, family))
    meters.read(families.AUDIT_FAULTS, lambda: NO_FAULTS | _counts(figures, AUDIT))
    meters.read(families.NOT_CHECKED, lambda: {(what,): figures.not_checked[what] for what in What})
    meters.read(families.TRIP_VISITS, lambda: {(what,): figures.trip_visits[what] for what in VISITS})
    meters.read(families.EVENTS_IN_WAITING, lambda: _waiting(figures))
    meters.read(families.PUBLISHED, lambda: {(sink,): count for sink, count in figures.published.items()})


def count_visits(figures: Figures, visited: Visited[TripKey]) -> None:
    """A round over trips that may be over."""
    failed = len(visited.failures)
    figures.trip_visits.update({FORGOTTEN: visited.over, FAILED: failed, KEPT: visited.count - visited.over - failed})


def _counts(figures: Figures, counted: str) -> dict[Labels, int]:
    """How often each outcome of that name was counted."""
    return {(outcome,): tally.count for (name, outcome), tally in figures.tallies.items() if name == counted}


def _waiting(figures: Figures) -> dict[Labels, int]:
    """The gauges of sources of events."""
    found = ((re.fullmatch(WAITING, name), value) for name, value in figures.gauges(WAITING).items())
    return {(match[1],): value for match, value in found if match}


def _of_calls(figures: Figures, family: Family) -> Mapping[Labels, Tally]:
    """The tallies that belong to the family."""
    return {
        labels: tally
        for (name, outcome), tally in figures.tallies.items()
        for of, labels in _places(name, outcome)
        if of is family
    }


def _places(name: str, outcome: str) -> Iterator[tuple[Family, Labels]]:
    port, _, method = name.partition(".")
    if name == GATE:
        yield families.GATE, (outcome,)
    elif name == STORE:
        yield families.BATCH, (OUTCOMES.get(outcome, outcome),)
    elif port == "store":
        yield families.READ, (method, outcome)
    elif port == SINK:
        yield families.PUBLISHING, (method.rpartition(".")[0], outcome)
    elif port == EVENTS_IN:
        yield families.EVENTS_IN, (method, outcome)
    elif name == AUDIT:
        return
    elif port == HOLDS:
        yield families.HOLDS, (method, outcome)
    elif port in PORTS:
        yield families.EDGE_CALL, (port, method, outcome)
    else:
        yield families.USE_CASE, (name, outcome)
        if name == SWEEPER:
            yield families.CLEANUP, (outcome,)


def tell_letters(meters: Meters, counts: Mapping[LetterList, Count], clock: Clock) -> None:
    """How many dead letters there are, and how old the oldest is."""
    meters.read(families.DEAD_LETTERS, lambda: {(of.way, of.of): count.letters for of, count in counts.items()})
    meters.read(
        families.DEAD_LETTERS_AGE,
        lambda: {
            (of.way, of.of): (clock.now_ms() - count.oldest_at_ms) / 1_000 if count.letters else 0
            for of, count in counts.items()
        },
    )


def tell_assembly(meters: Meters, assembly: Assembly) -> None:
    """What the protocol, the caches and the relays of the inventory know."""
    _tell_steps(meters, assembly.sender.counts)
    meters.read_one(families.STEPS, lambda: assembly.steps.running)
    for name, hits in assembly.caches.items():
        meters.read(families.CACHE, partial(_looked_up, name, hits))
    for family, read in OF_RELAYS.items():
        meters.read(family, partial(_of_relays, assembly.relays, read))


def _of_relays(relays: Mapping[str, Relay], read: Callable[[Relay], float]) -> dict[Labels, Figure]:
    return {(name,): read(relay) for name, relay in relays.items()}


def _tell_steps(meters: Meters, counts: StepCounts) -> None:
    meters.read_one(families.LIVE, counts.live.count)
    meters.read_one(families.EXPIRED, lambda: counts.lateness.count)
    meters.read_one(families.LATENESS, lambda: counts.lateness)
    meters.read_one(families.UNKNOWN, lambda: counts.doubts.count)
    meters.read_one(families.UNSETTLED, counts.doubts.open_count)
    meters.read(families.SETTLED, lambda: {(how,): count for how, count in counts.doubts.settled().items()})
    meters.read(families.RECORDED, lambda: {(kind,): count for kind, count in counts.recorded.items()})


def tell_stock(meters: Meters, counts: "StockCounts") -> None:
    """What was ordered by itself, and what came of purchase orders."""
    meters.read(
        families.AUTOMATIC_ORDERS, lambda: {(outcome,): count for outcome, count in counts.automatic_orders.items()}
    )
    meters.read_one(families.STOCK_RECEIPTS, lambda: counts.receipts)
    meters.read_one(families.UNITS_RECEIVED, lambda: counts.units_received)


def tell_backends(meters: Meters, store: Store, edge: Edge) -> None:
    """What store and edge know of themselves."""
    for name, read in store.gauges.items():
        if family := OF_STORE.get(name):
            meters.read_one(family, read)
    if (is_up := edge.is_up) is not None:
        meters.read_one(families.EDGE_UP, lambda: int(is_up()))
    for name, hits in edge.caches.items():
        meters.read(families.CACHE, partial(_looked_up, name, hits))


def _looked_up(cache: str, hits: Hits) -> dict[Labels, Figure]:
    return {(cache, FOUND): hits.found, (cache, MISSED): hits.missed}


def tell_process(meters: Meters, settings: Settings, readiness: Readiness) -> None:
    """What runs, whether it is ready, and what it takes of the machine."""
    running = (version("travio-inventory"), settings.store.kind, settings.edge.kind)
    meters.read(families.INFO, lambda: {running: 1})
    meters.read_one(families.READY, lambda: int(readiness.is_ready))
    meters.read(families.PROBLEM, lambda: {(part,): int(part in readiness.problems) for part in PARTS})
    meters.read_one(families.CPU, time.process_time)
    meters.read_one(families.STARTED, lambda: STARTED_S)
    meters.read(families.MEMORY, _memory)
    meters.read(families.FILES, _open_files)


def _memory() -> dict[Labels, Figure]:
    """Resident now; nothing where the system does not tell it so."""
    if not STATM.exists():
        return {}
    return {NO_LABELS: int(STATM.read_text().split()[1]) * resource.getpagesize()}


def _open_files() -> dict[Labels, Figure]:
    return {NO_LABELS: len(list(OPEN_FILES.iterdir()))} if OPEN_FILES.exists() else {}

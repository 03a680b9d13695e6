"""Puts the inventory together: the only wiring, for the service, tests, simulation and benches alike."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from travio_inventory.app.relaying import Relay, Relaying
from travio_inventory.events.choice import NONE
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.events import Sink
from travio_inventory.kernel.hits import Hits
from travio_inventory.protocol.batches import Batches, Reads, Table
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.seats.audit.auditing import Auditor, AuditRules, keys_of
from travio_inventory.seats.audit.ports import GateSight
from travio_inventory.seats.audit.repairing import Repairs
from travio_inventory.seats.gate_recall import GateRecall
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.ports import Gate, Holds, SeatMapCache, TakenSeats, TripArchive
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.records.definitions import CELLS_PER_BATCH_MAX, Definitions
from travio_inventory.seats.records.departures import Departures
from travio_inventory.seats.records.explanations import Explanations
from travio_inventory.seats.records.holds import SeatHolds
from travio_inventory.seats.records.listed_trips import EVERY_MS, TripRound
from travio_inventory.seats.records.manifests import Manifests
from travio_inventory.seats.records.open_trips import SlowRound
from travio_inventory.seats.records.openings import Openings
from travio_inventory.seats.records.order_pages import OrderPages
from travio_inventory.seats.records.refunds import Refunds
from travio_inventory.seats.records.seat_plans import SeatPlans
from travio_inventory.seats.records.trip_changes import TripChanges
from travio_inventory.seats.records.trip_ends import TripEnds
from travio_inventory.seats.records.trip_sales import TripSales
from travio_inventory.seats.records.trip_swaps import TripSwaps
from travio_inventory.seats.records.waitlists import WaitlistTable
from travio_inventory.seats.trip import Ambiguous
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.audit_trips import AuditTrips
from travio_inventory.seats.use_cases.block_seats import BlockSeats
from travio_inventory.seats.use_cases.cancel_booking import CancelBooking
from travio_inventory.seats.use_cases.cancel_trip import CancelTrip
from travio_inventory.seats.use_cases.change_trip import ChangeTrip
from travio_inventory.seats.use_cases.check_availability import CheckAvailability
from travio_inventory.seats.use_cases.confirm_hold import ConfirmHold
from travio_inventory.seats.use_cases.control_sales import ControlSales
from travio_inventory.seats.use_cases.edge_upkeep import EdgeUpkeep
from travio_inventory.seats.use_cases.erase_passengers import ErasePassengers
from travio_inventory.seats.use_cases.expire_holds import ExpireHolds
from travio_inventory.seats.use_cases.explain_seat import ExplainSeat, Kept
from travio_inventory.seats.use_cases.extend_hold import ExtendHold
from travio_inventory.seats.use_cases.follow_maps import FollowMaps
from travio_inventory.seats.use_cases.forget_trips import ForgetTrips
from travio_inventory.seats.use_cases.go_on_opening import GoOnOpening
from travio_inventory.seats.use_cases.guarded_steps import GuardedSteps
from travio_inventory.seats.use_cases.hold_seats import HoldSeats, HoldTimes
from travio_inventory.seats.use_cases.list_trips import ListTrips
from travio_inventory.seats.use_cases.map_groups import MapGroups
from travio_inventory.seats.use_cases.move_hold import MoveHold
from travio_inventory.seats.use_cases.open_trip import OpenTrip
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from travio_inventory.seats.use_cases.read_deeds import ReadDeeds
from travio_inventory.seats.use_cases.read_holds import ReadHolds
from travio_inventory.seats.use_cases.read_manifest import ReadManifest
from travio_inventory.seats.use_cases.read_order import ReadOrder
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap
from travio_inventory.seats.use_cases.read_trips import ReadTrips
from travio_inventory.seats.use_cases.release_hold import ReleaseHold
from travio_inventory.seats.use_cases.seat_plans import KeepSeatPlans
from travio_inventory.seats.use_cases.settle_payment import SettlePayment
from travio_inventory.seats.use_cases.settling import Settling
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.summarize_trip import SummarizeTrip
from travio_inventory.seats.use_cases.swap_vehicle import SwapPorts, SwapVehicle
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce, TurnAway
from travio_inventory.seats.use_cases.waitlist import Waitlist

if TYPE_CHECKING:
    from travio_inventory.stock.use_cases import Stock

T = TypeVar("T")


class Ports(NamedTuple):
    """The backends of the inventory."""

    batches: Batches
    gate: Gate
    taken: TakenSeats
    seat_maps: SeatMapCache
    sinks: Mapping[str, Sink]
    """By name: the name keeps the position of each."""
    archive: TripArchive | None = None
    """Where trips are kept that are forgotten."""
    views: Reads | None = None
    """What reads rows that are shown and not decided by, where the batches do not do it themselves."""
    signals: MapSignals | None = None
    """Where the edge tells what other processes changed."""
    sight: GateSight | None = None
    """Where the auditor sees what the edge remembers, if it can be seen from here."""
    memory: GateRecall | None = None
    """What the gate knows without asking, by which callers are turned away at once."""
    sinks_elsewhere: Collection[str] = ()
    """The names of sinks to which other processes relay."""
    shared: Collection[str] = ()
    """The names of the sinks that several processes may write to at once."""


@dataclass(frozen=True, slots=True)
class InventoryRules:
    """The choices of one deployment."""

    times: HoldTimes
    protocol: Rules = field(default_factory=Rules)
    limits: SeatLimits = field(default_factory=SeatLimits)
    portions: Portions = field(default_factory=Portions)
    ambiguous_journeys: Ambiguous = Ambiguous.REFUSE
    map_stale_ms_max: int = 2_000
    """How old a cached seat map may be."""
    steps_at_once_max: int = 1_000
    """Steps of this process that may commit at once; others wait."""
    cells_per_batch_max: int = CELLS_PER_BATCH_MAX
    """Cells created in one batch when a trip is opened."""
    changes_known_within_s: float = 10.0
    """How soon every process goes by a change of a trip."""
    is_alone: bool = False
    """No other process writes to this store, so no batch arrives late."""
    lists_are_whole: bool = False
    """What follows a batch is added with it, in one transaction, so no list ever lacks a hold."""
    slow_round_ms: int = EVERY_MS
    """How often the slow round visits all open trips."""
    audit: AuditRules = field(default_factory=AuditRules)
    audit_round_ms: int = 86_400_000
    """How often each trip is audited by background jobs."""


class Watch(Protocol):
    """Wraps what callers call, to count and time; a call goes on to the method of the same name."""

    def port(self, name: str, port: T) -> T:
        """What use cases call."""
        ...

    def use_case(self, name: str, use_case: T) -> T:
        """What callers and background jobs call."""
        ...

    def sink(self, name: str, sink: Sink) -> Sink:
        """What relays publish to."""
        ...

    def at_once(self, name: str, refuses: RefusesAtOnce) -> RefusesAtOnce:
        """What answers instead of the use case of that name and of the gate."""
        ...


class Unwatched:
    """Counts nothing."""

    def port(self, _name: str, port: T) -> T:
        """The port itself."""
        return port

    def use_case(self, _name: str, use_case: T) -> T:
        """The use case itself."""
        return use_case

    def sink(self, _name: str, sink: Sink) -> Sink:
        """The sink itself."""
        return sink

    def at_once(self, _name: str, refuses: RefusesAtOnce) -> RefusesAtOnce:
        """The same."""
        return refuses


class Assembly(NamedTuple):
    """The inventory, and what its process needs besides: a relay for each sink, the running steps, the protocol, what
    tells of changed maps, how often each cache had what was looked up, what refuses a hold at once, and stock.
    """

    inventory: Inventory
    relays: Mapping[str, Relay]
    steps: StepRunner
    sender: Sender
    holds: SeatHolds
    signals: MapSignals
    caches: Mapping[str, Hits]
    turn_away: RefusesAtOnce
    stock: "Stock | None" = None
    """None where no stock is kept."""


def assemble(
    ports: Ports, clock: Clock, random: Random, rules: InventoryRules, *, watch: Watch | None = None
) -> Assembly:
    """The running inventory. `random` makes the ids of holds, which callers must not guess, and spreads retries."""
    watch = watch or Unwatched()
    batches, use_case = watch.port("store", ports.batches), watch.use_case
    gate, taken = watch.port("gate", ports.gate), watch.port("taken", ports.taken)
    steps = StepRunner(in_flight_max=rules.steps_at_once_max)
    signals, stale_ms_max = ports.signals or MapSignals(), rules.map_stale_ms_max
    maps = OwnMaps(watch.port("seat_maps", ports.seat_maps), stale_ms_max=stale_ms_max, signals=signals)
    sender = Sender(batches, clock=clock, background=steps.in_background, rules=rules.protocol, random=random)
    views = watch.port("store", ports.views) if ports.views else sender.batches
    upkeep, sells_departed = EdgeUpkeep(taken, maps), rules.times.sells_departed
    seat_holds = SeatHolds(sender, upkeep, steps.in_background, views=views, sells_departed=sells_departed)
    holds = watch.port("holds", seat_holds)
    definitions = Definitions(batches, clock, portions=rules.portions, cells_per_batch_max=rules.cells_per_batch_max)
    trips = _catalog(definitions, steps, signals, rules)
    plans = SeatPlans(batches, clock)
    lapses = LapseFinder(seat_holds, _slow_round("sweepers", sender, rules))
    map_groups = _map_groups(trips, holds, maps, clock, rules)
    read_seat_map = ReadSeatMap(trips, map_groups)
    guarded = GuardedSteps(gate, steps, clock, random, ttl_ms=rules.times.gate_ttl_ms)
    keys, times, limits = Settling(), rules.times, rules.limits
    hold_seats = HoldSeats(
        trips=trips, holds=holds, guarded=guarded, steps=steps, times=times, limits=limits, clock=clock, settling=keys
    )
    turn_away = TurnAway(trips=trips, memory=ports.memory, guarded=guarded, times=times, limits=limits, clock=clock)
    sales, manifests = _sales(seat_holds, rules), Manifests(batches)
    swaps = SwapPorts(trips, sales, plans, manifests)
    openings = Openings(batches, clock, definitions, rules.portions, sales)
    inventory = Inventory(
        read_trips=use_case("read_trips", ReadTrips(trips, definitions)),
        seat_plans=use_case("seat_plans", KeepSeatPlans(plans)),
        open_trip=use_case("open_trip", OpenTrip(definitions, plans, rules.limits, rules.portions)),
        control_sales=use_case("control_sales", ControlSales(trips, sales, steps)),
        cancel_trip=use_case("cancel_trip", CancelTrip(trips, sales, steps)),
        change_trip=use_case("change_trip", ChangeTrip(trips, sales, steps)),
        swap_vehicle=use_case("swap_vehicle", SwapVehicle(swaps, steps, rules.limits)),
        list_trips=use_case("list_trips", ListTrips(Departures(batches))),
        read_deeds=use_case("read_deeds", ReadDeeds(Deeds(batches, clock))),
        hold_seats=use_case("hold_seats", hold_seats),
        confirm_hold=use_case("confirm_hold", ConfirmHold(holds, steps)),
        settle_payment=use_case("settle_payment", SettlePayment(holds, Refunds(sender), steps)),
        move_hold=use_case("move_hold", MoveHold(trips, holds, guarded, keys, times, limits, clock)),
        erase_passengers=use_case("erase_passengers", ErasePassengers(holds, steps)),
        release_hold=use_case("release_hold", ReleaseHold(holds, steps)),
        extend_hold=use_case("extend_hold", ExtendHold(holds, steps, rules.times, clock)),
        cancel_booking=use_case("cancel_booking", CancelBooking(holds, steps)),
        read_holds=use_case("read_holds", ReadHolds(holds)),
        read_manifest=use_case("read_manifest", ReadManifest(trips, manifests)),
        read_order=use_case("read_order", ReadOrder(trips, OrderPages(batches))),
        explain_seat=use_case("explain_seat", _explain_seat(trips, batches, rules)),
        read_seat_map=use_case("read_seat_map", read_seat_map),
        follow_maps=use_case("follow_maps", FollowMaps(trips, map_groups)),
        check_availability=use_case("check_availability", CheckAvailability(read_seat_map, trips, rules.times, clock)),
        summarize_trip=use_case("summarize_trip", SummarizeTrip(read_seat_map)),
        block_seats=use_case("block_seats", BlockSeats(trips, holds, steps)),
        waitlist=use_case("waitlist", Waitlist(trips, WaitlistTable(sender), steps, rules.limits)),
        expire_holds=use_case("expire_holds", ExpireHolds(lapses)),
        go_on_opening=use_case("go_on_opening", GoOnOpening(openings)),
        forget_trips=use_case("forget_trips", ForgetTrips(_trip_ends(seat_holds, ports.archive, rules))),
        audit_trips=use_case("audit_trips", AuditTrips(_auditor(seat_holds, definitions, views, ports, rules))),
    )
    relays = _relays(ports, sender, rules, watch)
    caches = {"seat_groups": map_groups.hits, "trips": trips.hits}
    return Assembly(
        inventory, relays, steps, sender, seat_holds, signals, caches, watch.at_once("hold_seats", turn_away)
    )


def _relays(ports: Ports, sender: Sender, rules: InventoryRules, watch: Watch) -> dict[str, Relay]:
    relaying = Relaying(sender, rules.is_alone, rules.lists_are_whole, rules.slow_round_ms, watch.use_case)
    return {
        name: relaying.relay_to(name, watch.sink(name, sink), is_shared=name in ports.shared)
        for name, sink in ports.sinks.items()
    }


def _sales(holds: SeatHolds, rules: InventoryRules) -> TripSales:
    changes = TripChanges(holds.sender.batches, rules.portions)
    return TripSales(holds, changes, TripSwaps(holds, changes))


def _catalog(definitions: Definitions, steps: StepRunner, signals: MapSignals, rules: InventoryRules) -> TripCatalog:
    return TripCatalog(
        definitions,
        steps.in_background,
        known_within_s=rules.changes_known_within_s,
        changed=signals.changed,
        ambiguous=rules.ambiguous_journeys,
    )


def _map_groups(trips: TripCatalog, holds: Holds, maps: OwnMaps, clock: Clock, rules: InventoryRules) -> MapGroups:
    stale_ms_max, sells_departed = rules.map_stale_ms_max, rules.times.sells_departed
    return MapGroups(trips, holds, maps, clock=clock, stale_ms_max=stale_ms_max, sells_departed=sells_departed)


def _auditor(holds: SeatHolds, definitions: Definitions, views: Reads, ports: Ports, rules: InventoryRules) -> Auditor:
    sender, every_ms = holds.sender, rules.audit_round_ms
    round_ = TripRound(sender.batches, sender.clock, keys_of, name="auditor", random=sender.random, every_ms=every_ms)
    are_noted = () if rules.is_alone else (Table.SEAT_GROUPS,)
    outbox = Unpublished(sender, audited_sinks(ports), are_noted=are_noted)
    repairs = Repairs(holds, ports.gate, ports.taken, outbox)
    return Auditor(holds, definitions, views, repairs, ports.sight, outbox, round_, rules.audit)


def audited_sinks(ports: Ports) -> Collection[str]:
    """The sinks that must have every event."""
    return {*ports.sinks, *ports.sinks_elsewhere} - {NONE}


def _explain_seat(trips: TripCatalog, batches: Batches, rules: InventoryRules) -> ExplainSeat:
    retention = rules.protocol.retention
    return ExplainSeat(trips, Explanations(batches), Kept(retention.ended_s, retention.events_s))


def _trip_ends(holds: SeatHolds, archive: TripArchive | None, rules: InventoryRules) -> TripEnds:
    """What it sweeps are the seat groups of its trips, so it needs no other way to find them."""
    sender = holds.sender
    return TripEnds(
        sender.batches,
        sender.clock,
        sweep=LapseFinder(holds).sweep,
        archive=archive,
        kept_s=sender.rules.retention.trips_s,
        random=sender.random,
        every_ms=rules.slow_round_ms,
    )


def _slow_round(name: str, sender: Sender, rules: InventoryRules) -> SlowRound:
    every_ms = rules.slow_round_ms
    return SlowRound(sender.batches, sender.clock, name=name, random=sender.random, every_ms=every_ms)

"""A trip on sale with the real use cases, and methods for what its customers and their rivals do."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import HOUSE, Actor, house_of, user_anywhere
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row, RowKey
from travio_inventory.protocol.minute_cursor import FIRST_LOOK_MINUTES, MINUTES_AT_ONCE
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.audit.auditing import AuditRules
from travio_inventory.seats.commands import (
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    GiveBackCommand,
    HoldsQuery,
    MoveHoldCommand,
    SeatUpdate,
    WaitlistPlace,
    WaitsQuery,
    hold_ref,
)
from travio_inventory.seats.explanation import SeatExplanation, in_order
from travio_inventory.seats.hold import Hold, Passenger
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.ports import SeatGroupKey
from travio_inventory.seats.queries import OrderQuery, SeatQuery
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.listed_trips import SHARDS
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, Sold
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.seats.use_cases.block_seats import SeatsUpdated
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.read_order import OrderPage
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.seats.waitlist import WaitlistEntry
from verification.kit import asking
from verification.kit.clocks import Clock, Hasty, WrongClock
from verification.kit.edges import Edge, local_edge
from verification.kit.faulty_batches import FaultyBatches, Stall
from verification.kit.legal import assert_agree
from verification.kit.life import Life
from verification.kit.trips import SEATS, PerGroup, a_trip, organization_in

STATE_WORDS = {Available: "available", HeldUntil: "held", Sold: "sold", Blocked: "blocked"}
TTL_S, TTL_S_MAX, TOTAL_S_MAX = 60, 600, 900
CLOCK_BOUND_MS = 250
GRACE_S = 10
FOUND_WITHIN_S = 5
"""How long a sweeper may need to find what another process began."""
TOLD_WITHIN_S = 10
"""How long a relay may need to find what another process did."""
STEPS_MAX = 1_000
"""Steps of one process that may be under way at once."""
FIRST_ROUNDS = -(-FIRST_LOOK_MINUTES // MINUTES_AT_ONCE)
"""The number of rounds after which a job that never ran before has seen all minutes."""
SINK = "told"
"""The name of a process's sink, under which the relay stores its position."""


class Process:
    """One service process with its own caches and its own connection to the store."""

    def __init__(
        self,
        batches: Batches,
        clock: Clock,
        *,
        holds_per_holder_max: int,
        edge: Edge,
        sink: InProcess,
        limits: SeatLimits,
        portions: Portions,
    ) -> None:
        self.sink, self.gate = sink, edge.gate
        ports = Ports(
            batches, edge.gate, edge.taken, edge.seat_maps, {SINK: sink}, signals=edge.signals, sight=edge.sight
        )
        rules = InventoryRules(
            HoldTimes(TTL_S, TTL_S_MAX, TOTAL_S_MAX, edge.gate_ttl_ms),
            Rules(CLOCK_BOUND_MS, GRACE_S * 1_000, holds_per_holder_max),
            limits,
            portions,
            steps_at_once_max=STEPS_MAX,
            audit=AuditRules(second_look_ms=10, groups_per_second=10_000),
        )
        assembly = assemble(ports, clock, Hasty(), rules)
        self.inventory, relays, self.steps, self.sender, self.holds, self.signals, *_ = assembly
        self.relay = relays[SINK].round


class Sale(Life):
    """A trip, as one service process sells it. The user is ann unless another is named; a hold's own holder does its
    steps.
    """

    def __init__(self, market: "Market", trip: Trip, clock: Clock, *, holds_per_holder_max: int) -> None:
        self.market = market
        self.trip = trip
        self.clock = clock
        self.holds_per_holder_max = holds_per_holder_max
        self.store = FaultyBatches(market.store, trip.key.organization)
        self.process = Process(
            self.store,
            clock,
            holds_per_holder_max=holds_per_holder_max,
            edge=market.edge(clock),
            sink=market.sink(),
            limits=market.limits,
            portions=market.portions,
        )
        self.inventory = self.process.inventory
        self.told: list[Event] = []
        self.process.sink.subscribe(self._hear)

    async def _hear(self, event: Event) -> None:
        self.told.append(event)

    # ---- processes

    def elsewhere(self, *, ahead_s: float = 0) -> "Sale":
        """The same trip, sold by another process, which shares only the store and the time of day, apart from how far
        its clock is ahead.
        """
        clock = WrongClock(right=self.clock, ahead_ms=round(ahead_s * 1_000)) if ahead_s else self.clock
        return self.market.add(Sale(self.market, self.trip, clock, holds_per_holder_max=self.holds_per_holder_max))

    async def settled(self) -> None:
        """Return when this process has finished its background work."""
        await self.process.steps.drain(5)

    async def dies(self, step: Coroutine[Any, Any, object], at: Stall) -> None:
        """Kill the process when the step gets there."""
        running = asyncio.ensure_future(step)
        async with asyncio.timeout(60):
            await at.reached.wait()
        await self.process.steps.drain(0)
        with suppress(asyncio.CancelledError, OutcomeUnknown):
            await running

    # ---- what customers do

    def actor(self, by: str = "ann") -> Actor:
        """A user of this trip's organization."""
        return Actor(self.trip.key.organization, by)

    async def open_trip(self, trip: Trip | None = None) -> None:
        """Open this trip for sale, or another definition of it."""
        await asking.open_trip(self.inventory, trip or self.trip)

    async def hold(
        self,
        seats: str,
        ends: str | Ends = "A-D",
        *,
        by: str = "ann",
        key: str | None = None,
        ttl_s: int = TTL_S,
        settles: bool = False,
    ) -> Hold:
        """Hold the seats, "A1 A2", from stop to stop, "A-C"."""
        return await asking.hold_seats(
            self.inventory,
            self.actor(by),
            self.trip.key.trip,
            _ends(ends),
            seats.split(),
            ttl_s=ttl_s,
            key=key,
            settles=settles,
        )

    async def confirm(
        self, hold: Hold, order: str = "order-1", *, passengers: Sequence[Passenger] = (), seats: str = ""
    ) -> Hold:
        """Book it, or these of its seats."""
        command = ConfirmHoldCommand(
            hold_id=hold.id, order_id=order, passengers=tuple(passengers), seat_ids=tuple(seats.split())
        )
        return await self.inventory.confirm_hold(_holder(hold), command)

    async def release(self, hold: Hold, seats: str = "") -> Hold:
        """Give the seats back, or these of them."""
        command = GiveBackCommand(hold_id=hold.id, seat_ids=tuple(seats.split()))
        return await self.inventory.release_hold(_holder(hold), command)

    async def extend(self, hold: Hold, *, ttl_s: int = TTL_S) -> Hold:
        """Hold the seats for this time from now."""
        return await self.inventory.extend_hold(_holder(hold), ExtendHoldCommand(hold_id=hold.id, ttl_s=ttl_s))

    async def cancel(self, hold: Hold, seats: str = "") -> Hold:
        """Cancel a booking, or these of its seats."""
        command = GiveBackCommand(hold_id=hold.id, seat_ids=tuple(seats.split()))
        return await self.inventory.cancel_booking(_holder(hold), command)

    async def move(
        self,
        hold: Hold,
        moves: str = "",
        ends: str | Ends | None = None,
        *,
        version: int | None = None,
        settles: bool = False,
    ) -> Hold:
        """Move it, "A1>A2 A3>A4", or to another journey."""
        onto = tuple((old, new) for old, new in (move.split(">") for move in moves.split()))
        to = _ends(ends) if ends is not None else None
        command = MoveHoldCommand(hold_id=hold.id, moves=onto, ends=to, version=version, settles=settles)
        return await self.inventory.move_hold(_holder(hold), command)

    async def find(self, hold: Hold) -> Hold:
        """The hold in its present state."""
        return await self.inventory.read_holds.one(_holder(hold), hold_ref(hold.id))

    async def holds(self, by: str = "ann", *, trip_id: str = "", include_ended: bool = True) -> Sequence[Hold]:
        """The user's holds: bookings, then live holds; with ended ones, all together, newest first."""
        page = await self.inventory.read_holds.page(
            self.actor(by), HoldsQuery(trip_id=trip_id, include_ended=include_ended)
        )
        return page.holds

    async def join(self, by: str = "ann", seat_class: str = "", seats: int = 1) -> WaitlistEntry:
        """Wait for seats."""
        place = WaitlistPlace(trip_id=self.trip.key.trip, seat_class=seat_class, seats=seats)
        return await self.inventory.waitlist.join(self.actor(by), place)

    async def leave(self, by: str = "ann", seat_class: str = "") -> None:
        """Leave the waiting list."""
        place = WaitlistPlace(trip_id=self.trip.key.trip, seat_class=seat_class)
        await self.inventory.waitlist.leave(self.actor(by), place)

    async def waits(self, by: str = "ann") -> Sequence[WaitlistEntry]:
        """Everything that the user waits for, in every organization."""
        return (await self.inventory.waitlist.page(user_anywhere(by), WaitsQuery())).entries

    # ---- what the house does

    async def block(self, seats: str, *, reason: str = "broken") -> int:
        """Take the seats off sale; how many are blocked now."""
        updated = await self._update([SeatUpdate(seat, is_blocked=True, reason=reason) for seat in seats.split()])
        return updated.blocked

    async def unblock(self, seats: str) -> SeatsUpdated:
        """Put the seats back on sale."""
        return await self._update([SeatUpdate(seat, is_blocked=False) for seat in seats.split()])

    async def _update(self, updates: Sequence[SeatUpdate]) -> SeatsUpdated:
        command = BlockSeatsCommand(trip_id=self.trip.key.trip, updates=tuple(updates))
        return await self.inventory.block_seats(house_of(self.trip.key.organization), command)

    async def go_on_opening(self) -> Visited[TripKey]:
        """One round of the opening of large trips."""
        return await self.inventory.go_on_opening(HOUSE)

    async def order(self, order: str, *, cancelled: bool = False, after: str = "", most: int = 0) -> OrderPage:
        """A page of the order's bookings."""
        query = OrderQuery(order_id=order, include_cancelled=cancelled, after=after, page_size=most)
        return await self.inventory.read_order(house_of(self.trip.key.organization), query)

    async def explained(self, seat: str, **page: int) -> SeatExplanation:
        """All that is kept about the seat, page by page."""
        whole = found = await self._explain(seat, "", page)
        while found.next:
            found = await self._explain(seat, found.next, page)
            whole = whole._replace(traces=in_order([*whole.traces, *found.traces]))
        return whole

    async def _explain(self, seat: str, after: str, page: Mapping[str, int]) -> SeatExplanation:
        query = SeatQuery(trip_id=self.trip.key.trip, seat_id=seat, after=after, **page)
        return await self.inventory.explain_seat(house_of(self.trip.key.organization), query)

    async def sweep(self) -> Visited[Partition]:
        """One round of the sweeper."""
        return await self.inventory.expire_holds(HOUSE)

    async def relay(self) -> list[Event]:
        """One round of the relay: the events that it tells."""
        before = len(self.told)
        await self.process.relay()
        return self.told[before:]

    async def relay_all(self) -> list[Event]:
        """The number of rounds that a relay that never ran before may need."""
        before = len(self.told)
        for _ in range(FIRST_ROUNDS + 1):
            await self.process.relay()
        return self.told[before:]

    # ---- what can be seen

    async def map(self, ends: str | Ends = "A-D") -> dict[str, str]:
        """The state of each seat on the journey: available, held, sold or blocked; in the order of the map."""
        seat_map = await asking.seat_map(self.inventory, self.trip.key, _ends(ends))
        return {seat.id: STATE_WORDS[type(state)] for seat, state in seat_map.seats()}

    async def seats(self, state: str, ends: str | Ends = "A-D") -> str:
        """The seats that the map shows in that state."""
        return " ".join(seat for seat, shown in (await self.map(ends)).items() if shown == state)

    async def cells(self, seat: str) -> list[Row]:
        """The seat's cells as the store keeps them."""
        partition = self.group_partition(seat)
        keys = [RowKey(Kind.CELL, seat, segment) for segment in range(len(self.trip.segments))]
        return list((await self.market.store.get(partition, keys)).values())

    async def statuses(self, seat: str) -> list[str]:
        """The status of each of the seat's cells, in order of travel, as the store keeps them."""
        return [str(cell["status"]) for cell in await self.cells(seat)]

    def group_partition(self, seat: str) -> Any:  # noqa: ANN401 - whatever names a partition to the connection
        """The partition that the seat is in."""
        return seat_rows.group_partition(self.trip.key, self.trip.group_of(seat))

    def group_key(self, seat: str) -> SeatGroupKey:
        """The seat group that the seat is in."""
        return SeatGroupKey(self.trip.key, self.trip.group_of(seat))

    async def assert_legal(self) -> None:
        """Check that cells and hold rows agree, when no step is running any more."""
        await self.market.settled()
        holds = {key: row for (_, key), row in (await self._rows_of(Kind.HOLD)).items()}
        assert_agree(self.trip.key.organization, holds, await self._rows_of(Kind.CELL))

    async def _rows_of(self, kind: Kind) -> dict[tuple[int, RowKey], Row]:
        found: dict[tuple[int, RowKey], Row] = {}
        for group in range(self.trip.group_count):
            read = await self.market.store.read(seat_rows.group_partition(self.trip.key, group), kind)
            found |= {(group, key): row for key, row in read.items()}
        return found


@dataclass
class Market:
    """Opens sales on a store, and ends what they leave running. `edge` and `sink` make those of each process."""

    store: Batches
    edge: Callable[[Clock], Edge] = local_edge
    sink: Callable[[], InProcess] = InProcess
    limits: SeatLimits = field(default_factory=SeatLimits)
    portions: Portions = field(default_factory=Portions)
    sales: list[Sale] = field(default_factory=list)

    async def open(
        self,
        *,
        seats_per_group: PerGroup = 16,
        stops: str = "ABCD",
        seats: int = SEATS,
        holds_per_holder_max: int = 0,
    ) -> Sale:
        """A new trip of a new organization on sale; slow rounds come to it last."""
        owner = organization_in(SHARDS - 1)
        trip = a_trip(organization=owner, seats_per_group=seats_per_group, stops=stops, seats=seats)
        sale = self.prepare(trip, holds_per_holder_max=holds_per_holder_max)
        await sale.open_trip()
        return sale

    def prepare(self, trip: Trip, *, holds_per_holder_max: int = 0) -> Sale:
        """The sale of a trip that is not open yet."""
        return self.add(Sale(self, trip, Clock(), holds_per_holder_max=holds_per_holder_max))

    def add(self, sale: Sale) -> Sale:
        """Remember it, to end it."""
        self.sales.append(sale)
        return sale

    async def settled(self) -> None:
        """Return when no process has background work."""
        for sale in self.sales:
            await sale.settled()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sale in self.sales:
            await sale.process.steps.drain(0)


def _ends(ends: str | Ends) -> Ends:
    if isinstance(ends, Ends):
        return ends
    origin, destination = ends.split("-")
    return Ends(origin, destination)


def _holder(hold: Hold) -> Actor:
    return Actor(hold.trip.organization, hold.holder)

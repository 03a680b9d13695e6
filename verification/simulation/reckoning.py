"""The reckoning at the end of a simulated day: what was found about each promise, when all is quiet."""

import asyncio
from collections import Counter
from collections.abc import Container, Sequence
from contextlib import suppress
from math import inf
from random import Random

from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.event_rows import stable_id
from travio_inventory.protocol.hold import read_title
from travio_inventory.seats.events import (
    EventType,
    HoldChanged,
    HoldCreated,
    HoldExtended,
    OfBlock,
    RefundRequired,
    TripCancelled,
    VehicleSwapped,
    data_of,
)
from travio_inventory.seats.hold import NEVER_MS, Hold, base_id
from travio_inventory.seats.records.seat_rows import group_partition
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S
from travio_inventory.seats.refusals import SalesClosed
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import encode_states
from travio_inventory.seats.trip import Ends
from verification.kit import asking
from verification.simulation.checker import out_of_order, violations
from verification.simulation.forgetting import Forgetting
from verification.simulation.front import WantedHold
from verification.simulation.hindsight import Hindsight
from verification.simulation.holders import Holder
from verification.simulation.oracle import LIVE, OF_TRIP, Violated, places_of, seconds_of
from verification.simulation.organization import judge_reads
from verification.simulation.plan import LAPSES_S, PAUSE_S_MAX, SEGMENTS, TTL_S
from verification.simulation.process import Post, Process, Relay, Sweeper
from verification.simulation.repeated_moves import judge_repeated_moves
from verification.simulation.unfenced import judge_unfenced
from verification.simulation.virtual_loop import now_s
from verification.simulation.waiters import Waiter
from verification.simulation.world import KEY, NIGHT_PAUSE_S, STOPS, World
from verification.simulation.world_history import history_of

ROLLED_FORWARD_S = 3.0
"""After this time on a good day a step is rolled forward to its other seat groups."""
REST_ROUNDS = 4
"""The first one may find that others have leased everything."""
RETRIED_S = WAITS_MS[1] / 1_000
"""After this time what was set aside is tried again."""
LEFT_S = 300.0
"""How long what is left over may take to end."""
ABANDONED_S = 10.0
"""How long after its expiry a hold may still be held on a bad day, with a sweeper at work."""


async def _round_of(work: Sweeper | Relay) -> None:
    """One round; what is left for a sink may be what it refuses for good."""
    with suppress(PublishFailed):
        await work()


class Reckoning:
    """Judges a world whose day is over."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._trip = world.trip
        self._oracle = world.oracle

    async def judge(self, callers: Sequence[Holder | Waiter]) -> None:
        """Judge the rows, then the answers, then what can still be won. Raises Violated."""
        world, plan, prober = self._world, self._world.plan, self._world.process()
        prober.clock.skew_ms = 0
        await self._judge_maps(prober)
        if plan.sweepers:
            self._judge_leftovers()
        if plan.relays:
            self._judge_told()
        else:
            await self._judge_journal()
        for actor in callers:
            await actor.insist()
        await asyncio.sleep(ROLLED_FORWARD_S)
        for sink in prober.sinks:
            rest = Relay(prober, sink)
            for _ in range(REST_ROUNDS):
                await _round_of(rest)
                await asyncio.sleep(RETRIED_S)
        good_day = not (plan.faults or plan.kills)
        Hindsight(self._oracle, world.front.calls, honest_edge=plan.honest_edge, good_day=good_day).judge()
        if not (plan.forgets or plan.in_company):  # rows go by themselves; what goes together has no call of its own
            judge_unfenced(world.front.calls, world.batches.on_their_way, self._oracle.landed)
        judge_repeated_moves(world.front.calls, self._oracle.steps)
        world.lists.judge(world.front.calls, are_counted=not plan.faults)
        if broken := [*world.edge.complaints, *violations(history_of(world))]:
            raise Violated("; ".join(broken))
        await asyncio.sleep(LAPSES_S)
        if plan.holds_max and not plan.cancels:
            await self._judge_limits(prober)
        await self._judge_seats(prober)
        await judge_reads(world, prober)
        if world.forgetting is not None:
            await self._judge_forgotten(prober, world.forgetting)

    async def _judge_forgotten(self, prober: Process, forgetting: Forgetting) -> None:
        """Some quiet hours later only what lives is left (L5)."""
        kept = forgetting.retention
        until_s = now_s() + max(kept.slots_s, kept.entries_s, kept.listed_s) + LEFT_S
        works: list[Sweeper | Relay] = [Sweeper(prober), *(Relay(prober, sink) for sink in prober.sinks)]
        while now_s() < until_s:
            await asyncio.sleep(NIGHT_PAUSE_S)
            for work in works:
                await _round_of(work)
        await prober.inventory.go_on_opening(HOUSE)
        await asyncio.sleep(FORGOTTEN_S + LEFT_S)
        forgetting.judge(now_s(), self._world.batches.standing())
        forgetting.judge_end(self._world.batches.standing(), self._world.batches.entries())

    async def _judge_maps(self, prober: Process) -> None:
        """The map agrees with the home rows, whether there are leftovers or not."""
        for group in range(self._trip.group_count):
            cells = self._oracle.rows[group_partition(KEY, group)]
            states = [
                self._state(key, cells[key])
                for seat in self._trip.seats_in(group)
                for segment in range(SEGMENTS)
                for key in (RowKey(Kind.CELL, seat.id, segment),)
            ]
            if await prober.holds.snapshot(self._trip, group) != encode_states(states):
                raise Violated(f"I7 the map of seat group {group} is not {states}")

    def _home(self, key: RowKey, cell: Row) -> Row:
        """The home row of the cell's owner; an ended one if nobody has it, none if a move is under way."""
        hold_id, move = read_title(str(cell.get("owner") or ""))
        row = self._oracle.row(hold_id) if hold_id else _ENDED
        if row.get("status") not in LIVE or self._oracle.has(hold_id, key):
            return row
        return {} if move > int(row.get("moves") or 0) else _ENDED

    def _state(self, key: RowKey, cell: Row) -> SeatState:
        row = self._home(key, cell)
        match row.get("status"):
            case "held":
                until_ms = int(row.get("expires_at_ms") or 0)
                return HeldUntil(until_ms) if until_ms < NEVER_MS else BLOCKED
            case "confirmed":
                return SOLD
            case None:
                return HeldUntil(int(cell.get("until_ms") or 0))
            case _:
                return AVAILABLE

    def _judge_leftovers(self) -> None:
        """With a sweeper at work, no cell is kept for an ended hold, and no hold is held after its expiry (L1, L2)."""
        for partition, rows in self._oracle.rows.items():
            for key, row in rows.items():
                if key.kind is Kind.CELL and row.get("owner") and not self._has(row, key):
                    raise Violated(f"L2 {key} in {partition.number} is {row['status']} for nobody: {row['owner']}")
                if key.kind is Kind.CELL and row["status"] != self._status_of(key, row):
                    raise Violated(f"I2 {key} in {partition.number} is {row['status']}, and {row['owner']} is not")
                if key.kind is Kind.HOLD and row["status"] == "held":
                    lapsed_s = seconds_of(int(row.get("expires_at_ms") or 0))
                    if lapsed_s + ABANDONED_S < now_s():
                        raise Violated(f"L1 {key.id} ran out at {lapsed_s:.2f} and is still held")

    def _has(self, cell: Row, key: RowKey) -> bool:
        return self._oracle.has(read_title(str(cell["owner"])).hold_id, key)

    def _status_of(self, key: RowKey, cell: Row) -> str:
        """What the cell of a live owner must say, or of none."""
        row = self._home(key, cell)
        match row.get("status"):
            case "held":
                return "held" if int(row.get("expires_at_ms") or 0) < NEVER_MS else "blocked"
            case "confirmed":
                return "sold"
            case _:
                return "available"

    def _judge_told(self) -> None:
        """Every recorded event was published, in order in each life of the relay and over all of them (I8).

        A life may leave out what an earlier one published: its minute may be closed, if a clock had been set back.
        """
        plan = self._world.plan
        is_bad = plan.faults or plan.spoils or plan.pauses
        for post in self._world.posts():
            is_slow = post.is_shared and (plan.kills or post is self._world.far)
            if post.repeats and not (is_bad or is_slow):
                raise Violated(f"I8 told twice: {post.repeats}")
            if post.is_shared and not is_bad:
                self._world.leases.judge(post.handed, self._oracle.rows)
            before: set[tuple[str, int]] = set()
            for told in post.lives:
                self._judge_order(_first_told(told), before)
                before |= {(event.subject, event.ordinal) for event in told}
            self._judge_events(_first_told([event for told in post.lives for event in told]), post)

    async def _judge_journal(self) -> None:
        """A relay that starts only now finds every recorded event, each once (I8)."""
        post = Post(Random(0), failures=0.0)
        relay = Relay(Process(self._world.plan, self._world.batches, self._world.edge, self._world.random, post=post))
        for _ in range(3):
            await relay()
        until_s = now_s() + (2 * PAUSE_S_MAX if self._world.plan.pauses else 2 * EPOCH_MS / 1_000)
        while now_s() < until_s:  # what stood still, or could not look, may have recorded in an epoch yet to come
            await asyncio.sleep(3 * NIGHT_PAUSE_S)
            await relay()
        if len(post.lives[0]) != len({event.id for event in post.lives[0]}):
            raise Violated("I8 told twice by one relay")
        self._judge_events(post.lives[0])
        self._world.post.lives += post.lives

    def _judge_order(self, events: Sequence[Event], before: Container[tuple[str, int]] = ()) -> None:
        """The ordinals of each hold's events count up without a gap, except for events that were published before."""
        told = ((event.subject, event.ordinal) for event in events)
        for said in out_of_order([one for one in told if one[0] not in self._world.very_late], before):
            raise Violated(said)

    def _judge_events(self, events: Sequence[Event], post: Post | None = None) -> None:
        """No event is missing, none out of order, and folding them gives the state; of a subject of which the sink
        refused an event for good it has those before.
        """
        self._judge_order(events)
        rows = [row for rows in self._oracle.rows.values() for key, row in rows.items() if key.kind is Kind.EVENT]
        refused = _refused(rows, post)
        if len(events) != len(rows) - sum(refused.values()):
            raise Violated(f"I8 {len(rows)} events recorded, {len(events)} told")
        of_holds = [event for event in events if not event.type.startswith(OF_TRIP)]
        folded = {_hold_of(event): event for event in sorted(of_holds, key=lambda event: event.ordinal)}
        for hold_id, timeline in self._oracle.timelines.items():
            if base_id(hold_id) in refused:
                continue
            status, event = timeline[-1].status, folded.get(hold_id)
            if (event is None) != (status == "aborted") or (event is not None and _STATUSES[event.type] != status):
                raise Violated(f"I8 {hold_id} is {status}, its last event is {event}")
            if event is not None and [*_seats_told(event)] != _seats_of(timeline[-1].row):
                raise Violated(f"I8 {hold_id} has {_seats_of(timeline[-1].row)}, told was {event}")
            if event is not None and status == "held" and _until_ms(event) != timeline[-1].row.get("expires_at_ms"):
                raise Violated(f"I8 {hold_id} expires at {timeline[-1].row.get('expires_at_ms')}, told was {event}")

    async def _judge_limits(self, prober: Process) -> None:
        """No holder is locked out by slots of attempts that died (I9)."""
        free = [seat for seat in self._trip.seats if self._is_free(seat.id)][: self._world.plan.holds_max]
        for number in range(self._world.plan.holders):
            holds = [
                await self._win(prober, WantedHold(Actor("o", f"u{number}"), Ends("A", "B"), (seat.id,), None))
                for seat in free
            ]
            for hold in holds:
                await self._world.front.release(Actor("o", hold.holder), hold.id, tries=1)

    async def _judge_seats(self, prober: Process) -> None:
        """Every cell that is not sold can be won, blocked ones after they are unblocked (L2); none of a cancelled trip
        (I14).
        """
        for seat in self._trip.seats:
            await prober.holds.unblock(self._trip, seat.id)
        for seat in self._trip.seats:
            for segment in range(SEGMENTS):
                if not self._is_sold(seat.id, segment):
                    ends = Ends(STOPS[segment], STOPS[segment + 1])
                    wanted = WantedHold(Actor("o", f"probe-{seat.id}-{segment}"), ends, (seat.id,), None)
                    await (self._win_not(prober, wanted) if self._world.plan.cancels else self._win(prober, wanted))

    async def _win(self, prober: Process, wanted: WantedHold) -> Hold:
        try:
            return await asking.hold_seats(
                prober.inventory, wanted.actor, "t", wanted.ends, wanted.seats, ttl_s=TTL_S, key=None
            )
        except Refusal as refusal:
            raise Violated(f"L2 {wanted} cannot be won: {refusal!r}") from refusal

    async def _win_not(self, prober: Process, wanted: WantedHold) -> None:
        with suppress(SalesClosed):
            hold = await asking.hold_seats(prober.inventory, wanted.actor, "t", wanted.ends, wanted.seats, ttl_s=TTL_S)
            raise Violated(f"I14 the trip is cancelled, and {hold.id} was won")

    def _is_sold(self, seat: str, segment: int) -> bool:
        return self._home(RowKey(Kind.CELL, seat, segment), self._cell(seat, segment)).get("status") == "confirmed"

    def _is_free(self, seat: str) -> bool:
        """Whether the seat is free on the first segment now."""
        row = self._cell(seat, 0)
        return not self._is_sold(seat, 0) and row.get("status") != "blocked"

    def _cell(self, seat: str, segment: int) -> Row:
        rows = self._oracle.rows[group_partition(KEY, self._trip.group_of(seat))]
        return rows[RowKey(Kind.CELL, seat, segment)]


_ENDED: Row = {"status": "ended"}
_STATUSES: dict[str, str] = {
    EventType.HOLD_CREATED: "held",
    EventType.HOLD_EXTENDED: "held",
    EventType.HOLD_CHANGED: "held",
    EventType.BOOKING_CHANGED: "confirmed",
    EventType.PASSENGERS_ERASED: "confirmed",
    EventType.SEATS_PURCHASED: "confirmed",
    EventType.HOLD_RELEASED: "released",
    EventType.HOLD_EXPIRED: "expired",
    EventType.BOOKING_CANCELLED: "cancelled",
    EventType.SEATS_BLOCKED: "held",
    EventType.SEATS_UNBLOCKED: "released",
}


def _refused(rows: Sequence[Row], post: Post | None) -> Counter[str]:
    """How many events the sink can never have, by subject: the first that it refuses, and those behind it."""
    if post is None or not post.is_picky:
        return Counter()
    first: dict[str, int] = {}
    for row in rows:
        if post.refuses(stable_id(row)):
            subject, ordinal = str(row["subject"]), int(row["ordinal"] or 0)
            first[subject] = min(ordinal, first.get(subject, ordinal))
    behind = (str(row["subject"]) for row in rows if int(row["ordinal"] or 0) >= first.get(str(row["subject"]), inf))
    return Counter(behind)


def _hold_of(event: Event) -> str:
    """The hold's own id; that of the late booking if it is one."""
    data = data_of(event)
    if isinstance(data, TripCancelled | VehicleSwapped | RefundRequired):
        raise TypeError("of no hold")
    return data.block_id if isinstance(data, OfBlock) else data.hold_id


def _seats_told(event: Event) -> tuple[str, ...]:
    data = data_of(event)
    return () if isinstance(data, TripCancelled | VehicleSwapped | RefundRequired) else data.seats


def _seats_of(row: Row) -> list[str]:
    return list(dict.fromkeys(cell.seat for _, cell in places_of(row)))


def _until_ms(event: Event) -> int:
    """Until when the event says that the seats are kept."""
    data = data_of(event)
    return data.expires_at_ms if isinstance(data, HoldCreated | HoldExtended | HoldChanged) else NEVER_MS


def _first_told(events: Sequence[Event]) -> list[Event]:
    """Each event once, where it was published first."""
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event.id, event)
    return list(first.values())

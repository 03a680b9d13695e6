"""How fast calls are answered, each bench in turns with the no-op: refusals, holds of free seats, seat maps."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, repeat
from time import perf_counter

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import (
    FREE,
    HELD,
    HOLD_HELD,
    NOTHING,
    OK,
    Contest,
    Outcome,
    contest_for,
    method,
    outcome_of,
    read,
)
from travio_inventory.bench.lean_channel import Reply
from travio_inventory.bench.measuring import PreparedCall, Slice, cpu_seconds, drive, ratio
from travio_inventory.bench.session import Service, Session
from travio_inventory.seats.trip import Trip

TURNS = 3
WARM_UP_SECONDS = 0.3
HOLDS_PER_SECOND_MAX = 12_000
"""Seats are opened for so many; what is left over is not sold."""
SEATS_PER_TRIP = 1_000
WRONG_SHOWN_MAX = 10
AS_OF_BYTES = 6
"""A map ends with the second that it is of, which alone changes while its seats do not."""

Tell = Callable[[str, Slice], None]


@dataclass(slots=True)
class BenchResult:
    """What a bench measured, by name, and what is wrong."""

    slices: dict[str, Slice] = field(default_factory=dict)
    ratios: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """By "work / no-op"."""
    numbers: dict[str, float | None] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, measured: Slice) -> None:
        """Count a stretch in under its name."""
        self.slices.setdefault(name, Slice(cpu_s=measured.cpu_s and 0.0)).add(measured)

    def as_plain(self) -> dict[str, object]:
        """For a report."""
        plain: dict[str, object] = {name: measured.as_plain() for name, measured in self.slices.items()}
        return {**plain, **self.ratios, **self.numbers}


async def in_turns(
    session: Session, name: str, work: Callable[[float], Awaitable[Slice]], *, workers: int, seconds: float, show: Tell
) -> BenchResult:
    """The work and the no-op in turns, so that a change in the machine's speed affects both. `work` gets the seconds
    that it has.
    """
    found = BenchResult()
    share = seconds / TURNS
    for turn in range(TURNS):
        for noop, service in session.noops.items():
            if turn == 0:
                await no_op(service, workers=workers, seconds=WARM_UP_SECONDS)
            measured = await no_op(service, workers=workers, seconds=share)
            found.add(noop, measured)
            show(noop, measured)
        measured = await work(share)
        found.add(name, measured)
        show(name, measured)
    for noop in session.noops:
        found.ratios[f"{name} / {noop}"] = ratio(found.slices[name], found.slices[noop])
    return found


async def no_op(service: Service, *, workers: int, seconds: float) -> Slice:
    """The no-op."""
    asks = repeat(PreparedCall(NOTHING, b"", None))
    return await drive(
        service.channels, asks, ok_or_error, workers=workers, pid=service.pid, seconds=seconds, beside=service.beside
    )


async def no_op_alone(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """The no-ops alone."""
    found = BenchResult()
    for turn in range(TURNS):
        for noop, service in session.noops.items():
            if turn == 0:
                await no_op(service, workers=workers, seconds=WARM_UP_SECONDS)
            measured = await no_op(service, workers=workers, seconds=seconds / TURNS)
            found.add(noop, measured)
            show(noop, measured)
    if any(measured.counts[Outcome.ERROR] for measured in found.slices.values()):
        found.wrong.append("calls ended in errors")
    return found


def ok_or_error(_about: None, reply: Reply) -> str:
    """Of a call that nothing can refuse."""
    return "ok" if reply.status == OK else Outcome.ERROR


async def refusals(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """A seat is held; all others request it. None may win, and the first holder must keep it."""
    trip = bench_trips.coach()
    await session.open(trip)
    contest = contest_for(trip, trip.seats[0].id)
    service = session.service
    first = await service.channels.call(method("HoldSeats"), contest.hold("holder"))
    if outcome_of(first) is not Outcome.WON:
        return BenchResult(wrong=[f"the free seat could not be held: status {first.status} {first.message}"])
    path = method("HoldSeats")
    asks = cycle([PreparedCall(path, contest.hold(f"user-{number}"), None) for number in range(1_000)])

    async def work(share: float) -> Slice:
        return await drive(
            service.channels,
            asks,
            _outcome_word,
            workers=workers,
            pid=service.pid,
            seconds=share,
            beside=service.beside,
        )

    await work(WARM_UP_SECONDS)
    found = await in_turns(session, "refusals", work, workers=workers, seconds=seconds, show=show)
    counts = found.slices["refusals"].counts
    for outcome in (Outcome.WON, Outcome.ERROR):
        if counts[outcome]:
            found.wrong.append(f"{counts[outcome]} calls ended in {outcome}")
    held = read("HoldSeatsResponse", first).hold_id
    request = contest.by_hold("GetHoldRequest", held, "holder")
    reply = await service.channels.call(method("GetHold"), request)
    if reply.status != OK or read("GetHoldResponse", reply).hold.status != HOLD_HELD:
        found.wrong.append("the first holder lost the seat")
    return found


def _outcome_word(_about: object, reply: Reply) -> str:
    return outcome_of(reply)


@dataclass(slots=True)
class _Stock:
    """Free seats to be sold one by one, and which hold was said to have which."""

    session: Session
    trips: list[Trip] = field(default_factory=list)
    unsold: list[Contest] = field(default_factory=list)
    won: dict[str, Contest] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    async def fill(self, seats: int) -> None:
        """Open trips until so many seats are unsold. A map is read of each, so that none is asked for cold."""
        while len(self.unsold) < seats:
            trip = bench_trips.wide(SEATS_PER_TRIP)
            await self.session.open(trip)
            await self.session.service.channels.call(method("GetSeatMap"), contest_for(trip, "").map())
            self.trips.append(trip)
            self.unsold += [contest_for(trip, seat.id) for seat in trip.seats]

    def asks(self) -> Iterator[PreparedCall[Contest]]:
        """One hold after the other, until no seat is left."""
        path = method("HoldSeats")
        while self.unsold:
            contest = self.unsold.pop()
            yield PreparedCall(path, contest.hold(contest.seat), contest)

    def judge(self, contest: Contest, reply: Reply) -> str:
        """Remember what was won."""
        outcome = outcome_of(reply)
        if outcome is Outcome.WON:
            hold_id = read("HoldSeatsResponse", reply).hold_id
            if hold_id in self.won:
                self.twice.append(hold_id)
            self.won[hold_id] = contest
        return outcome


async def holds(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """Every call takes another free seat on two segments. All must win, and the store must know every hold."""
    stock = _Stock(session)
    service = session.service

    async def work(share: float) -> Slice:
        await stock.fill(int(share * HOLDS_PER_SECOND_MAX))
        return await drive(
            service.channels,
            stock.asks(),
            stock.judge,
            workers=workers,
            pid=service.pid,
            seconds=share,
            beside=service.beside,
        )

    await work(WARM_UP_SECONDS)
    found = await in_turns(session, "holds", work, workers=workers, seconds=seconds, show=show)
    lost = {name: number for name, number in found.slices["holds"].counts.items() if name != Outcome.WON}
    found.wrong += [f"{number} calls for a free seat ended in {name}" for name, number in lost.items()]
    found.wrong += [f"hold {hold_id} was answered twice" for hold_id in stock.twice[:WRONG_SHOWN_MAX]]
    found.wrong += await _check_holds(service, stock, workers=workers)
    return found


async def _check_holds(service: Service, stock: _Stock, *, workers: int) -> list[str]:
    """Whether each hold that was won has its seat, and each trip has as many held seats as were won on it."""
    path = method("GetHold")
    asks = (
        PreparedCall(path, contest.by_hold("GetHoldRequest", hold_id, contest.seat), contest)
        for hold_id, contest in stock.won.items()
    )

    def judge(contest: Contest, reply: Reply) -> str:
        if reply.status != OK:
            return "lost"
        hold = read("GetHoldResponse", reply).hold
        stands = hold.status == HOLD_HELD and list(hold.seat_ids) == [contest.seat]
        return "stands" if stands else "lost"

    checked = await drive(service.channels, asks, judge, workers=workers, pid=None)
    lost = len(stock.won) - checked.counts["stands"]
    wrong = [f"{lost} of {len(stock.won)} holds are not in the store as they were answered"] if lost else []
    sold = Counter(contest.trip for contest in stock.won.values())
    for trip in stock.trips:
        reply = await service.channels.call(method("GetSeatMap"), contest_for(trip, "").map())
        rows = read("GetSeatMapResponse", reply).rows if reply.status == OK else []
        held = sum(cell.status == HELD for row in rows for cell in row.seats)
        if held != sold[trip.key.trip]:
            wrong.append(f"{trip.key.trip}: {held} seats are held, {sold[trip.key.trip]} were won")
    return wrong[:WRONG_SHOWN_MAX]


async def maps(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """A train's map: read again and again unchanged, then changed before every read, by a hold or its release."""
    trip = bench_trips.train()
    await session.open(trip)
    contest = contest_for(trip, trip.seats[0].id)
    service = session.service
    path = method("GetSeatMap")
    bodies: Counter[bytes] = Counter()

    def judge(_about: None, reply: Reply) -> str:
        bodies[reply.body[:-AS_OF_BYTES]] += 1
        return "ok" if reply.status == OK else Outcome.ERROR

    async def unchanged(share: float) -> Slice:
        asks = repeat(PreparedCall(path, contest.map(), None))
        return await drive(
            service.channels, asks, judge, workers=workers, pid=service.pid, seconds=share, beside=service.beside
        )

    await unchanged(WARM_UP_SECONDS)
    bodies.clear()
    found = await in_turns(session, "unchanged map", unchanged, workers=workers, seconds=seconds, show=show)
    if len(bodies) != 1:
        found.wrong.append(f"the unchanged map was answered in {len(bodies)} ways")
    if found.slices["unchanged map"].counts[Outcome.ERROR]:
        found.wrong.append("maps ended in errors")
    await _changed_maps(service, contest, found, seconds=seconds, show=show)
    return found


async def _changed_maps(service: Service, contest: Contest, found: BenchResult, *, seconds: float, show: Tell) -> None:
    """Writes alone, then the same writes with a read after each: the difference is what a changed map costs."""
    writes = await _writes(service, contest, found, seconds=seconds, with_maps=False)
    both = await _writes(service, contest, found, seconds=seconds, with_maps=True)
    show("writes alone", writes)
    show("changed map", both)
    found.add("writes alone", writes)
    found.add("changed map", both)
    unchanged = found.slices["unchanged map"]
    found.numbers["unchanged map, server CPU ms a call"] = _cpu_ms(unchanged)
    found.numbers["changed map, server CPU ms a call"] = None
    per_write, per_pair = _cpu_ms(writes), _cpu_ms(both)
    if per_write is not None and per_pair is not None:
        found.numbers["changed map, server CPU ms a call"] = round(per_pair - per_write, 3)


async def _writes(service: Service, contest: Contest, found: BenchResult, *, seconds: float, with_maps: bool) -> Slice:
    """Hold and release one seat in turns, one call after the other. With maps, only the reads are timed, and each
    must show what the write before it did.
    """
    measured = Slice()
    cpu_before, began = cpu_seconds(service.pid), perf_counter()
    hold_id = ""
    for number in count():
        is_hold = number % 2 == 0
        if is_hold and perf_counter() - began >= seconds:
            break
        sent = perf_counter()
        if is_hold:
            reply = await service.channels.call(method("HoldSeats"), contest.hold("writer"))
            hold_id = read("HoldSeatsResponse", reply).hold_id if reply.status == OK else ""
        else:
            request = contest.by_hold("ReleaseSeatsRequest", hold_id, "writer")
            reply = await service.channels.call(method("ReleaseSeats"), request)
        if with_maps:
            sent = perf_counter()
            reply = await service.channels.call(method("GetSeatMap"), contest.map())
        measured.latencies_s.append(perf_counter() - sent)
        measured.counts["ok" if reply.status == OK else Outcome.ERROR] += 1
        if with_maps and contest.status_in(reply) != (HELD if is_hold else FREE):
            found.wrong.append(f"the map after write {number} does not show it")
            break
    measured.wall_s = perf_counter() - began
    cpu_after = cpu_seconds(service.pid)
    if cpu_before is not None and cpu_after is not None:
        measured.cpu_s = cpu_after - cpu_before
    return measured


def _cpu_ms(measured: Slice) -> float | None:
    """The server's CPU time for a call, in milliseconds."""
    return round(measured.cpu_s / measured.calls * 1_000, 3) if measured.cpu_s and measured.calls else None

"""How much HTTP costs: holds, refusals and maps over it, in turns with the same over gRPC."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle, repeat
from typing import Final
from urllib.parse import quote, urlencode

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import Contest, Outcome, contest_for, method, outcome_of
from travio_inventory.bench.lean_channel import Reply
from travio_inventory.bench.lean_http import HttpChannels
from travio_inventory.bench.measuring import PreparedCall, Slice, drive, ratio
from travio_inventory.bench.session import Session
from travio_inventory.bench.throughput import TURNS, WARM_UP_SECONDS, BenchResult, Tell, ok_or_error

HOLDS_PER_SECOND_MAX: Final = 3_000
CREATED, CONFLICT, NOT_MODIFIED = 201, 409, 304
HTTP_OK: Final = 200
ZIPPED: Final = "map with gzip, HTTP"
KNOWN: Final = "map that is known, HTTP"
ETAG: Final = b"\r\netag: "

Work = Callable[[float], Awaitable[Slice]]


async def web(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """Each over HTTP and over gRPC. All free seats must be won, no taken one, and each map be answered in one way."""
    found = BenchResult()
    async with _connected(session, workers) as channels:
        for name, over_grpc, over_http in (
            ("refusal", *await _refusals(session, channels, workers)),
            ("hold", *await _holds(session, channels, workers)),
        ):
            await _in_turns(found, {f"{name}, gRPC": over_grpc, f"{name}, HTTP": over_http}, seconds, show)
        await _in_turns(found, await _maps(session, channels, workers), seconds, show)
    _compare(found)
    return found


@asynccontextmanager
async def _connected(session: Session, workers: int) -> AsyncIterator[HttpChannels]:
    if session.own is None:
        raise ValueError("a bench over HTTP starts its own service")
    channels = await HttpChannels.connect(session.own.host, session.own.http_port, workers)
    try:
        yield channels
    finally:
        channels.close()


async def _in_turns(found: BenchResult, works: Mapping[str, Work], seconds: float, show: Tell) -> None:
    """So that a change in the machine's speed affects all."""
    for work in works.values():
        await work(WARM_UP_SECONDS)
    for _ in range(TURNS):
        for name, work in works.items():
            measured = await work(seconds / TURNS)
            found.add(name, measured)
            show(name, measured)
    found.wrong += [
        f"{name}: {number} ended in {outcome}"
        for name in works
        for outcome, number in found.slices[name].counts.items()
        if outcome == Outcome.ERROR
    ]


def _compare(found: BenchResult) -> None:
    beside = {f"{name}, HTTP": f"{name}, gRPC" for name in ("refusal", "hold", "map")}
    for name, other in (beside | dict.fromkeys((ZIPPED, KNOWN), "map, gRPC")).items():
        found.ratios[f"{name} / {other}"] = ratio(found.slices[name], found.slices[other])


async def _refusals(session: Session, channels: HttpChannels, workers: int) -> tuple[Work, Work]:
    """A seat that is held is asked for by all others."""
    trip = bench_trips.coach()
    await session.open(trip)
    contest = contest_for(trip, trip.seats[0].id)
    path = method("HoldSeats")
    await session.service.channels.call(path, contest.hold("holder"))
    users = [f"user-{number}" for number in range(1_000)]
    over_grpc = cycle([PreparedCall(path, contest.hold(user), None) for user in users])
    over_http = cycle([PreparedCall("", hold_request(contest, user), None) for user in users])

    def refused(_about: None, reply: Reply) -> str:
        return Outcome.ERROR if outcome_of(reply) is Outcome.WON else "refused"

    drive_grpc = partial(drive, session.service.channels, over_grpc, refused)
    drive_http = partial(drive, channels, over_http, _with_status(CONFLICT, "refused"))
    return _measured(drive_grpc, session, workers), _measured(drive_http, session, workers)


async def _holds(session: Session, channels: HttpChannels, workers: int) -> tuple[Work, Work]:
    """Free seats, each once."""
    unsold: list[Contest] = []

    async def fill(seconds: float) -> None:
        while len(unsold) < seconds * HOLDS_PER_SECOND_MAX:
            trip = bench_trips.wide(1_000)
            await session.open(trip)
            await session.service.channels.call(method("GetSeatMap"), contest_for(trip, "").map())
            unsold.extend(contest_for(trip, seat.id) for seat in trip.seats)

    def asks(path: str, write: Callable[[Contest], bytes]) -> Iterator[PreparedCall[None]]:
        while unsold:
            yield PreparedCall(path, write(unsold.pop()), None)

    def won(_about: None, reply: Reply) -> str:
        return Outcome.WON if outcome_of(reply) is Outcome.WON else Outcome.ERROR

    async def over_grpc(seconds: float) -> Slice:
        await fill(seconds)
        calls = asks(method("HoldSeats"), lambda contest: contest.hold(contest.seat))
        return await _measured(partial(drive, session.service.channels, calls, won), session, workers)(seconds)

    async def over_http(seconds: float) -> Slice:
        await fill(seconds)
        calls = asks("", lambda contest: hold_request(contest, contest.seat))
        created = _with_status(CREATED, Outcome.WON)
        return await _measured(partial(drive, channels, calls, created), session, workers)(seconds)

    return over_grpc, over_http


async def _maps(session: Session, channels: HttpChannels, workers: int) -> dict[str, Work]:
    """The map of a train that does not change: over gRPC, over HTTP, compressed, and not sent at all."""
    trip = bench_trips.train()
    await session.open(trip)
    contest = contest_for(trip)
    plain = map_request(contest)
    first = await channels.call("", plain)
    if first.status != HTTP_OK:
        raise ValueError(f"the map is answered by {first.status}: {first.body[:200]!r}")
    etag = first.details.partition(ETAG)[2].partition(b"\r\n")[0].decode()
    zipped, named = map_request(contest, **{"Accept-Encoding": "gzip"}), map_request(contest, **{"If-None-Match": etag})
    grpc_asks = repeat(PreparedCall(method("GetSeatMap"), contest.map(), None))
    drives = {"map, gRPC": partial(drive, session.service.channels, grpc_asks, ok_or_error)}
    for name, request, status in (
        ("map, HTTP", plain, HTTP_OK),
        (ZIPPED, zipped, HTTP_OK),
        (KNOWN, named, NOT_MODIFIED),
    ):
        drives[name] = partial(drive, channels, repeat(PreparedCall("", request, None)), _with_status(status))
    return {name: _measured(work, session, workers) for name, work in drives.items()}


def _measured(work: Callable[..., Awaitable[Slice]], session: Session, workers: int) -> Work:
    async def measured(seconds: float) -> Slice:
        return await work(workers=workers, pid=session.service.pid, seconds=seconds)

    return measured


def _with_status(status: int, said: str = "ok") -> Callable[[None, Reply], str]:
    return lambda _about, reply: said if reply.status == status else Outcome.ERROR


def hold_request(contest: Contest, user: str) -> bytes:
    """POST /v1/holds of one seat, without an idempotency key."""
    body = {
        "trip_id": contest.trip,
        "from_station_id": contest.origin,
        "to_station_id": contest.destination,
        "seat_ids": [contest.seat],
    }
    who = {"X-User-Id": user, "X-Organization-Id": contest.organization}
    return _request("POST", "/v1/holds", json.dumps(body).encode(), {**who, "Content-Type": "application/json"})


def map_request(contest: Contest, **headers: str) -> bytes:
    """GET the map of the journey."""
    ends = urlencode({"from": contest.origin, "to": contest.destination, "org_id": contest.organization})
    return _request("GET", f"/v1/trips/{quote(contest.trip, safe='')}/seatmap?{ends}", b"", headers)


def _request(verb: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    said = {"Host": "bench", **headers, **({"Content-Length": str(len(body))} if body else {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{verb} {path} HTTP/1.1\r\n{head}\r\n".encode() + body

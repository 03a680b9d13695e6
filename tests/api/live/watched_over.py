"""A live map over each protocol, as its watchers read it: what is told, at which position, and of which seats."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping, Set
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import httpx
from grpclib.client import Channel

from tests.api.live.serving import TRIP, browser_of
from tests.api.live.test_sockets import socket
from travio_inventory.app.service import App
from travio_inventory.wire.inventory import v1

TRIP_ID: Final = TRIP.key.trip
UPDATES: Final = f"/v1/trips/{TRIP_ID}/updates"
WATCH: Final = "/inventory.v1.InventoryService/WatchSeatMap"
ENVELOPE_BYTES: Final = 5
IS_MESSAGE, IS_LAST = (0,), frozenset((2, 128))
"""The first byte of an envelope: of a message; of what ends a stream of Connect, and one of gRPC-Web."""
WHOLE, CHANGE, BEAT = "whole", "change", "beat"


class Seen(NamedTuple):
    """What a watcher is told."""

    kind: str
    position: str
    seats: Set[str] = frozenset()
    """Of a change those that have changed, else those that are held."""
    reason: str = ""


Watch: TypeAlias = Callable[[App, str], AsyncGenerator[Seen]]
"""Watches all of the trip from a position, "" = from now on."""


def _held(seats: Mapping[str, str]) -> Set[str]:
    return frozenset(seat for seat, status in seats.items() if status.rpartition("_")[2] == "HELD")


def _of_json(told: Mapping[str, Any], words: Mapping[str, str]) -> Seen:
    """Of a message whose members and kinds are called so."""
    kind = {words["snapshot"]: WHOLE, words["delta"]: CHANGE, words["heartbeat"]: BEAT}[told[words["type"]]]
    seats = {seat[words["seat_id"]]: seat["status"] for seat in told.get("seats", [])}
    reason = told.get("reason", "").removeprefix(REASON).lower() if kind == WHOLE else ""
    return Seen(kind, told["position"], frozenset(seats) if kind == CHANGE else _held(seats), reason)


OWN = MappingProxyType({name: name for name in ("type", "seat_id", "snapshot", "delta", "heartbeat")})
KIND, REASON = "WATCH_SEAT_MAP_KIND_", "WATCH_SEAT_MAP_REASON_"
PROTOBUF_JSON = MappingProxyType(
    {
        "type": "kind",
        "seat_id": "seatId",
        "snapshot": f"{KIND}SNAPSHOT",
        "delta": f"{KIND}CHANGE",
        "heartbeat": f"{KIND}HEARTBEAT",
    }
)


def _of_protobuf(told: v1.WatchSeatMapResponse) -> Seen:
    kinds = {
        v1.WatchSeatMapKind.SNAPSHOT: WHOLE,
        v1.WatchSeatMapKind.CHANGE: CHANGE,
        v1.WatchSeatMapKind.HEARTBEAT: BEAT,
    }
    kind = kinds[told.kind]
    seats = {seat.seat_id: v1.SeatStatus(seat.status).name or "" for seat in told.seats}
    reason = (v1.WatchSeatMapReason(told.reason).name or "").lower() if kind == WHOLE else ""
    return Seen(kind, told.position, frozenset(seats) if kind == CHANGE else _held(seats), reason)


async def _blocks(app: App, position: str, *, shape: str, as_header: bool) -> AsyncIterator[tuple[str, str, list[Any]]]:
    """The comment, the id and the data of what comes up to each id."""
    asked = {"shape": shape} | ({} if as_header or not position else {"position": position})
    headers = {"last-event-id": position} if as_header and position else {}
    comment, data = "", list[Any]()
    async with browser_of(app) as browser, browser.stream("GET", UPDATES, params=asked, headers=headers) as stream:
        at = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            match name:
                case "":
                    comment = value or comment
                    if not line and at:
                        yield comment, at, data
                        comment, at, data = "", "", []
                case "id":
                    at = value
                case "data":
                    data.append(json.loads(value))
                case _:
                    assert name == "retry"


async def by_stream(app: App, position: str) -> AsyncGenerator[Seen]:
    async for _, at, data in _blocks(app, position, shape="native", as_header=True):
        seen = _of_json(data[0], OWN)
        assert (len(data), seen.position) == (1, at)
        yield seen


async def by_status(app: App, position: str) -> AsyncGenerator[Seen]:
    """As `by_stream`, in the words of old. Who begins is told no states."""
    async for comment, at, data in _blocks(app, position, shape="status", as_header=False):
        if comment:
            yield Seen(WHOLE, at, reason="begin") if comment == "connected" else Seen(BEAT, at)
            continue
        reason = data.pop(0)["data"]["reason"] if data[0]["type"] == "inventory.resync" else ""
        seats = {seat: each["data"]["status"] for each in data for seat in each["data"]["seat_ids"]}
        yield Seen(WHOLE, at, _held(seats), reason) if reason else Seen(CHANGE, at, frozenset(seats))


async def by_socket(app: App, position: str) -> AsyncGenerator[Seen]:
    async with socket(app, f"/?tripId={TRIP_ID}&position={position}") as opened:
        async for seen in _of_socket(opened):
            yield seen


async def by_message(app: App, position: str) -> AsyncGenerator[Seen]:
    """As `by_socket`, asked for in a message."""
    async with socket(app, "/ws") as opened:
        await opened.send(json.dumps({"type": "subscribe", "tripId": TRIP_ID, "position": position}))
        async for seen in _of_socket(opened):
            yield seen


async def _of_socket(opened: AsyncIterable[str | bytes]) -> AsyncIterator[Seen]:
    async for text in opened:
        told = json.loads(text)
        if told["type"] != "subscribed":
            yield _of_json(told, OWN)


async def by_grpc(app: App, position: str) -> AsyncGenerator[Seen]:
    channel = Channel("127.0.0.1", app.port)
    try:
        async for told in v1.InventoryServiceStub(channel).watch_seat_map(_asked(position)):
            yield _of_protobuf(told)
    finally:
        channel.close()


async def by_connect(app: App, position: str) -> AsyncGenerator[Seen]:
    asked = _asked(position).to_json().encode()
    async for told in _messages(app, asked, {"content-type": "application/connect+json"}):
        yield _of_json(json.loads(told), PROTOBUF_JSON)


async def by_grpc_web(app: App, position: str) -> AsyncGenerator[Seen]:
    async for told in _messages(app, bytes(_asked(position)), {"content-type": "application/grpc-web+proto"}):
        yield _of_protobuf(v1.WatchSeatMapResponse.FromString(told))


def _asked(position: str) -> v1.WatchSeatMapRequest:
    return v1.WatchSeatMapRequest(
        trip_id=TRIP_ID,
        organization_id=TRIP.key.organization,
        from_station_id=TRIP.stops[0],
        to_station_id=TRIP.stops[-1],
        position=position,
    )


def enveloped(asked: bytes) -> bytes:
    """A request in the only envelope that it has."""
    return bytes(IS_MESSAGE) + len(asked).to_bytes(4) + asked


async def _messages(app: App, asked: bytes, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """The messages of an answer that goes on."""
    body = enveloped(asked)
    async with browser_of(app) as browser, browser.stream("POST", WATCH, content=body, headers=headers) as stream:
        assert stream.status_code == httpx.codes.OK
        rest = b""
        async for piece in stream.aiter_bytes():
            rest += piece
            while len(rest) >= (end := ENVELOPE_BYTES + int.from_bytes(rest[1:ENVELOPE_BYTES])):
                message, kind, rest = rest[ENVELOPE_BYTES:end], rest[0], rest[end:]
                assert kind not in IS_LAST, message
                yield message


FACES: Final[Mapping[str, Watch]] = MappingProxyType(
    {
        "SSE": by_stream,
        "SSE by status": by_status,
        "WebSocket": by_socket,
        "WebSocket by message": by_message,
        "gRPC": by_grpc,
        "Connect": by_connect,
        "gRPC-Web": by_grpc_web,
    }
)

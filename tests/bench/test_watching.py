"""The bench of live maps tells when a watcher was not told all that happened, in order."""

import json
import resource
from collections.abc import Callable, Sequence

import pytest
from websockets.frames import Frame, Opcode

from tests.typed import Type
from travio_inventory.bench.watchers import SocketWatcher, StreamWatcher, Update, allow_files, of_json
from travio_inventory.bench.watching import WrongTelling, arrivals
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.trip import TripKey
from travio_inventory.wire.inventory.v1 import SeatStatus


def event(kind: str, position: int, after: int = 0, **versions: int) -> bytes:
    """A message to a watcher."""
    held = {"status": "SEAT_STATUS_HELD"}
    seats = [{"seat_id": seat, "version": version, **held} for seat, version in versions.items()]
    return json.dumps({"type": kind, "position": f"e-{position}", "after": f"e-{after}", "seats": seats}).encode()


FIRST, BEAT, SECOND = event("delta", 1, 0, s1=1), event("heartbeat", 1), event("delta", 2, 1, s1=2)
SNAPSHOT = event("snapshot", 0)
TRIP = TripKey("o", "t")


def told_by(*messages: bytes) -> list[tuple[float, Update]]:
    return [(float(at), told) for at, message in enumerate(messages, start=1) if (told := of_json(message))]


def test_when_a_watcher_was_told_each_change_is_known() -> None:
    assert arrivals("e-0", told_by(FIRST, BEAT, SECOND), 2) == {"s1": [1.0, 3.0]}


def as_events(messages: Sequence[bytes]) -> bytes:
    return b"HTTP/1.1 200 OK\r\n\r\nretry: 1000\n" + b"".join(b"id: e\ndata: " + each + b"\n\n" for each in messages)


def as_frames(messages: Sequence[bytes]) -> bytes:
    frames = [Frame(Opcode.TEXT, b'{"type":"subscribed"}'), *(Frame(Opcode.TEXT, each) for each in messages)]
    frames.insert(2, Frame(Opcode.PING, b"?"))
    return b"HTTP/1.1 101 S\r\n\r\n" + b"".join(frame.serialize(mask=False) for frame in frames)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize(("kind", "written"), [(StreamWatcher, as_events), (SocketWatcher, as_frames)])
async def test_a_watcher_understands_what_comes_in_pieces(
    kind: type[StreamWatcher], written: Callable[[Sequence[bytes]], bytes], piece: int
) -> None:
    seats = 4_000 if piece > 1_000 else 20
    long = event("delta", 3, 2, **{f"seat-{number}": 3 for number in range(seats)})
    watcher, data = kind(Address("h", 1), TRIP), written([SNAPSHOT, FIRST, BEAT, SECOND, long])
    for start in range(0, len(data), piece):
        watcher.data_received(data[start : start + piece])
    assert (watcher.begins_at, [told for _, told in watcher.told]) == (
        "e-0",
        [of_json(each) for each in (FIRST, BEAT, SECOND, long)],
    )
    assert (watcher.changes, watcher.position) == (2 + seats, "e-3")
    assert watcher.shows() == dict.fromkeys(("s1", *(f"seat-{number}" for number in range(seats))), SeatStatus.HELD)


async def test_what_a_watcher_shows_is_what_it_was_told_last() -> None:
    free = SNAPSHOT.replace(b"[]", b'[{"seat_id": "s1", "version": 0, "status": "SEAT_STATUS_AVAILABLE"}]')
    booked = event("delta", 2, 1, s2=2).replace(b"HELD", b"BOOKED")
    watcher = StreamWatcher(Address("h", 1), TRIP)
    shown = []
    for message in (free, FIRST, booked, free):
        watcher.hear(message)
        shown.append(watcher.shows())
    held = {"s1": SeatStatus.HELD}
    assert shown == [{"s1": 1}, held, {**held, "s2": SeatStatus.BOOKED}, {"s1": SeatStatus.AVAILABLE}]


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ([FIRST, BEAT], "told 1 of 2 changes"),
        ([FIRST, SECOND, SECOND], "a change after e-1 for one who was at e-2"),
        ([SECOND], "a change after e-1 for one who was at e-0"),
        ([FIRST, event("delta", 2, 1, s2=0)], "s2 is of version 0 after one of 1"),
    ],
)
def test_what_a_watcher_was_not_told_in_order_is_found(told: list[bytes], fault: str) -> None:
    with pytest.raises(WrongTelling, match=fault):
        arrivals("e-0", told_by(*told), 2)


@pytest.mark.once
@pytest.mark.parametrize("over", ["sse", "websocket", "grpc"])
def test_many_who_watch_a_trip_are_told_all(typed: Type, over: str) -> None:
    asked = ("--watchers", "20", "--changes", "50", "--seconds", "0.4", "--over", over)
    answer = typed("bench", "watching", *asked, "--json")
    assert (answer.status, answer.plain["wrong"]) == (0, [])
    results = answer.plain["results"]
    assert results["from a change's request to the last watcher, ms"]["p50"] > 0
    assert (
        results["watchers told each change once, in order"] == results["watchers that end with the map"] == "20 of 20"
    )
    assert results["watchers that lag that end with the map"] == "3 of 3"


def test_with_a_target_it_must_be_said_where_it_serves_http(typed: Type) -> None:
    answer = typed("bench", "watching", "--target", "localhost:1")
    assert (answer.status, "add --http" in answer.err) == (2, True)


def test_more_watchers_than_the_machine_allows_are_refused_before_any_comes() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        allow_files(1_000_000)
    else:
        with pytest.raises(OSError, match=r"raise the limit \(ulimit -n\)"):
            allow_files(most + 1)

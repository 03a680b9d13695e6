"""The bench of live maps tells when a watcher was not told all that happened, in order."""

import json

import pytest

from tests.typed import Type
from travio_inventory.bench.watching import WrongTelling, arrivals


def event(kind: str, position: int, after: int = 0, **versions: int) -> bytes:
    """A message to a watcher."""
    seats = [{"seat_id": seat, "version": version} for seat, version in versions.items()]
    told = {"type": kind, "position": f"e-{position}", "after": f"e-{after}", "seats": seats}
    return f"3f\r\nid: e-{position}\ndata: {json.dumps(told)}\n\n\r\n".encode()


FIRST, BEAT, SECOND = event("delta", 1, 0, s1=1), event("heartbeat", 1), event("delta", 2, 1, s1=2)


def test_when_a_watcher_was_told_each_change_is_known() -> None:
    both = FIRST + BEAT + SECOND
    received = [(1.0, both[:30]), (2.0, both[30:-30]), (3.0, both[-30:])]
    assert arrivals("e-0", received, 2) == {"s1": [2.0, 3.0]}


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
        arrivals("e-0", [(1.0, each) for each in told], 2)


def test_many_who_watch_a_trip_are_told_all(typed: Type) -> None:
    answer = typed("bench", "watching", "--watchers", "20", "--changes", "50", "--seconds", "0.4", "--json")
    assert (answer.status, answer.plain["wrong"]) == (0, [])
    assert answer.plain["results"]["from a change's request to the last watcher, ms"]["p50"] > 0


def test_with_a_target_it_must_be_said_where_it_serves_http(typed: Type) -> None:
    answer = typed("bench", "watching", "--target", "localhost:1")
    assert (answer.status, "add --http" in answer.err) == (2, True)

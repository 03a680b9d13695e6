"""The bench of HTTP: everything is measured over both, and what is wrong is said."""

import pytest

from travio_inventory.bench.calls import Contest
from travio_inventory.bench.lean_http import HttpChannels
from travio_inventory.bench.session import session
from travio_inventory.bench.web import hold_request, map_request, web

CONTEST = Contest("org", "T/1", "a b", "C", "1A")
WORKS = {
    "refusal, gRPC", "refusal, HTTP", "hold, gRPC", "hold, HTTP",
    "map, gRPC", "map, HTTP", "map with gzip, HTTP", "map that is known, HTTP",
}  # fmt: skip


@pytest.mark.once
async def test_everything_is_measured_over_both() -> None:
    async with session(None, workers=2, with_http=True) as on:
        found = await web(on, workers=2, seconds=0.3, show=lambda _name, _measured: None)
    assert found.wrong == []
    assert set(found.slices) == WORKS
    assert all(measured.calls for measured in found.slices.values())
    ways = {"map with gzip", "map that is known"}
    assert set(found.ratios) == {
        *(f"{name}, HTTP / {name}, gRPC" for name in ("refusal", "hold", "map")),
        *(f"{name}, HTTP / map, gRPC" for name in ways),
    }


@pytest.mark.once
async def test_an_answer_that_is_not_the_wanted_one_is_no_success() -> None:
    async with session(None, workers=1, with_http=True) as on:
        assert on.own is not None
        channels = await HttpChannels.connect(on.own.host, on.own.http_port, 1)
        answers = [await channels.call("", request) for request in (map_request(CONTEST), hold_request(CONTEST, "u1"))]
        channels.close()
    assert [answer.status for answer in answers] == [404, 404]
    assert b"TRIP_NOT_FOUND" in answers[0].body


def test_ids_are_written_as_a_path_has_them() -> None:
    assert map_request(CONTEST).startswith(b"GET /v1/trips/T%2F1/seatmap?from=a+b&to=C&org_id=org HTTP/1.1\r\n")

"""The bench of servers: headers that are always new, and what is compared."""

from collections import Counter

import pytest
from hpack import Decoder

from tests.typed import Type
from travio_inventory.bench.measuring import Slice
from travio_inventory.bench.new_values import NAME, NewValues
from travio_inventory.bench.servers import ENGINES, WORKS, Contender, Measured, NoSuchServer, Traffic, measure, places
from travio_inventory.cli.bench_server import plot


def test_each_call_has_its_headers_and_a_value_that_no_call_had() -> None:
    ours, theirs, seen = NewValues(), Decoder(), set()
    paths = ["/a/Hold", "/a/Map"]
    for number in range(300):
        headers = [(":method", "POST"), (":path", paths[number % 2]), ("authorization", "Bearer " + "t" * 300)]
        *said, (name, value) = [(str(name), str(value)) for name, value in theirs.decode(ours.block(headers))]
        assert said == headers
        assert name == NAME
        seen.add(value)
    assert len(seen) == 300


def measured(calls: int) -> Slice:
    return Slice(1.0, 0.5, [0.001] * calls, Counter(ok=calls))


def test_the_first_one_is_compared_with_each_other_round_by_round() -> None:
    found = Measured()
    for ours, theirs in ((100, 50), (300, 100), (100, 20)):
        found.add("no-op", "lean", measured(ours))
        found.add("no-op", "grpclib", measured(theirs))
    plain = found.as_plain()["no-op"]
    assert isinstance(plain, dict)
    assert plain["lean / grpclib"] == {"median": 3.0, "min": 2.0, "max": 5.0}
    assert plain["lean"]["median_rate"] == 200.0
    assert [line.count("█") for line in plot(found)] == [40, 14]


async def test_who_has_no_service_does_the_no_op_alone() -> None:
    nobody = [Contender("native", None, None)]
    assert (await measure(nobody, list(WORKS), Traffic(), rounds=1, seconds=1, show=print)).as_plain() == {}


def test_all_servers_are_measured_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("travio_inventory.bench.servers.find_spec", lambda _name: None)
    assert places(()) == [*ENGINES]
    assert places(("localhost:1", "lean", "lean")) == ["localhost:1", "lean"]
    with pytest.raises(NoSuchServer, match="not installed"):
        places(("pygrpc-native",))


@pytest.mark.once
def test_a_server_is_measured(typed: Type) -> None:
    works = ("--work", "no-op", "--work", "refusal", "--work", "map")
    done = typed("bench", "server", "lean", *works, "--seconds", "0.3", "--rounds", "1", "--new-headers", "--json")
    assert done.status == 0, done.err
    found = done.plain["results"]
    assert found["no-op"]["lean"]["calls"] > 0
    assert found["refusal"]["lean"]["counts"].keys() == {"contention at the gate"}
    assert found["map"]["lean"]["counts"].keys() == {"ok"}

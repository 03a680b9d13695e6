"""Two services are measured in turns, and the spread of their ratios is shown."""

import sys
from collections import Counter

import pytest

from tests.typed import Type
from travio_inventory.bench import throughput
from travio_inventory.bench.compare import Comparison, Work, compare
from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import Slice
from travio_inventory.bench.session import Service, Session
from verification.kit.service_process import ServiceProcess


def measured(calls: int, *, cpu_s: float | None = None) -> Slice:
    """So many calls in a second, each of a millisecond."""
    return Slice(1.0, cpu_s, [0.001] * calls, Counter(ok=calls))


def session_of(host: str) -> Session:
    """A session that nothing is sent over."""
    return Session(Service(host, 1, None, ChannelPool([])), None, {}, None, None)


def test_the_spread_is_of_the_rounds() -> None:
    found = Comparison()
    for of_a in (100, 400, 200):
        found.add(measured(of_a, cpu_s=0.5), measured(100, cpu_s=1.0))
    spread = found.spread()
    assert spread["per_second"] == {"median": 2.0, "min": 1.0, "max": 4.0}
    assert spread["per_server_cpu_second"] == {"median": 4.0, "min": 2.0, "max": 8.0}
    assert spread["latency_p50"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert (found.a.calls, found.a.cpu_s, found.b.calls) == (700, 1.5, 300)


def test_cpu_time_is_compared_only_where_that_of_both_is_known() -> None:
    found = Comparison()
    found.add(measured(100, cpu_s=0.5), measured(100))
    assert found.spread().keys() == {"per_second", "latency_p50"}


async def test_each_service_is_first_in_every_other_round_and_its_faults_are_named() -> None:
    turns: list[str] = []

    async def measure(
        session: Session, *, workers: int, seconds: float, show: throughput.Tell
    ) -> throughput.BenchResult:
        turns.append(session.service.host)
        show("holds", measured(1))
        return throughput.BenchResult({"holds": measured(workers)}, wrong=["lost"] if seconds < 1 else [])

    shown: list[str] = []
    found = await compare(
        session_of("a"),
        session_of("b"),
        Work(measure, "holds"),
        workers=3,
        seconds=0.5,
        rounds=3,
        show=lambda name, _: shown.append(name),
    )
    assert turns == ["a", "b", "b", "a", "a", "b"]
    assert shown == ["A", "B", "B", "A", "A", "B"]
    assert sorted(set(found.wrong)) == ["A: lost", "B: lost"]
    assert (found.a.calls, found.b.calls) == (9, 9)


@pytest.mark.once
def test_a_running_service_is_compared_with_one_that_a_command_starts(server: ServiceProcess, typed: Type) -> None:
    command = f"{sys.executable} -m travio_inventory.cli serve"
    words = ("--work", "refusals", "--rounds", "1", "--seconds", "0.05", "--workers", "4", "--json")
    answer = typed("bench", "compare", server.target, command, *words)
    assert answer.status == 0, answer.err
    results = answer.plain["results"]
    assert (results["A is"], results["B is"]) == (server.target, command)
    assert results["A / B"].keys() == {"per_second", "latency_p50"}
    assert results["B"]["server_cpu_seconds"] is not None
    assert results["A"]["counts"].keys() == results["B"]["counts"].keys() == {"contention at the gate"}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("a:b:c", "localhost:1"), 2, "A must be HOST:PORT, or a command in quotes, not 'a:b:c'"),
        (("localhost:1", "'serve"), 2, "B must be HOST:PORT"),
        (("localhost:1", "localhost:2", "--target", "localhost:3"), 2, "omit --target"),
        (("no-such-command serve", "localhost:1"), 4, "no-such-command: there is no such command"),
    ],
)
def test_what_is_no_service_is_one_line(typed: Type, words: tuple[str, ...], status: int, said: str) -> None:
    answer = typed("bench", "compare", *words)
    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err.splitlines()[-1]

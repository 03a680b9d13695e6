"""The bench of servers: what a service does behind each in a second of its CPU time."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.bench.measuring import Slice, cpu_seconds, latency_ms, rounded
from travio_inventory.bench.noop_server import PYGRPC_NATIVE
from travio_inventory.bench.own_server import ServerFailed
from travio_inventory.bench.report import Board
from travio_inventory.bench.servers import ENGINES, Measured, NoSuchServer, Traffic, contenders, measure, places
from travio_inventory.bench.session import Command, settings_given
from travio_inventory.cli.bench import Rounds, Seconds, failure_in_bench
from travio_inventory.cli.bench_reports import finish, report_of
from travio_inventory.cli.connection_options import AsJson, WrongConnectionOptions, fail, place_of
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.client.refusals import ClientError
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.refusals import Refusal

COLUMNS = ("what", "server", "calls", "per second", "per CPU second", "p50 ms", "p99 ms", "others' CPU us a call")
BAR_CELLS = 40

Pid = Annotated[int, Parameter(validator=Number(gte=0))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Shape:
    """How the servers are called, and how often."""

    connections: Annotated[int, Parameter(help="Connections to each.", validator=Number(gte=1, lte=1_000))] = 4
    depth: Annotated[int, Parameter(help="Calls in flight on each connection.", validator=Number(gte=1, lte=1_000))] = (
        16
    )
    new_headers: Annotated[
        bool, Parameter(help="Each call has a header whose value no call had before.", negative="")
    ] = False
    rounds: Rounds = 3
    seconds: Seconds = 1.0


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Beside:
    """Processes that the services use, for their CPU time; 0 = none."""

    redis_pid: Annotated[Pid, Parameter(help="Process id of Redis on this machine.")] = 0
    database_pid: Annotated[Pid, Parameter(help="Process id of the database on this machine.")] = 0

    def named(self) -> dict[str, int]:
        """Those that there are."""
        return {name: pid for name, pid in (("redis", self.redis_pid), ("database", self.database_pid)) if pid}


SHAPE, BESIDE = Shape(), Beside()


def bench_server(
    *servers: Annotated[
        str,
        Parameter(
            help="lean, grpclib, pygrpc-native, HOST:PORT of a running service, or in quotes the command that starts"
            " one; all that are installed by default. Ratios are those of the first to the others."
        ),
    ],
    work: Annotated[
        tuple[Literal["no-op", "refusal", "hold", "map"], ...],
        Parameter(help="What they do; may be given several times.", negative=""),
    ] = ("no-op", "refusal", "hold", "map"),
    shape: Shape = SHAPE,
    beside: Beside = BESIDE,
    out: Annotated[Path | None, Parameter(help="Also write the JSON report to this file.")] = None,
    as_json: AsJson = False,
) -> Exit:
    """Let a service work behind several servers in turns: a no-op, the refusal of a taken seat, holds of free seats,
    and the map of 500 seats on five segments while a hundred writes a second change it. Settings of the service come
    from the environment.
    """
    screen = Screen(as_json=as_json)
    lines = Traffic(shape.connections, shape.depth, shape.new_headers)
    try:
        named = _named(places(servers))
        for pid in beside.named().values():
            cpu_seconds(pid)
        if out is not None:
            out.touch()
    except WrongConnectionOptions as wrong:
        return fail(screen, wrong.failure)
    except NoSuchServer as wrong:
        return fail(screen, Failure(Exit.WRONG, "NO_SERVER", str(wrong)))
    except OSError as failed:
        return fail(screen, Failure(Exit.WRONG, "NOT_POSSIBLE", str(failed)))

    async def run() -> Measured:
        with Board(f"{lines.connections} connections, {lines.depth} calls in flight on each", COLUMNS) as board:
            async with contenders(named, lines, beside=beside.named()) as among:
                show = partial(_show, board)
                return await measure(among, work, lines, rounds=shape.rounds, seconds=shape.seconds, show=show)

    try:
        found = asyncio.run(run())
    except (Refusal, ClientError, ServerFailed, OSError, ExceptionGroup) as failed:
        return fail(screen, failure_in_bench(failed, "the address of one of them", with_tls=False))
    server = {"servers": list(named), **lines._asdict(), "settings": settings_given()}
    report = report_of(server, found.as_plain(), found.wrong)
    if not as_json:
        for line in plot(found):
            screen.say(line)
    finish(screen, report, out)
    return Exit.NO if found.wrong else Exit.DONE


def plot(found: Measured) -> list[str]:
    """A bar for each work and server: calls per second of CPU time, the longest bar the most of that work."""
    lines: list[str] = []
    for work, by_server in found.slices.items():
        rates = {name: measured.per_cpu_second or measured.per_second for name, measured in by_server.items()}
        most = max(rates.values()) or 1.0
        for name, rate in rates.items():
            lines.append(f"{work:>8} {name[:16]:<16} {'█' * max(1, round(BAR_CELLS * rate / most))} {rate:,.0f}")
    return lines


def _named(names: list[str]) -> dict[str, Address | Command | None]:
    """The place of each, None for those that the bench knows. Raises WrongConnectionOptions."""
    known = (*ENGINES, PYGRPC_NATIVE)
    return {name: None if name in known else place_of("SERVER", name) for name in names}


def _show(board: Board, work: str, name: str, measured: Slice) -> None:
    latency, per_cpu = latency_ms(measured.latencies_s), rounded(measured.per_cpu_second)
    beside = ", ".join(
        f"{other} {cpu_s / measured.calls * 1e6:.0f}"
        for other, cpu_s in measured.beside_cpu_s.items()
        if measured.calls
    )
    board.add(
        work,
        name,
        measured.calls,
        rounded(measured.per_second),
        "-" if per_cpu is None else per_cpu,
        latency.get("p50", "-"),
        latency.get("p99", "-"),
        beside or "-",
    )

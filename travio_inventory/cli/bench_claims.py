"""The bench of claims: how fast a cluster sells, beside loops that send the same batches."""

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.backends import StartFailed
from travio_inventory.bench.measuring import cpu_seconds
from travio_inventory.bench.report import Board
from travio_inventory.bench.session import settings_given
from travio_inventory.cli.bench import (
    DEFAULTS,
    SLICE_COLUMNS,
    WORKERS_MAX,
    Options,
    Report,
    Seats,
    SeatsPerGroup,
    show_slice,
)
from travio_inventory.cli.bench_reports import finish, report_of
from travio_inventory.cli.connection_options import fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Trips:
    """The trips whose seats are claimed."""

    trips: Annotated[int, Parameter(help="Trips that are sold together.", validator=Number(gte=1, lte=10_000))] = 1
    seats: Seats = 2_000
    segments: Annotated[int, Parameter(help="Segments of each trip.", validator=Number(gte=1, lte=25))] = 2
    seats_per_group: SeatsPerGroup = 0


ONE_TRIP = Trips()


def bench_claims(
    *,
    in_flight: Annotated[
        tuple[int, ...],
        Parameter(help="Concurrent claims; may be given several times.", validator=Number(gte=1, lte=WORKERS_MAX)),
    ] = (32, 128),
    trips: Trips = ONE_TRIP,
    processes: Annotated[int, Parameter(help="Processes that sell together.", validator=Number(gte=1, lte=64))] = 1,
    confirm: Annotated[bool, Parameter(negative="", help="Confirm each hold.")] = False,
    churn: Annotated[
        float,
        Parameter(
            help="Hold and release any seats for so many seconds, instead of selling all.", validator=Number(gte=0)
        ),
    ] = 0.0,
    database_pid: Annotated[
        tuple[int, ...],
        Parameter(
            help="Process id of a database server on this machine, for its CPU time; may be given several times.",
            validator=Number(gte=1),
        ),
    ] = (),
    options: Options = DEFAULTS,
) -> Exit:
    """Claim free seats on the scylla store, without gRPC, compared with bare loops. Needs SCYLLA_HOSTS."""
    from travio_inventory.bench.claims import Plan, claims  # noqa: PLC0415 - the driver is slow to import

    screen, settings = Screen(as_json=options.as_json), settings_or_none(background=False, events="none")
    if settings is None:
        return Exit.WRONG
    if confirm and churn:
        return fail(
            screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", "--confirm: rides of --churn are released; omit one")
        )
    if settings.store.kind != "scylla":
        return fail(screen, Failure(Exit.WRONG, "NO_CLUSTER", "set SCYLLA_HOSTS: the bench measures a cluster"))
    try:
        for pid in database_pid:
            cpu_seconds(pid)
    except OSError as failed:
        return fail(screen, Failure(Exit.WRONG, "BAD_PID", f"--database-pid {pid}: {failed.strerror}"))

    async def measure() -> Report:
        with Board("claims of free seats" + ", confirmed" * confirm, SLICE_COLUMNS) as board:
            found = await claims(
                settings,
                in_flight=in_flight,
                plan=Plan(**asdict(trips), churn_s=churn, processes=processes, confirms=confirm),
                database=database_pid,
                show=partial(show_slice, board),
            )
        return found.as_plain(), found.wrong

    try:
        report = report_of({"settings": settings_given()}, *asyncio.run(measure()))
    except StartFailed as failed:
        return fail(screen, Failure(Exit.NO_SERVICE, "START_FAILED", str(failed)))
    finish(screen, report, options.out)
    return Exit.NO if report["wrong"] else Exit.DONE

"""The bench that opens a season from a timetable."""

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.bench import season
from travio_inventory.bench.session import Session
from travio_inventory.cli.bench import DEFAULTS, Options, Report, run_bench
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.opening import Outcome, Outcomes, open_all
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.gtfs.trips import PlannedTrip


def bench_season(
    *,
    trips: Annotated[int, Parameter(help="Trips of the season.", validator=Number(gte=1, lte=100_000))] = 2_000,
    seats: Annotated[int, Parameter(help="Seats of each trip.", validator=Number(gte=1, lte=500))] = 40,
    at_once: Annotated[int, Parameter(help="Trips to open at the same time.", validator=Number(gte=1, lte=64))] = 32,
    options: Options = DEFAULTS,
) -> Exit:
    """Open the trips of a season, on nine segments each, from a timetable in GTFS, as `import gtfs` does."""

    async def open_them(client: InventoryClient, planned: Iterator[PlannedTrip]) -> int:
        outcomes = Outcomes()
        await open_all(client, planned, at_once=at_once, tell=lambda _, outcome, __: outcomes.counts.update([outcome]))
        return outcomes.counts[Outcome.OPENED]

    async def bench(on: Session) -> Report:
        return await season.season(on, trips=trips, seats=seats, open_all=open_them)

    return run_bench(options, bench, workers=1)

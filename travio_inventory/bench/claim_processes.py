"""Sells the seats of some trips from several processes at once, each with its own inventory on the same store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple, TypeAlias

from travio_inventory.bench.measuring import Slice
from travio_inventory.bench.selling import Claim, Seller, Sold, claims_of
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.telemetry.metrics import Figures

START_S_MAX = 60.0
ENDS_S_MAX = 10.0


class _Job(NamedTuple):
    """What one process is told to sell: its share of the seats, held or booked too, or rides for so many seconds."""

    trips: Sequence[Trip]
    claims: Sequence[Claim]
    at_once: int
    churn_s: float
    confirms: bool


Open: TypeAlias = Callable[[Figures], AbstractAsyncContextManager[Inventory]]
"""Opens the use cases of one process, whose figures go there."""
_Line: TypeAlias = "Connection[_Job, Sold | None]"
_OtherEnd: TypeAlias = "Connection[Sold | None, _Job]"


class Sellers:
    """Processes that are ready to sell."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self._lines = lines

    async def sell(self, trips: Sequence[Trip], at_once: int, *, churn_s: float = 0.0, confirms: bool = False) -> Sold:
        """Sell every seat, or rides for so long; `at_once` in all. The time is that of the slowest process."""
        claims: Sequence[Claim] = () if churn_s else claims_of(trips)
        count = len(self._lines)
        for nth, line in enumerate(self._lines):
            share = at_once // count + (nth < at_once % count)
            line.send(_Job(trips, claims[nth::count], max(1, share), churn_s, confirms))
        sold = [await asyncio.to_thread(line.recv) for line in self._lines]
        together, counted = Slice(cpu_s=0.0), Counter[str]()
        for each in filter(None, sold):
            together.add(each.measured)
            counted += each.counted
        together.wall_s = max(each.measured.wall_s for each in filter(None, sold))
        return Sold(together, counted)


@asynccontextmanager
async def sellers(opening: Open, count: int) -> AsyncIterator[Sellers]:
    """So many processes. Raises TimeoutError if one is not ready in time."""
    context, lines = get_context("spawn"), list[_Line]()
    processes = []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run, args=(opening, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            lines.append(ours)
        for line in lines:
            if not await asyncio.to_thread(line.poll, START_S_MAX):
                raise TimeoutError(f"a process was not ready within {START_S_MAX:g} s")
            line.recv()
        yield Sellers(lines)
    finally:
        for line in lines:
            line.close()
        for process in processes:
            await asyncio.to_thread(process.join, ENDS_S_MAX)
            process.kill()


def _run(opening: Open, line: _OtherEnd) -> None:
    asyncio.run(_sell(opening, line))


async def _sell(opening: Open, line: _OtherEnd) -> None:
    """Do one job after the other, until nobody has one."""
    figures = Figures()
    async with opening(figures) as inventory:
        seller = Seller(inventory, figures)
        line.send(None)
        while True:
            try:
                job = await asyncio.to_thread(line.recv)
            except EOFError:
                return
            if job.churn_s:
                line.send(await seller.churn(job.trips, job.at_once, job.churn_s))
            else:
                line.send(await seller.sell(job.claims, job.at_once, confirms=job.confirms))

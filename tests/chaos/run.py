"""One run from the first server's start to the verdict: load, faults, mending, settling, reading, judging."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.chaos import aftermath, nemesis, verdict
from tests.chaos.aftermath import Aftermath
from tests.chaos.crowds import Crowd, Line
from tests.chaos.customers import Customer
from tests.chaos.deployment import Deployment, Service, deployed
from tests.chaos.nemesis import Nemesis, Planned, Struck
from tests.chaos.notebook import Book, Notebook
from tests.chaos.season import Season
from tests.chaos.verdict import Verdict
from tests.servers.cassandra import Nodes
from tests.simulation.history import Answer, History
from travio_inventory.client import InventoryClient

CUSTOMERS = 8
CROWDS = 3
CROWD = "crowd-"
SETTLE_S_MAX = 60.0
MEND_S_MAX = 240.0
PROGRESS_S = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is to be done."""

    seconds: float
    seed: int
    faults: Sequence[str]
    nodes: Nodes


class Result(NamedTuple):
    """All that the page tells."""

    options: Options
    struck: Sequence[Struck]
    notebook: Notebook
    contended: int
    load_s: float
    found: Aftermath
    histories: dict[str, History]
    verdict: Verdict


async def run(options: Options, folder: Path, say: Say) -> Result:
    """The whole of it. Raises ServerFailedError and the like where the machinery itself fails."""
    plan = nemesis.plan(options.seed, options.seconds, options.faults)
    say(f"seed {options.seed}, {options.seconds:g} s of load, {options.nodes} database nodes; planned:")
    for planned in plan:
        say(f"  {planned}")
    async with deployed(folder, options.nodes) as deployment, _doors(deployment) as doors:
        say("all servers run")
        shopping = Shopping(options, deployment, doors, Notebook(), say)
        await shopping.go(plan)
        say("all is mended")
        found = await shopping.end()
        say("judging")
        start_ms = round((time.time() - time.monotonic()) * 1_000)
        histories = verdict.histories(shopping.books, found, deployment, start_ms=start_ms)
    judged = verdict.judge_all(histories, found)
    judged.violations += shopping.notebook.strange
    return Result(
        options, shopping.struck, shopping.notebook, shopping.contended, shopping.load_s, found, histories, judged
    )


@asynccontextmanager
async def _doors(deployment: Deployment) -> AsyncIterator[list[InventoryClient]]:
    """A client of each service."""
    async with AsyncExitStack() as stack:
        yield [await _door(stack, service) for service in deployment.services]


async def _door(stack: AsyncExitStack, service: Service) -> InventoryClient:
    client = service.process.client(attempts_max=1)
    return await stack.enter_async_context(client)


class Shopping:
    """Everybody who asks, and the nemesis among them."""

    def __init__(
        self, options: Options, deployment: Deployment, doors: Sequence[InventoryClient], notebook: Notebook, say: Say
    ) -> None:
        self.notebook = notebook
        self.load_s = 0.0
        self._options = options
        self._deployment = deployment
        self._say = say
        self._season = Season(doors, notebook)
        self._nemesis = Nemesis(deployment, say)
        self._customers = [
            Customer(f"c{n}", doors, self._season, notebook, Random(f"{options.seed} customer {n}"))
            for n in range(CUSTOMERS)
        ]
        self._crowds = [
            Crowd(
                f"{CROWD}{n}",
                [Line(service.process) for service in deployment.services],
                self._season,
                notebook,
                Random(f"{options.seed} crowd {n}"),
            )
            for n in range(CROWDS)
        ]

    @property
    def struck(self) -> Sequence[Struck]:
        """The faults that were."""
        return self._nemesis.struck

    @property
    def contended(self) -> int:
        """How often crowds asked for a seat."""
        return sum(crowd.asked for crowd in self._crowds)

    @property
    def books(self) -> list[Book]:
        """Of the trips that anybody asked about."""
        return [book for book in self.notebook.books if book.calls]

    async def go(self, plan: Sequence[Planned]) -> None:
        """Load and faults; when this returns, all is mended and nobody asks any more. Raises TimeoutError."""
        await self._season.next_wave()
        began_s = time.monotonic()
        async with asyncio.timeout(self._options.seconds + MEND_S_MAX), asyncio.TaskGroup() as group:
            for customer in self._customers:
                group.create_task(customer.shop())
            for crowd in self._crowds:
                group.create_task(crowd.rush())
            group.create_task(self._season.go_on())
            group.create_task(self._tell())
            group.create_task(self._nemesis.strike(plan, self._options.seconds))
            await asyncio.sleep(self._options.seconds)
            self._season.is_over = True
            self.load_s = time.monotonic() - began_s
        await asyncio.to_thread(self._deployment.nodes.settle)

    async def end(self) -> Aftermath:
        """Settle what is unknown, wait until nothing is held, restart, hear all events, win what is free.

        Raises StoreUnavailable.
        """
        found = Aftermath()
        try:
            async with asyncio.timeout(SETTLE_S_MAX):
                await asyncio.gather(*(customer.settle() for customer in self._customers))
        except TimeoutError:
            left = [wish for customer in self._customers for wish in customer.unsettled]
            found.violations.append(f"I5 no answer {SETTLE_S_MAX:g} s after all was mended: {left}")
        self._say("waiting until nothing is held")
        await aftermath.wait_for_quiet(self._deployment, self.books, found)
        self._settle_by_the_record(found)
        service = await aftermath.restart_everything(self._deployment)
        self._say("all was restarted; waiting for events")
        await aftermath.wait_for_events(self._deployment, found)
        await aftermath.measure_lateness(self._deployment, self.books, found)
        await aftermath.probe(service, self.books, found)
        return found

    def _settle_by_the_record(self, found: Aftermath) -> None:
        """Crowds have no keys and do not ask again: what became of their unanswered calls, the rows tell."""
        for book in self.books:
            holds = found.remains[book.name].holds
            asked = {(hold.holder, hold.cells) for hold in holds.values()}
            for call in book.calls:
                if call.answer is not Answer.UNKNOWN or not call.holder.startswith(CROWD):
                    continue
                if call.op == "hold":
                    was_held = (call.holder, call.cells) in asked
                    said = "it had been held" if was_held else "nothing was done"
                    if call.told and not was_held:
                        found.violations.append(f"I5 said to be over, and never was: {call}")
                else:
                    said = f"the hold {holds[call.subject].status if call.subject in holds else 'is gone'}"
                self.notebook.settled[f"{call.op} by a crowd", "read in the record", said] += 1

    async def _tell(self) -> None:
        """Progress, while it lasts."""
        before, began_s = 0, time.monotonic()
        while not self._season.is_over:
            await asyncio.sleep(PROGRESS_S)
            calls = sum(len(book.calls) for book in self.notebook.books)
            now_s = time.monotonic() - began_s
            self._say(f"{now_s:6.1f} s  {calls} calls, {(calls - before) / PROGRESS_S:.0f}/s")
            before = calls

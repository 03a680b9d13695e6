"""One run from the first server's start to the verdict: load, faults, repair, settling, reading, judging."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeAlias

from verification.chaos import aftermath, falls, nemesis, timeliness, verdict
from verification.chaos.aftermath import Aftermath
from verification.chaos.brokers import brokers
from verification.chaos.crowds import CROWD, Crowd, ServiceConnection
from verification.chaos.customers import Customer
from verification.chaos.deployment import Deployment, Service, deployed
from verification.chaos.falls import Felled
from verification.chaos.memory import Memory
from verification.chaos.nemesis import Nemesis, Planned, Struck
from verification.chaos.notebook import Book, Notebook
from verification.chaos.season import Door, Season
from verification.chaos.timeliness import Lateness
from verification.chaos.verdict import Verdict
from verification.chaos.waiting import Waiter, judge_lists
from verification.servers.cassandra import Nodes
from verification.simulation.history import CallOutcome, History

CUSTOMERS = 8
ACCOUNTS = 2
CUSTOMERS_PER_ACCOUNT = 5
CROWDS = 3
WAITERS = 2
HOLDS_MAX = 3
SETTLE_S_MAX = 60.0
MEND_S_MAX = 240.0
MORE_S_MAX = 150.0
"""The load lasts longer by at most this time, if not enough was seen."""
ENOUGH_EVERY_S = 1.0
PROGRESS_S = 5.0

IsEnough: TypeAlias = Callable[[Notebook], bool]

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is to be done."""

    seconds: float
    seed: int
    faults: Sequence[str]
    nodes: Nodes
    holds_max: int
    """How many live holds a holder may have; 0 = any number."""
    brokers: Sequence[str] = ()
    """Those that the services tell their events too."""
    faults_min: int = 0
    """The fewest faults, however long they take."""
    is_enough: IsEnough = lambda _: True
    """Whether there were enough calls and answers: on a busy machine the load lasts until then."""


class Result(NamedTuple):
    """All that the page tells."""

    options: Options
    struck: Sequence[Struck]
    began_s: float
    """When the load did, on the clock of calls and faults."""
    load_s: float
    notebook: Notebook
    contended: int
    memory: Memory
    felled: Sequence[Felled]
    found: Aftermath
    lateness: Lateness
    histories: dict[str, History]
    verdict: Verdict

    @property
    def too_late(self) -> list[str]:
        """The promises about time that were broken."""
        return timeliness.too_late(self.lateness, self.felled)


async def run(options: Options, folder: Path, say: Say) -> Result:
    """Run everything. Raises ServerFailedError and the like if the machinery itself fails."""
    plan = nemesis.plan(options.seed, options.seconds, options.faults, brokers=len(options.brokers))
    say(f"seed {options.seed}, {options.seconds:g} s of load, {options.nodes} database nodes; planned:")
    for planned in plan:
        say(f"  {planned}")
    async with (
        brokers(folder, options.brokers) as told,
        deployed(folder, options.nodes, holds_max=options.holds_max, brokers=told) as deployment,
        _doors(deployment) as doors,
    ):
        say("all servers run")
        shopping = Shopping(options, deployment, doors, Notebook(), say)
        await shopping.go(plan)
        say("all is mended")
        found = await shopping.end()
        say("judging")
        start_ms = round((time.time() - time.monotonic()) * 1_000)
        histories = verdict.histories(shopping.books, found, deployment, start_ms=start_ms, holds_max=options.holds_max)
    felled = falls.measure(deployment.falls, shopping.notebook, shopping.struck)
    judged = verdict.judge_all(histories, found, holds_max=options.holds_max)
    judged.violations += [*shopping.notebook.strange, *falls.unsettled(felled, shopping.notebook)]
    for book in shopping.books:
        remains = found.remains[book.name]
        judged.violations += [
            *judge_lists(book.of_list, remains.places, cancelled_s=book.cancelled_s),
            *verdict.judge_trip(book, remains),
        ]
    return Result(
        options=options,
        struck=shopping.struck,
        began_s=shopping.began_s,
        load_s=shopping.load_s,
        notebook=shopping.notebook,
        contended=shopping.contended,
        memory=shopping.memory,
        felled=felled,
        found=found,
        lateness=timeliness.lateness(found, shopping.struck, start_ms=start_ms),
        histories=histories,
        verdict=judged,
    )


@asynccontextmanager
async def _doors(deployment: Deployment) -> AsyncIterator[list[Door]]:
    """A client of each service."""
    async with AsyncExitStack() as stack:
        yield [await _door(stack, service) for service in deployment.services]


async def _door(stack: AsyncExitStack, service: Service) -> Door:
    client = service.process.client(attempts_max=1)
    return Door(await stack.enter_async_context(client), service.name)


class Shopping:
    """All callers, and the nemesis."""

    def __init__(
        self, options: Options, deployment: Deployment, doors: Sequence[Door], notebook: Notebook, say: Say
    ) -> None:
        self.notebook = notebook
        self.memory = Memory()
        self.began_s = self.load_s = 0.0
        self._options = options
        self._deployment = deployment
        self._say = say
        self._season = Season(doors, notebook, Random(f"{options.seed} season"))
        self._nemesis = Nemesis(deployment, say, options.faults_min)
        shared = [f"account-{n}" for n in range(ACCOUNTS)] * CUSTOMERS_PER_ACCOUNT
        self._customers = [
            Customer(f"c{n}", doors, self._season, notebook, Random(f"{options.seed} customer {n}"), account)
            for n, account in enumerate([*[""] * CUSTOMERS, *shared])
        ]
        self._waiters = [
            Waiter(f"w{n}", doors, self._season, notebook, Random(f"{options.seed} waiter {n}")) for n in range(WAITERS)
        ]
        self._crowds = [
            Crowd(
                f"{CROWD}{n}",
                [ServiceConnection(service) for service in deployment.services],
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
        """How often crowds requested a seat."""
        return sum(crowd.asked for crowd in self._crowds)

    @property
    def books(self) -> list[Book]:
        """The number of trips with calls."""
        return [book for book in self.notebook.books if book.calls or book.of_list]

    async def go(self, plan: Sequence[Planned]) -> None:
        """Load and faults; when this returns, all faults are over and nobody calls any more. Raises TimeoutError."""
        await self._season.next_wave()
        self.memory.look(self._deployment)
        self.began_s = time.monotonic()
        async with asyncio.timeout(self._options.seconds + MORE_S_MAX + MEND_S_MAX), asyncio.TaskGroup() as group:
            for customer in self._customers:
                group.create_task(customer.shop())
            for crowd in self._crowds:
                group.create_task(crowd.rush())
            for waiter in self._waiters:
                group.create_task(waiter.wait())
            group.create_task(self._season.go_on())
            group.create_task(self._tell())
            group.create_task(self._nemesis.strike(plan, self._options.seconds))
            await asyncio.sleep(self._options.seconds)
            await self._until_enough()
            self._season.is_over = True
            self.load_s = time.monotonic() - self.began_s
            self.memory.look(self._deployment)
        await asyncio.to_thread(self._deployment.nodes.settle)

    def _is_enough(self) -> bool:
        return len(self.struck) >= self._options.faults_min and self._options.is_enough(self.notebook)

    async def _until_enough(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(MORE_S_MAX):
                while not self._is_enough():  # noqa: ASYNC110 - no event tells what was seen
                    await asyncio.sleep(ENOUGH_EVERY_S)

    async def end(self) -> Aftermath:
        """Settle what is unknown, wait until nothing is held, restart, hear all events, win what is free.

        Raises StoreUnavailable.
        """
        found = Aftermath()
        try:
            async with asyncio.timeout(SETTLE_S_MAX):
                settling = [customer.settle() for customer in self._customers]
                settling += [waiter.settle() for waiter in self._waiters]
                await asyncio.gather(self._season.settle(), *settling)
        except TimeoutError:
            left: list[object] = [wish for customer in self._customers for wish in customer.unsettled]
            left += [waiter.unsettled for waiter in self._waiters if waiter.unsettled]
            left += [f"cancel {book.name}" for book in self._season.unsettled]
            found.violations.append(f"I5 no answer {SETTLE_S_MAX:g} s after all was mended: {left}")
        self._say("waiting until nothing is held")
        await aftermath.wait_for_quiet(self._deployment, self.books, found)
        self._settle_by_the_record(found)
        service = await aftermath.restart_everything(self._deployment)
        self._say("all was restarted; waiting for events")
        await aftermath.wait_for_events(self._deployment, found)
        await aftermath.wait_for_brokers(self._deployment, found)
        await aftermath.measure_lateness(self._deployment, self.books, found)
        await aftermath.probe(service, self.books, found)
        await aftermath.find_places(service, found)
        return found

    def _settle_by_the_record(self, found: Aftermath) -> None:
        """Crowds have no keys and do not repeat calls: the rows show the outcome of their unanswered calls."""
        for book in self.books:
            holds = found.remains[book.name].holds
            asked = {(hold.holder, hold.cells) for hold in holds.values()}
            for call in book.calls:
                if call.answer is not CallOutcome.UNKNOWN or not call.holder.startswith(CROWD):
                    continue
                if call.op == "hold":
                    was_held = (call.holder, call.cells) in asked
                    said = "it had been held" if was_held else "nothing was done"
                else:
                    said = f"the hold {holds[call.subject].status if call.subject in holds else 'is gone'}"
                self.notebook.settled[f"{call.op} by a crowd", "read in the record", said] += 1

    async def _tell(self) -> None:
        """Progress, while it lasts."""
        before = 0
        while not self._season.is_over:
            await asyncio.sleep(PROGRESS_S)
            calls = self.notebook.made
            self.memory.look(self._deployment)
            now_s = time.monotonic() - self.began_s
            self._say(f"{now_s:6.1f} s  {calls} calls, {(calls - before) / PROGRESS_S:.0f}/s")
            before = calls

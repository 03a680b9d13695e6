"""A store that is away is one line of the log, and one when work goes on, whatever waited for it and however often."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random

import anyio
import pytest

from tests.events.selling import ANN, TRIP, RecordingSink, Service, put_on_sale
from tests.events.test_kept_events import LoopClock
from travio_inventory.app.assemble import Unwatched
from travio_inventory.app.backends import Store
from travio_inventory.app.background import AuditJob, DeadLetterJob, Job, Supervision, background_jobs, stock_jobs
from travio_inventory.app.background.waiting_work import QUIET_S, WaitingWork
from travio_inventory.app.readiness import Readiness, look_at_store
from travio_inventory.app.stock import assemble_stock
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.refusals import TripBeingForgotten
from travio_inventory.seats.trip import Ends
from travio_inventory.store.memory import Faults, MemoryBatches
from travio_inventory.telemetry.outages import SAY_EVERY_S
from verification.kit.asking import hold_seats
from verification.kit.in_process import settings_of
from verification.simulation.virtual_loop import run_virtually

AWAY = Faults(not_done=1.0, read_failed=1.0)
AWAY_S = 290.0
TTL_S = 20


def jobs_of(service: Service, store: MemoryBatches) -> Mapping[str, Job]:
    """What works in the background of a process that sells seats and keeps stock, all of it often."""
    assembly, jitter = service.assembly, Random(1)
    waits, settings = assembly.sender.waits, settings_of(None, audit_seconds=1, stock_automatic_orders_seconds="1")
    stock = assemble_stock(assembly.sender, assembly.steps, watch=Unwatched())
    readiness = Readiness(lambda _is_ready: None)
    audits = AuditJob(
        assembly.inventory.audit_trips,
        count=lambda _: None,
        missed=lambda _what, _count: None,
        waits=waits,
        jitter=jitter,
    )
    return {
        **background_jobs(
            assembly.inventory,
            assembly.relays,
            sweep_interval_ms=300,
            relay_interval_ms=500,
            forgot=lambda _: None,
            waits=waits,
            jitter=jitter,
        ),
        **stock_jobs(
            stock,
            settings,
            count_fault=lambda _: None,
            missed=lambda _what, _count: None,
            waits=waits,
            jitter=jitter,
        ),
        "auditor": audits.run,
        "dead letters": DeadLetterJob(DeadLetters(store, service.clock), {}, waits=waits, jitter=jitter).run,
        "look": lambda: look_at_store(Store(store, "here"), readiness, applied=lambda: 0, waits=waits),
    }


def test_all_that_waits_for_a_store_is_one_line_and_one_when_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Each seat is in a seat group of its own, and its hold runs out meanwhile; events are still to be published."""
    caplog.set_level(logging.INFO)

    async def an_incident() -> None:
        store = MemoryBatches(None, Random(0), asyncio.sleep)
        service = Service(store, LoopClock(), shared=["near"], far=RecordingSink(), near=RecordingSink())
        await put_on_sale(service)
        async with anyio.create_task_group() as working:
            working.start_soon(Supervision(jitter=Random(1), tell=lambda _: None).run, jobs_of(service, store))
            await anyio.sleep(30)
            for seat in TRIP.seats:
                await hold_seats(service.assembly.inventory, ANN, TRIP.key.trip, Ends("A", "D"), [seat.id], ttl_s=TTL_S)
            store.faults = AWAY
            await anyio.sleep(AWAY_S)
            store.faults = Faults.none()
            await anyio.sleep(3 * QUIET_S)
            working.cancel_scope.cancel()

    run_virtually(1, an_incident())
    of_work = [line for line in caplog.messages if line.startswith("background work ")]
    first, *minutes, last = of_work
    assert first.startswith("background work waits for the store: ")
    assert all(line.startswith("background work waits for the store for ") for line in minutes)
    assert len(minutes) <= AWAY_S // SAY_EVERY_S + 1
    assert last.startswith("background work goes on after ")
    others = [line for line in caplog.messages if line not in of_work]
    assert others == ["not ready: store: the store is down", "no longer so: store: the store is down"]


def looked(failures_s: Sequence[float], *, answers: Callable[[float], bool], until_s: int) -> None:
    """What is due is looked for twice a second, while work fails at these moments."""

    async def look() -> None:
        waits = StoreWaits()
        waiting, failures = WaitingWork(waits), deque(failures_s)
        while (now_s := anyio.current_time()) < until_s:
            while failures and failures[0] <= now_s:
                waits.heard(f"work of {failures.popleft()}", BackendUnavailable())
            waiting.look(answers=answers(now_s))
            await anyio.sleep(0.5)

    run_virtually(1, look())


@pytest.mark.parametrize(
    ("failures_s", "answers_from_s", "said"),
    [
        ([1, 2, 9], 10, ["waits for the store: work of 1: ", "goes on after 8.0 s"]),
        ([1], 31, ["waits for the store: work of 1: ", "goes on after 0.0 s"]),
        ([1, 16, 31, 46], 0, ["waits for the store: work of 1: ", "goes on after 45.0 s"]),
        (
            [1, 51],
            0,
            [
                "waits for the store: work of 1: ",
                "goes on after 0.0 s",
                "waits for the store: work of 51: ",
                "goes on after 0.0 s",
            ],
        ),
    ],
    ids=["an outage", "nothing is tried", "one place fails again and again", "two"],
)
def test_work_goes_on_once_the_store_answers_and_nothing_has_failed_for_a_while(
    failures_s: Sequence[float], answers_from_s: float, said: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    looked(failures_s, answers=lambda now_s: now_s >= answers_from_s, until_s=100)
    assert len(caplog.messages) == len(said)
    assert all(f"background work {start}" in line for start, line in zip(said, caplog.messages, strict=True))


@pytest.mark.parametrize("error", [StoreUnavailable("no answer"), BackendUnavailable(), OutcomeUnknown(), Overloaded()])
def test_what_the_store_did_not_answer_is_told_by_nobody_else(error: Exception) -> None:
    waits = StoreWaits()
    assert waits.heard("sweep", error)
    assert waits.heard("relay", BackendUnavailable())
    assert waits.take().startswith(f"sweep: {type(error).__name__}: ")
    assert waits.take() == ""


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), TripBeingForgotten(), OSError("no space")])
def test_other_errors_are_told_where_they_are_met(error: Exception) -> None:
    waits = StoreWaits()
    assert not waits.heard("sweep", error)
    assert waits.take() == ""

"""Every use case is wrapped: its result is passed on, and it is counted."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import fields
from time import thread_time_ns
from typing import get_type_hints

import anyio
import pytest

from travio_inventory.edge.local import LocalGate
from travio_inventory.kernel.events import PublishFailed
from travio_inventory.seats.ports import Attempt, Cell, Locked, Passed, SeatGroupKey
from travio_inventory.seats.refusals import SeatContended
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.telemetry.metrics import Figures
from travio_inventory.telemetry.watched import CallWatch, log_figures, report

USE_CASES = get_type_hints(Inventory)
METHODS = [
    (name, method)
    for name, use_case in USE_CASES.items()
    for method, _ in inspect.getmembers(use_case, inspect.iscoroutinefunction)
    if method == "__call__" or not method.startswith("_")
]
COST_US_MAX = 3.0


class Verb:
    """A use case with one verb: returns its arguments, or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error

    async def __call__(self, *args: object, **kwargs: object) -> object:
        if self._error is not None:
            raise self._error
        return args, kwargs


def verbs() -> Inventory:
    """An inventory in which every use case has all the methods of its type, and each returns its own name."""

    def named(name: str) -> Callable[..., Awaitable[str]]:
        async def method(_: object, *args: object, **kwargs: object) -> str:
            return f"{name} {args} {kwargs}"

        return method

    made = {
        name: type(name, (), {method: named(method) for of, method in METHODS if of == name})() for name in USE_CASES
    }
    return Inventory(**made)


def hold_seats_as(verb: Verb) -> tuple[Callable[..., Awaitable[object]], Figures]:
    """The verb as a watched use case, and its figures."""
    figures = Figures()
    return CallWatch(figures).use_case("hold_seats", verb), figures


def counted(figures: Figures) -> dict[str, int]:
    return {f"{figure.use_case} {figure.outcome}": figure.calls for figure in figures.snapshot()}


def test_no_use_case_is_forgotten() -> None:
    assert {name for name, _ in METHODS} == {field.name for field in fields(Inventory)}


@pytest.mark.parametrize(("name", "method"), METHODS)
async def test_every_method_of_every_use_case_is_passed_on_and_counted(name: str, method: str) -> None:
    figures = Figures()
    use_case = CallWatch(figures).use_case(name, getattr(verbs(), name))
    call = use_case if method == "__call__" else getattr(use_case, method)
    assert await call("a", b=1) == f"{method} ('a',) {{'b': 1}}"
    assert counted(figures) == {f"{name} ok" if method == "__call__" else f"{name}.{method} ok": 1}


async def test_a_refusal_is_counted_by_its_reason_and_logged_for_debugging_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusal = SeatContended(["A1"], retry_after_ms=50)
    hold_seats, figures = hold_seats_as(Verb(refusal))
    with caplog.at_level(logging.DEBUG), pytest.raises(SeatContended) as raised:
        await hold_seats()
    assert raised.value is refusal
    assert counted(figures) == {"hold_seats SEAT_CONTENDED": 1}
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


async def test_a_sink_that_fails_is_an_outcome_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    hold_seats, figures = hold_seats_as(Verb(PublishFailed("full")))
    with pytest.raises(PublishFailed):
        await hold_seats()
    assert counted(figures) == {"hold_seats PUBLISH_FAILED": 1}
    assert caplog.records == []


async def test_an_unexpected_error_is_counted_and_logged_with_its_traceback_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold_seats, figures = hold_seats_as(Verb(ZeroDivisionError("bug")))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await hold_seats()
    assert counted(figures) == {"hold_seats error": 3}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_a_caller_that_leaves_is_counted_and_still_cancelled() -> None:
    figures = Figures()

    class Sleeps(Verb):
        async def __call__(self, *args: object, **kwargs: object) -> object:
            await anyio.sleep_forever()
            return args, kwargs

    hold_seats = CallWatch(figures).use_case("hold_seats", Sleeps())
    with anyio.move_on_after(0.01) as scope:
        await hold_seats()
    assert scope.cancelled_caught
    assert counted(figures) == {"hold_seats cancelled": 1}


async def test_of_a_port_every_answer_is_counted_and_passed_on_and_nothing_that_it_is_told() -> None:
    figures = Figures()
    gate = CallWatch(figures).port("gate", LocalGate(lambda: 0, lambda: 0, entries_max=10))
    cell = (SeatGroupKey(TripKey("acme", "t1"), 0), [Cell("A1", 0)])
    first = Attempt("1", "ann")
    assert await gate.enter(*cell, first, ttl_ms=1_000) == Passed()
    assert await gate.enter(*cell, Attempt("2", "bob"), ttl_ms=1_000) == Locked(("A1",))
    await gate.leave(*cell, token=first.token)
    assert counted(figures) == {"gate.enter passed": 1, "gate.enter locked": 1}


async def test_of_a_port_failures_and_cancelled_calls_are_counted_apart() -> None:
    class Port:
        async def apply(self) -> None:
            raise ZeroDivisionError

        async def read(self) -> None:
            await anyio.sleep_forever()

    figures = Figures()
    port = CallWatch(figures).port("store", Port())
    with pytest.raises(ZeroDivisionError):
        await port.apply()
    with anyio.move_on_after(0.01):
        await port.read()
    assert counted(figures) == {"store.apply error": 1, "store.read cancelled": 1}


async def test_the_time_a_call_takes_is_what_is_measured() -> None:
    figures = Figures()

    class Naps(Verb):
        async def __call__(self, *args: object, **kwargs: object) -> object:
            await anyio.sleep(0.03)
            return args, kwargs

    await CallWatch(figures).use_case("hold_seats", Naps())()
    (figure,) = figures.snapshot()
    assert figure.total_ms >= 29
    assert figure.within_ms(1.0) >= 50


async def cost_us(call: Callable[..., Awaitable[object]], *, calls: int) -> float:
    began_ns = thread_time_ns()
    for _ in range(calls):
        await call("t1", ttl_s=1)
    return (thread_time_ns() - began_ns) / calls / 1_000


async def test_watching_costs_next_to_nothing() -> None:
    """The least of several runs, because other work on the machine only adds time."""
    verb = Verb()
    watched_verb, _ = hold_seats_as(verb)
    costs = [(await cost_us(watched_verb, calls=200), await cost_us(verb, calls=200)) for _ in range(200)]
    wrapped, bare = map(min, zip(*costs, strict=True))
    assert wrapped - bare < COST_US_MAX


async def test_figures_are_reported_only_if_something_happened(caplog: pytest.LogCaptureFixture) -> None:
    figures = Figures()
    with caplog.at_level(logging.INFO):
        async with anyio.create_task_group() as reporting:
            reporting.start_soon(lambda: report(figures, every_seconds=0.02))
            await anyio.sleep(0.1)
            for round_of_a_job in ("expire_holds", "forget_trips", "relay_events.audit"):
                figures.add(round_of_a_job, "ok", 1)
            figures.add("store.read", "ok", 1)
            await anyio.sleep(0.1)
            assert caplog.records == []
            figures.add("hold_seats", "ok", 1)
            await anyio.sleep(0.2)
            reporting.cancel_scope.cancel()
    figure = "{}=1 p50<=0.2ms p99<=0.2ms".format
    (record,) = caplog.records
    said = "; ".join(
        map(figure, ["expire_holds ok", "forget_trips ok", "hold_seats ok", "relay_events.audit ok", "store.read ok"])
    )
    assert record.getMessage() == f"figures: {said}"


def test_without_calls_the_figures_say_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_figures(Figures())
    assert caplog.messages == ["figures: no calls"]


def test_a_gauge_is_read_when_the_figures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    figures, lag = Figures(), [1]
    figures.gauge("lag_ms", lambda: lag[0])
    lag[0] = 7
    with caplog.at_level(logging.INFO):
        log_figures(figures)
    assert caplog.messages == ["figures: lag_ms=7"]

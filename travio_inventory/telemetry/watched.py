"""Wraps use cases and ports: counts and times outcomes, and logs unexpected errors of use cases."""

import inspect
import logging
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any, TypeVar, cast

import anyio

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.kernel.tally import BUCKETS_NS
from travio_inventory.seats.commands import HoldSeatsCommand
from travio_inventory.seats.ports import Locked, Passed, Taken
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.telemetry.metrics import Figures

log = logging.getLogger(__name__)

OK = "ok"
ERROR = "error"
CANCELLED = "cancelled"
PUBLISH_FAILED = "PUBLISH_FAILED"
ROUNDS = {
    "expire_holds", "relay_events", "publish_own", "forget_trips", "follow_maps", "audit_trips", "audit_stock",
    "reorder_stock",
}  # fmt: skip
"""Called by background jobs and live feeds all the time: their runs alone are not reported."""
SINK = "sink"
HOLDS = "holds"
PORTS = {"store", HOLDS, "gate", "taken", "seat_maps", SINK}
"""Called by use cases, rounds too: not reported alone either."""
TOLD = {"leave", "mark"}
"""Methods of ports that wait for nothing and have no outcome: they are not counted."""


def _answer_of_gate(answer: object) -> str:
    """What is in the way, if anything."""
    if isinstance(answer, Taken) and answer.cells:
        return answer.cells[0].status
    return PASSED if isinstance(answer, Passed) else type(answer).__name__.lower()


AT_GATE, LOCKED, PASSED = "enter", Locked.__name__.lower(), Passed.__name__.lower()
ANSWERING: Mapping[str, Callable[[object], str]] = MappingProxyType(
    {"apply": lambda outcome: type(outcome).__name__, AT_GATE: _answer_of_gate}
)
"""Methods of ports whose answer is a decision, each with the decision's name."""

T = TypeVar("T")
_Step = Callable[..., Awaitable[Any]]


async def report(figures: Figures, *, every_seconds: float) -> None:
    """Log the figures whenever something happened since they were last logged. Runs until cancelled."""
    reported = 0
    while True:
        await anyio.sleep(every_seconds)
        happened = sum(
            figure.calls for figure in figures.snapshot() if figure.use_case.partition(".")[0] not in ROUNDS | PORTS
        )
        if happened != reported:
            log_figures(figures)
            reported = happened


def log_figures(figures: Figures) -> None:
    """Log what was counted since the start, and what the gauges show, on one line at INFO."""
    shown = [f"{name}={value}" for name, value in figures.gauges().items()]
    log.info("figures: %s", "; ".join([*map(str, figures.snapshot()), *shown]) or "no calls")


def _counted(name: str, call: _Step, figures: Figures, *, decided: Callable[[object], str] | None) -> _Step:
    tallies = figures.of(name)

    async def counted_call(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - whatever the port gives
        outcome, started_ns = CANCELLED, perf_counter_ns()
        try:
            result = await call(*args, **kwargs)
            outcome = OK if decided is None else decided(result)
        except Refusal as refusal:
            outcome = refusal.reason
            raise
        except Exception:
            outcome = ERROR
            raise
        else:
            return result
        finally:
            elapsed_ns, tally = perf_counter_ns() - started_ns, tallies[outcome]
            tally.buckets[bisect_left(BUCKETS_NS, elapsed_ns)] += 1  # as Tally.add, without one more call
            tally.total_ns += elapsed_ns

    return counted_call


class CallWatch:
    """Counts and times in `figures` the calls of callers and background jobs, and their calls of the ports."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._log_throttle = LogThrottle()

    def port(self, name: str, port: T) -> T:
        """The same port, each call of it that waits for something counted under `name.method`.

        Outcomes are ok, for what decides (`ANSWERING`) the name of the answer's type, the reason of a refusal, error,
        and cancelled.
        """

        def counted(method: str, call: _Step) -> _Step:
            if method in TOLD:
                return call
            return _counted(f"{name}.{method}", call, self._figures, decided=ANSWERING.get(method))

        return cast(T, _with_methods_of(port, counted))

    def sink(self, name: str, sink: Sink) -> Sink:
        """The same sink, its calls counted under `sink.name.method`, and the events that it accepts."""
        watched, published = self.port(f"{SINK}.{name}", sink), self._figures.published

        class CountedSink:
            async def publish(self, events: Sequence[Event]) -> None:
                try:
                    await watched.publish(events)
                except PublishFailed as failed:
                    published[name] += len(failed.accepted)
                    raise
                published[name] += len(events)

        return CountedSink()

    def use_case(self, name: str, use_case: T) -> T:
        """The same use case, each call from outside counted under `name`, or `name.method` where it has several.

        Outcomes are ok, the reason of a refusal, PUBLISH_FAILED, cancelled, and error. An error is logged with
        its traceback, at most once a minute for the same use case and type; a refusal at DEBUG.
        """
        if inspect.iscoroutinefunction(type(use_case).__call__):
            return cast(T, self._over(name, cast(_Step, use_case)))
        return cast(T, _with_methods_of(use_case, lambda method, step: self._over(f"{name}.{method}", step)))

    def at_once(self, name: str, refuses: RefusesAtOnce) -> RefusesAtOnce:
        """The same, each refusal counted as one of that use case and of the gate. Where refusals are logged it refuses
        nothing: the use case does, and is logged.
        """
        add, at_gate = self._figures.add, f"gate.{AT_GATE}"

        def refused(actor: Actor, command: HoldSeatsCommand) -> Refusal | None:
            started_ns = perf_counter_ns()
            if log.isEnabledFor(logging.DEBUG) or (refusal := refuses(actor, command)) is None:
                return None
            elapsed_ns = perf_counter_ns() - started_ns
            add(name, refusal.reason, elapsed_ns)
            add(at_gate, refusal.cells[0].status if isinstance(refusal, SeatTaken) else LOCKED, elapsed_ns)
            return refusal

        return refused

    def _over(self, name: str, step: _Step) -> _Step:
        """The step, watched under that name."""
        add = self._figures.add

        async def watched_step(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 - whatever the use case gives
            started_ns = perf_counter_ns()
            try:
                result = await step(*args, **kwargs)
            except BaseException as error:
                add(name, self._outcome(name, error, args), perf_counter_ns() - started_ns)
                raise
            add(name, OK, perf_counter_ns() - started_ns)
            return result

        return watched_step

    def _outcome(self, name: str, error: BaseException, args: Sequence[object]) -> str:
        match error:
            case Refusal():
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("%s refused: %s: %s", name, error.reason, error, extra=_about(args))
                return error.reason
            case PublishFailed():
                return PUBLISH_FAILED
            case Exception():
                if self._log_throttle.may_log((name, type(error))):
                    log.error("%s failed", name, exc_info=error, extra=_about(args))
                return ERROR
            case _:
                return CANCELLED


def _about(args: Sequence[object]) -> dict[str, str]:
    """The trip and the hold that a command names."""
    command = args[-1] if args else None
    named = {"trip": getattr(command, "trip_id", ""), "hold": getattr(command, "hold_id", "")}
    return {name: str(value) for name, value in named.items() if value}


class _Methods:
    """A use case with several methods, set as attributes."""


def _with_methods_of(subject: object, wrapped: Callable[[str, _Step], _Step]) -> "_Methods":
    """The subject's public coroutine methods, each wrapped, and nothing else of it."""
    methods = _Methods()
    for method, _ in inspect.getmembers(type(subject), inspect.iscoroutinefunction):
        if not method.startswith("_"):
            setattr(methods, method, wrapped(method, getattr(subject, method)))
    return methods

"""Sees each message through: until it has taken effect, or is safe among the dead letters. Nothing else ends it."""

import logging
from collections.abc import Awaitable, Callable
from random import Random
from time import perf_counter_ns
from typing import TypeVar

import anyio

from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.events.inbound.reception import Fate, Reception
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.kernel.trace_context import CURRENT, TraceParent, read_trace_parent
from travio_inventory.protocol.dead_letters import NoRoom
from travio_inventory.protocol.store_waits import StoreWaits

WAIT_S = (0.1, 10.0)
"""The first pause before a message is tried again, and the longest."""
BUGS_MAX = 5
"""After so many unexpected errors a message is a dead letter: it must not stop what is behind it."""
INTERNAL = "INTERNAL"
DEAD = "dead letter"

T = TypeVar("T")
_SeeThrough = Callable[[Message], Awaitable[None]]

Count = Callable[[str, int], None]
"""Counts a message, by its fate, and the nanoseconds that it took."""

log = logging.getLogger(__name__)


class Delivery:
    """Messages of one source. `waiting` is how many are being tried again now: those behind them wait with them."""

    def __init__(
        self,
        name: str,
        reception: Reception,
        letters: SourceLetters,
        *,
        waits: StoreWaits,
        jitter: Random,
        count: Count,
        traced: Callable[[str, _SeeThrough], _SeeThrough] = lambda _, see_through: see_through,
    ) -> None:
        """`traced` gives what sees a message through a span, in the trace of the moment."""
        self.waiting = 0
        self._traced = traced(name, self._see_through)
        self._name = name
        self._reception = reception
        self._letters = letters
        self._waits = waits
        self._jitter = jitter
        self._count = count
        self._log_throttle = LogThrottle(now_s=anyio.current_time)

    async def see_through(self, message: Message) -> None:
        """Returns once the message need not come again. What of it is under way when this is cancelled goes on; then it
        comes again, and has no second effect.
        """
        token = CURRENT.set(_trace_of(message))
        try:
            await self._traced(message)
        finally:
            CURRENT.reset(token)

    async def _see_through(self, message: Message) -> None:
        began_ns = perf_counter_ns()
        found = await self._until(lambda: self._received(message), _bug)
        if isinstance(found, Unfit):
            unfit = found
            await self._until(lambda: self._letters.put(message, unfit), None)
            if self._log_throttle.may_log(found.reason):
                log.warning("events of %s: dead letter: %s: %s: %s", self._name, message.place, found.reason, found)
        self._count(DEAD if isinstance(found, Unfit) else found.value, perf_counter_ns() - began_ns)

    async def _received(self, message: Message) -> Fate | Unfit:
        """Raises RetryableRefusal, and what is a bug."""
        try:
            return (await self._reception.receive(message)).fate
        except Unfit as unfit:
            return unfit

    async def _until(self, attempt: Callable[[], Awaitable[T]], given_up: Callable[[str], T] | None) -> T:
        """What comes of the attempt in the end: with back-off for as long as it takes, or after BUGS_MAX unexpected
        errors what `given_up` says, if it is there.
        """
        failures = bugs = 0
        try:
            while True:
                failed: Exception
                try:
                    return await attempt()
                except (RetryableRefusal, NoRoom) as refusal:
                    failed = refusal
                except Exception as bug:
                    bugs += 1
                    failed = bug
                    if self._log_throttle.may_log(type(bug).__name__):
                        log.exception("events of %s: unexpected error", self._name)
                    if bugs >= BUGS_MAX and given_up is not None:
                        return given_up(error_in_words(bug))
                failures += 1
                self.waiting += failures == 1
                if not self._waits.heard(f"events of {self._name}", failed) and self._log_throttle.may_log("waiting"):
                    log.warning("events of %s wait, and are tried again: %s", self._name, error_in_words(failed))
                await anyio.sleep(self._wait_s(failures))
        finally:
            self.waiting -= failures > 0

    def _wait_s(self, failures: int) -> float:
        first_s, longest_s = WAIT_S
        return min(first_s * (1 << min(failures - 1, 16)), longest_s) * self._jitter.uniform(0.75, 1.0)


def _bug(why: str) -> Fate | Unfit:
    return Unfit(INTERNAL, why)


def _trace_of(message: Message) -> TraceParent | None:
    """The trace that its sender names, in a header or by CloudEvents' extension; the log names it too."""
    parent, state = (_said(message, name) for name in ("traceparent", "tracestate"))
    return read_trace_parent(parent, state)


def _said(message: Message, name: str) -> str:
    return next((header.value.decode("latin-1") for header in message.headers if header.name.endswith(name)), "")

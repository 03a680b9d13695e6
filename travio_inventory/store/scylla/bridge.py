"""Moves the driver's answers from its thread to the event loop: one wake-up for all that are ready."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cassandra.cluster import NoHostAvailable, ResponseFuture, Session
from cassandra.query import Statement

from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.driver_internals import was_sent
from travio_inventory.store.scylla.failures import Failure

Reply: TypeAlias = ResultRows | Failure | None
"""Rows, an error, or nothing."""


@dataclass(slots=True)
class _Call:
    reply: asyncio.Future[Reply]
    ended: Callable[[], None]
    watch: asyncio.TimerHandle | None = None
    is_over: bool = False


class Bridge:
    """Sends statements over a session, from the event loop it is made on.

    If the driver reports nothing within `patience_s`, longer than its own timeout, the request counts as unanswered.
    """

    def __init__(self, session: Session, *, patience_s: float) -> None:
        self._session = session
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[tuple[_Call, Reply]] = deque()
        self._is_armed = False

    def send(self, statement: Statement, profile: str, ended: Callable[[], None]) -> asyncio.Future[Reply]:
        """The reply to come. `ended` is called when the request is over, whether anybody still waits for it or not."""
        call = _Call(self._loop.create_future(), ended)
        try:
            response = self._session.execute_async(statement, execution_profile=profile)
        except BaseException:
            ended()
            raise
        call.watch = self._loop.call_later(self._patience_s, self._forget, call)
        response.add_callbacks(self._arrive, self._fail, callback_args=(call,), errback_args=(call, response))
        return call.reply

    def _fail(self, error: Exception, call: _Call, response: ResponseFuture) -> None:
        """A request that timed out before it was sent may still be sent."""
        self._arrive(Failure(error, was_sent(response) or not isinstance(error, NoHostAvailable)), call)

    def _arrive(self, reply: Reply, call: _Call) -> None:
        """Any thread. Two that see the flag unset at once wake the loop twice, which does no harm."""
        self._arrived.append((call, reply))
        if not self._is_armed:
            self._is_armed = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_armed = False
        try:
            while self._arrived:
                call, reply = self._arrived.popleft()
                _end(call, reply)
        finally:  # one call that cannot end must not keep the answers of others
            if self._arrived:
                self._loop.call_soon(self._deliver)

    def _forget(self, call: _Call) -> None:
        """The driver has lost the request: its own timer or thread is gone."""
        _end(call, Failure(TimeoutError(f"the driver has reported nothing for {self._patience_s} s"), was_sent=True))


def _end(call: _Call, reply: Reply) -> None:
    """The driver may end a request twice: with a timeout, and with its answer. The first one counts."""
    if call.is_over:
        return
    call.is_over = True
    if call.watch is not None:
        call.watch.cancel()
    if not call.reply.done():
        call.reply.set_result(reply)
    call.ended()

"""Folds attempts on one home that come while another is under way: the next batch takes the claims of all of them.

Claims on a counter are computed from the counter, so of two batches that were computed from one look only one takes
effect, and a queue of buyers would go one by one, each after a refusal. Together they are one sum: the first attempt
goes at once, and those that come meanwhile go in the next batch, each with its own rows. If that is not won, nothing of
it took effect, or its rows stand and are the answer: its halves are tried, and a single one is judged as ever.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, NamedTuple

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import Partition, Write
from travio_inventory.protocol.claims import Claimed, Claims, Won
from travio_inventory.protocol.fencing import Fencing
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.resource import H, Resource, home_and_others
from travio_inventory.protocol.sending import Sender

TOGETHER_MAX = 16
"""So many rows, of a few hundred bytes each, as any store takes in one batch."""


class _Waiting(NamedTuple, Generic[H]):
    hold: H
    now_ms: int
    trace: TraceParent | None
    answer: "asyncio.Future[tuple[Claimed, bool]]"


class FoldedAttempts(Attempts[H]):
    """Attempts, those on one partition alone folded."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        claims: Claims[H],
        fencing: Fencing[H],
        background: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        super().__init__(sender, resource, claims, fencing)
        self._background = background
        self._queues: dict[Partition, list[_Waiting[H]]] = {}
        self._traces: dict[str, TraceParent | None] = {}
        """Of the holds that are being sent: each has a caller of its own."""

    async def claim(self, holds: Sequence[H], now_ms: int, beside: Sequence[Write] = ()) -> tuple[Claimed, bool]:
        """See Attempts. Waits for the batch that is under way, and no longer."""
        home, others = home_and_others(self._resource, holds[0])
        if others or beside or len(holds) > 1:
            return await super().claim(holds, now_ms, beside)
        mine = _Waiting(holds[0], now_ms, CURRENT.get(), asyncio.get_running_loop().create_future())
        if home in self._queues:
            self._queues[home].append(mine)
        else:
            self._queues[home] = [mine]
            self._background(self._work(home))
        return await mine.answer

    async def _work(self, home: Partition) -> None:
        """Send what waits, until nothing does."""
        try:
            while together := self._queues[home][:TOGETHER_MAX]:
                del self._queues[home][:TOGETHER_MAX]
                await self._send(together, in_doubt=False)
        finally:  # if it was ended, what it was at may have been done, and the rest was not
            for unsent in self._queues.pop(home):
                _fail(unsent, BackendUnavailable())
            for sent in together:
                _fail(sent, OutcomeUnknown())

    async def _send(self, together: Sequence[_Waiting[H]], *, in_doubt: bool) -> None:
        wanted = [each for each in together if not each.answer.done()]
        if not wanted:
            return
        traces = {each.hold.id: each.trace for each in wanted}
        CURRENT.set(wanted[0].trace)  # of this task, which sends for whoever comes
        self._traces |= traces
        try:
            now_ms = min(each.now_ms for each in wanted)
            claimed, others_sent = await super().claim([each.hold for each in wanted], now_ms)
        except Exception as failed:  # noqa: BLE001 - it is told to those who wait
            for each in wanted:
                _fail(each, failed)
            return
        finally:
            for name in traces:
                del self._traces[name]
        in_doubt |= claimed.in_doubt
        if len(wanted) == 1 or isinstance(claimed.result, Won):
            told = Claimed(claimed.result, in_doubt, claimed.as_of_ms)
            for each in wanted:
                if not each.answer.done():
                    each.answer.set_result((told, others_sent))
            return
        half = len(wanted) // 2
        await self._send(wanted[:half], in_doubt=in_doubt)
        await self._send(wanted[half:], in_doubt=in_doubt)

    def _beginning(self, hold: H, now: Recorded) -> tuple[Write, Write]:
        """See Attempts: in the trace of the call that waits for it."""
        token = CURRENT.set(self._traces.get(hold.id, CURRENT.get()))
        try:
            return super()._beginning(hold, now)
        finally:
            CURRENT.reset(token)


def _fail(waiting: _Waiting[H], why: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(why)

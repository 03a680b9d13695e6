"""Changes many quantities: lines of one entry in their order, entries side by side; within a time, the rest is told."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.stock.bulk import LineOutcome, LineState, StockLine, UpdateMany
from travio_inventory.stock.commands import SetStock
from travio_inventory.stock.use_cases.adjust_stock import AdjustsStock

ENTRIES_AT_ONCE = 128
KNOWN_MAX = 50_000
"""Lines whose outcome is remembered: so a bulk that is sent again and again comes to its end."""
AGAIN = "send it again with the same key"
OUT_OF_TIME = LineOutcome(LineState.NOT_DONE, "NOT_TRIED", f"this request had no time left for it: {AGAIN}")


class UpdatesMany:
    """Repeated with its key, it goes on where it was. What was done stays so: it is answered from memory, while it is
    there.
    """

    def __init__(self, adjust: AdjustsStock) -> None:
        self._adjust = adjust
        self._done: OrderedDict[tuple[str, str], LineOutcome] = OrderedDict()

    async def __call__(self, actor: Actor, command: UpdateMany, *, within_s: float) -> Sequence[LineOutcome]:
        """The outcome of each line, in their order. Raises PermissionDenied."""
        actor.needs(Scope.STOCK_ADJUST)
        outcomes: list[LineOutcome] = [OUT_OF_TIME] * len(command.lines)
        by_entry: dict[str, list[tuple[int, str]]] = {}
        for index, (named, cause) in enumerate(command.causes(actor.organization)):
            if (known := self._done.get((actor.organization, cause))) is not None:
                outcomes[index] = known
            else:
                by_entry.setdefault(named, []).append((index, cause))
        turns = iter(by_entry.values())
        until_s = asyncio.get_running_loop().time() + within_s
        await asyncio.gather(
            *(self._work(actor, command.lines, turns, outcomes, until_s) for _ in range(ENTRIES_AT_ONCE))
        )
        return outcomes

    async def _work(
        self,
        actor: Actor,
        lines: Sequence[StockLine],
        turns: Iterator[list[tuple[int, str]]],
        outcomes: list[LineOutcome],
        until_s: float,
    ) -> None:
        for turn in turns:
            for index, cause in turn:
                if asyncio.get_running_loop().time() > until_s:
                    return
                outcomes[index] = await self._one(actor, lines[index], cause)

    async def _one(self, actor: Actor, line: StockLine, cause: str) -> LineOutcome:
        try:
            command = line.command(actor.organization, cause)
            if isinstance(command, SetStock):
                changed = await self._adjust.to(actor, command)
            else:
                changed = await self._adjust.by(actor, command)
        except Refusal as refusal:
            state = _state_of(refusal)
            again = f": {AGAIN}" if state is LineState.NOT_DONE else ""
            return LineOutcome(state, refusal.reason, f"{refusal}{again}")
        if changed.waits is not None:
            return LineOutcome(LineState.WAITING, entry=changed.entry, waits=changed.waits)
        done = LineOutcome(LineState.DONE, entry=changed.entry, movement=changed.movement)
        self._done[actor.organization, cause] = done
        if len(self._done) > KNOWN_MAX:
            self._done.popitem(last=False)
        return done


def _state_of(refusal: Refusal) -> LineState:
    if isinstance(refusal, OutcomeUnknown):
        return LineState.UNKNOWN
    return LineState.NOT_DONE if isinstance(refusal, RetryableRefusal) else LineState.REFUSED

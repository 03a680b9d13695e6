"""Claims on a counter that come while one is under way: one batch takes them all, each is told its own end."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import pytest

from tests.protocol.parts import Noted
from tests.protocol.test_on_units import UNITS, Stock, market, stock
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.kernel.trace_context import CURRENT, TraceParent
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import Kind, Outcome, RowKey, Unknown, Write
from travio_inventory.protocol.claims import AlreadyThere, Claimed, Contended, Lost, Result, Unanswered, Won
from travio_inventory.protocol.folding import TOGETHER_MAX, FoldedAttempts
from travio_inventory.protocol.hold import DIGEST_CHARS, Recorded
from travio_inventory.protocol.rows import hold_key, number
from verification.kit.passing import Batch, Send
from verification.kit.sale import GRACE_S
from verification.simulation.units import COUNTER, UnitHold, UnitRequest, Units, partition_of

__all__ = ["market", "stock"]
_T = TypeVar("_T")
TURNS_MAX = 2_000
"""More than anything here takes."""
BESIDE = Write(RowKey(Kind.EVENT, "beside"), {}, {"type": "beside"})


class Gated(Noted):
    """Sends a batch when it is told to, or loses it without an answer, sent or not."""

    def __init__(self, stock: Stock) -> None:
        super().__init__(stock.store)
        self.may_go = asyncio.Event()
        self.arrived = asyncio.Event()
        self.lost: list[bool] = []
        """Whether the next ones take effect that are not answered."""
        self.traces: list[str] = []
        """The trace in which each was sent."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.arrived.set()
        self.traces.append(str(CURRENT.get()))
        await self.may_go.wait()
        return await super().pass_on(batch, self._lose if self.lost else send)

    async def _lose(self, batch: Batch) -> Outcome:
        if self.lost.pop(0):
            await self.store.apply(batch.partition, batch.writes, batch.entries)
        return Unknown("lost")


class Folding:
    """Folded attempts on the units of a stock."""

    def __init__(self, stock: Stock) -> None:
        holds, self.stock = stock.holds, stock
        plain = holds.attempts
        self.attempts = FoldedAttempts(
            holds.sender, holds.resource, plain._claims, holds._fencing, stock.sale.process.steps.in_background
        )
        self.gate = holds.sender.batches = Gated(stock)
        self.clock = stock.sale.clock

    def a_hold(self, place: int, count: int = 1, *, elsewhere: int = 0) -> UnitHold:
        """One that nobody made."""
        units = ((0, count), (1, elsewhere)) if elsewhere else ((0, count),)
        request = UnitRequest(self.stock.sale.actor(), units, 60_000, None)
        return request.hold(request.new_id(f"{place:0{DIGEST_CHARS}}"), self.clock.now_ms())

    def claim(
        self, *holds: UnitHold, beside: Sequence[Write] = (), late_ms: int = 0
    ) -> "asyncio.Task[tuple[Claimed, bool]]":
        """Begin to claim them."""
        return asyncio.ensure_future(self.attempts.claim(holds, self.clock.now_ms() - late_ms, beside))

    async def behind(self, *holds: UnitHold, first: UnitHold) -> "list[asyncio.Task[tuple[Claimed, bool]]]":
        """Claim each while the batch of the first is under way."""
        claiming = [self.claim(first)]
        await all_told(asyncio.ensure_future(self.gate.arrived.wait()))
        claiming += [self.claim(hold) for hold in holds]
        for _ in range(3):
            await asyncio.sleep(0)
        return claiming

    async def ends(self, claiming: "list[asyncio.Task[tuple[Claimed, bool]]]") -> list[Claimed]:
        """How each ends when batches may go."""
        self.gate.may_go.set()
        return [claimed for claimed, _ in await all_told(*claiming)]

    @property
    def sizes(self) -> list[int]:
        """How many holds each batch would make that was sent."""
        return [sum(write.key.kind is Kind.HOLD for write in batch.writes) for batch in self.gate.sent]


async def all_told(*waiting: "asyncio.Future[_T]") -> list[_T]:
    """What each is told, within a bounded number of turns."""
    for _ in range(TURNS_MAX):
        if all(each.done() for each in waiting):
            return [each.result() for each in waiting]
        await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    pytest.fail("somebody is never told")


@pytest.fixture
def folding(stock: Stock) -> Folding:
    return Folding(stock)


async def test_one_goes_at_once_and_those_behind_it_together(folding: Folding) -> None:
    claiming = await folding.behind(*map(folding.a_hold, range(1, 4)), first=folding.a_hold(0))
    before_ms = folding.clock.now_ms()
    assert await folding.ends(claiming) == [Claimed(Won(), in_doubt=False, as_of_ms=before_ms)] * 4
    assert folding.sizes == [1, 3]
    assert await folding.stock.counts() == [(UNITS - 4, 4), (UNITS, 0)]


async def test_no_batch_takes_more_than_any_store_does(folding: Folding) -> None:
    await folding.stock.store.apply(folding.stock.partitions[0], [Write(COUNTER, {}, {"available": 100})])
    await folding.ends(await folding.behind(*map(folding.a_hold, range(1, TOGETHER_MAX + 3)), first=folding.a_hold(0)))
    assert folding.sizes == [1, TOGETHER_MAX, 2]
    assert not folding.attempts._queues


async def test_those_that_are_not_won_together_are_tried_in_halves_and_each_alone(folding: Folding) -> None:
    wanted = [folding.a_hold(place, count) for place, count in enumerate([1, 1, 9, 1, 9], 1)]
    first, *ended = await folding.ends(await folding.behind(*wanted, first=folding.a_hold(0)))
    assert [type(each.result) for each in (first, *ended)] == [Won, Won, Won, Lost, Won, Lost]
    assert folding.sizes == [1, 2, 1], "what is short is refused without a batch"
    assert await folding.stock.counts() == [(UNITS - 4, 4), (UNITS, 0)]


@pytest.mark.parametrize("count", [4, 5])
async def test_a_half_is_a_half(folding: Folding, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    asked = list[int]()
    plain = Attempts.claim

    async def noting(
        self: Attempts[UnitHold], holds: Sequence[UnitHold], now_ms: int, beside: Sequence[Write] = ()
    ) -> tuple[Claimed, bool]:
        asked.append(len(holds))
        return await plain(self, holds, now_ms, beside)

    monkeypatch.setattr(Attempts, "claim", noting)
    wanted = [folding.a_hold(place, UNITS) for place in range(1, count + 1)]
    await folding.ends(await folding.behind(*wanted, first=folding.a_hold(0)))
    assert asked == {4: [1, 4, 2, 1, 1, 2, 1, 1], 5: [1, 5, 2, 1, 1, 3, 1, 2, 1, 1]}[count]


@pytest.mark.parametrize(("is_done", "told"), [(True, AlreadyThere), (False, Won)])
async def test_what_was_not_answered_together_is_found_or_done_again(
    folding: Folding, is_done: bool, told: type[Result]
) -> None:
    wanted = [folding.a_hold(1, 2), folding.a_hold(2, 9)]
    claiming = await folding.behind(*wanted, first=folding.a_hold(0))
    folding.gate.may_go.set()
    await all_told(claiming[0])
    await folding.stock.store.apply(folding.stock.partitions[0], [Write(COUNTER, {}, {"available": 11})])
    folding.gate.lost = [is_done]
    clean, short = [claimed for claimed, _ in await all_told(*claiming[1:])]
    assert (type(clean.result), type(short.result)) == (told, told)
    assert await folding.stock.counts() == [(0, 12), (UNITS, 0)]


async def test_a_doubt_about_all_is_one_about_each_half(folding: Folding, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Result, bool]] = [(Won(), False), (Unanswered(), True), (Contended(()), False), (Won(), False)]
    as_of = iter(range(4))

    async def telling(*_: object) -> tuple[Claimed, bool]:
        await folding.gate.may_go.wait()
        result, in_doubt = told.pop(0)
        return Claimed(result, in_doubt, next(as_of)), True

    monkeypatch.setattr(Attempts, "claim", telling)
    folding.gate.arrived.set()
    claiming = [folding.claim(folding.a_hold(0))]
    await asyncio.sleep(0)
    claiming += [folding.claim(folding.a_hold(1)), folding.claim(folding.a_hold(2))]
    await asyncio.sleep(0)
    folding.gate.may_go.set()
    assert await all_told(*claiming) == [
        (Claimed(Won(), in_doubt=False, as_of_ms=0), True),
        (Claimed(Contended(()), in_doubt=True, as_of_ms=2), True),
        (Claimed(Won(), in_doubt=True, as_of_ms=3), True),
    ]


async def test_the_earliest_of_those_that_go_together_says_until_when_they_may(folding: Folding) -> None:
    claiming = await folding.behind(folding.a_hold(1), first=folding.a_hold(0))
    claiming.append(folding.claim(folding.a_hold(2), late_ms=GRACE_S * 1_000))
    await asyncio.sleep(0)
    first, *ended = await folding.ends(claiming)
    assert [type(each.result) for each in (first, *ended)] == [Won, Won, Unanswered]
    assert folding.sizes == [1, 1]


async def test_what_is_in_several_partitions_or_has_rows_beside_it_or_is_several_waits_for_nobody(
    folding: Folding,
) -> None:
    folding.gate.may_go.set()
    folding.attempts._queues[folding.stock.partitions[0]] = []
    late_ms = 1_000
    await all_told(folding.claim(folding.a_hold(0, 1, elsewhere=1)))
    await all_told(folding.claim(folding.a_hold(1), beside=[BESIDE], late_ms=late_ms))
    await all_told(folding.claim(folding.a_hold(2), folding.a_hold(3)))
    assert folding.sizes == [0, 1, 1, 2]
    assert await folding.stock.counts() == [(UNITS - 4, 4), (UNITS - 1, 1)]
    home = partition_of(folding.stock.sale.trip.key.organization, 0)
    keys = [BESIDE.key, hold_key(folding.a_hold(1).id)]
    found = await folding.stock.store.get(home, keys)
    assert found[keys[0]]["type"] == "beside"
    assert number(found[keys[1]], "event_at_ms") == folding.clock.now_ms() - late_ms


async def test_who_went_away_is_not_claimed_for(folding: Folding) -> None:
    claiming = await folding.behind(folding.a_hold(1), folding.a_hold(2), first=folding.a_hold(0))
    claiming.pop(1).cancel()
    await folding.ends(claiming)
    assert folding.sizes == [1, 1]
    claiming = await folding.behind(folding.a_hold(3), first=folding.a_hold(4))
    claiming.pop().cancel()
    await folding.ends(claiming)
    assert folding.sizes == [1, 1, 1]


async def test_what_fails_is_told_to_each(folding: Folding, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> tuple[Claimed, bool]:
        await folding.gate.may_go.wait()
        raise ZeroDivisionError

    monkeypatch.setattr(Attempts, "claim", failing)
    claiming = [folding.claim(folding.a_hold(place)) for place in range(3)]
    await asyncio.sleep(0)
    folding.gate.may_go.set()
    for each in claiming:
        with pytest.raises(ZeroDivisionError):
            await all_told(each)


async def test_when_it_is_stopped_what_was_sent_is_unknown_and_what_waits_was_not_done(folding: Folding) -> None:
    sent, *unsent = await folding.behind(folding.a_hold(1), folding.a_hold(2), first=folding.a_hold(0))
    await folding.stock.sale.process.steps.drain(0)
    with pytest.raises(OutcomeUnknown):
        await all_told(sent)
    for each in unsent:
        with pytest.raises(BackendUnavailable):
            await all_told(each)
    assert not folding.attempts._queues


async def test_the_next_one_after_a_pause_is_sent(folding: Folding) -> None:
    folding.gate.may_go.set()
    for place in range(2):
        [(claimed, _)] = await all_told(folding.claim(folding.a_hold(place)))
        assert isinstance(claimed.result, Won)
        await folding.stock.sale.settled()
    assert folding.sizes == [1, 1]


async def test_an_attempt_that_failed_is_fenced_as_any_is(folding: Folding) -> None:
    hold = folding.a_hold(0)
    folding.gate.may_go.set()
    assert (await folding.attempts.fence(hold, Contended(())))["status"] == "aborted"
    [(claimed, _)] = await all_told(folding.claim(hold))
    assert isinstance(claimed.result, AlreadyThere)


class InTraces(Units):
    """Units whose events say in which trace they are told."""

    def event(self, hold: UnitHold, at: Recorded) -> Write:
        """See Resource."""
        said = super().event(hold, at)
        return said._replace(values={**said.values, "trace": str(CURRENT.get())})


def a_trace(number: int) -> TraceParent:
    return TraceParent(f"{number:032x}", "b7ad6b7169203331", is_sampled=True)


def told_in(folding: Folding) -> list[object]:
    """The trace of each event that was sent."""
    written = [write for batch in folding.gate.sent for write in batch.writes]
    return [write.values["trace"] for write in written if write.key.kind is Kind.EVENT]


async def test_each_of_those_that_go_together_is_told_in_the_trace_of_its_own_caller(folding: Folding) -> None:
    """Also where their batch was sent by the task of another one, and where one is in no trace."""
    folding.attempts._resource = InTraces()
    traces = [a_trace(1), a_trace(2), None, a_trace(4)]

    def claim(place: int) -> "asyncio.Task[tuple[Claimed, bool]]":
        CURRENT.set(traces[place])
        return folding.claim(folding.a_hold(place))

    claiming = [claim(0)]
    await all_told(asyncio.ensure_future(folding.gate.arrived.wait()))
    claiming += [claim(place) for place in (1, 2, 3)]
    for _ in range(3):
        await asyncio.sleep(0)
    await folding.ends(claiming)
    assert folding.sizes == [1, 3]
    assert told_in(folding) == [*map(str, traces)]
    assert folding.gate.traces == [str(traces[0]), str(traces[1])], "a batch is sent in that of the first"
    assert not folding.attempts._traces


async def test_what_waits_for_nobody_is_told_in_the_trace_of_its_caller(folding: Folding) -> None:
    folding.attempts._resource = InTraces()
    folding.gate.may_go.set()
    CURRENT.set(a_trace(1))
    await all_told(folding.claim(folding.a_hold(0), folding.a_hold(1)))
    assert told_in(folding) == [str(a_trace(1))] * 2

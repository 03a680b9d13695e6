"""Every step of the protocol on a real server, with each of its batches lost, late or doubled on its way there.

A step is first played without a fault, which shows the number of its conditional batches, its answer and what is
recorded then. With a fault the answer may be "try again"; any other answer must be the same, and stay true, whatever
still arrives.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, Refusal, RetryableRefusal
from travio_inventory.protocol.batches import (
    Batches,
    NotDone,
    Outcome,
    Refused,
    StoreUnavailable,
    Unknown,
)
from travio_inventory.seats.refusals import SeatHeld, SeatUnavailable
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from verification.kit.passing import Batch, Passing, Send
from verification.kit.pictures import Picture, assert_events_tell_what_stands, picture
from verification.kit.sale import GRACE_S, Market, Sale
from verification.kit.scenes import SCENES, SEATS, STEPS, Scene, Step, Subject, sweep
from verification.kit.stores import make_tables, scylla_options
from verification.kit.trips import a_trip
from verification.servers.cassandra import Cassandra
from verification.servers.cql_proxy import EVER, CqlProxy, Fault, cql_proxy

TIMEOUT_MS = 300
LATE_MS = 450
"""A request that is this late arrives when its caller has given it up and tries again."""
AGAIN_TRIES = 5
AGAIN_S = 4
"""How long a caller waits before the next call; all waits together are longer than the grace period."""
PLAYS_AT_ONCE = 60
FIRST_PLAYS_AT_ONCE = 6
"""For a server that may be cold."""
PLAY_TRIES = 10
PLAYS_S_MAX = 200

FOR_EVER = [Fault.ANSWER_LOST, Fault.REQUEST_KEPT]
ONCE = [
    *FOR_EVER,
    Fault.REQUEST_LOST,
    Fault.REQUEST_LATE,
    Fault.ANSWER_LATE,
    Fault.COPY_KEPT,
    Fault.TWICE,
    Fault.ANSWERED_TWICE,
]
FOR_A_RELEASE = {Fault.REQUEST_LATE, Fault.ANSWER_LATE, Fault.COPY_KEPT, Fault.TWICE}
"""Those that end as another fault does: what is late counts as lost first, and a copy is refused as a repetition."""
WHEN_CUT = ["hold with a key", "hold what another has", "confirm", "confirm late what another has", "release"]


# ---- stores that lie


class RefusedByARead(Passing):
    """Reports "refused" for a lost answer, because of a read."""

    def __init__(self, store: Batches, patient: Batches) -> None:
        super().__init__(store)
        self.patient = patient

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        if isinstance(outcome, Unknown):
            return Refused(await self.patient.get(batch.partition, [write.key for write in batch.writes]))
        return outcome


class NotDoneIfUnanswered(Passing):
    """Reports "not done" for a lost answer."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        return NotDone(outcome.cause) if isinstance(outcome, Unknown) else outcome


# ---- a play


class Untrue(AssertionError):
    """An answer that contradicts the record."""


class Missed(Exception):
    """No batch met the fault."""


class Ended(NamedTuple):
    """The record before a step, the number of its batches, its definite answer (a refusal, or None if it is done),
    whether the call had to be repeated, and the record now.
    """

    before: Picture
    batches: int
    refusal: type[Refusal] | None
    was_unknown: bool
    stands: Picture


Endings: TypeAlias = Mapping[Scene, Ended]


@dataclass(frozen=True)
class Stage:
    """Where steps are played: `asked` is the store of the process under test, with short timeouts, `patient` that of
    all others.
    """

    proxy: CqlProxy
    hasty: ScyllaOptions
    patient: Batches
    asked: Batches


@dataclass(frozen=True)
class Spoiling:
    """What happens to the n-th conditional batch of a step, or to that and all later ones."""

    fault: Fault | None = None
    nth: int = 1
    times: int = 1

    def __str__(self) -> str:
        return f"{self.fault} at {self.nth}{'' if self.times == 1 else ' and after'}"


@dataclass(frozen=True)
class Play:
    """A step that is played once, on its own trip."""

    stage: Stage
    step: Step
    spoiling: Spoiling
    sale: Sale

    @property
    def marker(self) -> str:
        """The text that all batches of this play contain."""
        return self.sale.trip.key.organization

    async def run(self, expected: Ended | None) -> Ended:
        """How it ended. Raises Untrue if that is not as expected, Missed if no batch met the fault."""
        sale = self.sale
        if not self.step.is_opening:
            await sale.open_trip()
        subject = await self.step.before(sale)
        before = expected.before if expected else await picture(sale)
        answer, batches = await self._spoiled_answer(subject)
        is_unknown = isinstance(answer, RetryableRefusal)
        said_not_done = isinstance(answer, BackendUnavailable)
        lands_at_once = said_not_done or (is_unknown and not self.step.names_itself)
        if lands_at_once:
            await self.stage.proxy.settle(self.marker)
        if said_not_done:
            _assert_unchanged(before, await picture(sale))
        if is_unknown:
            answer = await self._again(lambda: self.step.act(sale.elsewhere(), subject))
        await self.step.afterwards(sale, subject)
        if not lands_at_once:
            await self.stage.proxy.settle(self.marker)
        refusal = None if answer is None else type(answer)
        ended = Ended(before, batches, refusal, is_unknown, await picture(sale))
        if expected is not None:
            may_find_its_own = is_unknown and not self.step.names_itself
            _assert_true(ended, expected, may_find_its_own=may_find_its_own)
        await self._assert_all_is_well(ended.stands)
        return ended

    async def _spoiled_answer(self, subject: Subject) -> tuple[Refusal | None, int]:
        """The answer of the process whose batches meet the fault, and the number of its batches, with background."""
        how, proxy = self.spoiling, self.stage.proxy
        if how.fault is None:
            await proxy.watch(self.marker)
        else:
            await proxy.spoil(self.marker, how.fault, first=how.nth, times=how.times, late_ms=LATE_MS)
        async with Market(self.stage.asked) as market:
            asked = Sale(market, self.sale.trip, self.sale.clock, holds_per_holder_max=self.step.holds_max)
            answer = await answer_of(self.step.act(market.add(asked), subject))
            await market.settled()
        seen = await proxy.mend(self.marker)
        if how.fault is not None and not seen.spoiled:
            await proxy.settle(self.marker)
            raise Missed(f"there were {seen.batches} batches only")
        return answer, seen.batches

    async def _assert_all_is_well(self, stands: Picture) -> None:
        """Seats that show as free can be won; then, after the sweeper, cells, holds and events agree."""
        sale = self.sale
        free = " ".join(seat for seat, state in stands.seats.items() if state == "available")
        if free and (answer := await self._again(lambda: sale.elsewhere().hold(free, by="eve", key="k"))):
            raise Untrue(f"{free} shows as free, but {answer!r}")
        sale.clock.pass_s(GRACE_S + 1)
        await sweep(sale, None)
        await sale.assert_legal()
        await assert_events_tell_what_stands(sale)

    async def _again(self, ask: Callable[[], Awaitable[object]]) -> Refusal | None:
        """The definite answer, without faults."""
        for _ in range(AGAIN_TRIES):
            answer = await answer_of(ask())
            if not isinstance(answer, RetryableRefusal):
                return answer
            self.sale.clock.pass_s(AGAIN_S)
        raise Untrue(f"asked again {AGAIN_TRIES} times, and still told {answer!r}")


def _assert_unchanged(before: Picture, now: Picture) -> None:
    """Except for lapsed holds, because whoever meets one may end it."""
    if now.without_expiry().without_bob() != before.without_expiry().without_bob():
        raise Untrue(f"told that nothing was done, but {before} became {now}")


def _assert_true(ended: Ended, expected: Ended, *, may_find_its_own: bool) -> None:
    """A caller without a key may be told that the seat is taken, namely by their own hold."""
    if ended.stands != expected.stands:
        raise Untrue(f"told {ended.refusal}, but {ended.stands} stands, and not {expected.stands}")
    if ended.refusal is not expected.refusal and not (
        may_find_its_own and ended.refusal in (SeatHeld, SeatUnavailable)
    ):
        raise Untrue(f"told {ended.refusal}, and not {expected.refusal}")


async def answer_of(asked: Awaitable[object]) -> Refusal | None:
    """The refusal, None if the step was done."""
    try:
        await asked
    except Refusal as refusal:
        return refusal
    return None


async def play(stage: Stage, scene: Scene, spoiling: Spoiling, expected: Ended | None) -> Ended:
    """Play the scene until nothing disturbs it. On a busy machine the step may be over before its n-th batch, and the
    server may be unavailable while the scene is prepared. The step without a fault may also have needed one batch more
    than usual, if two processes found the same cell to free.
    """
    step = STEPS[scene.step]
    for _ in range(PLAY_TRIES):
        trip = a_trip(seats_per_group=scene.per_group, stops="ABD", seats=len(SEATS.split()))
        async with Market(stage.patient) as market:
            sale = market.prepare(trip, holds_per_holder_max=step.holds_max)
            try:
                return await Play(stage, step, spoiling, sale).run(expected)
            except (Missed, RetryableRefusal, StoreUnavailable) as error:
                came_between = error
            except Exception as error:
                error.add_note(f"{scene}, {spoiling}")
                raise
    if expected is not None and isinstance(came_between, Missed) and spoiling.nth == expected.batches > 1:
        return expected
    raise AssertionError(f"played {PLAY_TRIES} times in vain: {scene}, {spoiling}, {came_between!r}")


async def play_on_a_connection_of_its_own(stage: Stage, scene: Scene, spoiling: Spoiling, expected: Ended) -> Ended:
    """Play the scene alone, so that no other play loses its connection."""
    async with ScyllaBatches.connect(stage.hasty) as asked:
        return await play(replace(stage, asked=asked), scene, spoiling, expected)


async def play_all(plays: Sequence[Coroutine[Any, Any, Ended]], *, at_once: int = PLAYS_AT_ONCE) -> list[Ended]:
    """Play them side by side. Raises all errors, together."""
    places = asyncio.Semaphore(at_once)

    async def one(each: Coroutine[Any, Any, Ended]) -> Ended:
        async with places:
            return await each

    async with asyncio.timeout(PLAYS_S_MAX):
        ended = await asyncio.gather(*map(one, plays), return_exceptions=True)
    failures = [each for each in ended if isinstance(each, BaseException)]
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {len(plays)} plays", failures)
    return [each for each in ended if isinstance(each, Ended)]


async def find_endings(stage: Stage) -> Endings:
    """How each scene ends without faults, planted or accidental."""
    found: dict[Scene, Ended] = {}
    for _ in range(PLAY_TRIES):
        lines = {scene: Passing(stage.patient) for scene in SCENES if scene not in found}
        plays = [play(replace(stage, asked=line), scene, Spoiling(), None) for scene, line in lines.items()]
        ended = zip(lines.items(), await play_all(plays, at_once=FIRST_PLAYS_AT_ONCE), strict=True)
        found |= {scene: each for (scene, line), each in ended if not line.failed}
    assert len(found) == len(SCENES), "the server is unwell"
    return {scene: found[scene] for scene in SCENES}


# ---- the tests


@pytest.fixture(scope="module")
async def stage(cassandra_node: Cassandra, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One node behind the proxy."""
    folder = tmp_path_factory.mktemp("proxy")
    with cql_proxy(folder, cassandra_node.hosts, cassandra_node.port) as proxy:
        options = replace(scylla_options(cassandra_node, "unknown_tests"), port=proxy.port)
        await asyncio.to_thread(make_tables, options)
        async with AsyncExitStack() as stores:
            patient = await stores.enter_async_context(ScyllaBatches.connect(options))
            hasty = replace(options, request_ms_max=TIMEOUT_MS)
            asked = await stores.enter_async_context(ScyllaBatches.connect(hasty))
            yield Stage(proxy, hasty, patient, asked)


@pytest.fixture(scope="module")
async def endings(stage: Stage) -> Endings:
    """How each scene ends without faults."""
    return await find_endings(stage)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        *(pytest.param(fault, 1, marks=pytest.mark.thorough if fault in FOR_A_RELEASE else ()) for fault in ONCE),
        *(pytest.param(fault, EVER, marks=pytest.mark.thorough) for fault in FOR_EVER),
    ],
    ids=lambda value: {1: "once", EVER: "for ever"}.get(value, str(value)),
)
async def test_every_answer_is_true(stage: Stage, endings: Endings, fault: Fault, times: int) -> None:
    """Each step, with each of its batches in turn as the first that meets the fault; and not all are only told to try
    again.
    """
    ended = await play_all(
        [
            play(stage, scene, Spoiling(fault, nth, times), expected)
            for scene, expected in endings.items()
            for nth in range(1, expected.batches + 1)
        ]
    )
    assert any(not each.was_unknown for each in ended)
    assert times == 1 or any(each.was_unknown for each in ended)


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER], ids=str)
async def test_every_answer_is_true_when_the_connection_is_lost(stage: Stage, endings: Endings, fault: Fault) -> None:
    """And the store is unavailable for a while from then on."""
    await play_all(
        [
            play_on_a_connection_of_its_own(stage, scene, Spoiling(fault, nth), expected)
            for scene, expected in endings.items()
            if scene.step in WHEN_CUT
            for nth in range(1, expected.batches + 1)
        ]
    )


async def test_a_store_that_calls_a_lost_answer_refused_is_caught(stage: Stage, endings: Endings) -> None:
    """A read says that Bob has the seat, so ann is refused without a fence. Bob releases it, and her batch arrives."""
    lying = replace(stage, asked=RefusedByARead(stage.asked, stage.patient))
    scene = Scene("hold what another has", "all")
    with pytest.raises(Untrue, match=r"SeatHeld'>, but .*'held', 'A2': 'held'"):
        await play(lying, scene, Spoiling(Fault.REQUEST_KEPT), endings[scene])


async def test_a_store_that_calls_a_lost_answer_not_done_is_caught(stage: Stage, endings: Endings) -> None:
    """The answer to the last batch, which takes the seats."""
    lying = replace(stage, asked=NotDoneIfUnanswered(stage.asked))
    scene = Scene("hold", "all")
    with pytest.raises(Untrue, match=r"told that nothing was done, but .*'held', 'A2': 'held'"):
        await play(lying, scene, Spoiling(Fault.REQUEST_KEPT, endings[scene].batches, EVER), endings[scene])

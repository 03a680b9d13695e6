"""Judges what a process that died in the middle of a play left for the next processes."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise

from travio_inventory.kernel import refusals as common
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.refusals import NotOnWaitlist, SalesClosed, SeatHeld, SeatPlanNotFound, SeatUnavailable
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases.block_seats import SeatsUpdated
from verification.crash_points.places import Opened, Place
from verification.crash_points.playing import (
    Ending,
    EventsPublished,
    Over,
    Play,
    Prepared,
    Reached,
    StepAnswered,
    StepResult,
    View,
    answer_of,
    view,
)
from verification.crash_points.processes import Say
from verification.kit.pictures import assert_events_tell_what_stands, group_rows, know_vehicle
from verification.kit.sale import FOUND_WITHIN_S, GRACE_S, TOLD_WITHIN_S, TTL_S_MAX, Market, Sale
from verification.kit.scenes import Step, Subject, step

AGAIN_TRIES = 8
AGAIN_S = 4
"""How long a caller waits before the next call; all waits together are longer than the grace period."""
JUDGED_AT_ONCE = 20


class Untrue(AssertionError):
    """A promise that is seen broken."""


@dataclass
class Record:
    """What a play reported before its process died."""

    prepared: Prepared | None = None
    told: StepResult | None = None
    handed_over: list[str] = field(default_factory=list)
    end: Reached | Over | None = None


def records(said: Sequence[object], plays: int) -> list[Record]:
    """What each of the plays in one process reported."""
    told = [Record() for _ in range(plays)]
    for word in said:
        match word:
            case Prepared(number=number):
                told[number].prepared = word
            case StepAnswered(number=number, answer=answer):
                told[number].told = answer
            case EventsPublished(number=number, ids=ids):
                told[number].handed_over += ids
            case Reached(number=number) | Over(number=number):
                told[number].end = word
            case _:
                raise AssertionError(word)
    return told


@dataclass(frozen=True)
class Case:
    """A play whose process died, what it reported, and how its scene ends without a crash."""

    play: Play
    record: Record
    ending: Ending

    @property
    def where(self) -> str:
        """The call at the point, or why the point was not reached."""
        end = self.record.end
        return "it died before" if end is None else end.name if isinstance(end, Reached) else end.why


@dataclass(frozen=True)
class Verdict:
    """What is wrong with each case; "" if nothing is."""

    wrong: list[str]


async def judge(place: Place, cases: Sequence[Case], say: Say) -> None:
    """Report the verdict."""
    await asyncio.sleep(place.edge_ms / 1_000)
    seats = asyncio.Semaphore(JUDGED_AT_ONCE)
    async with place.open() as opened:

        async def one(case: Case) -> str:
            async with seats:
                return await _wrong(opened, case, place.edge_ms / 1_000)

        say(Verdict(await asyncio.gather(*map(one, cases))))


async def _wrong(opened: Opened, case: Case, edge_s: float) -> str:
    portions = case.play.step.portions
    async with AsyncExitStack() as stack:
        asked = await stack.enter_async_context(Market(opened.line, edge=opened.edge, portions=portions))
        looking = await stack.enter_async_context(Market(opened.store, portions=portions))
        try:
            await _Judge(case, asked, looking, edge_s).judge()
        except Exception as error:  # noqa: BLE001 - whatever fails, the play has caused it
            return f"{case.play.cut} ({case.where}): {error!r}"
    return ""


class _Judge:
    """Judges one case. `asked` is where the next processes are, `looking` reads only the store."""

    def __init__(self, case: Case, asked: Market, looking: Market, edge_s: float) -> None:
        assert case.record.prepared is not None
        self._play = case.play
        self._step: Step = case.play.step
        self._record = case.record
        self._ending = case.ending
        self._subject: Subject = case.record.prepared.subject
        self._next = asked.prepare(case.play.trip, holds_per_holder_max=self._step.holds_max)
        self._clock = self._next.clock
        self._clock.at_ms = case.record.prepared.at_ms
        self._onlooker = looking.add(
            Sale(looking, case.play.trip, self._clock, holds_per_holder_max=self._step.holds_max)
        )
        self._edge_s = edge_s

    async def judge(self) -> None:
        """Raises Untrue, or whatever else fails."""
        self._stands(await view(self._onlooker))
        if self._play.cut.is_asked_again:
            await self._is_asked_again()
        await self._is_gone_on_with()
        await self._is_swept()
        await self._is_told()
        await self._can_be_won()

    # ---- what was acknowledged

    def _stands(self, seen: View) -> None:
        """An answered step is recorded as it was answered; a step without an answer, or of which only that is told that
        nobody knows what came of it, has changed nothing else.
        """
        told, otherwise = self._record.told, self._ending.answer
        if told is not None and told.refusal not in (otherwise.refusal, OutcomeUnknown.__name__):
            raise Untrue(f"answered {told}, and otherwise {otherwise}")
        if told is not None and told.refusal == otherwise.refusal:
            if seen != self._ending.then:
                raise Untrue(f"answered {told}, but {seen} stands, and not {self._ending.then}")
            return
        before, then = self._ending.before.holds, self._ending.then.holds
        if lost := (before & then) - seen.holds:
            raise Untrue(f"acknowledged before, and lost: {lost}")
        if strange := seen.holds - (before | then):
            raise Untrue(f"nobody can have asked for {strange}")
        if seen.holds.total() < before.total():
            raise Untrue(f"acknowledged before, and neither as it was nor as asked: {seen}")
        if seen.plans not in (self._ending.before.plans, self._ending.then.plans):
            raise Untrue(f"nobody can have asked for the plans {seen.plans}")

    # ---- asked again

    async def _is_asked_again(self) -> None:
        """The answer and the record are those of a step without a crash."""
        answer = await self._again(self._step, self._next)
        if answer.refusal not in self._true_refusals():
            raise Untrue(f"asked again: {answer}, and not {self._ending.answer}")
        told = self._record.told
        if told is not None and not told.refusal and not answer.refusal and not _agree(told.told, answer.told):
            raise Untrue(f"told {told}, and asked again {answer}")
        await self._step.afterwards(self._next.elsewhere(), self._subject)
        if (seen := await view(self._onlooker)) != self._ending.afterwards:
            raise Untrue(f"asked again {answer}, but {seen} stands, and not {self._ending.afterwards}")

    def _true_refusals(self) -> set[str]:
        """A caller without a key may be told that the seat is taken, namely by their own hold. A holder who left the
        list stays off it, and a plan that is deleted stays deleted.
        """
        true = {self._ending.answer.refusal}
        if not self._step.names_itself:
            true |= {SeatHeld.__name__, SeatUnavailable.__name__}
        if self._play.cut.scene.step.startswith("leave"):
            true.add(NotOnWaitlist.__name__)
        if self._play.cut.scene.step.startswith("delete"):
            true.add(SeatPlanNotFound.__name__)
        return true

    async def _again(self, asked: Step, sale: Sale) -> StepResult:
        """The definite answer; another process makes each try."""
        for _ in range(AGAIN_TRIES):
            answer = await answer_of(asked, sale.elsewhere(), self._subject)
            if not answer.refusal or not issubclass(_kind_of(answer.refusal), RetryableRefusal):
                return answer
            self._clock.pass_s(AGAIN_S)
            await asyncio.sleep(self._edge_s)
        raise Untrue(f"asked {AGAIN_TRIES} times, and still told {answer}")

    async def _is_gone_on_with(self) -> None:
        """Background jobs end what was begun of a swap, whoever died in it."""
        for _ in range(AGAIN_TRIES):
            if await self._next.state() is not SalesState.SWAPPING:
                break
            failures = (await self._next.elsewhere().go_on_opening()).failures
            if not failures:
                break
            if not all(isinstance(each, OutcomeUnknown) for each in failures.values()):  # a busy server does not answer
                raise Untrue(f"not gone on with: {failures}")
        await know_vehicle(self._onlooker)
        if await self._next.elsewhere().state() is SalesState.SWAPPING:
            raise Untrue("swapped for ever")

    # ---- swept

    async def _is_swept(self) -> None:
        """After the grace period nothing is half done; after the longest hold time no hold is left."""
        sweeper = self._next.elsewhere()
        for seconds in (GRACE_S + 1, TTL_S_MAX + 1, FOUND_WITHIN_S):
            self._clock.pass_s(seconds)
            if failures := (await sweeper.sweep()).failures:
                raise Untrue(f"not swept: {failures}")
            if seconds != TTL_S_MAX + 1:
                await self._next.market.settled()
                await self._onlooker.assert_legal()
                await assert_events_tell_what_stands(self._onlooker)
        if held := await self._onlooker.elsewhere().seats("held"):
            raise Untrue(f"held for ever: {held}")

    # ---- told

    async def _is_told(self) -> None:
        """A new relay publishes every event that the earlier ones did not hand over, none twice."""
        before = [event.id for sale in self._next.market.sales for event in sale.told]
        relay = self._next.elsewhere()
        told = [event.id for event in await relay.relay()]
        self._clock.pass_s(TOLD_WITHIN_S)
        told += [event.id for event in await relay.relay()]
        recorded = {event_rows.stable_id(row) for row in (await group_rows(self._onlooker, Kind.EVENT)).values()}
        if twice := [name for name, times in Counter(told).items() if times > 1]:
            raise Untrue(f"told twice: {twice}")
        if wrong := recorded ^ {*told, *before, *self._record.handed_over}:
            raise Untrue(f"recorded and not told, or told and not recorded: {wrong}")

    # ---- won

    async def _can_be_won(self) -> None:
        """Every cell that is not sold or blocked can be won by a new holder, if the trip is sold; else none."""
        expected = "" if await self._onlooker.elsewhere().state() is SalesState.OPEN else SalesClosed.__name__
        stops = [self._play.trip.segments[0].origin, *(each.destination for each in self._play.trip.segments)]
        for ends in (Ends(*pair) for pair in pairwise(stops)):
            if free := await self._onlooker.elsewhere().seats("available", ends):
                answer = await self._again(_buying(free, ends), self._next)
                if answer.refusal != expected:
                    raise Untrue(f"{free} is free, but {answer}")
                if not expected and (left := await self._onlooker.elsewhere().seats("available", ends)):
                    raise Untrue(f"{left} is free, though it was won")


def _agree(told: object, again: object) -> bool:
    """Whether a repeated call may get this answer after that one: seats that are on sale again are not blocked."""
    match told, again:
        case SeatsUpdated(blocked, unblocked, left), SeatsUpdated(now_blocked, now_unblocked, now_left):
            return (now_blocked, now_unblocked, len(now_left)) == (blocked, 0, unblocked + len(left))
        case _:
            return again == told


def _buying(seats: str, ends: Ends) -> Step:
    async def buy(sale: Sale, _: Subject) -> object:
        return await sale.hold(seats, ends, by=f"eve from {ends.origin}")

    return step(buy)


def _kind_of(refusal: str) -> type[Refusal]:
    """The class of that name."""
    kind: type[Refusal] = getattr(errors, refusal, None) or getattr(common, refusal)
    return kind

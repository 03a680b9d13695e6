"""Many workers request one seat at the same moment; exactly one may win, and the store must agree."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from time import perf_counter
from typing import NamedTuple

from travio_inventory.bench.calls import (
    FREE,
    HELD,
    HOLD_HELD,
    OK,
    Contest,
    Outcome,
    Tally,
    method,
    outcome_of,
    read,
)
from travio_inventory.bench.lean_channel import ChannelPool, Reply
from travio_inventory.bench.measuring import latency_ms

FREE_SECONDS_MAX = 5.0
POLL_SECONDS = 0.01
ROUND_SECONDS_MAX = 60.0


class Winner(NamedTuple):
    """A user whose attempt was answered with a hold."""

    user: str
    hold_id: str


@dataclass(slots=True)
class HotSeat:
    """The result of all rounds. `wrong` lists violations in words."""

    tally: Tally = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    rounds: int = 0
    wrong: list[str] = field(default_factory=list)
    last_winner: Winner | None = None

    def as_plain(self) -> dict[str, object]:
        """For a report."""
        return {
            "rounds": self.rounds,
            "counts": {outcome.value: self.tally[outcome] for outcome in Outcome},
            "latency_ms": latency_ms(self.latencies_s),
        }


class Round(NamedTuple):
    """One round, to be shown as it ends."""

    number: int
    tally: Tally
    latencies_s: list[float]


async def compete(
    channels: ChannelPool,
    contest: Contest,
    *,
    workers: int,
    rounds: int,
    show: Callable[[Round], None],
    keep_last: bool = False,
) -> HotSeat:
    """Let `workers` users start from a barrier, `rounds` times; between rounds the winner releases the seat.

    With `keep_last` the last winner keeps it. Stops at the first round after which the seat is not free again.
    Raises ConnectionLost, TimeoutError.
    """
    found = HotSeat()
    users = [f"user-{token_hex(4)}-{number}" for number in range(workers)]
    for number in range(1, rounds + 1):
        async with asyncio.timeout(ROUND_SECONDS_MAX):
            winners, played = await _round(channels, contest, users, number)
            found.rounds = number
            found.tally += played.tally
            found.latencies_s += played.latencies_s
            show(played)
            found.wrong += [f"round {number}: {said}" for said in await _check(channels, contest, users, winners)]
            found.last_winner = winners[-1] if winners else None
            if number == rounds and keep_last:
                break
            if not await _give_back(channels, contest, winners):
                found.wrong.append(f"round {number}: the seat was not free again after its release")
                break
    return found


async def _round(channels: ChannelPool, contest: Contest, users: list[str], number: int) -> tuple[list[Winner], Round]:
    """All users send their requests at once."""
    barrier = asyncio.Barrier(len(users))
    played = Round(number, Counter(), [])
    winners: list[Winner] = []
    path = method("HoldSeats")

    async def contend(user: str) -> None:
        request = contest.hold(user)
        await barrier.wait()
        sent = perf_counter()
        reply = await channels.call(path, request)
        played.latencies_s.append(perf_counter() - sent)
        outcome = outcome_of(reply)
        played.tally[outcome] += 1
        if outcome is Outcome.WON:
            winners.append(Winner(user, read("HoldSeatsResponse", reply).hold_id))

    async with asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(contend(user))
    return winners, played


async def _check(channels: ChannelPool, contest: Contest, users: list[str], winners: list[Winner]) -> list[str]:
    """What is wrong with the answers, and with the store's holds of all users."""
    wrong = [] if len(winners) == 1 else [f"{len(winners)} won instead of 1"]
    owners = []
    path = method("ListHolds")
    replies = await asyncio.gather(*(channels.call(path, contest.holds_of(user)) for user in users))
    for user, reply in zip(users, replies, strict=True):
        owners += [Winner(user, hold_id) for hold_id in _live_holds(reply, contest.seat)]
    if sorted(owners) != sorted(winners) or len(owners) != 1:
        told = ", ".join(f"{user} by {hold_id}" for user, hold_id in owners) or "nobody"
        wrong.append(f"the store says that the seat is held by: {told}")
    for winner in winners:
        request = contest.by_hold("GetHoldRequest", winner.hold_id, winner.user)
        reply = await channels.call(method("GetHold"), request)
        hold = read("GetHoldResponse", reply).hold if reply.status == OK else None
        if hold is None or hold.status != HOLD_HELD or list(hold.seat_ids) != [contest.seat]:
            wrong.append(f"the store does not know the hold of {winner.user}: {winner.hold_id}")
    status = contest.status_in(await channels.call(method("GetSeatMap"), contest.map()))
    if status != HELD:
        wrong.append(f"the seat map does not show the seat as held, but as status {status}")
    return wrong


def _live_holds(reply: Reply, seat: str) -> list[str]:
    if reply.status != OK:
        return [f"unknown, status {reply.status}"]
    holds = read("ListHoldsResponse", reply).holds
    return [hold.hold_id for hold in holds if hold.status == HOLD_HELD and seat in hold.seat_ids]


async def _give_back(channels: ChannelPool, contest: Contest, winners: list[Winner]) -> bool:
    """Whether the seat is free after everyone who won has given it back."""
    for winner in winners:
        request = contest.by_hold("ReleaseSeatsRequest", winner.hold_id, winner.user)
        await channels.call(method("ReleaseSeats"), request)
    ends = perf_counter() + FREE_SECONDS_MAX
    while perf_counter() < ends:
        if contest.status_in(await channels.call(method("GetSeatMap"), contest.map())) == FREE:
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False

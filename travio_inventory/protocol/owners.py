"""The owners of cells, judged and ended by their home rows: the part of the protocol that all steps share."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Any, assert_never

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import index_entries, listings, rows
from travio_inventory.protocol.ages import Ages
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.protocol.epochs import Epochs
from travio_inventory.protocol.local_signals import LocalSignals
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import (
    DIGEST_CHARS,
    NEVER_MS,
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Held,
    Hold,
    HoldState,
    Recorded,
    Released,
)
from travio_inventory.seats.ports import HoldWatch, SeatGroupKey
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import TripKey

TRIES_MAX = 4
BURN_TRIES_MAX = 6
PAUSE_S = (0.005, 0.050)

REFUSED = "refused"
"""The reason of a fenced row that is a final no."""
RETRY = "retry"
"""The reason of a fenced row whose attempt gave up: ask again."""
ABANDONED = "abandoned"
"""The reason of a row fenced by somebody who met its leftovers: ask again."""


class Verdict(Enum):
    """What the home row of a cell's owner says about the cell."""

    TAKEN = auto()
    CONTENDED = auto()
    DEAD = auto()


@dataclass(frozen=True, slots=True)
class Owner:
    """A verdict, and the home row it rests on (none while an attempt is under way)."""

    verdict: Verdict
    row: Row


class Owners:
    """Reads, ends, fences and rolls forward holds. Owns what all steps need: batches, clock, watch, rules.

    `random` makes ids and jitter: `SystemRandom` where strangers must not guess an id.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        clock: Clock,
        watch: HoldWatch,
        background: Callable[[Coroutine[Any, Any, None]], None],
        rules: Rules,
        random: Random,
    ) -> None:
        self.batches = batches
        self.clock = clock
        self.watch = watch
        self.rules = rules
        self._background = background
        self.random = random
        self.ages = Ages(clock, clock_bound_ms=rules.clock_bound_ms)
        self.epochs = Epochs(batches, clock, background)
        self.signals = LocalSignals()
        self._entries = index_entries.DurableEntries()

    async def apply(
        self, partition: Partition, writes: Sequence[Write], asked: Sequence[IndexEntry], *, at_ms: int | None = None
    ) -> Outcome:
        """Try the batch once, with those of its hints that are not known to be durable. A step that is stamped with
        `at_ms` is NotDone where it could not be sent while its hints are good.
        """
        missing = self._entries.missing(asked)
        send_by = ANY_TIME if at_ms is None else self._send_by(at_ms)
        outcome = await self.batches.apply(partition, writes, missing, send_by=send_by)
        if missing and isinstance(outcome, Applied | Refused):
            self._entries.remember(missing)
        if isinstance(outcome, Applied):
            for key, _, values in writes:
                if key.kind is Kind.EVENT:
                    group = SeatGroupKey(TripKey(partition.organization, partition.name), partition.number)
                    self.signals.recorded(group, key, values)
        return outcome

    def _send_by(self, at_ms: int) -> float:
        """Until when, by the event loop's clock, a step of that moment may be sent. That clock goes on while the
        process is stopped, and nobody sets it.
        """
        left_ms = min(at_ms - self.clock.now_ms(), 0) + index_entries.SENT_WITHIN_MS
        return asyncio.get_running_loop().time() + left_ms / 1_000

    def new_digest(self) -> str:
        """The digest of an id that nobody can guess or has."""
        return f"{self.random.getrandbits(4 * DIGEST_CHARS):0{DIGEST_CHARS}x}"

    async def pause(self) -> None:
        """Wait a moment, jittered, before trying again."""
        await asyncio.sleep(self.random.uniform(*PAUSE_S))

    async def home(self, organization: str, hold_id: str) -> Row | None:
        """The hold's own row, None where there is none. Raises StoreUnavailable."""
        key = rows.hold_key(hold_id)
        return (await self.batches.get(rows.home_partition(organization, hold_id), [key])).get(key)

    def has_lapsed(self, hold_id: str, row: Row) -> bool:
        """Whether a row that says held may be ended."""
        return self.left_ms(hold_id, row) <= 0

    def left_ms(self, hold_id: str, row: Row) -> int:
        """In how long a row that says held may be ended: when its time is over by every clock within the bound; where
        it began by a clock beyond it, once it was there for as long as it was to last.
        """
        expires_ms, began_ms = rows.number(row, "expires_at"), rows.number(row, "created_at")
        if expires_ms == NEVER_MS:
            return NEVER_MS
        return expires_ms - began_ms + self.rules.clock_bound_ms - self.ages.of(hold_id, began_ms)

    async def fence(self, organization: str, hold_id: str, reason: str, taken: Sequence[TakenCell] = ()) -> Row:
        """Make sure that the id never comes to be held, and say why; the row that stands is the answer.

        Raises OutcomeUnknown.
        """
        key = rows.hold_key(hold_id)
        fenced: Row = {"status": "aborted", "reason": reason, "seats": rows.taken_text(taken)}
        for _ in range(BURN_TRIES_MAX):
            match await self.apply(rows.home_partition(organization, hold_id), [Write(key, ABSENT, fenced)], ()):
                case Applied():
                    return fenced
                case Refused(rows=standing):
                    return standing[key]
                case Unknown() | NotDone():
                    await self.pause()
        raise OutcomeUnknown

    async def step(self, hold: Hold, state: HoldState, condition: Row, *, at_ms: int) -> Outcome:
        """Take the hold from what `condition` says to `state`: one batch on the home seat group, its event included,
        hints for the other seat groups before it.
        """
        now = await self.now(at_ms)
        asked = _others_due([hold], at_ms)
        if isinstance(state, Confirmed):
            asked += listings.of_hold(hold.with_state(state))
        return await self._steps(hold, _step_writes(hold, state, condition, now), asked, now)

    async def list_again(self, hold: Hold) -> None:
        """Whoever made the hold what it is may have died before it was listed."""
        await self.batches.apply(rows.group_partition(hold.trip, hold.home), (), listings.of_hold(hold))

    async def now(self, at_ms: int | None = None) -> Recorded:
        """Where a step of this moment is recorded. Raises BackendUnavailable."""
        return Recorded(await self.epochs.current(), self.clock.now_ms() if at_ms is None else at_ms)

    async def _steps(self, hold: Hold, writes: Sequence[Write], others: Sequence[IndexEntry], now: Recorded) -> Outcome:
        """Steps of this moment on holds that have this one's home."""
        home = rows.group_partition(hold.trip, hold.home)
        return await self.apply(home, writes, [index_entries.recorded(home, now.epoch), *others], at_ms=now.at_ms)

    async def expire(self, hold: Hold) -> Row:
        """End a hold that has lapsed, unless it was extended, confirmed or ended meanwhile; the row as it stands
        afterwards is the answer. Raises OutcomeUnknown.
        """
        return (await self.expire_together([hold]))[hold.id]

    async def expire_together(self, holds: Sequence[Hold]) -> dict[str, Row]:
        """End holds of one home that have lapsed, in one batch, but for those that were extended, confirmed or ended
        meanwhile; the rows as they stand afterwards, by id. Raises OutcomeUnknown.
        """
        left, after, tries = list(holds), dict[str, Row](), 0
        while left and tries < TRIES_MAX:
            at_ms = self.clock.now_ms()
            match await self._expire_once(left, at_ms):
                case Applied():
                    ended = [hold.with_state(_expired(hold)) for hold in left]
                    await asyncio.gather(*(self.settled(hold, as_of_ms=at_ms) for hold in ended))
                    return after | {hold.id: {**rows.hold_row(hold), "status": "expired"} for hold in left}
                case Refused(rows=standing):
                    now = {hold.id: standing.get(rows.hold_key(hold.id), {}) for hold in left}
                    moved = {hold.id: now[hold.id] for hold in left if not _is_as_seen(hold, now[hold.id])}
                    if not moved:  # nothing says on whose account
                        return after | (now if len(left) == 1 else await self._expire_by_halves(left))
                    if tries:  # a batch of ours that was not answered may have moved them
                        await self._settled(left[0].trip.organization, moved, as_of_ms=at_ms)
                    after |= moved
                    left = [hold for hold in left if hold.id not in moved]
                case Unknown() | NotDone():
                    tries += 1
                    await self.pause()
        if left:
            raise OutcomeUnknown
        return after

    async def _expire_once(self, holds: Sequence[Hold], at_ms: int) -> Outcome:
        now = await self.now(at_ms)
        writes = [write for hold in holds for write in _step_writes(hold, _expired(hold), _as_seen(hold), now)]
        return await self._steps(holds[0], writes, _others_due(holds, now.at_ms), now)

    async def _expire_by_halves(self, holds: Sequence[Hold]) -> dict[str, Row]:
        half = len(holds) // 2
        return await self.expire_together(holds[:half]) | await self.expire_together(holds[half:])

    async def settled(self, hold: Hold, *, as_of_ms: int) -> None:
        """The hold is in its state now, by a batch or a look that was sent at that moment: tell the watch, and bring
        its other seat groups in line in the background.
        """
        self._note(hold)
        await self.watch.changed(hold, as_of_ms=as_of_ms)
        if hold.seats_elsewhere and not isinstance(hold.state, Held):
            self._background(self.roll_forward(hold))

    async def _settled(self, organization: str, standing: Mapping[str, Row], *, as_of_ms: int) -> None:
        """The same of holds by their rows."""
        holds = [rows.read_hold(organization, hold_id, row) for hold_id, row in standing.items() if row]
        await asyncio.gather(*(self.settled(hold, as_of_ms=as_of_ms) for hold in holds))

    async def given_back(self, hold: Hold) -> None:
        """A hold that never came to be and may have no row that says so: its intents go before anybody looks."""
        await self.roll_forward(hold)
        await self.watch.changed(hold, as_of_ms=self.clock.now_ms())

    def _note(self, hold: Hold) -> None:
        if isinstance(hold.state, Held) and hold.state.expires_at_ms < NEVER_MS:
            left_ms = hold.state.expires_at_ms + self.rules.clock_bound_ms - self.clock.now_ms()
            for group in hold.seats_by_group:
                self.signals.due(SeatGroupKey(hold.trip, group), self.clock.elapsed_ms() + left_ms)

    async def roll_forward(self, hold: Hold) -> None:
        """Bring the groups other than the home group in line with the hold's state. Best effort: the home row is
        the truth, and the sweeper finishes what this leaves.
        """
        await asyncio.gather(
            *(self.roll_group(hold.id, hold.trip, group, rows.cell_keys(seats, hold.journey), hold.state)
              for group, seats in hold.seats_elsewhere.items())
        )  # fmt: skip

    async def roll_group(
        self, hold_id: str, trip: TripKey, group: int, cells: Sequence[RowKey], state: HoldState
    ) -> bool:
        """Bring those of the cells that the hold still owns in line with its state; whether that is certain."""
        for _ in range(TRIES_MAX):
            writes = _cell_writes(hold_id, cells, state)
            outcome = await self.apply(rows.group_partition(trip, group), writes, ())
            match outcome:
                case Applied():
                    return True
                case Refused(rows=standing):
                    cells = [cell for cell in cells if standing.get(cell, {}).get("owner") == hold_id]
                    if not cells:
                        return True
                case Unknown() | NotDone():
                    await self.pause()
        return False

    async def judge(self, organization: str, hold_id: str, *, since_ms: int) -> Owner:
        """What the home row of an owner says, whatever its cells say. Ends the owner where it has lapsed, fences it
        where it was abandoned. Raises StoreUnavailable, OutcomeUnknown.
        """
        row = await self.home(organization, hold_id)
        if row is None:
            if self.ages.of(hold_id, since_ms) < self.rules.grace_ms:
                return Owner(Verdict.CONTENDED, {})
            row = await self.fence(organization, hold_id, ABANDONED)
        if row.get("status") == "held" and self.has_lapsed(hold_id, row):
            row = await self.expire(rows.read_hold(organization, hold_id, row))
        return Owner(Verdict.TAKEN if row.get("status") in rows.LIVE else Verdict.DEAD, row)


def _step_writes(hold: Hold, state: HoldState, condition: Row, now: Recorded) -> list[Write]:
    """The hold's row, its event and its cells in its home seat group, taken to `state`."""
    status, event, ordinal, order = _told(state, hold)
    return [
        Write(rows.hold_key(hold.id), condition, {**status, **rows.recorded(now)}),
        rows.event_write(hold, event, now, ordinal=ordinal, order=order),
        *_cell_writes(hold.id, rows.cell_keys(hold.seats_by_group.get(hold.home, ()), hold.journey), state),
    ]


def _others_due(holds: Sequence[Hold], at_ms: int) -> list[IndexEntry]:
    """The seat groups other than their home in which these holds are to be brought in line now."""
    named = {(hold.trip, group) for hold in holds for group in hold.seats_elsewhere}
    return [index_entries.due(rows.group_partition(*group), at_ms) for group in sorted(named)]


def _as_seen(hold: Hold) -> Row:
    """The condition on which a lapsed hold ends: it is held still, and until the same moment."""
    assert isinstance(hold.state, Held)  # noqa: S101 - a caller's mistake, not an input
    return {"status": "held", "expires_at": hold.state.expires_at_ms}


def _is_as_seen(hold: Hold, row: Row) -> bool:
    return all(row.get(name) == value for name, value in _as_seen(hold).items())


def _expired(hold: Hold) -> Expired:
    assert isinstance(hold.state, Held)  # noqa: S101 - a caller's mistake, not an input
    return Expired(hold.state.expires_at_ms)


def _told(state: HoldState, hold: Hold) -> tuple[Row, EventType, int, str | None]:
    """A step's change of the hold row, its event, which of the hold's events that is, and the order it is about."""
    ordinal = hold.extensions + 1
    match state:
        case Confirmed(order=order) as booked:
            return rows.booking_columns(booked), EventType.SEATS_PURCHASED, ordinal, order
        case Released():
            return {"status": "released"}, EventType.HOLD_RELEASED, ordinal, None
        case Expired():
            return {"status": "expired"}, EventType.HOLD_EXPIRED, ordinal, None
        case Cancelled(order=order):
            return {"status": "cancelled"}, EventType.BOOKING_CANCELLED, ordinal + 1, order
        case Held() | Aborted():
            raise ValueError(f"no step leads to {state}")
        case _:
            assert_never(state)


def _cell_writes(hold_id: str, cells: Sequence[RowKey], state: HoldState) -> list[Write]:
    """What becomes of the hold's cells; only ever IF owner=hold."""
    values: Row = {"status": "sold", "until": None} if isinstance(state, Confirmed) else rows.FREE
    owned: Row = {"owner": hold_id}
    return [Write(cell, owned, values) for cell in cells]

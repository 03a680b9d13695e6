"""Takes an existing hold to another state, or returns its present one: shared by confirm, release and cancel."""

from collections.abc import Callable, Collection, Sequence
from typing import Generic, assert_never

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.refusals import BackendUnavailable, FinalRefusal, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    Applied,
    NotDone,
    Refused,
    Row,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
    is_met,
)
from travio_inventory.protocol.failed_batches import FailedBatches
from travio_inventory.protocol.fencing import ABANDONED
from travio_inventory.protocol.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    HoldState,
    Released,
    earlier_late_ids,
)
from travio_inventory.protocol.judging import Judging, Late
from travio_inventory.protocol.refusals import BookingCancelled, HoldConfirmed, HoldExpired, HoldNotFound, HoldReleased
from travio_inventory.protocol.resource import H, Hold, Resource, home_of
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.protocol.steps.aims import aim_at

TRIES_MAX = 4
COUNTED_TRIES_MAX = 24
"""Of a step on a counter: each other step there makes it computed again."""
GLANCES_MAX = 2
"""So often a step that is computed from what was seen of late: as that was, and by what the refusal brought."""


class Deciding(Generic[H]):
    """Reads a caller's hold, and decides its next state on its home row."""

    def __init__(self, sender: Sender, resource: Resource[H], judging: Judging[H], rolling: RollingForward[H]) -> None:
        self._sender = sender
        self._resource = resource
        self._judging = judging
        self._rolling = rolling

    async def decide(
        self,
        actor: Actor,
        hold_id: str,
        state: HoldState,
        beside: Sequence[Write] = (),
        *,
        parts: Collection[str] | None = None,
    ) -> H:
        """Take the hold to `state` if it still can, and write the rows `beside` with it, or these parts of it alone
        (`aims.aim_at`); returns the hold afterwards, whoever changed it. Raises HoldNotFound, BackendUnavailable,
        OutcomeUnknown, and the refusal for parts that it never had.
        """
        return await self.lead(actor, hold_id, lambda hold: aim_at(hold, state, parts), beside, towards=type(state))

    async def lead(
        self,
        actor: Actor,
        hold_id: str,
        aim: Callable[[H], H | None],
        beside: Sequence[Write] = (),
        *,
        towards: type[HoldState],
    ) -> H:
        """Make the hold what `aim` makes of it as it is read, until it is so or nothing leads there any more; returns
        it as it is then. The rows `beside` are written with the step into a state of the kind `towards`, in which it
        may be already. Raises as `decide`.
        """
        failed = FailedBatches()
        at_once = await self._at_a_glance(actor, hold_id, aim, beside, towards, failed)
        if at_once is not None:
            return at_once
        for _ in range(COUNTED_TRIES_MAX if self._resource.depends_on else TRIES_MAX):
            as_of_ms = self._sender.clock.now_ms()
            try:
                hold, seen = await self._see(actor, hold_id)
            except StoreUnavailable:
                await self._sender.pause()
                continue
            after = aim(hold)
            if after is None:
                if failed.was_sent or type(hold.state) is towards:
                    # the process that changed it may have died before it reported that
                    await self._rolling.settled(hold, as_of_ms=as_of_ms)
                    if isinstance(hold.state, Confirmed):
                        await writing.list_again(self._sender, self._resource, hold)
                return hold
            with_it = beside if type(after.state) is towards else ()
            stepped = await self._step(hold, after, seen, with_it)
            if not isinstance(stepped, Unknown | NotDone | Refused):
                return stepped
            failed.add(stepped)
            await self._sender.pause()
        raise failed.refusal()

    async def at_once(self, actor: Actor, hold_id: str, state: HoldState, parts: Collection[str] | None) -> H | None:
        """Decide by what was seen of late alone; None if no batch of ours did it: whether that is possible at all only
        `decide` says. Raises BackendUnavailable, OutcomeUnknown.
        """
        failed = FailedBatches()
        after = await self._at_a_glance(
            actor, hold_id, lambda hold: aim_at(hold, state, parts), (), type(state), failed
        )
        if after is None and failed.may_land:
            raise OutcomeUnknown
        return after

    async def _at_a_glance(
        self,
        actor: Actor,
        hold_id: str,
        aim: Callable[[H], H | None],
        beside: Sequence[Write],
        towards: type[HoldState],
        failed: FailedBatches,
    ) -> H | None:
        """The hold after a step that is computed from what was seen of late, which the batch decides about; None if no
        step follows from that, or it did not take effect: nobody is answered by a glance. Raises BackendUnavailable.
        """
        try:
            seen = await self._resource.glance(home_of(self._resource, actor.organization, hold_id), hold_id)
            if seen is None:
                return None
            hold = self._owned(actor, hold_id, seen.get(rows.hold_key(hold_id)))
            after = aim(hold)
        except (StoreUnavailable, FinalRefusal):
            return None
        if after is None:
            return None
        with_it = beside if type(after.state) is towards else ()
        for _ in range(GLANCES_MAX):
            stepped = await self._step(hold, after, seen, with_it)
            if not isinstance(stepped, Unknown | NotDone | Refused):
                return stepped
            failed.add(stepped)
            if not isinstance(stepped, Refused) or not is_met(as_seen(hold), stepped.rows.get(rows.hold_key(hold_id))):
                return None
            seen = {**seen, **stepped.rows}  # its claims are as they were: what they depend on has moved
        return None

    async def _step(self, hold: H, after: H, seen: Rows, beside: Sequence[Write]) -> H | Refused | Unknown | NotDone:
        """The hold after its step, or why it did not take effect. Raises BackendUnavailable."""
        as_of_ms = self._sender.clock.now_ms()
        change = (hold, after, as_seen(hold))
        outcome = await writing.step(self._sender, self._resource, change, seen=seen, at_ms=as_of_ms, beside=beside)
        if not isinstance(outcome, Applied):
            return outcome
        await self._rolling.changed(hold, after, as_of_ms=as_of_ms)
        return after.stepped_at(as_of_ms)

    async def own(self, actor: Actor, hold_id: str) -> H:
        """The caller's hold. Raises HoldNotFound if it is another holder's, never existed, was fenced or closed;
        StoreUnavailable.
        """
        return self._owned(actor, hold_id, await self._judging.home(actor.organization, hold_id))

    async def _see(self, actor: Actor, hold_id: str) -> tuple[H, Rows]:
        """The caller's hold, and what a step on it is computed from. Raises as `own`."""
        key, beside = rows.hold_key(hold_id), self._resource.beside(hold_id)
        if not beside:
            hold = await self.own(actor, hold_id)
            return hold, await writing.see_home(self._sender, self._resource, [hold])
        home = home_of(self._resource, actor.organization, hold_id)
        seen = await self._sender.batches.get(home, [key, *beside])
        return self._owned(actor, hold_id, seen.get(key)), seen

    def _owned(self, actor: Actor, hold_id: str, row: Row | None) -> H:
        if row is None or row.get("holder") != actor.user or row.get("status") == rows.CLOSED:
            raise HoldNotFound
        return self._resource.read(actor.organization, hold_id, row, by=actor.kind)

    async def holder(self, organization: str, hold_id: str) -> str:
        """Whose hold it is. Raises HoldNotFound if it is nobody's, never existed, was fenced or closed;
        StoreUnavailable.
        """
        row = await self._judging.home(organization, hold_id)
        holder = "" if row is None or row.get("status") == rows.CLOSED else rows.text(row, "holder")
        if not holder:
            raise HoldNotFound
        return holder

    async def late(self, hold: H) -> Late:
        """See Judging. Raises BackendUnavailable."""
        try:
            return await self._judging.late(hold.organization, hold.id)
        except StoreUnavailable:
            raise BackendUnavailable from None

    def was_given_up(self, late: str, row: Row) -> bool:
        """See Judging."""
        return self._judging.was_given_up(late, row)

    @property
    def retention(self) -> Retention:
        """How long what has ended is kept."""
        return self._sender.rules.retention

    def kept_as_expired(self, hold: H, late: str, keep_s: int) -> Sequence[Write]:
        """The row of an expired hold, and those of its late ids that were given up before this one, kept for so long:
        its late booking is found by them.
        """
        row = {**self._resource.columns(hold), **rows.recorded(hold.recorded)}
        given_up: Row = {"status": "aborted", "reason": ABANDONED}
        return [
            Write(rows.hold_key(hold.id), {"status": "expired"}, row, keep_s),
            *(Write(rows.hold_key(each), {"status": "aborted"}, given_up, keep_s) for each in earlier_late_ids(late)),
        ]

    async def over(self, hold: H) -> FinalRefusal:
        """The refusal that says how the hold ended, its late booking included."""
        return ended(await self.as_booked(hold))

    async def as_booked(self, hold: H, *, by: ActorKind = ActorKind.USER) -> H:
        """The late booking in place of the hold, if there is one."""
        late, row = await self.late(hold) if isinstance(hold.state, Expired) else ("", None)
        return self._resource.read(hold.organization, late, row, by=by) if row is not None and is_booking(row) else hold


def as_seen(hold: Hold) -> Row:
    """The condition of a step: confirm and the like carry no clock, so they win on a lapsed row that says held."""
    status = "confirmed" if isinstance(hold.state, Confirmed) else "held"
    return {"status": status, "extensions": hold.extensions}


def is_booking(row: Row) -> bool:
    """Whether the row of a late id says that a booking came of it."""
    return row.get("status") in ("confirmed", "cancelled")


def ended(hold: Hold) -> FinalRefusal:
    """The refusal that says how the hold ended."""
    match hold.state:
        case Released():
            return HoldReleased()
        case Expired(expires_at_ms=expires_at_ms):
            return HoldExpired(expires_at_ms)
        case Confirmed():
            return HoldConfirmed()
        case Cancelled():
            return BookingCancelled()
        case Held() | Aborted() | Forgotten():
            return HoldNotFound()
        case _:
            assert_never(hold.state)

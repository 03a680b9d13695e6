"""Hold: takes every claim of a request or none, under the id of its key or a new one."""

from typing import Generic, assert_never

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.attempts import Attempts
from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.claims import AlreadyThere, Contended, Lost, NotMade, Unanswered, Won
from travio_inventory.protocol.fencing import REFUSED, RETRY
from travio_inventory.protocol.hold import Aborted, Confirmed, Forgotten, Held
from travio_inventory.protocol.index_entries import SENT_WITHIN_MS
from travio_inventory.protocol.ledger import Answered, Entered, Ledger, Proceed
from travio_inventory.protocol.resource import H, Request, Resource
from travio_inventory.protocol.rolling_forward import RollingForward
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing
from travio_inventory.protocol.steps.deciding import Deciding, ended

GENERATIONS_MAX = 3


class Holding(Generic[H]):
    """Makes holds."""

    def __init__(
        self,
        sender: Sender,
        resource: Resource[H],
        *,
        ledger: Ledger[H],
        attempts: Attempts[H],
        deciding: Deciding[H],
        rolling: RollingForward[H],
    ) -> None:
        self._sender = sender
        self._resource = resource
        self._clock = sender.clock
        self._ledger = ledger
        self._attempts = attempts
        self._deciding = deciding
        self._rolling = rolling

    async def hold(self, request: Request[H]) -> H:
        """See Holds."""
        began = self._clock.now_ms(), self._clock.elapsed_ms()
        as_of_ms = began[0]
        for _ in range(GENERATIONS_MAX):
            hold_id = request.new_id(self._sender.new_digest())
            is_private = request.key is None and not self._resource.books.live_max(self._sender.rules)
            if not is_private:
                match await self._ledger.enter(request, hold_id):
                    case Answered(hold_id=bound, row=row):
                        return await self._answer(request, bound, row, as_of_ms)
                    case Proceed(hold_id=bound):
                        hold_id = bound
                now_ms = self._still_in_time(began)
            else:
                now_ms = as_of_ms
            hold = await self._attempt(request, hold_id, now_ms, is_private=is_private)
            if hold is not None:
                return hold
            as_of_ms = self._still_in_time(began)
        raise self._contended(request.hold(hold_id, as_of_ms))

    async def held_before(self, request: Request[H], *, settles: bool) -> H | None:
        """See Holds. The id that the key is bound to is fenced; with `settles` one is bound to it first."""
        as_of_ms = self._clock.now_ms()
        if settles:
            entered: Entered | None = await self._ledger.enter(request, request.new_id(self._sender.new_digest()))
        else:
            entered = await self._ledger.look(request)
        match entered:
            case Answered(hold_id=bound, row=row):
                return await self._answer(request, bound, row, as_of_ms)
            case Proceed(hold_id=bound):
                fenced = await self._attempts.fence(request.hold(bound, as_of_ms), NotMade())
                if fenced.get("status") != "aborted" or fenced.get("reason") == REFUSED:
                    return await self._answer(request, bound, fenced, as_of_ms)
                await self._rolling.given_back(request.hold(bound, as_of_ms).with_state(Aborted(RETRY)))
                return None
            case None:
                return None

    async def _attempt(self, request: Request[H], hold_id: str, now_ms: int, *, is_private: bool) -> H | None:
        """Take the claims under this id; None if the id was fenced as retryable: try another."""
        hold = request.hold(hold_id, now_ms)
        claimed, others_sent = await self._attempts.claim([hold], now_ms)
        match claimed.result:
            case Won():
                await self._rolling.settled(hold, as_of_ms=claimed.as_of_ms)
                return hold
            case AlreadyThere(row=row):
                return await self._standing(request, hold, row, claimed.as_of_ms)
            case Lost() | Contended() | NotMade() | Unanswered() as why:
                pass
            case _:
                assert_never(claimed.result)
        if isinstance(why, Lost):
            await self._rolling.watch.refused(hold, why.taken, as_of_ms=claimed.as_of_ms)
        fenced: Row = {}
        if not is_private or claimed.in_doubt:
            as_of_ms = self._clock.now_ms()
            try:
                fenced = await self._attempts.fence(hold, why)
            except OutcomeUnknown:
                if claimed.in_doubt or (isinstance(why, Lost) and request.key is not None):
                    raise  # the hold may exist, or its key may be decided: a retry gets the answer
                raise BackendUnavailable from None
            if fenced.get("status") != "aborted":
                return await self._standing(request, hold, fenced, as_of_ms)
        if others_sent:
            await self._rolling.given_back(hold.with_state(Aborted(RETRY)))
        raise self._no(hold, why, fenced)

    def _still_in_time(self, began: tuple[int, int]) -> int:
        """The time of day. `began` is when the call did, by the time of day and in monotonic time: a process that stood
        still since would take up an id that was fenced, or a key that had its answer, and both are forgotten by now.
        Raises BackendUnavailable.
        """
        now_ms = self._clock.now_ms()
        if max(now_ms - began[0], self._clock.elapsed_ms() - began[1]) > SENT_WITHIN_MS:
            raise BackendUnavailable
        return now_ms

    async def _standing(self, request: Request[H], hold: H, row: Row, as_of_ms: int) -> H | None:
        """The id's own row was there already: it is the answer, even if another call wrote it."""
        if row.get("status") != "aborted":
            return await self._answer(request, hold.id, row, as_of_ms)
        await self._rolling.settled(hold.with_state(Aborted(RETRY)), as_of_ms=as_of_ms)
        if row.get("reason") == REFUSED:
            raise self._resource.no_again(row, request.claimant)
        return None

    async def _answer(self, request: Request[H], hold_id: str, row: Row, as_of_ms: int) -> H:
        """The answer to a hold request from a row that was there at that moment, in its present state."""
        if row.get("status") == "aborted":
            raise self._resource.no_again(row, request.claimant)
        if isinstance(rows.read_state(row), Forgotten):
            raise self._resource.not_made()
        hold = await self._deciding.as_booked(self._resource.read(request.actor.organization, hold_id, row))
        await self._rolling.settled(hold, as_of_ms=as_of_ms)
        if not isinstance(hold.state, Held | Confirmed):
            raise ended(hold)
        await writing.list_again(self._sender, self._resource, hold)
        return hold

    def _no(self, hold: H, why: Lost | Contended | NotMade | Unanswered, fenced: Row) -> Exception:
        """The fenced row, if there is one, decides the answer: its reason may be that of another call with the same
        key.
        """
        if fenced.get("reason") == REFUSED:
            return self._resource.no_again(fenced, hold.claimant)
        match why:
            case Lost(taken=taken):
                return self._resource.no(taken, hold.claimant) if not fenced else self._contended(hold)
            case Contended(keys=keys):
                return self._resource.contended(keys)
            case NotMade():
                return self._resource.not_made()
            case Unanswered():
                return BackendUnavailable()
            case _:
                assert_never(why)

    def _contended(self, hold: H) -> Exception:
        """The refusal as contended of everything requested."""
        partitions = self._resource.partitions(hold)
        return self._resource.contended([key for each in partitions for key in self._resource.keys(hold, each)])

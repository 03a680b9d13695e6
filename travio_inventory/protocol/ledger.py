"""The holder's ledger: the hold of each idempotency key, and the slots for live holds.

A caller without an answer retries with the same key, perhaps twice at once, perhaps at another process. All of
them must get one hold and one answer. So the key is bound to the id of a hold before anything is claimed:

    ledger of a holder (one partition)                  home of hold H
    key K    -> hold H, fingerprint                     row H: held, confirmed, ..., or fenced
    slot 0   -> hold H
    slot 1   -> hold G

The row of a key is inserted on condition that it is absent; whoever comes second finds the id and goes on with it. Then
everything is as in `fencing`: the row of H says what came of it, whoever wrote it. The id is random: were it made from
the key, a key that is used again after its row was forgotten would meet the hold of its older life.

    row of the key        row of its hold            what the call does
    absent                                           binds the key to a new id, claims under it
    another request                                  is refused: the key was used for something else
    bound to H            absent, young              goes on with H: an attempt is under way, or died
    bound to H            absent, old                fences H, and goes on as below
    bound to H            stands                     answers with it, as it stands now
    bound to H            fenced for good            says that no, again
    bound to H            fenced, retryable          binds the key to a new id, if it is bound to H still

A limit on live holds works alike. A slot is taken in the same batch as the key. It is taken over only when the home row
of the hold that has it says that this is no longer held: lapsed, it is ended first; absent and old, it is fenced.

What breaks without it: with a count that is read and then acted upon, ten requests at once get ten holds of a limit of
one. With a slot that is freed by the clock, a holder has one hold more than allowed for as long as the lapsed one is
confirmed late. With a slot freed before the fence, the attempt that was only slow commits beside the new one. Without
the fingerprint, a key that is used again for other seats is answered with the old ones. With an old id gone on with, a
late copy of the batch that bound the key brings an id back whose hold was forgotten.

Keys and slots are forgotten too (`retention`): a key that is used after that is a new request.

Without a key and without a limit there is no ledger batch: nobody can ask for that id again.
"""

from dataclasses import dataclass
from typing import Generic, TypeAlias

from travio_inventory.kernel.refusals import BackendUnavailable, IdempotencyKeyReused, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.books import Books
from travio_inventory.protocol.failed_batches import FailedBatches
from travio_inventory.protocol.fencing import REFUSED
from travio_inventory.protocol.judging import Judging, Verdict
from travio_inventory.protocol.refusals import HoldLimitReached
from travio_inventory.protocol.resource import H, Request
from travio_inventory.protocol.sending import Sender

TRIES_MAX = 10


@dataclass(frozen=True, slots=True)
class Proceed:
    """The ledger rows are the request's own: go on with this id."""

    hold_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The key's hold took effect, or was refused for good: its row is the answer."""

    hold_id: str
    row: Row


Entered: TypeAlias = Proceed | Answered


@dataclass(frozen=True, slots=True)
class _Binding:
    """What the key row must become, and the hold that it replaces (None if it is new)."""

    write: Write
    hold_id: str
    left: str | None


class Ledger(Generic[H]):
    """Takes the rows of holders' keys and slots."""

    def __init__(self, sender: Sender, books: Books[H], judging: Judging[H]) -> None:
        self._sender = sender
        self._books = books
        self._judging = judging

    async def enter(self, request: Request[H], private_id: str) -> Entered:
        """Take the request's ledger rows in one batch: its key's and, with a limit, a slot.

        Raises IdempotencyKeyReused, HoldLimitReached; Overloaded and BackendUnavailable if certainly nothing was done,
        OutcomeUnknown.
        """
        failed = FailedBatches()
        ledger = self._books.ledger(request.actor)
        slots = [RowKey(Kind.SLOT, str(slot)) for slot in range(self._books.live_max(self._sender.rules))]
        keys = [RowKey(Kind.KEY, request.key)] if request.key is not None else []
        if not slots or self._books.begins_anew:  # most keys are new as well
            decided = await self._try(request, private_id, {}, slots, failed)
            if decided is not None:
                return decided
        for _ in range(TRIES_MAX):
            try:
                standing = await self._sender.batches.get(ledger, [*keys, *slots])
                decided = await self._try(request, private_id, standing, slots, failed)
            except StoreUnavailable:
                decided = None
            if decided is not None:
                return decided
            await self._sender.pause()
        raise failed.refusal()

    async def look(self, request: Request[H]) -> Entered | None:
        """What the request's key is bound to, and nothing is changed; None if it stands for no hold. Raises
        IdempotencyKeyReused, BackendUnavailable.
        """
        key = RowKey(Kind.KEY, request.key or "")
        try:
            standing = await self._sender.batches.get(self._books.ledger(request.actor), [key])
            bound = await self._bind(request, key.id, standing, "")
        except StoreUnavailable:
            raise BackendUnavailable from None
        return None if isinstance(bound, _Binding) else bound

    async def _try(
        self,
        request: Request[H],
        private_id: str,
        standing: Rows,
        slots: list[RowKey],
        failed: FailedBatches,
    ) -> Entered | None:
        writes: list[Write] = []
        hold_id, left = private_id, None
        if request.key is not None:
            bound = await self._bind(request, request.key, standing, private_id)
            if isinstance(bound, Proceed | Answered):
                return bound
            writes, hold_id, left = [bound.write], bound.hold_id, bound.left
        if slots:
            if any(rows.text(standing.get(slot, {}), "hold") == hold_id for slot in slots):
                return Proceed(hold_id)
            slot = await self._free_slot(request, standing, slots, left)
            condition = {"hold": standing[slot].get("hold")} if slot in standing else ABSENT
            values: Row = {"hold": hold_id, "since_ms": self._sender.clock.now_ms()}
            writes.append(Write(slot, condition, values, self._books.slots_s(self._sender.rules.retention)))
        outcome = await self._sender.apply(self._books.ledger(request.actor), writes, ())
        failed.add(outcome)
        return Proceed(hold_id) if isinstance(outcome, Applied) else None

    async def _bind(self, request: Request[H], key: str, standing: Rows, new_id: str) -> _Binding | Entered:
        """What the key's row means: go on with its hold, the answer, or a new binding. Raises StoreUnavailable if its
        hold could not be judged.
        """
        row = standing.get(RowKey(Kind.KEY, key))
        if row is None:
            return self._binding(request, key, new_id, {})
        if row.get("fingerprint") != request.fingerprint:
            raise IdempotencyKeyReused
        bound = rows.text(row, "hold")
        try:
            home_row = await self._judging.home_unless_abandoned(
                request.actor.organization, bound, since_ms=rows.number(row, "since_ms")
            )
        except OutcomeUnknown as error:
            raise StoreUnavailable(str(error)) from error
        if home_row is None:
            return Proceed(bound)
        if home_row.get("status") != "aborted" or home_row.get("reason") == REFUSED:
            return Answered(bound, home_row)
        unused_id = new_id if new_id != bound else request.new_id(self._sender.new_digest())
        return self._binding(request, key, unused_id, row)

    def _binding(self, request: Request[H], key: str, hold_id: str, before: Row) -> _Binding:
        """Binds the key to this id in place of what its row says, where there is one."""
        left = rows.text(before, "hold") or None
        values: Row = {
            "hold": hold_id,
            "fingerprint": request.fingerprint,
            "generation": rows.number(before, "generation") + 1,
            "since_ms": self._sender.clock.now_ms(),
        }
        condition = ABSENT if left is None else {"hold": left}
        write = Write(RowKey(Kind.KEY, key), condition, values, self._sender.rules.retention.keys_s)
        return _Binding(write, hold_id, left)

    async def _free_slot(self, request: Request[H], standing: Rows, slots: list[RowKey], left: str | None) -> RowKey:
        """A slot whose hold, if any, is no longer held by its own home row: never by the clock.

        Raises HoldLimitReached, and StoreUnavailable if a slot's owner could not be judged.
        """
        for slot in slots:
            owner = standing.get(slot, {}).get("hold")
            if owner is None or owner == left:
                return slot
        unjudged: Exception | None = None
        for slot in slots:
            row = standing[slot]
            try:
                if await self._is_free(request, rows.text(row, "hold"), since_ms=rows.number(row, "since_ms")):
                    return slot
            except (StoreUnavailable, OutcomeUnknown) as error:
                unjudged = error
        if unjudged is not None:
            raise StoreUnavailable(str(unjudged)) from unjudged
        raise HoldLimitReached(len(slots))

    async def _is_free(self, request: Request[H], owner: str, *, since_ms: int) -> bool:
        """Whether the owner of a slot is not held any more. Where a booking keeps its slot, an expired hold is first
        made unable to be booked late. Raises StoreUnavailable, OutcomeUnknown.
        """
        organization = request.actor.organization
        judged = await self._judging.judge(organization, owner, since_ms=since_ms)
        if self._books.bookings_free_slots:
            return judged.verdict is Verdict.DEAD or judged.row.get("status") == "confirmed"
        if judged.row.get("status") == "expired":
            return await self._judging.never_late(organization, owner)
        return judged.verdict is Verdict.DEAD

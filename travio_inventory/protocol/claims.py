"""Takes what holds claim in one partition, all or none; owners that are in the way are judged first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias

from travio_inventory.kernel.quick import quick
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    Applied,
    NotDone,
    Outcome,
    Refused,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.hold import Aborted, Title, read_title
from travio_inventory.protocol.judging import Judging, Verdict
from travio_inventory.protocol.resource import (
    Claim,
    Decision,
    Findings,
    H,
    InTheWay,
    Obstacle,
    OwnShare,
    Resource,
    Taken,
    home_of,
)
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.steps import writing

ROUNDS_MAX = 9
ERRORS_MAX = 3


@dataclass(frozen=True, slots=True)
class Won:
    """The claim succeeded."""


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """An own row is there already: it is the answer."""

    row: Row


@dataclass(frozen=True, slots=True)
class Lost:
    """Live holds have these claims."""

    taken: tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class Contended:
    """Another attempt is running on these rows, or too many alternate."""

    keys: tuple[RowKey, ...]


@dataclass(frozen=True, slots=True)
class NotMade:
    """Some of the rows for claims do not exist yet."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Too many batches went unanswered."""


_WON = Won()
Result: TypeAlias = Won | AlreadyThere | Lost | Contended | NotMade | Unanswered


@quick
@dataclass(frozen=True, slots=True)
class Claimed:
    """How a claim ended, whether a copy of one of its batches could still land (`in_doubt`), and when the batch was
    sent that decided it.
    """

    result: Result
    in_doubt: bool
    as_of_ms: int


class Claims(Generic[H]):
    """Takes claims, and judges the present owners."""

    def __init__(self, sender: Sender, resource: Resource[H], judging: Judging[H]) -> None:
        self._sender = sender
        self._resource = resource
        self._judging = judging

    async def claim(self, claim: Claim[H]) -> Claimed:
        """Claim until it is won, lost, contended or unknown."""
        in_doubt = False
        errors = 0
        seen: Rows | None = None
        before: Findings[H] | None = None
        for _ in range(ROUNDS_MAX):
            as_of_ms = self._sender.clock.now_ms()
            if as_of_ms >= claim.at_ms + self._sender.rules.grace_ms:
                return Claimed(Unanswered(), in_doubt, as_of_ms)
            match await self._try(claim, seen):
                case Applied():
                    return Claimed(_WON, in_doubt=False, as_of_ms=as_of_ms)
                case Refused(rows=standing):
                    decided, before = await self._look(claim, standing, before)
                    if decided is not None:
                        return Claimed(decided, in_doubt, as_of_ms)
                    seen = before.met.rows
                    errors += before.errors
                case Unknown():
                    in_doubt = True
                    errors += 1
                case NotDone():
                    errors += 1
            if errors > ERRORS_MAX:
                return Claimed(Unanswered(), in_doubt, as_of_ms)
            if errors:
                await self._sender.pause()
        return Claimed(Contended(self._keys(claim)), in_doubt, as_of_ms)

    async def _try(self, claim: Claim[H], seen: Rows | None) -> Outcome:
        """Send it once, computed from what was read, or is remembered; if nothing is free by what was read, it is
        refused unsent.
        """
        asked = self._asked(claim)
        writes = self._by_memory(claim) if seen is None and asked else None
        if writes is None:
            if seen is None and asked:
                try:
                    seen = await self._sender.batches.get(claim.partition, asked)
                except StoreUnavailable:
                    return NotDone("what it depends on could not be read")
            writes = self._resource.take(claim, seen or {})
        if writes is None:
            return Refused(seen or {})
        entries = claim.entries
        if claim.now is not None:
            noted = self._resource.books.noted(claim.partition, writes, claim.now, self._sender.rules.retention)
            entries = [*entries, *noted]
        return await self._sender.apply(claim.partition, [*claim.beside, *writes], entries, at_ms=claim.at_ms)

    def _by_memory(self, claim: Claim[H]) -> Sequence[Write] | None:
        remembered = self._resource.remembered(claim.partition)
        return None if remembered is None else self._resource.take(claim, remembered)

    async def look(self, claim: Claim[H]) -> Claimed | None:
        """What an unsent claim, lost elsewhere, would have met; None if nothing is known to be in its way."""
        as_of_ms = self._sender.clock.now_ms()
        try:
            standing = await self._sender.batches.get(claim.partition, self._asked(claim) or self._keys(claim))
        except StoreUnavailable:
            return None
        decided, _ = await self._look(claim, standing, None)
        return Claimed(decided, in_doubt=False, as_of_ms=as_of_ms) if isinstance(decided, Lost | Contended) else None

    def _keys(self, claim: Claim[H]) -> tuple[RowKey, ...]:
        if claim.stake is not None:
            return tuple(claim.stake.keys)
        return tuple(key for hold in claim.holds for key in self._resource.keys(hold, claim.partition))

    def _asked(self, claim: Claim[H]) -> Sequence[RowKey]:
        """The rows to read before it is sent, including its holds' own; none if it depends on none."""
        asked = self._resource.depends_on
        return [*asked, *self._keys(claim), *(rows.hold_key(hold.id) for hold in claim.holds)] if asked else ()

    async def _look(
        self, claim: Claim[H], standing: Rows, before: Findings[H] | None
    ) -> tuple[Result | None, Findings[H]]:
        """What a refusal decides (None: try again), and what this read found.

        The findings of an earlier read no longer count: they may have changed. They only show what stayed the same.
        """
        unseen = Findings(claim, InTheWay(OwnShare.NONE, True, (), standing))
        if not claim.is_intent:
            for hold in claim.holds:
                own = standing.get(rows.hold_key(hold.id))
                if own is not None and not _is_as_expected(claim, own):
                    return AlreadyThere(own), unseen
        try:
            met = await self._resource.in_the_way(self._sender.batches, claim, standing)
        except StoreUnavailable:
            return None, replace(unseen, errors=1)
        if met.own is OwnShare.ALL:
            return Won(), unseen
        findings = Findings(claim, met, contended=[*self._keys(claim)] if met.own is OwnShare.SOME else [])
        for obstacle in met.obstacles:
            try:
                await self._judge(findings, obstacle)
            except (StoreUnavailable, OutcomeUnknown):
                findings.errors += 1
        return self._decide(findings, before), findings

    def _decide(self, findings: Findings[H], before: Findings[H] | None) -> Result | None:
        if not findings.met.is_made:
            return NotMade()
        match self._resource.decide(findings, before):
            case Decision.LOST:
                return Lost(tuple(findings.taken))
            case Decision.CONTENDED:
                return Contended(tuple(findings.contended))
            case Decision.TRY_AGAIN:
                return None

    async def _judge(self, findings: Findings[H], obstacle: Obstacle) -> None:
        """Find the owners that are in the way; end a lapsed one, free the leftovers of an abandoned one."""
        key, owner, since_ms = obstacle
        partition, title = findings.claim.partition, read_title(owner)
        if home_of(self._resource, partition.organization, title.hold_id) == partition:
            await self._judge_neighbour(findings, key, title)
            return
        judged = await self._judging.judge_claim(partition, key, owner, since_ms=since_ms)
        match judged.verdict:
            case Verdict.TAKEN:
                findings.taken.append(Taken(key, title.hold_id, judged.row))
            case Verdict.CONTENDED:
                findings.contended.append(key)
            case Verdict.DEAD:
                freed = await writing.follow(
                    self._sender, self._resource, partition, {owner: [key]}, Aborted(""), findings.met.rows
                )
                findings.were_freed = True
                if isinstance(freed, Unknown | NotDone):
                    findings.errors += 1

    async def _judge_neighbour(self, findings: Findings[H], key: RowKey, title: Title) -> None:
        """An owner of the same partition: its row and its claims always agree, and the row decides. If it gave this one
        up between the two reads, the next round sees that.
        """
        partition = findings.claim.partition
        home = await self._judging.neighbour(partition.organization, title.hold_id)
        if home.get("status") in rows.LIVE and self._resource.names(home, partition, key, title.move):
            findings.taken.append(Taken(key, title.hold_id, home))
        else:
            findings.were_freed = True


def _is_as_expected(claim: Claim[H], own: Row) -> bool:
    """Whether a hold that is moved is still as it was read; one that is made has no row yet."""
    return claim.stake is not None and all(own.get(name) == value for name, value in claim.stake.expected.items())

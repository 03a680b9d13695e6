"""Takes the cells of one seat group for a hold: all of them or none, whoever stands in the way being judged first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    Applied,
    IndexEntry,
    NotDone,
    Refused,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.protocol.judging import Judging, Verdict
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import parse_hold_id
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import TripKey

ROUNDS_MAX = 9
ERRORS_MAX = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be taken: `cells` of one seat group, each for the hold that it names, setting `values`, with the rows
    `beside` them in the same batch. `own` are the holds' own rows where they are among those. It began `at_ms`: a grace
    later no batch is tried any more, for others may take the attempt for abandoned.
    """

    trip: TripKey
    group: int
    cells: Mapping[RowKey, str]
    values: Row
    at_ms: int
    beside: Sequence[Write] = ()
    own: Sequence[RowKey] = ()
    entries: Sequence[IndexEntry] = ()


@dataclass(frozen=True, slots=True)
class Won:
    """The cells are their owners'."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An own row stands already: it is the answer."""

    row: Row


@dataclass(frozen=True, slots=True)
class Lost:
    """Live owners have these cells."""

    cells: tuple[TakenCell, ...]


@dataclass(frozen=True, slots=True)
class Contended:
    """An attempt is under way on these seats, or too many take turns."""

    seats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unseeded:
    """Some cells are not there yet."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The store did not answer often enough to know."""


Result: TypeAlias = Won | Standing | Lost | Contended | Unseeded | Stuck


@dataclass(frozen=True, slots=True)
class Claimed:
    """How a claim ended, whether a copy of one of its batches could still land (`in_doubt`), and when the batch was
    sent that decided it.
    """

    result: Result
    in_doubt: bool
    as_of_ms: int


@dataclass(slots=True)
class _Obstacles:
    """What one look at a refused batch found."""

    taken: list[TakenCell] = field(default_factory=list)
    contended: list[str] = field(default_factory=list)
    is_unseeded: bool = False
    errors: int = 0


class Claims:
    """Takes cells, judging whoever has them."""

    def __init__(self, sender: Sender, judging: Judging) -> None:
        self._sender = sender
        self._judging = judging

    async def claim_cells(self, claim: Claim) -> Claimed:
        """Claim until it is won, lost, contended or unknown. A cell is only ever taken IF status='available'."""
        partition = rows.group_partition(claim.trip, claim.group)
        values: dict[str, Row] = {owner: {**claim.values, "owner": owner} for owner in claim.cells.values()}
        writes = [
            *claim.beside,
            *(Write(cell, rows.IF_AVAILABLE, values[owner]) for cell, owner in claim.cells.items()),
        ]
        in_doubt = False
        errors = 0
        for _ in range(ROUNDS_MAX):
            as_of_ms = self._sender.clock.now_ms()
            if as_of_ms >= claim.at_ms + self._sender.rules.grace_ms:
                return Claimed(Stuck(), in_doubt, as_of_ms)
            match await self._sender.apply(partition, writes, claim.entries, at_ms=claim.at_ms):
                case Applied():
                    return Claimed(Won(), in_doubt=False, as_of_ms=as_of_ms)
                case Refused(rows=standing):
                    decided, found = await self._look(claim, standing)
                    if decided is not None:
                        return Claimed(decided, in_doubt, as_of_ms)
                    errors += found
                case Unknown():
                    in_doubt = True
                    errors += 1
                case NotDone():
                    errors += 1
            if errors > ERRORS_MAX:
                return Claimed(Stuck(), in_doubt, as_of_ms)
            if errors:
                await self._sender.pause()
        return Claimed(Contended(_seats(claim.cells)), in_doubt, as_of_ms)

    async def look(self, claim: Claim) -> Claimed | None:
        """What a claim would have met that is not sent, because it has been lost elsewhere; None where nothing is known
        to be in its way.
        """
        as_of_ms = self._sender.clock.now_ms()
        try:
            standing = await self._sender.batches.get(rows.group_partition(claim.trip, claim.group), [*claim.cells])
        except StoreUnavailable:
            return None
        decided, _ = await self._look(claim, standing)
        return Claimed(decided, in_doubt=False, as_of_ms=as_of_ms) if isinstance(decided, Lost | Contended) else None

    async def _look(self, claim: Claim, standing: Rows) -> tuple[Result | None, int]:
        """What a refusal decides (None: try again), and how many errors the look met.

        Nothing is carried over from one look to the next: what an earlier one believed may have changed.
        """
        for own in claim.own:
            if own in standing:
                return Standing(standing[own]), 0
        owned = sum(1 for cell, owner in claim.cells.items() if standing.get(cell, {}).get("owner") == owner)
        if owned == len(claim.cells):
            return Won(), 0
        obstacles = _Obstacles()
        if owned:  # some intents stand and others are gone: the hold was fenced under this attempt
            obstacles.contended += _seats(claim.cells)
        for cell, owner in claim.cells.items():
            row = standing.get(cell)
            if row is None:
                obstacles.is_unseeded = True
            elif row.get("status") != "available" and row.get("owner") != owner:
                try:
                    await self._judge(claim, cell, row, obstacles)
                except (StoreUnavailable, OutcomeUnknown):
                    obstacles.errors += 1
        return _decide(obstacles), obstacles.errors

    async def _judge(self, claim: Claim, cell: RowKey, row: Row, obstacles: _Obstacles) -> None:
        """Find out who is in the way on one cell; ends an owner that has lapsed, frees what a dead one left."""
        owner = rows.text(row, "owner")
        if parse_hold_id(owner).home == claim.group:
            await self._judge_neighbour(claim, cell, row, obstacles)
            return
        judged = await self._judging.judge(claim.trip.organization, owner, since_ms=rows.number(row, "since"))
        match judged.verdict:
            case Verdict.TAKEN:
                obstacles.taken.append(_taken(cell, owner, judged.row))
            case Verdict.CONTENDED:
                obstacles.contended.append(cell.id)
            case Verdict.DEAD:
                partition = rows.group_partition(claim.trip, claim.group)
                freed = await self._sender.apply(partition, [Write(cell, {"owner": owner}, rows.FREE)], ())
                if isinstance(freed, Unknown | NotDone):
                    obstacles.errors += 1

    async def _judge_neighbour(self, claim: Claim, cell: RowKey, row: Row, obstacles: _Obstacles) -> None:
        """An owner of the same seat group: its row and its cells always agree, and the row says whose they are.
        Where it has moved on between the two looks, the next round sees the cell free.
        """
        organization, owner = claim.trip.organization, rows.text(row, "owner")
        home = await self._judging.neighbour(organization, owner)
        if home.get("status") in rows.LIVE:
            obstacles.taken.append(_taken(cell, owner, home))


def _decide(obstacles: _Obstacles) -> Result | None:
    if obstacles.is_unseeded:
        return Unseeded()
    if obstacles.taken:
        return Lost(tuple(obstacles.taken))
    if obstacles.contended:
        return Contended(tuple(dict.fromkeys(obstacles.contended)))
    return None


def _taken(cell: RowKey, owner: str, home: Row) -> TakenCell:
    status = rows.cell_status(home)
    until_ms = rows.number(home, "expires_at") if status == "held" else 0
    return TakenCell(cell.id, cell.segment, status, rows.text(home, "claimant"), owner, until_ms)


def _seats(cells: Iterable[RowKey]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.id for cell in cells))

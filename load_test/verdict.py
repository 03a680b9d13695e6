"""The verdict on a load test: whether the store agrees with everything that anybody was told."""

import asyncio
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from load_test.record import (
    RECORD_FILE,
    Attempt,
    Opened,
    Outcome,
    RecordCutOff,
    SaleRecord,
    Step,
    StepKind,
    read_record,
)
from travio_inventory.app.backends import StartFailed, open_batches
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Row
from travio_inventory.seats.hold import (
    Aborted,
    Confirmed,
    Expired,
    Held,
    Hold,
    Released,
    base_id,
    claimant_of,
    late_id,
)
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.settings import Settings, SettingsError, load_settings

HELP = """\
The store is the one that the service used, found as the service finds it: by TRAVIO_DATA for the embedded store, by
TRAVIO_STORE=scylla and SCYLLA_HOSTS for the distributed one. The embedded store belongs to one process at a time, so
stop the service first; the distributed one can be judged while the service runs, once nobody is buying.

exit status: 0 all is right, 1 something is wrong, 2 no verdict was possible, and the output says why
"""
EXIT_OK, EXIT_WRONG, EXIT_NOT_JUDGED = 0, 1, 2
LOOKS_MAX = 5
LOOK_PAUSE_SECONDS = 2.0
WRONGS_SHOWN_MAX = 20
AFTER = {StepKind.CONFIRM: Confirmed, StepKind.RELEASE: Released}


class NotJudged(Exception):
    """No verdict is possible; the message is one line that says why and what to do."""


@dataclass(slots=True)
class Verdict:
    """What was told and what stands, counted; `wrong` says in words what must not be."""

    told: Counter[Outcome] = field(default_factory=Counter)
    trips: int = 0
    rounds: int = 0
    cells: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The verdict for people to read."""
        told = ", ".join(f"{self.told[outcome]} {outcome}" for outcome in Outcome if self.told[outcome])
        stand = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        yield f"answers: {told.replace('done', 'won')}, to {self.told.total()} requests for seats"
        rounds = f", rounds of a hot seat: {self.rounds}" if self.rounds else ""
        yield f"store:   trips: {self.trips}{rounds}, cells: {self.cells}, holds: {stand or 'none'}"
        if not self.wrong:
            yield "verdict: OK - no seat was sold twice, every hold has all its seats, every answer is true"
            return
        yield f"verdict: WRONG - {len(self.wrong)} {'finding' if len(self.wrong) == 1 else 'findings'}"
        yield from (f"  {finding}" for finding in self.wrong[:WRONGS_SHOWN_MAX])
        if len(self.wrong) > WRONGS_SHOWN_MAX:
            yield f"  and {len(self.wrong) - WRONGS_SHOWN_MAX} more"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store has of one trip: every cell, and every hold that ever came to be, by its id."""

    trip: Trip
    cells: Mapping[Cell, Row]
    holds: Mapping[str, Hold]


def judge_folder(folder: Path, settings: Settings) -> Verdict:
    """Judge the record in the folder by the store of the settings. Raises NotJudged."""
    try:
        told = read_record(folder / RECORD_FILE)
    except (RecordCutOff, OSError) as failed:
        raise NotJudged(str(failed)) from failed
    if not told.attempts:
        raise NotJudged("nobody asked for seats; was the run too short, or was no trip opened?")
    if settings.store.kind == "memory":
        raise NotJudged("the service kept its record in memory, and that is gone with it")
    if settings.store.kind == "embedded" and not settings.store.data.exists():
        raise NotJudged(f"there is no data folder {settings.store.data}: say with TRAVIO_DATA where the service has it")
    try:
        return asyncio.run(_judge_by(settings, told))
    except StartFailed as failed:
        raise NotJudged(str(failed)) from failed


async def _judge_by(settings: Settings, told: SaleRecord) -> Verdict:
    """A shared store may still be busy with what the load left behind: what is wrong there must stay wrong."""
    looks = 1 if settings.store.kind == "embedded" else LOOKS_MAX
    async with open_batches(settings) as store:
        verdict = await judge(told, store.batches)
        for _ in range(1, looks):
            if not verdict.wrong:
                break
            await asyncio.sleep(LOOK_PAUSE_SECONDS)
            verdict = await judge(told, store.batches)
    return verdict


async def judge(told: SaleRecord, batches: Batches) -> Verdict:
    """Judge all that was told by what stands now. Raises StoreUnavailable."""
    verdict = Verdict()
    for opened in told.opened:
        attempts = told.attempts.get(opened.trip, [])
        verdict.trips += 1
        verdict.rounds += 1 if opened.hot_seat else 0
        verdict.told.update(attempt.outcome for attempt in attempts)
        standing = await _read(TripKey(opened.organization, opened.trip), batches)
        if standing is None:
            verdict.wrong.append(f"trip {opened.trip} is not in this store; is it the one that the service used?")
            continue
        verdict.cells += len(standing.cells)
        verdict.states.update(type(hold.state).__name__.lower() for hold in standing.holds.values())
        verdict.wrong += _wrong_cells(standing)
        verdict.wrong += _wrong_holds(standing)
        verdict.wrong += _wrong_attempts(standing, attempts)
        verdict.wrong += _wrong_answers(standing, attempts, told.steps, now_ms=time.time_ns() // 1_000_000)
        if opened.hot_seat:
            verdict.wrong += _wrong_round(standing, opened, attempts)
    return verdict


async def _read(key: TripKey, batches: Batches) -> Standing | None:
    offer = await Definitions(batches, SystemClock()).find(key)
    if offer is None:
        return None
    trip = offer.trip
    cells: dict[Cell, Row] = {}
    holds: dict[str, Hold] = {}
    for group in range(trip.group_count):
        partition = seat_rows.group_partition(key, group)
        found = await batches.read(partition, Kind.CELL)
        cells |= {Cell(row_key.id, row_key.segment): row for row_key, row in found.items()}
        for row_key, row in (await batches.read(partition, Kind.HOLD)).items():
            hold = seat_rows.read_hold(key.organization, row_key.id, row)
            if not isinstance(hold.state, Aborted):
                holds[hold.id] = hold
    return Standing(trip, cells, holds)


# ---- what the store says of itself


def _wrong_cells(standing: Standing) -> Iterator[str]:
    """Every cell is there, and free or its owner's."""
    for seat in standing.trip.seats:
        for segment in range(len(standing.trip.segments)):
            cell = Cell(seat.id, segment)
            if said := _wrong_cell(standing, cell):
                yield f"{_named(standing, cell)} {said}"


def _wrong_cell(standing: Standing, cell: Cell) -> str:
    row = standing.cells.get(cell)
    if row is None:
        return "is not there"
    status, owner_id = rows.text(row, "status"), rows.text(row, "owner")
    if status == "available":
        return ""
    owner = standing.holds.get(owner_id)
    if owner is None:
        return f"is {status} by {owner_id}, which does not stand"
    if not owner.is_live or cell not in _cells_of(owner):
        return f"is {status} by {owner_id}, which is {_state_of(owner)} and has {_listed(_cells_of(owner))}"
    if status == "sold" and not isinstance(owner.state, Confirmed):
        return f"is sold to {owner_id}, which is {_state_of(owner)}"
    return ""


def _wrong_holds(standing: Standing) -> Iterator[str]:
    """A live hold has each of its cells, and no other hold has one of them."""
    owners: dict[Cell, list[str]] = defaultdict(list)
    for hold in standing.holds.values():
        if not hold.is_live:
            continue
        cells = _cells_of(hold)
        for cell in cells:
            owners[cell].append(hold.id)
        missing = [cell for cell in cells if standing.cells.get(cell, {}).get("owner") != hold.id]
        if missing:
            yield f"{hold.id} is half held: it is {_state_of(hold)} but does not have {_listed(missing)}"
    for cell, holds in owners.items():
        if len(holds) > 1:
            yield f"{_named(standing, cell)} has {len(holds)} owners: {', '.join(holds)}"


# ---- what the store says of the answers


def _wrong_attempts(standing: Standing, attempts: Sequence[Attempt]) -> Iterator[str]:
    """Every hold that came to be was asked for, and nobody who was refused had one."""
    organization = standing.trip.key.organization
    asked = {claimant_of(Actor(organization, attempt.user), attempt.key): attempt for attempt in attempts}
    for hold in standing.holds.values():
        attempt = asked.get(hold.claimant)
        if attempt is None:
            yield f"{hold.id} is {_state_of(hold)}, but nobody asked for it"
        elif attempt.outcome is not Outcome.NO_ANSWER and attempt.hold != base_id(hold.id):
            told = f"that it won {attempt.hold}" if attempt.hold else f"{attempt.outcome}"
            yield f"{hold.id} is {_state_of(hold)}, but {attempt.user} was told {told}"


def _wrong_answers(
    standing: Standing, attempts: Sequence[Attempt], steps: Mapping[str, Sequence[Step]], *, now_ms: int
) -> Iterator[str]:
    """Every win that was told stands with its holder, its seats, and a state that its steps explain."""
    for attempt in attempts:
        if attempt.outcome is not Outcome.DONE:
            continue
        hold = standing.holds.get(attempt.hold)
        if hold is None:
            yield f"{attempt.user} was told {attempt.hold}, which is not in the store"
            continue
        asked = (attempt.user, set(attempt.seats), Journey(attempt.first, attempt.last))
        if (hold.holder, set(hold.seats), hold.journey) != asked:
            yield f"{attempt.user} was told {hold.id}, which is of {hold.holder} and has {_listed(_cells_of(hold))}"
        now = standing.holds.get(late_id(hold.id), hold)
        done = steps.get(hold.id, [])
        if type(now.state) not in possible_states(done):
            told = ", ".join(f"{step.kind}: {step.outcome}" for step in done) or "only that it won"
            yield f"{hold.id} is {_state_of(now)}, but {attempt.user} was told {told}"
        elif isinstance(now.state, Expired) and now.state.expires_at_ms > now_ms:
            yield f"{hold.id} expired before its time"


def possible_states(steps: Sequence[Step]) -> set[type]:
    """The states that a hold may be in after these steps."""
    for step in steps:
        if step.outcome is Outcome.DONE:
            return {AFTER[step.kind]}
    possible: set[type] = {Held, Expired}
    for step in steps:
        if step.outcome is Outcome.NO_ANSWER:
            possible.add(AFTER[step.kind])
        if step.outcome is Outcome.ENDED:
            possible.discard(Held)
    return possible


def _wrong_round(standing: Standing, opened: Opened, attempts: Sequence[Attempt]) -> Iterator[str]:
    """One contender won the hot seat, in the store and by what was told; all others were told of contention."""
    won = [hold.id for hold in standing.holds.values() if opened.hot_seat in hold.seats]
    if len(won) != 1:
        yield f"{opened.trip} {opened.hot_seat}: {len(won)} won in the store: {', '.join(won) or 'nobody'}"
    told = Counter(attempt.outcome for attempt in attempts)
    if told != Counter({Outcome.DONE: 1, Outcome.CONTENTION: opened.contenders - 1}):
        said = ", ".join(f"{count} {outcome}" for outcome, count in told.items()).replace("done", "won") or "nothing"
        yield f"{opened.trip} {opened.hot_seat}: {opened.contenders} requests were answered: {said}"


def _cells_of(hold: Hold) -> list[Cell]:
    return [Cell(key.id, key.segment) for key in seat_rows.cell_keys(hold.seats, hold.journey)]


def _named(standing: Standing, cell: Cell) -> str:
    return f"{standing.trip.key.trip} {_listed([cell])}"


def _listed(cells: Sequence[Cell]) -> str:
    return " ".join(f"{seat}/{segment}" for seat, segment in cells)


def _state_of(hold: Hold) -> str:
    return type(hold.state).__name__.lower()


# ---- the command


def tell(folder: Path, settings: Settings) -> int:
    """Judge, say the verdict, and return an exit status: EXIT_OK, EXIT_WRONG or EXIT_NOT_JUDGED."""
    try:
        verdict = judge_folder(folder, settings)
    except NotJudged as why:
        sys.stdout.write(f"not judged: {why}\n")
        return EXIT_NOT_JUDGED
    sys.stdout.writelines(f"{line}\n" for line in verdict.lines())
    return EXIT_WRONG if verdict.wrong else EXIT_OK


def main(words: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = ArgumentParser(
        prog="python -m load_test.verdict",
        description=__doc__,
        epilog=HELP,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help=f"results of a load test: the folder with {RECORD_FILE}")
    folder = parser.parse_args(words).folder
    try:
        settings = load_settings()
    except SettingsError as wrong:
        sys.stdout.write(f"not judged: {wrong}\n")
        return EXIT_NOT_JUDGED
    return tell(folder, settings)


if __name__ == "__main__":
    sys.exit(main())

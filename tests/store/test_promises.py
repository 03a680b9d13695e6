"""The cases with which an operator verifies a cluster: every store of ours passes them; one that lies does not."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, TypeVar

import pytest

from travio_inventory.kernel.promises import Promise, PromiseBroken, PromiseUnchecked
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    Applied,
    Batches,
    Index,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Table,
    Unknown,
    Write,
    is_met,
)
from travio_inventory.protocol.promises import ENTRIES_KEPT_S, PROMISES, READS, RIVALS, new_partition
from travio_inventory.store.memory import MemoryBatches
from verification.simulation.virtual_loop import run_virtually

T = TypeVar("T")


def named(promise: Promise[Batches]) -> str:
    """Its id among the tests."""
    return promise.says.replace(" ", "-")


@pytest.mark.parametrize("promise", PROMISES, ids=named)
async def test_every_store_keeps_the_promise(store: Batches, promise: Promise[Batches]) -> None:
    await promise.hold_to(store)


def as_it_is(_: int, it: T) -> T:
    """No lie."""
    return it


@dataclass(frozen=True)
class Lie:
    """What a store makes of the batches that it is sent, of its answers, and of what is read; each by its number."""

    batch: Callable[[int, Sequence[Write]], Sequence[Write]] = as_it_is
    entries: Callable[[int, Sequence[IndexEntry]], Sequence[IndexEntry]] = as_it_is
    answer: Callable[[int, Outcome], Outcome] = as_it_is
    refusal: Callable[[Sequence[Write], Rows], Rows] = lambda _, rows: rows
    rows: Callable[[int, Rows], Rows] = as_it_is
    index: Callable[[int, Sequence[str]], Sequence[str]] = as_it_is


class Lying(MemoryBatches):
    """A store that lies in one way, and counts what it is asked."""

    def __init__(self, lie: Lie) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self._lie = lie
        self.batches = self.reads = 0

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        number, self.batches = self.batches, self.batches + 1
        sent, added = self._lie.batch(number, writes), self._lie.entries(number, entries)
        outcome = await super().apply(partition, sent, added, send_by=send_by)
        if isinstance(outcome, Refused):
            outcome = Refused(self._lie.refusal(writes, outcome.rows))
        return self._lie.answer(number, outcome)

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        number, self.reads = self.reads, self.reads + 1
        return self._lie.rows(number, await super().get(partition, keys))

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        return self._lie.index(0, await super().read_index(index, bucket, after=after, most=most))


async def held(promise: Promise[Batches], store: Batches) -> None:
    """Raises PromiseBroken."""
    await promise.hold_to(store)


def broken_by(lie: Lie, promise: Promise[Batches]) -> str:
    """How the store that lies so breaks the promise, "" if it keeps it."""
    try:
        run_virtually(1, held(promise, Lying(lie)))
    except PromiseBroken as broken:
        return str(broken)
    return ""


def each_write(change: Callable[[Write], Write]) -> Callable[[int, Sequence[Write]], Sequence[Write]]:
    """The lie about each write of each batch."""
    return lambda _, writes: [change(write) for write in writes]


def unconditional(place: int) -> Callable[[int, Sequence[Write]], Sequence[Write]]:
    """The lie that the condition of this write of each batch does not count."""
    return lambda _, writes: [write._replace(condition={}) if place == at else write for at, write in enumerate(writes)]


def all_win(_: int, _outcome: Outcome) -> Outcome:
    """The lie that each batch is applied."""
    return Applied()


def unmet(writes: Sequence[Write], rows: Rows) -> Rows:
    """The rows that did not meet their conditions."""
    return {key: rows[key] for key, condition, *_ in writes if key in rows and not is_met(condition, rows[key])}


def unmet_of_columns(writes: Sequence[Write], rows: Rows) -> Rows:
    """The same, without those that should be absent."""
    return unmet([write for write in writes if write.condition is not ABSENT], rows)


def of_null_alone_never_met(write: Write) -> Write:
    """A condition that only wants null is not met."""
    wants_only_null = write.condition and not any(write.condition.values())
    return write._replace(condition={"status": "sold"}) if wants_only_null else write


def without_null_conditions(write: Write) -> Write:
    """What of its condition is not null."""
    kept = {name: value for name, value in (write.condition or {}).items() if value is not None}
    return write if write.condition is ABSENT else write._replace(condition=kept)


class Old:
    """Gives what the last read saw."""

    def __init__(self) -> None:
        self._last: Rows = {}

    def __call__(self, _: int, found: Rows) -> Rows:
        old, self._last = self._last, found
        return old


class Case(NamedTuple):
    """A store that lies, the promise that it breaks, and how what is said of that begins."""

    what: str
    lie: Lie
    breaks: str
    said: str


CASES = (
    Case(
        "no write on a condition is done",
        Lie(batch=each_write(lambda write: write._replace(values=write.values if write.condition is ABSENT else {}))),
        "a conditional batch is applied whole",
        "the rows: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'available'}, ",
    ),
    Case(
        "the last write of each batch is lost",
        Lie(batch=lambda _, writes: writes[:-1]),
        "a conditional batch is applied whole",
        "the rows: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'held', 'owner': 'h1', 'until_",
    ),
    *(
        Case(
            f"the condition of write {place} is ignored",
            Lie(batch=unconditional(place)),
            "one false condition undoes a whole batch",
            "Applied() instead of refused",
        )
        for place in range(3)
    ),
    Case(
        "what is refused is done all the same",
        Lie(
            batch=lambda number, writes: [w._replace(condition={}) for w in writes] if number % 2 else writes,
            answer=lambda number, outcome: Refused({}) if number % 2 else outcome,
        ),
        "one false condition undoes a whole batch",
        "the rows after a refusal: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'held', 'owner': ",
    ),
    Case(
        "refusals are bare",
        Lie(refusal=lambda _, _rows: {}),
        "a refusal brings the rows that stand, whole",
        "the rows in the refusal: {} instead of {RowKey(",
    ),
    Case(
        "refusals bring one column",
        Lie(refusal=lambda _, rows: {key: {"status": row["status"]} for key, row in rows.items()}),
        "a refusal brings the rows that stand, whole",
        "the rows in the refusal: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'held'}, RowKey(",
    ),
    Case(
        "refusals bring what did not fit alone",
        Lie(refusal=unmet),
        "a refusal brings the rows that stand, whole",
        "the rows in the refusal: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'held', 'owner': ",
    ),
    Case(
        "refusals bring nothing where a row should be absent",
        Lie(refusal=unmet_of_columns),
        "a refusal brings the rows that stand, whole",
        "the rows in the refusal: {RowKey(kind=<Kind.CELL: 'cell'>, id='A1', segment=0): {'status': 'held', 'owner': ",
    ),
    Case(
        "absence is no condition",
        Lie(batch=each_write(lambda write: write._replace(condition=write.condition or {}))),
        "what is there is not made again",
        "Applied() instead of refused",
    ),
    Case(
        "refusals are bare once more",
        Lie(refusal=lambda _, _rows: {}),
        "what is there is not made again",
        "the row in the refusal: {} instead of {RowKey(",
    ),
    Case(
        "null in a condition is ignored",
        Lie(batch=each_write(without_null_conditions)),
        "null and absence are conditions",
        "Applied() instead of refused",
    ),
    Case(
        "no row that is missing has null",
        Lie(batch=each_write(of_null_alone_never_met)),
        "null and absence are conditions",
        "Refused(rows={}) instead of applied",
    ),
    Case(
        "everybody wins",
        Lie(answer=all_win),
        "one of many rivals wins",
        f"{{'Applied': {RIVALS}}}, and 'rival-",
    ),
    Case(
        "nobody wins",
        Lie(answer=lambda number, outcome: Refused({}) if number else outcome),
        "one of many rivals wins",
        f"{{'Refused': {RIVALS}}}, and 'rival-",
    ),
    Case(
        "nobody has what one won",
        Lie(rows=lambda _, _found: {}),
        "one of many rivals wins",
        f"{{'Applied': 1, 'Refused': {RIVALS - 1}}}, and None has it",
    ),
    Case(
        "reads are old",
        Lie(rows=Old()),
        "a read sees every batch that was answered",
        "what a read saw: None instead of 0",
    ),
    Case(
        "the last reads are old",
        Lie(rows=lambda number, found: found if number < READS - 1 else {}),
        "a read sees every batch that was answered",
        f"what a read saw: None instead of {READS - 1}",
    ),
    Case(
        "entries are lost",
        Lie(entries=lambda _, _entries: ()),
        "index entries are there with their batch, in order",
        "the entries: [] instead of ['a', 'b']",
    ),
    Case(
        "entries are out of order",
        Lie(index=lambda _, entries: entries[::-1]),
        "index entries are there with their batch, in order",
        "the entries: ['b', 'a'] instead of ['a', 'b']",
    ),
    Case(
        "ends are ignored",
        Lie(batch=each_write(lambda write: write._replace(keep_s=None))),
        "a row with an end goes whole, and may be made again",
        "a row kept for 1 s was still in the way after 60 s",
    ),
    Case(
        "an end is that of the next row too",
        Lie(rows=lambda _, _found: {}),
        "a row with an end goes whole, and may be made again",
        "the row that was made again: {} instead of {RowKey(",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "-"))
def test_a_store_that_lies_is_found_out_and_the_reason_told(case: Case) -> None:
    said = broken_by(case.lie, next(promise for promise in PROMISES if promise.says == case.breaks))
    assert said.startswith(case.said), said


@pytest.mark.parametrize("promise", PROMISES, ids=named)
def test_each_answer_and_each_read_of_a_promise_counts(promise: Promise[Batches]) -> None:
    honest = Lying(Lie())
    run_virtually(1, held(promise, honest))
    assert honest.batches
    for number in range(honest.batches):
        assert broken_by(Lie(answer=at(number, opposite)), promise), number
    for number in range(honest.reads):
        assert broken_by(Lie(rows=at(number, lambda _: {})), promise), number


def at(number: int, change: Callable[[T], T]) -> Callable[[int, T], T]:
    """The lie that is told once."""
    return lambda now, it: change(it) if now == number else it


def opposite(outcome: Outcome) -> Outcome:
    """Another definite outcome than this one."""
    return Refused({}) if isinstance(outcome, Applied) else Applied()


@pytest.mark.parametrize("silence", [Unknown("no answer"), NotDone("too busy")])
@pytest.mark.parametrize("promise", PROMISES, ids=named)
def test_what_has_no_definite_answer_breaks_no_promise(promise: Promise[Batches], silence: Outcome) -> None:
    """Whichever batch it is, or all of them: the promise is kept nevertheless, or was not checked."""
    honest = Lying(Lie())
    run_virtually(1, held(promise, honest))
    unchecked = list[str]()
    some = range(honest.batches if isinstance(silence, Unknown) else 0)  # of what was done, "not done" is a lie
    lies = [at(number, lambda _: silence) for number in some]
    for answer in (*lies, lambda _number, _outcome: silence):
        try:
            assert not broken_by(Lie(answer=answer), promise)
        except PromiseUnchecked as told:
            unchecked.append(str(told))
    assert unchecked
    assert all(type(silence).__name__ in told for told in unchecked), unchecked


@pytest.mark.parametrize("unanswered", [Applied, Refused])
def test_rivals_of_whom_one_has_no_answer_keep_the_promise(unanswered: type[Outcome]) -> None:
    rivals = next(promise for promise in PROMISES if promise.says == "one of many rivals wins")
    left = iter([Unknown("no answer")])

    def once(number: int, outcome: Outcome) -> Outcome:
        return next(left, outcome) if number and isinstance(outcome, unanswered) else outcome

    assert not broken_by(Lie(answer=once), rivals)
    assert not list(left), "none was left without an answer"


def test_each_trial_has_a_seat_group_of_its_own() -> None:
    one, other = new_partition(), new_partition()
    assert one != other
    assert one == Partition(Table.SEAT_GROUPS, "verify", one.name)
    assert one.name.startswith("trip-")


def test_what_a_trial_adds_to_an_index_is_forgotten() -> None:
    store = Lying(Lie())

    async def a_minute_after() -> None:
        for promise in PROMISES:
            await promise.hold_to(store)
        assert store.entries()
        await asyncio.sleep(ENTRIES_KEPT_S + 1)
        assert not store.entries()

    run_virtually(1, a_minute_after())

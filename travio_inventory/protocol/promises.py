"""What every store promises, as cases that any can be held to: an operator's own cluster as well as ours."""

import asyncio
from collections import Counter
from uuid import uuid4

from travio_inventory.kernel.promises import Promise, PromiseBroken, PromiseUnchecked, expect
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Table,
    Unknown,
    Write,
)

RIVALS = 24
FORGOTTEN_WITHIN_S = 60.0
KEPT_S, AGAIN_S = 1, 0.5
ENTRIES_KEPT_S = 60
READS = 40
CELL_1, CELL_2 = RowKey(Kind.CELL, "A1"), RowKey(Kind.CELL, "A2")
HOLD = RowKey(Kind.HOLD, "h1")
FREE: Row = {"status": "available"}
HELD: Row = {"status": "held", "owner": "h1", "until_ms": 5}
BORN: Row = {"status": "held", "holder": "ann", "created_at_ms": 1}
OTHERWISE_BORN: Row = {**BORN, "holder": "bob"}
RELEASED: Row = {"status": "released"}
FALSE: Row = {"status": "sold"}
"""A condition that no row here meets."""


def new_partition() -> Partition:
    """One that nobody has used."""
    return Partition(Table.SEAT_GROUPS, "verify", f"trip-{uuid4().hex}")


def _definite(outcome: Outcome) -> Applied | Refused:
    """The outcome. Raises PromiseUnchecked where a batch had no answer, or was not tried."""
    if isinstance(outcome, Unknown | NotDone):
        raise PromiseUnchecked(f"a batch had no definite answer: {outcome}")
    return outcome


def _expect_applied(outcome: Outcome) -> None:
    if not isinstance(_definite(outcome), Applied):
        raise PromiseBroken(f"{outcome} instead of applied")


def _refused(outcome: Outcome) -> dict[RowKey, Row]:
    decided = _definite(outcome)
    if not isinstance(decided, Refused):
        raise PromiseBroken(f"{decided} instead of refused")
    return dict(decided.rows)


async def _a_batch_is_applied_whole(store: Batches) -> None:
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(CELL_1, ABSENT, FREE), Write(CELL_2, ABSENT, FREE)]))
    taken = [Write(HOLD, ABSENT, BORN), Write(CELL_1, FREE, HELD), Write(CELL_2, FREE, HELD)]
    _expect_applied(await store.apply(group, taken))
    found = await store.get(group, [CELL_1, CELL_2, HOLD])
    expect(found, {CELL_1: HELD, CELL_2: HELD, HOLD: BORN}, "the rows")


async def _one_false_condition_undoes_all(store: Batches) -> None:
    """Wherever it stands in the batch."""
    for spoilt in range(3):
        group = new_partition()
        rows = {CELL_1: FREE, CELL_2: FREE}
        _expect_applied(await store.apply(group, [Write(key, ABSENT, row) for key, row in rows.items()]))
        writes = [Write(CELL_1, FREE, HELD), Write(CELL_2, FREE, HELD), Write(HOLD, ABSENT, BORN)]
        writes[spoilt] = writes[spoilt]._replace(condition=FALSE)
        _refused(await store.apply(group, writes))
        expect(await store.get(group, [CELL_1, CELL_2, HOLD]), rows, "the rows after a refusal")


async def _a_refusal_brings_whole_rows(store: Batches) -> None:
    """Where a statement says IF NOT EXISTS: who has the cell is known without another read."""
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(CELL_1, ABSENT, HELD), Write(CELL_2, ABSENT, FREE)]))
    writes = [Write(HOLD, ABSENT, BORN), Write(CELL_1, FREE, HELD), Write(CELL_2, FREE, HELD)]
    expect(_refused(await store.apply(group, writes)), {CELL_1: HELD, CELL_2: FREE}, "the rows in the refusal")


async def _what_is_there_is_not_made_again(store: Batches) -> None:
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(HOLD, ABSENT, BORN)]))
    again = await store.apply(group, [Write(HOLD, ABSENT, OTHERWISE_BORN)])
    expect(_refused(again), {HOLD: BORN}, "the row in the refusal")


async def _null_is_a_condition(store: Batches) -> None:
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(CELL_1, {"status": None}, FREE)]))
    _expect_applied(await store.apply(group, [Write(CELL_1, {"status": "available", "owner": None}, HELD)]))
    _refused(await store.apply(group, [Write(CELL_1, {"owner": None}, FREE)]))


async def _one_of_many_rivals_wins(store: Batches) -> None:
    """An outcome may be unknown; then its rows tell who won."""
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(CELL_1, ABSENT, FREE)]))
    claims = (
        store.apply(group, [Write(CELL_1, FREE, {**HELD, "owner": f"rival-{number}"})]) for number in range(RIVALS)
    )
    outcomes = Counter(type(outcome).__name__ for outcome in await asyncio.gather(*claims))
    if not outcomes["Applied"] and not outcomes["Refused"]:
        raise PromiseUnchecked(f"no rival had a definite answer: {dict(outcomes)}")
    owner = (await store.get(group, [CELL_1])).get(CELL_1, {}).get("owner")
    unknown = outcomes["Unknown"]
    if not str(owner).startswith("rival-") or not 1 - unknown <= outcomes["Applied"] <= 1:
        raise PromiseBroken(f"{dict(outcomes)}, and {owner!r} has it")


async def _a_read_sees_what_was_answered(store: Batches) -> None:
    group = new_partition()
    for number in range(READS):
        _expect_applied(await store.apply(group, [Write(CELL_1, {}, {"since_ms": number})]))
        found = (await store.get(group, [CELL_1])).get(CELL_1, {})
        expect(found.get("since_ms"), number, "what a read saw")


async def _what_has_an_end_goes_whole(store: Batches) -> None:
    """Its row marker too: a ghost of it would refuse the next one. What ends the old one does not end the new one."""
    group = new_partition()
    _expect_applied(await store.apply(group, [Write(HOLD, ABSENT, BORN)]))
    _expect_applied(await store.apply(group, [Write(HOLD, BORN, RELEASED, KEPT_S)]))
    try:
        async with asyncio.timeout(FORGOTTEN_WITHIN_S):
            while not isinstance(_definite(await store.apply(group, [Write(HOLD, ABSENT, BORN)])), Applied):  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(AGAIN_S)
    except TimeoutError:
        said = f"a row kept for {KEPT_S} s was still in the way after {FORGOTTEN_WITHIN_S:g} s"
        raise PromiseBroken(said) from None
    expect(await store.get(group, [HOLD]), {HOLD: BORN}, "the row that was made again")


async def _entries_are_there_before_their_batch(store: Batches) -> None:
    group, bucket = new_partition(), uuid4().hex
    entries = [IndexEntry(Index.EXPIRY, bucket, name, ENTRIES_KEPT_S) for name in ("b", "a")]
    _expect_applied(await store.apply(group, [Write(CELL_1, ABSENT, FREE)], entries))
    expect(list(await store.read_index(Index.EXPIRY, bucket)), ["a", "b"], "the entries")


PROMISES: tuple[Promise[Batches], ...] = (
    Promise("a conditional batch is applied whole", _a_batch_is_applied_whole),
    Promise("one false condition undoes a whole batch", _one_false_condition_undoes_all),
    Promise("a refusal brings the rows that stand, whole", _a_refusal_brings_whole_rows),
    Promise("what is there is not made again", _what_is_there_is_not_made_again),
    Promise("null and absence are conditions", _null_is_a_condition),
    Promise("one of many rivals wins", _one_of_many_rivals_wins),
    Promise("a read sees every batch that was answered", _a_read_sees_what_was_answered),
    Promise("index entries are there with their batch, in order", _entries_are_there_before_their_batch),
    Promise("a row with an end goes whole, and may be made again", _what_has_an_end_goes_whole),
)

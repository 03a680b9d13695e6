"""Dead letters batch by batch: what is written on which condition, where it is listed, and for how long it stays."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.protocol.parts import Noted
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import (
    ABSENT,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.protocol.dead_letter_rows import (
    KEPT_BYTES_MAX,
    SAID_CHARS_MAX,
    DeadLetter,
    LetterList,
    Status,
    StoredLetter,
    Way,
    row_of,
)
from travio_inventory.protocol.dead_letters import (
    COUNTED_MS,
    OVER_S,
    TAKEN_MS,
    TRIES_MAX,
    Count,
    DeadLetters,
    NoRoom,
    letter_partition,
)
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock
from verification.kit.passing import Batch, Send

OF = LetterList(Way.IN, "shop")
KEPT_S = 100_000
LETTER = DeadLetter(
    of=OF, reason="NOT_JSON", said="no", at_ms=START_MS - 7, topic="t", place="t/0@1", body=b"{}", size=2
)
ID = LETTER.id
PARTITION = Partition(Table.DEAD_LETTERS, "", f"in\x1fshop\x1f{ID}")
LISTS = Partition(Table.DEAD_LETTERS, "", "in\x1fshop\x1f")
LISTED = IndexEntry(Index.DEAD_LETTERS, "in\x1fshop", f"{START_MS - 7:015d}\x1f{ID}\x1f2", KEPT_S)
NAMED = IndexEntry(Index.DEAD_LETTERS, "all", "in\x1fshop", KEPT_S)
WANTED = IndexEntry(Index.DEAD_LETTERS, "in\x1fshop\x1fwanted", ID, KEPT_S)
LEAVING_S = 1
KEPT = row_of(LETTER)
HEAD, BODY = RowKey(Kind.DEAD_LETTER, ""), RowKey(Kind.LETTER_BODY, "")


class Store(Noted):
    """Loses the batches of these numbers, from 0, after they were applied; reads nothing while it is `blind`."""

    def __init__(self) -> None:
        super().__init__(MemoryBatches(None, Random(1), asyncio.sleep))
        self.unanswered: set[int] = set()
        self.undone = 0
        self.is_blind = False
        self.read_keys: list[Sequence[RowKey]] = []
        self.rivals: list[Batch] = []
        self.counted = 0

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        if self.undone:
            self.undone -= 1
            return NotDone("busy")
        if self.rivals and batch.writes:
            await send(self.rivals.pop(0))
        number = len(self.sent)
        outcome = await super().pass_on(batch, send)
        return Unknown("lost") if number in self.unanswered else outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.read_keys.append(keys)
        if self.is_blind:
            raise StoreUnavailable("blind")
        return await super().get(partition, keys)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        if self.is_blind:
            raise StoreUnavailable("blind")
        self.counted += bucket == OF.bucket
        return await super().read_index(index, bucket, after=after, most=most)


class Shop:
    """The letters of a source, and what is sent for them."""

    def __init__(self) -> None:
        self.clock, self.store = Clock(), Store()
        self.letters = DeadLetters(self.store, self.clock, kept_s=KEPT_S)

    @property
    def sent(self) -> list[Batch]:
        return self.store.sent

    async def read(self, letter_id: str = ID) -> StoredLetter:
        told = await self.letters.read(OF, letter_id, whole=True)
        assert told is not None
        return told

    async def kept(self) -> StoredLetter:
        await self.letters.keep(LETTER)
        told = await self.read()
        self.sent.clear()
        return told

    async def wanted(self) -> StoredLetter:
        assert await self.letters.want(OF, await self.kept())
        self.sent.clear()
        return await self.read()

    async def taken(self) -> StoredLetter:
        await self.wanted()
        taken = await self.letters.take(OF, ID)
        assert taken is not None
        self.sent.clear()
        return taken


@pytest.fixture
def shop() -> Shop:
    return Shop()


def head(told: StoredLetter, keep_s: int = KEPT_S, **said: object) -> Write:
    """The head as it becomes, on condition that it is as it was seen."""
    row = {name: value for name, value in {**told.row, **said}.items() if value is not None}
    return Write(HEAD, told.seen, row, keep_s)  # type: ignore[arg-type]  # of plain values


def leaving(entry: IndexEntry) -> IndexEntry:
    return entry._replace(keep_s=LEAVING_S)


# ---- kept


async def test_a_letter_is_listed_and_kept_with_its_body_in_one_batch(shop: Shop) -> None:
    assert await shop.letters.keep(LETTER) == ID
    writes = [Write(HEAD, ABSENT, KEPT, KEPT_S), Write(BODY, {}, {"body": "e30="}, KEPT_S)]
    assert shop.sent == [Batch(PARTITION, writes, [LISTED, NAMED])]
    assert await shop.read() == StoredLetter(ID, Status.KEPT, LETTER, 0, "", KEPT)
    of = LetterList(Way.OUT, "another shop")
    await shop.letters.keep(replace(LETTER, of=of))
    assert await shop.letters.lists() == [OF, of]


async def test_a_letter_that_comes_again_is_listed_as_the_one_that_is_kept(shop: Shop) -> None:
    await shop.kept()
    assert await shop.letters.keep(replace(LETTER, at_ms=START_MS, place="t/0@9")) == ID
    assert shop.sent == [Batch(LISTS, (), [LISTED, NAMED])]
    assert await shop.read() == StoredLetter(ID, Status.KEPT, LETTER, 0, "", KEPT)


async def test_a_letter_that_is_over_is_kept_anew(shop: Shop) -> None:
    assert await shop.letters.end(OF, await shop.kept(), "discarded")
    over = await shop.read()
    shop.sent.clear()
    await shop.letters.keep(LETTER)
    assert shop.sent[0].writes[0] == Write(HEAD, over.seen, KEPT, KEPT_S)
    assert await shop.read() == StoredLetter(ID, Status.KEPT, LETTER, 0, "", KEPT)


async def test_a_letter_is_cut_before_it_is_kept_and_named_by_all_that_it_says(shop: Shop) -> None:
    size = KEPT_BYTES_MAX + 1
    long = replace(LETTER, body=b"x" * size, size=size)
    assert await shop.letters.keep(long) == long.id
    told = await shop.read(long.id)
    assert (told.letter.is_cut, len(told.letter.body)) == (True, KEPT_BYTES_MAX)
    assert (await shop.letters.count(OF)).bytes == KEPT_BYTES_MAX


async def test_a_letter_that_another_process_kept_meanwhile_is_kept_once(shop: Shop) -> None:
    other = replace(LETTER, at_ms=START_MS - 9)
    shop.store.rivals = [Batch(PARTITION, [Write(HEAD, ABSENT, row_of(other), KEPT_S)])]
    assert await shop.letters.keep(LETTER) == ID
    assert [each.letter.at_ms async for each in shop.letters.each(OF)] == [START_MS - 9]


async def test_a_letter_that_others_always_end_first_is_not_said_to_be_kept(shop: Shop) -> None:
    shop.letters = DeadLetters(shop.store, shop.clock, letters_max=1)
    rows = [{**KEPT, "tries": number, "status": "over"} for number in range(TRIES_MAX)]
    shop.store.rivals = [Batch(PARTITION, [Write(HEAD, {}, row, KEPT_S)]) for row in rows]
    with pytest.raises(BackendUnavailable):
        await shop.letters.keep(LETTER)
    assert len(shop.sent) == TRIES_MAX
    assert shop.store.counted == 1, "there was room for it, which was looked for once"


# ---- room


async def test_letters_are_counted_at_intervals_and_each_one_kept_meanwhile_is_added(shop: Shop) -> None:
    shop.letters = DeadLetters(shop.store, shop.clock, letters_max=3)
    for name in (b"1", b"2"):
        await shop.letters.keep(replace(LETTER, body=name))
    other = DeadLetters(shop.store, shop.clock)
    await other.keep(replace(LETTER, body=b"3"))
    shop.clock.pass_ms(COUNTED_MS)
    assert shop.store.counted == 2
    await shop.letters.keep(replace(LETTER, body=b"4"))
    assert shop.store.counted == 2, "the other one's is not counted yet"
    with pytest.raises(NoRoom, match=r"^shop has 3 dead letters of 6 bytes, and no room for more: requeue or discard"):
        await shop.letters.keep(replace(LETTER, body=b"5"))
    shop.clock.pass_ms(1)
    with pytest.raises(NoRoom, match=r"^shop has 4 dead letters of 8 bytes"):
        await shop.letters.keep(replace(LETTER, body=b"5"))
    assert shop.store.counted == 3


async def test_a_list_takes_so_many_bytes_and_no_more(shop: Shop) -> None:
    shop.letters = DeadLetters(shop.store, shop.clock, bytes_max=5)
    await shop.letters.keep(LETTER)
    await shop.letters.keep(replace(LETTER, body=b"123", size=3))
    with pytest.raises(NoRoom, match=r"^shop has 2 dead letters of 5 bytes"):
        await shop.letters.keep(replace(LETTER, body=b"1", size=1))


async def test_letters_are_counted_with_their_bytes_and_since_when_the_oldest_is_there(shop: Shop) -> None:
    assert await shop.letters.count(OF) == Count(0, 0, 0)
    await shop.letters.keep(LETTER)
    await shop.letters.keep(replace(LETTER, body=b"123", size=3, at_ms=START_MS - 9))
    assert await shop.letters.count(OF) == Count(2, 5, START_MS - 9)


# ---- listed


async def test_an_entry_that_leads_nowhere_is_ended_by_whoever_meets_it(shop: Shop) -> None:
    gone, older = (LISTED._replace(entry=f"{START_MS - at:015d}\x1f{name}\x1f2") for at, name in ((9, "gone"), (8, ID)))
    await shop.kept()
    await shop.store.apply(LISTS, [], [gone, older])
    shop.sent.clear()
    assert [each.id async for each in shop.letters.each(OF)] == [ID]
    assert shop.sent == [Batch(LISTS, (), [leaving(gone)]), Batch(LISTS, (), [leaving(older)])]


async def test_a_letter_that_is_over_is_listed_no_more(shop: Shop) -> None:
    await shop.letters.end(OF, await shop.kept(), "done")
    await shop.store.apply(LISTS, [], [LISTED])
    shop.sent.clear()
    assert [each.id async for each in shop.letters.each(OF)] == []
    assert shop.sent == [Batch(LISTS, (), [leaving(LISTED)])]


async def test_a_body_is_read_only_where_it_is_asked_for(shop: Shop) -> None:
    await shop.kept()
    shop.store.read_keys.clear()
    bare = await shop.letters.read(OF, ID)
    assert bare is not None
    assert bare.letter == replace(LETTER, body=b"")
    assert (await shop.read()).letter.body == b"{}"
    assert shop.store.read_keys == [[HEAD], [HEAD, BODY]]
    assert await shop.letters.read(OF, "gone") is None


async def test_what_cannot_be_read_is_no_empty_list(shop: Shop) -> None:
    shop.store.is_blind = True
    with pytest.raises(BackendUnavailable):
        await shop.letters.read(OF, ID)
    with pytest.raises(BackendUnavailable):
        await shop.letters.lists()
    with pytest.raises(BackendUnavailable):
        await shop.letters.keep(LETTER)


# ---- given again


async def test_a_wanted_letter_is_listed_for_as_long_as_it_is_kept_yet(shop: Shop) -> None:
    told = await shop.kept()
    shop.clock.pass_s(10)
    assert await shop.letters.want(OF, told)
    left_s = KEPT_S - 10
    assert shop.sent == [Batch(PARTITION, [head(told, left_s, status="wanted")], [WANTED._replace(keep_s=left_s)])]
    assert await shop.letters.wanted(OF) == [ID]


@pytest.mark.parametrize(("age_s", "left_s"), [(KEPT_S - OVER_S - 1, OVER_S + 1), (KEPT_S - 1, OVER_S)])
async def test_what_is_changed_late_is_kept_for_an_hour_yet(shop: Shop, age_s: int, left_s: int) -> None:
    told = await shop.kept()
    shop.clock.at_ms = told.letter.at_ms + age_s * 1_000
    await shop.letters.want(OF, told)
    assert [write.keep_s for write in shop.sent[0].writes] == [left_s]


async def test_a_letter_is_taken_whole_for_a_minute_by_one_process(shop: Shop) -> None:
    told = await shop.wanted()
    taken = await shop.letters.take(OF, ID)
    assert taken is not None
    until_ms = START_MS + TAKEN_MS
    assert taken == told._replace(row={**told.row, "taken_until_ms": until_ms})
    assert taken.letter.body == b"{}"
    assert shop.sent == [Batch(PARTITION, [head(told, taken_until_ms=until_ms)], ())]
    shop.clock.pass_ms(TAKEN_MS - 1)
    assert await shop.letters.take(OF, ID) is None
    shop.clock.pass_ms(1)
    assert await shop.letters.take(OF, ID) is not None


async def test_of_two_who_take_a_letter_at_once_one_has_it(shop: Shop) -> None:
    told = await shop.wanted()
    shop.store.rivals = [Batch(PARTITION, [head(told, taken_until_ms=START_MS + TAKEN_MS - 1)])]
    assert await shop.letters.take(OF, ID) is None


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_letter_that_is_not_wanted_any_more_is_not_looked_for_again(shop: Shop, is_there: bool) -> None:
    if is_there:
        await shop.kept()
    assert await shop.letters.take(OF, ID) is None
    assert shop.sent == [Batch(LISTS, (), [leaving(WANTED)])]


async def test_one_given_again_in_vain_is_kept_with_the_new_reason(shop: Shop) -> None:
    taken = await shop.taken()
    assert await shop.letters.give_back(OF, taken, "STILL", "s" * (SAID_CHARS_MAX + 1))
    said = "s" * SAID_CHARS_MAX
    written = head(taken, status="kept", reason="STILL", said=said, tries=1, taken_until_ms=None)
    assert shop.sent == [Batch(PARTITION, [written], [leaving(WANTED)])]
    assert (await shop.read()).tries == 1


async def test_one_let_go_is_wanted_still(shop: Shop) -> None:
    taken = await shop.taken()
    assert await shop.letters.let_go(OF, taken)
    assert shop.sent == [Batch(PARTITION, [head(taken, taken_until_ms=None)], ())]
    assert await shop.letters.take(OF, ID) is not None


async def test_one_that_is_over_says_for_an_hour_what_came_of_it_and_has_no_body(shop: Shop) -> None:
    taken = await shop.taken()
    assert await shop.letters.end(OF, taken, "booked")
    over = head(taken, OVER_S, status="over", outcome="booked", taken_until_ms=None)
    no_body = Write(BODY, {}, {"body": ""}, OVER_S)
    leaves = [leaving(LISTED), leaving(WANTED)]
    assert shop.sent == [Batch(PARTITION, [over, no_body], ()), Batch(LISTS, (), leaves)]
    told = await shop.read()
    assert (told.status, told.outcome, told.letter.body) == (Status.OVER, "booked", b"")


async def test_a_change_that_was_done_without_an_answer_is_found_done(shop: Shop) -> None:
    taken = await shop.taken()
    shop.store.unanswered = {0}
    assert await shop.letters.end(OF, taken, "booked")


async def test_what_another_process_changed_first_is_not_ours_and_stays_listed(shop: Shop) -> None:
    taken = await shop.taken()
    shop.store.rivals = [Batch(PARTITION, [head(taken, tries=5)])]
    assert not await shop.letters.end(OF, taken, "booked")
    assert len(shop.sent) == 1
    assert (await shop.read()).tries == 5


async def test_entries_of_a_list_are_written_until_that_is_known(shop: Shop) -> None:
    await shop.kept()
    shop.store.undone = 1
    await shop.letters.keep(LETTER)
    assert shop.sent == [Batch(LISTS, (), [LISTED, NAMED])]


def test_a_letter_is_in_a_partition_of_its_own() -> None:
    assert letter_partition(OF, ID) == PARTITION

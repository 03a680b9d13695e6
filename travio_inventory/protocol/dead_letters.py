"""Dead letters: what can never take effect as it is, in the store, so that every process sees all of them.

    (none)  ->  kept  <->  wanted  ->  over

A letter is kept before its message is acknowledged, or its event counts as published. Its id is a digest of what it
says, so a message that comes once more is no second letter. Whoever wants it to be given again says so in its row; one
process takes it for a while, gives it to the consumer or the sink, and says the outcome: it is over, or kept again with
a new reason. A process that dies meanwhile leaves it to the next one: it may be given twice, as anything here may come
twice, and the inbox or the receiver knows it.

The index is where to look; the row is what is true. An entry whose row is over, or says another moment, is ended by
whoever meets it and may write.
"""

from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Batches,
    Condition,
    Index,
    IndexEntry,
    Kind,
    Partition,
    Row,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.dead_letter_rows import (
    SAID_CHARS_MAX,
    DeadLetter,
    LetterList,
    Status,
    StoredLetter,
    Way,
    cut,
    row_of,
    stored_letter,
    text64,
)
from travio_inventory.protocol.until_known import until_known

KEPT_S_DEFAULT = 30 * 86_400
LETTERS_MAX_DEFAULT = 10_000
BYTES_MAX = 256 * 1_024 * 1_024
"""Of all letters of a source or sink."""
TAKEN_MS = 60_000
"""So long a process has a letter for itself, to give it again."""
OVER_S = 3_600
"""For so long it is told what came of a letter."""
LEAVES_S = 1
TRIES_MAX = 4
COUNTED_MS = 5_000
"""The letters of a list are counted so often at most."""
HEAD, BODY = RowKey(Kind.DEAD_LETTER, ""), RowKey(Kind.LETTER_BODY, "")
WANTED, ALL = "wanted", "all"


class Count(NamedTuple):
    """How many letters there are, their bytes, and since when the oldest is there (0 where there is none)."""

    letters: int = 0
    bytes: int = 0
    oldest_at_ms: int = 0


class _Entry(NamedTuple):
    at_ms: int
    id: str
    bytes: int

    @property
    def text(self) -> str:
        return rows.SEPARATOR.join((f"{self.at_ms:015d}", self.id, str(self.bytes)))

    @classmethod
    def read(cls, text: str) -> "_Entry":
        at_ms, letter_id, size = text.split(rows.SEPARATOR)
        return cls(int(at_ms), letter_id, int(size))


class NoRoom(Exception):
    """So many letters are kept already: nothing is dropped for want of room."""


class DeadLetters:
    """Keeps letters for `kept_s` seconds, of a list about `letters_max` at most and BYTES_MAX: each process counts them
    at intervals. All calls but `keep` raise BackendUnavailable and OutcomeUnknown.
    """

    def __init__(
        self,
        batches: Batches,
        clock: Clock,
        *,
        kept_s: int = KEPT_S_DEFAULT,
        letters_max: int = LETTERS_MAX_DEFAULT,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._batches = batches
        self._clock = clock
        self._kept_s = kept_s
        self._letters_max = letters_max
        self._bytes_max = bytes_max
        self._counted: dict[LetterList, tuple[int, Count]] = {}
        self.kept = 0
        """How many were given to `keep` and are safe, a letter that came again included."""

    async def keep(self, letter: DeadLetter) -> str:
        """Its id, once it is safe. Raises NoRoom, BackendUnavailable, OutcomeUnknown."""
        letter_id = await self._keep(letter)
        self.kept += 1
        return letter_id

    async def _keep(self, letter: DeadLetter) -> str:
        letter_id, letter = letter.id, cut(letter)
        partition, entries = letter_partition(letter.of, letter_id), self._entries(letter, letter_id)
        for tried in range(TRIES_MAX):
            told = await self.read(letter.of, letter_id)
            if told is not None and told.status is not Status.OVER:
                await self._note(letter.of, self._entries(told.letter, letter_id))
                return letter_id
            if not tried:
                await self._check_room(letter)
            condition: Condition = ABSENT if told is None else told.seen
            body: Row = {"body": text64(letter.body)}
            writes = [Write(HEAD, condition, row_of(letter), self._kept_s), Write(BODY, {}, body, self._kept_s)]
            if await until_known(self._batches, partition, writes, entries) is None:
                return letter_id
        raise BackendUnavailable

    async def lists(self) -> Sequence[LetterList]:
        """Which sources and sinks have letters, or had some."""
        found = (entry.split(rows.SEPARATOR) for entry in await self._read_index(ALL))
        return [LetterList(Way(way), of) for way, of in found]

    async def each(self, of: LetterList) -> AsyncIterator[StoredLetter]:
        """The letters of the list, the oldest first, without their bodies."""
        for text in await self._read_index(of.bucket):
            entry = _Entry.read(text)
            told = await self.read(of, entry.id)
            if told is None or told.status is Status.OVER or told.letter.at_ms != entry.at_ms:
                await self._tidy(of, self._entry(of.bucket, text, LEAVES_S))
            else:
                yield told

    async def count(self, of: LetterList) -> Count:
        """About how many there are, as far as the index tells."""
        entries = [_Entry.read(text) for text in await self._read_index(of.bucket)]
        found = Count(len(entries), sum(each.bytes for each in entries), entries[0].at_ms if entries else 0)
        self._counted[of] = self._clock.now_ms(), found
        return found

    async def read(self, of: LetterList, letter_id: str, *, whole: bool = False) -> StoredLetter | None:
        """The letter, with its body if it is to be `whole`; None if there is none."""
        try:
            found = await self._batches.get(letter_partition(of, letter_id), [HEAD, BODY] if whole else [HEAD])
        except StoreUnavailable as failed:
            raise BackendUnavailable from failed
        if HEAD not in found:
            return None
        return stored_letter(of, letter_id, found[HEAD], b64decode(rows.text(found.get(BODY, {}), "body")))

    async def want(self, of: LetterList, told: StoredLetter) -> bool:
        """Have it given again; whether it is still as it was seen."""
        entries = [self._entry(_wanted(of), told.id, self._left_s(told))]
        return await self._become(of, told, {**told.row, "status": Status.WANTED}, self._left_s(told), entries)

    async def wanted(self, of: LetterList) -> Sequence[str]:
        """The letters that are to be given again, by id, and some that were."""
        return await self._read_index(_wanted(of))

    async def take(self, of: LetterList, letter_id: str) -> StoredLetter | None:
        """The whole letter, which is to be given again and is ours for TAKEN_MS; None if it is not, or another's."""
        told, now_ms = await self.read(of, letter_id, whole=True), self._clock.now_ms()
        if told is None or told.status is not Status.WANTED:
            await self._tidy(of, self._entry(_wanted(of), letter_id, LEAVES_S))
            return None
        if rows.number(told.row, "taken_until_ms") > now_ms:
            return None
        row = {**told.row, "taken_until_ms": now_ms + TAKEN_MS}
        return told._replace(row=row) if await self._become(of, told, row, self._left_s(told)) else None

    async def give_back(self, of: LetterList, told: StoredLetter, reason: str, said: str) -> bool:
        """It is as dead as before, for this reason; whether it was still ours."""
        row = {
            **told.row,
            "status": Status.KEPT,
            "reason": reason,
            "said": said[:SAID_CHARS_MAX],
            "tries": told.tries + 1,
            "taken_until_ms": None,
        }
        leaves = [self._entry(_wanted(of), told.id, LEAVES_S)]
        return await self._become(of, told, row, self._left_s(told), leaves)

    async def let_go(self, of: LetterList, told: StoredLetter) -> bool:
        """It could not be given for now, and is not ours any more: it is given later."""
        return await self._become(of, told, {**told.row, "taken_until_ms": None}, self._left_s(told))

    async def end(self, of: LetterList, told: StoredLetter, outcome: str) -> bool:
        """It is over; whether it was still as it was seen. Its body is gone then."""
        row = {**told.row, "status": Status.OVER, "outcome": outcome, "taken_until_ms": None}
        listed = _Entry(told.letter.at_ms, told.id, told.letter.kept_bytes).text
        leaves = [self._entry(of.bucket, listed, LEAVES_S), self._entry(_wanted(of), told.id, LEAVES_S)]
        no_body = Write(BODY, {}, {"body": ""}, OVER_S)
        if not await self._become(of, told, row, OVER_S, also=[no_body]):
            return False
        await self._note(of, leaves)
        return True

    async def _become(
        self,
        of: LetterList,
        told: StoredLetter,
        row: Row,
        keep_s: int,
        entries: Sequence[IndexEntry] = (),
        also: Sequence[Write] = (),
    ) -> bool:
        """Write the head anew, if it is as it was seen."""
        head = Write(HEAD, told.seen, {name: value for name, value in row.items() if value is not None}, keep_s)
        standing = await until_known(self._batches, letter_partition(of, told.id), [head, *also], entries)
        return standing is None or standing.get(HEAD) == head.values

    async def _check_room(self, letter: DeadLetter) -> None:
        """Raises NoRoom."""
        counted_at_ms, count = self._counted.get(letter.of, (0, Count()))
        if self._clock.now_ms() - counted_at_ms > COUNTED_MS:
            count = await self.count(letter.of)
        size = letter.kept_bytes
        if count.letters >= self._letters_max or count.bytes + size > self._bytes_max:
            said = f"{letter.of.of} has {count.letters} dead letters of {count.bytes} bytes, and no room for more"
            raise NoRoom(f"{said}: requeue or discard some (`travio-inventory events dead-letters`)")
        counted_at_ms, _ = self._counted[letter.of]
        more = count._replace(letters=count.letters + 1, bytes=count.bytes + size)
        self._counted[letter.of] = counted_at_ms, more

    def _entries(self, letter: DeadLetter, letter_id: str) -> Sequence[IndexEntry]:
        entry = _Entry(letter.at_ms, letter_id, letter.kept_bytes)
        return [
            self._entry(letter.of.bucket, entry.text, self._kept_s),
            self._entry(ALL, letter.of.bucket, self._kept_s),
        ]

    @staticmethod
    def _entry(bucket: str, entry: str, keep_s: int) -> IndexEntry:
        return IndexEntry(Index.DEAD_LETTERS, bucket, entry, keep_s)

    def _left_s(self, told: StoredLetter) -> int:
        """For how long it is kept yet."""
        return max(OVER_S, self._kept_s - (self._clock.now_ms() - told.letter.at_ms) // 1_000)

    async def _note(self, of: LetterList, entries: Sequence[IndexEntry]) -> None:
        await until_known(self._batches, letter_partition(of, ""), (), entries)

    async def _tidy(self, of: LetterList, entry: IndexEntry) -> None:
        """End an entry that leads nowhere; who only looks at the store leaves it to others."""
        await self._batches.apply(letter_partition(of, ""), (), [entry])

    async def _read_index(self, bucket: str) -> Sequence[str]:
        try:
            return await self._batches.read_index(Index.DEAD_LETTERS, bucket)
        except StoreUnavailable as failed:
            raise BackendUnavailable from failed


def _wanted(of: LetterList) -> str:
    return rows.SEPARATOR.join((of.bucket, WANTED))


def letter_partition(of: LetterList, letter_id: str) -> Partition:
    """Where the letter is."""
    return Partition(Table.DEAD_LETTERS, "", rows.SEPARATOR.join((of.bucket, letter_id)))

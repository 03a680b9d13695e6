"""Dead letters on every store: kept once and whole, within bounds, given again by one process, and over for all."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import anyio
import pytest

from tests.events.inbound.arriving import message
from tests.events.kept_letters import SHOP_IN, all_of, in_memory, memory, whole
from travio_inventory.events.inbound.letters import SourceLetters, message_of
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.dead_letter_rows import (
    HEADERS_BYTES_MAX,
    KEPT_BYTES_MAX,
    DeadLetter,
    LetterList,
    Status,
    Way,
)
from travio_inventory.protocol.dead_letters import TAKEN_MS, DeadLetters, NoRoom
from verification.kit.clocks import Clock
from verification.kit.faulty_batches import FaultyBatches, Spoil
from verification.kit.stores import STORES, store_of

CAME = Message(
    "travio.payments",
    "travio.payments/3@9",
    b'\xff\x00{"half": "\\ud800"}',
    (Header("ce_id", b"\xfe"), Header("twice", b"1"), Header("twice", b"2"), Header("empty", b"")),
    content_type="application/json",
    at_ms=5,
    key=b"\x00key",
)
UNFIT = Unfit("NOT_JSON", "half a character: \ud800")


@pytest.fixture(
    scope="module", params=[*STORES, pytest.param("scylla", marks=[pytest.mark.scylla, pytest.mark.thorough])]
)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store; tests share it, each with a source of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


@pytest.fixture
def of(request: pytest.FixtureRequest) -> LetterList:
    return LetterList(Way.IN, request.node.originalname[-60:])


@pytest.fixture
def clock() -> Clock:
    return Clock(SystemClock().now_ms())


@pytest.fixture
def letters(store: Batches, clock: Clock) -> DeadLetters:
    return DeadLetters(store, clock)


def letter(of: LetterList, body: bytes = b"{", **more: object) -> DeadLetter:
    made = DeadLetter(of=of, reason="NOT_JSON", said="no", at_ms=7, topic="t", place="t/0@1", body=body, size=len(body))
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("store", [*STORES, pytest.param("scylla", marks=pytest.mark.scylla)], indirect=True)
async def test_a_message_is_kept_as_it_came_byte_for_byte(letters: DeadLetters, of: LetterList) -> None:
    await SourceLetters(letters, of.of, SystemClock()).put(CAME, UNFIT)
    [kept] = await whole(letters, of)
    assert message_of(kept) == CAME
    assert (kept.reason, kept.said, kept.event, kept.size) == ("NOT_JSON", "half a character: ?", "", len(CAME.body))
    assert of in await letters.lists()


async def test_one_that_comes_again_is_the_same_letter_until_it_is_over(letters: DeadLetters, of: LetterList) -> None:
    for at_ms in (7, 8):
        await letters.keep(letter(of, at_ms=at_ms))
    [told] = await all_of(letters, of)
    assert told.letter.at_ms == 7
    assert await letters.end(of, told, "discarded")
    assert await all_of(letters, of) == []
    assert await letters.keep(letter(of, at_ms=9)) == told.id
    [again] = await all_of(letters, of)
    assert (again.letter.at_ms, again.letter.body, again.status) == (9, b"{", Status.KEPT)


async def test_one_process_alone_gives_a_letter_again_until_it_seems_dead(
    store: Batches, letters: DeadLetters, clock: Clock, of: LetterList
) -> None:
    letter_id, other = await letters.keep(letter(of)), DeadLetters(store, clock)
    assert await letters.take(of, letter_id) is None
    [told] = await all_of(letters, of)
    assert await letters.want(of, told)
    assert [*await other.wanted(of)] == [letter_id]
    taken = await letters.take(of, letter_id)
    assert taken is not None
    assert taken.letter.body == b"{"
    assert await other.take(of, letter_id) is None
    clock.at_ms += TAKEN_MS + 1
    late = await other.take(of, letter_id)
    assert late is not None
    assert not await letters.end(of, taken, "done")
    assert await other.give_back(of, late, "STILL", "so")
    [told] = await all_of(letters, of)
    assert (told.status, told.tries, told.letter.reason, told.letter.said) == (Status.KEPT, 1, "STILL", "so")


async def test_one_that_cannot_be_given_now_is_given_later(letters: DeadLetters, of: LetterList) -> None:
    letter_id = await letters.keep(letter(of))
    [told] = await all_of(letters, of)
    await letters.want(of, told)
    for _ in range(2):
        taken = await letters.take(of, letter_id)
        assert taken is not None
        assert await letters.let_go(of, taken)
    taken = await letters.take(of, letter_id)
    assert taken is not None
    assert await letters.end(of, taken, "booked")
    over = await letters.read(of, letter_id, whole=True)
    assert over is not None
    assert (over.status, over.outcome, over.letter.body) == (Status.OVER, "booked", b"")
    assert await letters.take(of, letter_id) is None


async def test_of_two_who_see_the_same_letter_one_decides(letters: DeadLetters, of: LetterList) -> None:
    await letters.keep(letter(of))
    [told] = await all_of(letters, of)
    assert await letters.want(of, told)
    assert not await letters.end(of, told, "discarded")


async def test_letters_are_listed_the_oldest_first_and_counted(letters: DeadLetters, of: LetterList) -> None:
    for at_ms in (30, 10, 20):
        await letters.keep(letter(of, b"x" * at_ms, at_ms=at_ms))
    assert [each.letter.at_ms for each in await all_of(letters, of)] == [10, 20, 30]
    assert await letters.count(of) == (3, 60, 10)


async def test_a_letter_is_bounded_and_says_that_it_was_cut(letters: DeadLetters, of: LetterList) -> None:
    long = b"x" * KEPT_BYTES_MAX
    ids = [await letters.keep(letter(of, long + end)) for end in (b"", b"a", b"b")]
    assert len({*ids}) == 3
    kept = await whole(letters, of)
    assert {(each.size, len(each.body), each.is_cut) for each in kept} == {
        (KEPT_BYTES_MAX, KEPT_BYTES_MAX, False),
        (KEPT_BYTES_MAX + 1, KEPT_BYTES_MAX, True),
    }
    many = [("small", b"s"), ("large", b"x" * HEADERS_BYTES_MAX)]
    await letters.keep(letter(of, b"headers", headers=many))
    [short] = [each for each in await whole(letters, of) if each.body == b"headers"]
    assert (short.headers, short.is_cut) == ((("small", b"s"),), True)


@pytest.mark.parametrize("bounds", [{"letters_max": 2}, {"bytes_max": 25}])
async def test_nothing_is_dropped_for_want_of_room(store: Batches, of: LetterList, bounds: dict[str, int]) -> None:
    own = LetterList(Way.IN, f"{of.of[-40:]} {bounds}")
    full = DeadLetters(store, Clock(), **bounds)
    for name in (b"a" * 10, b"b" * 10, b"a" * 10):
        await full.keep(letter(own, name))
    with pytest.raises(NoRoom, match="2 dead letters of 20 bytes"):
        await full.keep(letter(own, b"c" * 10))
    assert len(await all_of(full, own)) == 2


@pytest.mark.parametrize("spoil", [*Spoil])
async def test_a_letter_whose_keeping_has_no_known_outcome_is_kept_once_in_the_end(spoil: Spoil) -> None:
    store = FaultyBatches(memory(), "")
    letters = DeadLetters(store, SystemClock())
    store.spoil(spoil)
    with suppress(BackendUnavailable, OutcomeUnknown):
        await letters.keep(letter(SHOP_IN))
        assert len(await all_of(letters, SHOP_IN)) == 1
    store.mend()
    await letters.keep(letter(SHOP_IN))
    assert len(await all_of(letters, SHOP_IN)) == 1


async def test_a_letter_is_forgotten_after_its_time() -> None:
    letters = in_memory(kept_s=1)
    await letters.keep(letter(SHOP_IN))
    with anyio.fail_after(60):
        while await all_of(letters, SHOP_IN):  # noqa: ASYNC110 - the store tells it only when it is asked
            await anyio.sleep(0.1)
    assert (await letters.count(SHOP_IN)).letters == 0


def test_the_id_of_a_letter_tells_all_that_it_says_apart() -> None:
    one = letter(SHOP_IN)
    others = [
        replace(one, of=LetterList(Way.OUT, "shop")),
        replace(one, topic="u"),
        replace(one, body=b"}"),
        replace(one, key=b""),
        replace(one, headers=(("a", b"b"),)),
        replace(one, sent_at_ms=1),
    ]
    assert len({one.id, *(each.id for each in others)}) == len(others) + 1
    assert replace(one, place="t/0@2", at_ms=8, said="else").id == one.id
    assert letter(SHOP_IN, message(b"{").body).id == one.id

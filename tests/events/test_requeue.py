"""Dead letters that are given again: to the consumer, where each takes effect once, and to their webhook."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from random import Random
from secrets import token_hex

import pytest

from tests.events.events import event
from tests.events.inbound.arriving import Arrivals, message, store_plan
from tests.events.kept_letters import SHOP_IN, SHOP_OUT, all_of, memory
from travio_inventory.app.background.dead_letters import DeadLetterJob, Give
from travio_inventory.app.dead_letters import givers
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.events.sinks.dead_letters import Letter, SinkLetters
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letter_rows import LetterList, Status, StoredLetter
from travio_inventory.protocol.dead_letters import TAKEN_MS, DeadLetters
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.settings import EventSettings
from verification.kit.clocks import Clock
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Market, Sale
from verification.servers.webhook_receiver import SECRET, WebhookReceiver, webhook_receiver


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    async with Market(memory()) as market:
        yield await market.open(seats_per_group=2, seats=6)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def letters(clock: Clock) -> DeadLetters:
    return DeadLetters(memory(), clock)


async def given_again(
    letters: DeadLetters, of: LetterList, give: Mapping[LetterList, Give], *, rounds: int = 1
) -> list[StoredLetter]:
    """All letters of the list are wanted, and a process has its rounds; what stands then."""
    before = await all_of(letters, of)
    for each in before:
        await letters.want(of, each)
    job = DeadLetterJob(letters, give, waits=StoreWaits(), jitter=Random(1))
    for _ in range(rounds):
        assert await job.round()
    found = [await letters.read(of, each.id) for each in before]
    return [each for each in found if each is not None]


async def dead(arrivals: Arrivals, letters: DeadLetters, came: Message) -> None:
    """The message comes, can never take effect, and is kept."""
    with pytest.raises(Unfit) as unfit:
        await arrivals.take(came)
    await SourceLetters(letters, "shop", SystemClock()).put(came, unfit.value)


def to_the_consumer(arrivals: Arrivals) -> Mapping[LetterList, Give]:
    return givers({"shop": arrivals.reception}, EventSettings(sinks="none"), relays=True)


async def test_what_was_mended_works_and_takes_effect_once(sale: Sale, letters: DeadLetters) -> None:
    arrivals = Arrivals(sale)
    came = arrivals.created("t9")
    await dead(arrivals, letters, came)
    [still] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals))
    assert (still.status, still.letter.reason, still.tries) == (Status.KEPT, "SEAT_PLAN_NOT_FOUND", 1)
    await store_plan(sale, "bus-1", sale.trip)
    [over] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals))
    assert (over.status, over.outcome) == (Status.OVER, "opened")
    assert (await arrivals.take(came)).outcome == "opened"
    assert await all_of(letters, SHOP_IN) == []


async def test_an_event_that_had_its_effect_meanwhile_has_no_second_one(sale: Sale, letters: DeadLetters) -> None:
    """A letter of a message that its sender sends again, or whose end was not noted by a process that was killed."""
    arrivals = Arrivals(sale)
    paid = arrivals.paid(await sale.hold("A1"))
    await SourceLetters(letters, "shop", SystemClock()).put(paid, Unfit("INTERNAL", "a bug of before"))
    assert await arrivals.outcome(paid) == "booked"
    [over] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals))
    assert (over.status, over.outcome) == (Status.OVER, "booked")
    assert await sale.seats("sold") == "A1"
    assert await arrivals.reasons() == []


async def test_what_is_too_old_stays_dead_whoever_wants_it(sale: Sale, letters: DeadLetters) -> None:
    arrivals = Arrivals(sale)
    await dead(arrivals, letters, arrivals.paid(await sale.hold("A1"), at_ms=1))
    [still] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals))
    assert (still.status, still.letter.reason) == (Status.KEPT, "TOO_OLD")
    assert await sale.seats("sold") == ""


async def test_while_the_store_of_seats_is_down_letters_wait(sale: Sale, letters: DeadLetters) -> None:
    arrivals = Arrivals(sale)
    paid = arrivals.paid(await sale.hold("A1"))
    await SourceLetters(letters, "shop", SystemClock()).put(paid, Unfit("INTERNAL", "a bug of before"))
    sale.store.spoil(Spoil.NOT_DONE)
    [waits] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals), rounds=3)
    assert (waits.status, waits.tries) == (Status.WANTED, 0)
    sale.store.mend()
    job = DeadLetterJob(letters, to_the_consumer(arrivals), waits=StoreWaits(), jitter=Random(1))
    assert await job.round()
    over = await letters.read(SHOP_IN, waits.id)
    assert over is not None
    assert (over.status, over.outcome) == (Status.OVER, "booked")


async def test_a_process_that_dies_with_a_letter_leaves_it_to_the_next(
    sale: Sale, letters: DeadLetters, clock: Clock
) -> None:
    arrivals = Arrivals(sale)
    paid = arrivals.paid(await sale.hold("A1"))
    await SourceLetters(letters, "shop", SystemClock()).put(paid, Unfit("INTERNAL", "a bug of before"))
    [told] = await all_of(letters, SHOP_IN)
    await letters.want(SHOP_IN, told)
    assert await letters.take(SHOP_IN, told.id) is not None
    assert await arrivals.outcome(paid) == "booked"
    job = DeadLetterJob(letters, to_the_consumer(arrivals), waits=StoreWaits(), jitter=Random(1))
    assert await job.round()
    assert (await letters.read(SHOP_IN, told.id) or told).status is Status.WANTED
    clock.pass_ms(TAKEN_MS + 1)
    assert await job.round()
    assert (await letters.read(SHOP_IN, told.id) or told).outcome == "booked"


async def test_a_letter_that_was_cut_is_never_given(sale: Sale, letters: DeadLetters) -> None:
    """Half a message might be another one."""
    arrivals = Arrivals(sale)
    await dead(arrivals, letters, message(b" " * 600_000))
    [still] = await given_again(letters, SHOP_IN, to_the_consumer(arrivals))
    assert (still.status, still.letter.reason) == (Status.KEPT, "CUT")


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookReceiver]:
    with webhook_receiver(tmp_path_factory.mktemp("receiver")) as started:
        yield started


async def test_letters_of_a_webhook_are_posted_again(
    receiver: WebhookReceiver, tmp_path: Path, letters: DeadLetters
) -> None:
    """One arrives, one is refused again, and while the receiver does not answer both wait."""
    path = f"/{token_hex(8)}"
    (tmp_path / "secrets").write_text(f"{SECRET}\n")
    events = EventSettings(sinks=f"shop={receiver.url}{path}#secret_file={tmp_path}/secrets")
    for name in ("1", "2"):
        await SinkLetters(letters, "shop").add(Letter(event(name), 7, 410, "gone"))
    receiver.plan(path, {"status": 500})
    give = givers({}, events, relays=True)
    assert {each.status for each in await given_again(letters, SHOP_OUT, give)} == {Status.WANTED}
    receiver.plan(path, {"about": "2", "status": 422})
    both = {each.letter.event: each for each in await given_again(letters, SHOP_OUT, give)}
    assert (both["1"].status, both["1"].outcome) == (Status.OVER, "sent")
    assert (both["2"].status, both["2"].letter.reason, both["2"].tries) == (Status.KEPT, "HTTP_422", 1)
    assert receiver.taken(path) == ["1"]
    assert givers({}, events, relays=False) == {}

"""Each message is seen through: retried while it may succeed, a dead letter when it never can."""

from collections import Counter
from random import Random

import anyio
import anyio.lowlevel
import pytest

from tests.events.inbound.arriving import RETENTION_S, Arrivals, message
from travio_inventory.events.inbound import delivery
from travio_inventory.events.inbound.delivery import BUGS_MAX, Delivery
from travio_inventory.events.inbound.message import DeadLetter, LettersUnavailable
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.incoming import Decisions, Incoming, Reactions
from travio_inventory.kernel.trace_context import CURRENT
from travio_inventory.protocol.inbox import Inbox
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale


class Kept:
    """DeadLetters, in memory; the first so many are not accepted."""

    def __init__(self, *, refuses: int = 0) -> None:
        self.letters: list[DeadLetter] = []
        self.refuses = refuses

    async def put(self, letter: DeadLetter) -> None:
        """See DeadLetters."""
        if self.refuses:
            self.refuses -= 1
            raise LettersUnavailable("full")
        self.letters.append(letter)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(delivery, "WAIT_S", (0.001, 0.01))


def delivering(reception: Reception, letters: Kept, counts: Counter[str]) -> Delivery:
    return Delivery(
        "shop", reception, letters, SystemClock(), jitter=Random(1), count=lambda fate, _: counts.update([fate])
    )


def receiving(sale: Sale, reactions: Reactions) -> Reception:
    return Reception(Inbox(sale.store, sale.clock, retention_s=RETENTION_S), reactions, sale.clock)


async def test_poison_of_every_sort_goes_to_the_dead_letters_and_stops_nothing(sale: Sale, arrivals: Arrivals) -> None:
    letters, counts = Kept(), Counter[str]()
    hold = await sale.hold("A1")
    paid = arrivals.paid(hold)
    came = [message(b"{"), message({"type": "payment.failed"}), arrivals.event("unheard.of"), paid, paid]
    for each in came:
        await delivering(arrivals.reception, letters, counts).see_through(each)
    assert [letter.reason for letter in letters.letters] == ["NOT_JSON", "NO_ID"]
    assert counts == {"dead letter": 2, "skipped": 1, "done": 1, "repeated": 1}
    assert await sale.seats("sold") == "A1"


async def test_a_message_waits_until_the_store_answers_and_that_is_seen(sale: Sale, arrivals: Arrivals) -> None:
    letters, counts = Kept(), Counter[str]()
    one = delivering(arrivals.reception, letters, counts)
    paid = arrivals.paid(await sale.hold("A1"))
    sale.store.spoil(Spoil.NOT_DONE)
    async with anyio.create_task_group() as working:
        working.start_soon(one.see_through, paid)
        while not one.waiting:
            await anyio.lowlevel.checkpoint()
        sale.store.mend()
    assert (one.waiting, letters.letters) == (0, [])
    assert await sale.seats("sold") == "A1"


async def test_a_letter_that_cannot_be_written_is_not_lost(arrivals: Arrivals) -> None:
    letters, counts = Kept(refuses=3), Counter[str]()
    one = delivering(arrivals.reception, letters, counts)
    await one.see_through(message(b"{"))
    assert (letters.refuses, [letter.reason for letter in letters.letters], one.waiting) == (0, ["NOT_JSON"], 0)


async def test_a_bug_is_tried_again_and_then_a_dead_letter(sale: Sale, arrivals: Arrivals) -> None:
    tried = Counter[str]()

    async def stumbles(event: Incoming, _: Decisions) -> str:
        tried[event.id] += 1
        raise KeyError("a bug")

    letters, counts = Kept(), Counter[str]()
    one = delivering(receiving(sale, {"odd": stumbles}), letters, counts)
    await one.see_through(arrivals.event("odd"))
    assert [*tried.values()] == [BUGS_MAX]
    assert [(letter.reason, letter.said) for letter in letters.letters] == [("INTERNAL", "KeyError: 'a bug'")]


@pytest.mark.parametrize("header", ["traceparent", "ce_traceparent", "cloudEvents:traceparent"])
async def test_what_a_message_causes_belongs_to_its_sender_s_trace(sale: Sale, header: str) -> None:
    parent, seen = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", list[str]()

    class Watching(Kept):
        async def put(self, letter: DeadLetter) -> None:
            seen.append(str(CURRENT.get()))

    came = message(b"{", headers=[(header, parent)])
    await delivering(receiving(sale, {}), Watching(), Counter()).see_through(came)
    assert seen == [parent]
    assert CURRENT.get() is None

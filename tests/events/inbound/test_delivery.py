"""Each message is seen through: retried while it may succeed, a dead letter when it never can."""

from collections import Counter
from dataclasses import replace
from random import Random

import anyio
import anyio.lowlevel
import pytest

from tests.events.inbound.arriving import RETENTION_S, Arrivals, message
from tests.events.kept_letters import SHOP_IN, in_memory, whole
from travio_inventory.events.inbound import delivery
from travio_inventory.events.inbound.delivery import BUGS_MAX, Delivery
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.incoming import Decisions, Incoming, Reactions
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.kernel.trace_context import CURRENT
from travio_inventory.protocol.dead_letters import DeadLetters, NoRoom
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.protocol.store_waits import StoreWaits
from verification.kit.faulty_batches import Spoil
from verification.kit.sale import Sale

LINE_CHARS_MAX = 1_000


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(delivery, "WAIT_S", (0.001, 0.01))


def delivering(reception: Reception, letters: DeadLetters, counts: Counter[str]) -> Delivery:
    own = SourceLetters(letters, "shop", SystemClock())
    return Delivery(
        "shop", reception, own, waits=StoreWaits(), jitter=Random(1), count=lambda fate, _: counts.update([fate])
    )


def receiving(sale: Sale, reactions: Reactions) -> Reception:
    return Reception(Inbox(sale.store, sale.clock, retention_s=RETENTION_S), reactions, sale.clock)


async def test_poison_of_every_sort_goes_to_the_dead_letters_and_stops_nothing(sale: Sale, arrivals: Arrivals) -> None:
    letters, counts = in_memory(), Counter[str]()
    hold = await sale.hold("A1")
    paid = arrivals.paid(hold)
    came = [message(b"{"), message({"type": "payment.failed"}), arrivals.event("unheard.of"), paid, paid]
    for each in came:
        await delivering(arrivals.reception, letters, counts).see_through(each)
    assert {letter.reason for letter in await whole(letters, SHOP_IN)} == {"NOT_JSON", "NO_ID"}
    assert counts == {"dead letter": 2, "skipped": 1, "done": 1, "repeated": 1}
    assert await sale.seats("sold") == "A1"


@pytest.mark.parametrize("member", ["time", "specversion", "eventId", "type", "data"])
async def test_poison_that_is_long_makes_no_long_line(
    arrivals: Arrivals, caplog: pytest.LogCaptureFixture, member: str
) -> None:
    """Who may send to us could fill the disk of the logs otherwise: a message may have 256 KiB."""
    letters = in_memory()
    sent = {"eventId": "e", "type": "payment.failed", "time": "2027-01-01T00:00:00Z", "data": {}}
    sent[member] = "x" * 200_000
    await delivering(arrivals.reception, letters, Counter()).see_through(message(sent))
    [letter] = await whole(letters, SHOP_IN)
    assert letter.said in caplog.text
    assert max(map(len, caplog.text.splitlines())) < LINE_CHARS_MAX


async def test_a_message_waits_until_the_store_answers_and_that_is_seen(sale: Sale, arrivals: Arrivals) -> None:
    letters, counts = in_memory(), Counter[str]()
    one = delivering(arrivals.reception, letters, counts)
    paid = arrivals.paid(await sale.hold("A1"))
    sale.store.spoil(Spoil.NOT_DONE)
    async with anyio.create_task_group() as working:
        working.start_soon(one.see_through, paid)
        while not one.waiting:
            await anyio.lowlevel.checkpoint()
        sale.store.mend()
    assert (one.waiting, await whole(letters, SHOP_IN)) == (0, [])
    assert await sale.seats("sold") == "A1"


class Stumbling(SourceLetters):
    """Keeps a letter only after these errors."""

    def __init__(self, letters: DeadLetters, *errors: Exception) -> None:
        super().__init__(letters, "shop", SystemClock())
        self.errors = [*errors]

    async def put(self, message: Message, unfit: Unfit) -> None:
        """See SourceLetters."""
        if self.errors:
            raise self.errors.pop()
        await super().put(message, unfit)


@pytest.mark.breakdown
@pytest.mark.parametrize("error", [NoRoom("full"), BackendUnavailable(), OutcomeUnknown(), KeyError("a bug")], ids=repr)
async def test_a_letter_that_cannot_be_kept_is_never_given_up(arrivals: Arrivals, error: Exception) -> None:
    """Whatever is wrong: a message that is neither done nor kept would be lost."""
    letters, counts = in_memory(), Counter[str]()
    own = Stumbling(letters, *[error] * 2 * BUGS_MAX)
    one = Delivery(
        "shop",
        arrivals.reception,
        own,
        waits=StoreWaits(),
        jitter=Random(1),
        count=lambda fate, _: counts.update([fate]),
    )
    await one.see_through(message(b"{"))
    assert (own.errors, counts, one.waiting) == ([], {"dead letter": 1}, 0)
    assert [letter.reason for letter in await whole(letters, SHOP_IN)] == ["NOT_JSON"]


@pytest.mark.breakdown
async def test_a_bug_is_tried_again_and_then_a_dead_letter(sale: Sale, arrivals: Arrivals) -> None:
    tried = Counter[str]()

    async def stumbles(event: Incoming, _: Decisions) -> str:
        tried[event.id] += 1
        raise KeyError("a bug")

    letters, counts = in_memory(), Counter[str]()
    one = delivering(receiving(sale, {"odd": stumbles}), letters, counts)
    await one.see_through(arrivals.event("odd"))
    assert [*tried.values()] == [BUGS_MAX]
    assert [(letter.reason, letter.said) for letter in await whole(letters, SHOP_IN)] == [
        ("INTERNAL", "KeyError: 'a bug'")
    ]


@pytest.mark.parametrize("header", ["traceparent", "ce_traceparent", "cloudEvents:traceparent"])
async def test_what_a_message_causes_belongs_to_its_sender_s_trace(sale: Sale, arrivals: Arrivals, header: str) -> None:
    parent, seen = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", list[str]()

    async def watching(_: Incoming, __: Decisions) -> str:
        seen.append(str(CURRENT.get()))
        return "seen"

    came = replace(arrivals.event("odd"), headers=(Header(header, parent.encode()),))
    await delivering(receiving(sale, {"odd": watching}), in_memory(), Counter()).see_through(came)
    assert seen == [parent]
    assert CURRENT.get() is None
